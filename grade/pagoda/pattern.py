"""The bytes that tests write: streams, known to the probe and to the host.

A stream is named by a key of 64 bits; its byte at a position is a function of
both, so that any part of it can be made by itself. Key 0 is all zeroes. The
probe's half is user/probe/memory.c; the two must agree.
"""

from __future__ import annotations

from functools import lru_cache

PAGE = 4096
MASK = (1 << 64) - 1
STEP = 0x9E3779B97F4A7C15
SPREAD = 0xD6E8FEB86659FD93


def mix(value: int) -> int:
    """64 bits in which every bit of value counts."""
    value &= MASK
    for _ in range(2):
        value ^= value >> 32
        value = value * SPREAD & MASK
    return value ^ value >> 32


def key(run: int, seed: int) -> int:
    """The key of a script's seed in the run with this number. Seed 0 is zeroes in each."""
    return mix(run << 40 ^ seed) | 1 if seed else 0


@lru_cache(maxsize=4096)
def stream_page(of: int, index: int) -> bytes:
    """Bytes index * PAGE up to the next page of a stream."""
    if of == 0:
        return bytes(PAGE)
    words = bytearray()
    for word in range(index * PAGE // 8, (index + 1) * PAGE // 8):
        x = of + word * STEP & MASK
        x ^= x >> 29
        x = x * SPREAD & MASK
        words += (x ^ x >> 32).to_bytes(8, "little")
    return bytes(words)


def stream(of: int, position: int, size: int) -> bytes:
    """size bytes of a stream from a position on."""
    found = bytearray()
    while size > 0:
        index, offset = divmod(position, PAGE)
        part = stream_page(of, index)[offset:offset + size]
        found += part
        position += len(part)
        size -= len(part)
    return bytes(found)


class Draw:
    """Random numbers that are the same with every version of Python."""

    def __init__(self, *seeds: int) -> None:
        self.state = 0
        for seed in seeds:
            self.state = mix(self.state + STEP ^ seed)

    def number(self, low: int, high: int) -> int:
        """One of low to high, both included."""
        self.state = self.state + STEP & MASK
        return low + mix(self.state) % (high - low + 1)
