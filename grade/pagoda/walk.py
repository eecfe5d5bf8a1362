"""Walks page tables as the hart does: Sv39, privileged specification 4.4.

     63 .. 60   59 .. 44   43 ......... 0
      mode    |  ASID    | root's frame        satp; mode 8 is Sv39, 0 is none

     38 .. 30 | 29 .. 21 | 20 .. 12 | 11 .. 0  a virtual address, sign-extended from bit 38
     level 2    level 1    level 0    offset
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Iterator, Union

from .ram import Physical, Unreadable

PAGE = 4096
PTES = 512
SV39 = 8

V, R, W, X, U, G, A, D = (1 << bit for bit in range(8))


@dataclass(frozen=True)
class Leaf:
    """A translation: va lies at physical pa; size is what the entry maps, 4 KiB, 2 MiB or 1 GiB."""

    va: int
    pa: int
    flags: int  # the entry's low ten bits
    level: int

    @property
    def size(self) -> int:
        return PAGE << 9 * self.level

    @property
    def frame(self) -> int:
        """The 4 KiB frame of va."""
        return self.pa & ~(PAGE - 1)

    @property
    def readable(self) -> bool:
        return bool(self.flags & R)

    @property
    def writable(self) -> bool:
        return bool(self.flags & W)

    @property
    def executable(self) -> bool:
        return bool(self.flags & X)

    @property
    def user(self) -> bool:
        return bool(self.flags & U)


@dataclass(frozen=True)
class Absent:
    """No translation of va, and why. span: bytes from va on, at least, for which that is so."""

    va: int
    why: str
    span: int = PAGE


def mode(satp: int) -> int:
    return satp >> 60


def root(satp: int) -> int:
    """The physical address of the root table."""
    return (satp & ((1 << 44) - 1)) * PAGE


def make_satp(root_address: int) -> int:
    return SV39 << 60 | root_address // PAGE


def translate(memory: Physical, satp: int, va: int) -> Union[Leaf, Absent]:
    """Where va lies. Unreadable: the tables lead outside of RAM."""
    if mode(satp) != SV39:
        raise Unreadable(f"satp {satp:#x} does not select Sv39")
    if va >> 38 not in (0, (1 << 26) - 1):
        return Absent(va, "no Sv39 address")
    table = root(satp)
    for level in (2, 1, 0):
        span = PAGE << 9 * level
        index = va // span % PTES
        entry = struct.unpack("<Q", memory.read(table + 8 * index, 8))[0]
        rest = span - va % span
        if not entry & V:
            return Absent(va, f"the level {level} entry is {entry:#x}, not valid", rest)
        if entry & W and not entry & R or entry >> 54:
            return Absent(va, f"the level {level} entry {entry:#x} is reserved", rest)
        below = (entry >> 10 & (1 << 44) - 1) * PAGE
        if entry & (R | X):
            if below % span:
                return Absent(va, f"the level {level} leaf {entry:#x} is not aligned", rest)
            return Leaf(va, below + va % span, entry & 0x3FF, level)
        table = below
    return Absent(va, "the level 0 entry points to a table")


def leaves(memory: Physical, satp: int, start: int, end: int) -> Iterator[Leaf]:
    """A Leaf for each page of [start, end) that is mapped, in order; 4 KiB each, whatever the leaf maps. => the range is of a size that the caller will wait for: tables can map all of it"""
    va = start
    while va < end:
        found = translate(memory, satp, va)
        if isinstance(found, Leaf):
            yield found
            va += PAGE
        else:
            va += found.span


def read(memory: Physical, satp: int, va: int, length: int) -> bytes:
    """length bytes at virtual va; Unreadable where nothing is mapped."""
    data = b""
    while length > 0:
        found = translate(memory, satp, va)
        if isinstance(found, Absent):
            raise Unreadable(f"nothing at {va:#x}: {found.why}")
        part = min(length, PAGE - va % PAGE)
        data += memory.read(found.pa, part)
        va, length = va + part, length - part
    return data
