"""Page-table walks on tables made by hand, and the RAM file."""

import struct
from pathlib import Path
from typing import Dict

import pytest
from pagoda import walk
from pagoda.ram import RamFile, Unreadable
from pagoda.walk import Absent, Leaf

BASE = 0x80000000
RWX = walk.V | walk.R | walk.W | walk.X | walk.A | walk.D


class Tables:
    """16 pages of memory from BASE; the root is the first."""

    def __init__(self, entries: "Dict[tuple[int, int], int]") -> None:
        self.data = bytearray(16 * walk.PAGE)
        self.reads = 0
        for (page, index), entry in entries.items():
            struct.pack_into("<Q", self.data, page * walk.PAGE + 8 * index, entry)

    def read(self, address: int, length: int) -> bytes:
        self.reads += 1
        if not BASE <= address <= address + length <= BASE + len(self.data):
            raise Unreadable(f"{address:#x}")
        return bytes(self.data[address - BASE:address - BASE + length])


def entry(pa: int, flags: int) -> int:
    return pa // walk.PAGE << 10 | flags


def page(number: int) -> int:
    return BASE + number * walk.PAGE


SATP = walk.make_satp(BASE)
POINTER = walk.V
TABLES = {
    (0, 0): entry(page(1), POINTER), (1, 0): entry(page(2), POINTER),
    (2, 1): entry(page(5), walk.V | walk.R | walk.U | walk.A),
    (2, 2): entry(page(6), walk.V | walk.R | walk.W | walk.U | walk.A | walk.D),
    (2, 3): entry(page(6), walk.V | walk.W),  # reserved
    (2, 4): entry(page(6), walk.V),  # a table below level 0
    (2, 5): entry(page(6), walk.V | walk.R) | 1 << 60,
    (2, 6): 0xFE,  # all but V
    (1, 1): entry(0x80200000, RWX), (1, 2): entry(0x80201000, RWX),
    (0, 1): entry(0xC0000000, RWX), (0, 2): entry(0x40000000 + walk.PAGE, RWX),
    (0, 3): entry(0x12345000, POINTER),
    (0, 256): entry(0x80000000, RWX),
}


def test_leaves_of_each_level() -> None:
    memory = Tables(TABLES)
    assert walk.translate(memory, SATP, 0x1234) == Leaf(0x1234, page(5) + 0x234, walk.V | walk.R | walk.U | walk.A, 0)
    two = walk.translate(memory, SATP, 0x2FFF)
    assert isinstance(two, Leaf) and two.writable and two.user and not two.executable and two.frame == page(6) and two.size == 4096
    big = walk.translate(memory, SATP, 0x212345)
    assert isinstance(big, Leaf) and (big.pa, big.frame, big.size, big.level) == (0x80212345, 0x80212000, 2 << 20, 1)
    huge = walk.translate(memory, SATP, 0x40000000 + 0x3FFFFFFF)
    assert isinstance(huge, Leaf) and (huge.pa, huge.size) == (0xFFFFFFFF, 1 << 30)
    upper = walk.translate(memory, SATP, 0xFFFFFFC000001000)
    assert isinstance(upper, Leaf) and upper.pa == 0x80001000


@pytest.mark.parametrize(("va", "why"), [
    (0x0, "not valid"), (0x6000, "not valid"), (0x3000, "reserved"), (0x5000, "reserved"), (0x4000, "points to a table"),
    (0x400000, "not aligned"), (0x80000000, "not aligned"), (1 << 38, "no Sv39 address"), (0xFFFFFF8000000000, "no Sv39 address"),
    (1 << 64, "no Sv39 address"), (-4096, "no Sv39 address")])
def test_what_a_hart_would_fault_on_is_absent(va: int, why: str) -> None:
    found = walk.translate(Tables(TABLES), SATP, va)
    assert isinstance(found, Absent) and why in found.why


def test_tables_outside_of_ram_are_unreadable() -> None:
    with pytest.raises(Unreadable):
        walk.translate(Tables(TABLES), SATP, 0xC0000000)
    with pytest.raises(Unreadable):
        walk.translate(Tables(TABLES), walk.make_satp(0x1000), 0)
    with pytest.raises(Unreadable, match="Sv39"):
        walk.translate(Tables(TABLES), 0, 0)


def test_a_range_is_walked_past_what_is_not_there() -> None:
    memory = Tables({key: value for key, value in TABLES.items() if key not in ((0, 1), (0, 2), (0, 3))})
    found = list(walk.leaves(memory, SATP, 0, 1 << 38))
    assert [leaf.va for leaf in found[:2]] == [0x1000, 0x2000] and len(found) == 2 + 512
    assert memory.reads < 10_000


def test_bytes_across_pages() -> None:
    memory = Tables(TABLES)
    memory.data[6 * walk.PAGE - 2:6 * walk.PAGE + 2] = b"abcd"
    assert walk.read(memory, SATP, 0x1FFE, 4) == b"abcd"
    with pytest.raises(Unreadable, match="nothing at 0x3000"):
        walk.read(memory, SATP, 0x2FFF, 2)


def test_the_ram_file(tmp_path: Path) -> None:
    (tmp_path / "ram").write_bytes(bytes(8192))
    ram = RamFile(tmp_path / "ram")
    ram.write(BASE + 4090, b"123456")
    assert ram.read(BASE + 4088, 10) == bytes(2) + b"123456" + bytes(2)
    for address, length in ((BASE - 1, 2), (BASE + 8191, 2), (BASE, 8193), (BASE, -1), (0, 1), (1 << 64, 8), (-8, 8)):
        with pytest.raises(Unreadable):
            ram.read(address, length)
    with pytest.raises(Unreadable):
        ram.write(BASE + 8191, b"12")
    ram.close()
    with pytest.raises(Unreadable, match="gone"):
        ram.read(BASE, 1)
