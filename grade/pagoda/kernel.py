"""A kernel's memory by its own addresses: symbols, structures, lists and radix trees.

Reads through Physical alone, so that a debugger can stand in for the RAM file. What lies there
may be garbage, by a defect or on purpose: every walk is bounded, and Unreadable says what was wrong.
"""

from __future__ import annotations

from itertools import islice
from typing import Dict, Iterator, List, Optional, Set, Tuple

from . import walk
from .elf import Elf, ElfError
from .layout import Layout, LayoutError
from .ram import Physical, Unreadable

WALK_MAX = 1 << 20  # members of one list or tree that are believed
READ_MAX = 1 << 20  # reads, or pages read, by one Kernel: what needs more does not end
TEXT_MAX = 256
RADIX_HIGH = 11


class Kernel:
    """
    The kernel as it stands now: make a new one after the guest ran on, since translations are kept.

    satp: of any hart, all share the kernel's half. None, as after QEMU ended: the root is found by
    way of the image and the direct map, whose places are fixed.
    """

    def __init__(self, physical: Physical, layout: Layout, elf: Elf, satp: Optional[int] = None) -> None:
        self.physical = physical
        self.layout = layout
        self.elf = elf
        self._reads = 0
        self._known: List[Dict[int, int]] = [{}, {}, {}]  # by level: which span of va lies where
        self.satp = satp if satp is not None else self._find_satp()

    # ---- addresses

    def translate(self, va: int) -> int:
        """The physical address of a kernel address."""
        for level, known in enumerate(self._known):
            span = walk.PAGE << 9 * level
            start = known.get(va // span)
            if start is not None:
                return start + va % span
        if self.satp is None:
            return self._fixed(va)
        found = walk.translate(self.physical, self.satp, va)
        if isinstance(found, walk.Absent):
            raise Unreadable(f"no kernel memory at {va:#x}: {found.why}")
        self._known[found.level][va // found.size] = found.pa - va % found.size
        return found.pa

    def _fixed(self, va: int) -> int:
        """Where the image or the direct map puts an address, whatever the tables say."""
        direct, base = self.layout.value("DIRECT_MAP"), self.layout.value("KERNEL_BASE")
        if base <= va < self.layout.value("KMAP_MIN"):
            return va - base + self.layout.value("KERNEL_PHYS")
        if direct <= va < direct + self.layout.value("DIRECT_MAP_SIZE"):
            return va - direct
        raise Unreadable(f"{va:#x} is neither in the image nor in the direct map")

    def _find_satp(self) -> Optional[int]:
        self.satp = None
        try:
            pmap = self.pointer(self.symbol("pmap_kernel"))
            return walk.make_satp(self.frame_of(Record(self, "pmap", pmap).get("root"))) if pmap else None
        except (Unreadable, ElfError):
            return None

    def symbol(self, name: str, file: Optional[str] = None) -> int:
        """The address of a variable or function; file: the source that it is local to."""
        return self.elf.symbol(name, file)

    def frame_of(self, page: int) -> int:
        """The physical address of the frame that a struct vm_page at that address describes."""
        first, count = self.pointer(self.symbol("pages")), self.word(self.symbol("page_count"))
        index, rest = divmod(page - first, self.layout.size("vm_page"))
        if rest or not 0 <= index < count:
            raise Unreadable(f"{page:#x} is no vm_page")
        return self.word(self.symbol("page_base")) + index * walk.PAGE

    # ---- values

    def read(self, va: int, length: int) -> bytes:
        if not 0 <= length <= 1 << 28:
            raise Unreadable(f"{length} bytes at {va:#x} are asked for")
        self._reads += 1 + length // walk.PAGE
        if self._reads > READ_MAX:
            raise Unreadable("the kernel's structures have no end")
        parts = []
        while length > 0:
            part = min(length, walk.PAGE - va % walk.PAGE)
            parts.append(self.physical.read(self.translate(va), part))
            va, length = va + part, length - part
        return b"".join(parts)

    def number(self, va: int, size: int, signed: bool = False) -> int:
        return int.from_bytes(self.read(va, size), "little", signed=signed)

    def word(self, va: int) -> int:
        return self.number(va, 8)

    pointer = word

    def text(self, va: int) -> str:
        """A C string, cut at TEXT_MAX; what is not printable shows as an escape."""
        data = b""
        while b"\0" not in data and len(data) < TEXT_MAX:
            data += self.read(va + len(data), min(32, walk.PAGE - (va + len(data)) % walk.PAGE))
        return printable(data.split(b"\0")[0][:TEXT_MAX])

    # ---- structures

    def record(self, kind: str, address: int) -> "Record":
        return Record(self, kind, address)

    def list(self, head: int, kind: str, member: str) -> Iterator["Record"]:
        """The structures on a struct list, by the member that links them."""
        offset, following = self.layout.field(kind, member).offset, self.layout.field("list", "next").offset
        seen: Set[int] = set()
        node = self.pointer(head + following)
        while node != head:
            if node in seen or len(seen) >= WALK_MAX:
                raise Unreadable(f"the list at {head:#x} does not come back to its head")
            seen.add(node)
            record = Record(self, kind, node - offset)
            yield record
            node = self.pointer(node + following)

    def tree(self, root: int, kind: str, member: str) -> Iterator["Record"]:
        """The structures in a struct tree, in order; root: the address of its root pointer."""
        offset = self.layout.field(kind, member).offset
        seen: Set[int] = set()
        above: List[int] = []
        node = self.pointer(root)
        while node or above:
            while node:
                if node in seen or len(seen) >= WALK_MAX:
                    raise Unreadable(f"the tree at {root:#x} has a cycle")
                seen.add(node)
                above.append(node)
                node = Record(self, "tree_node", node).get("left")
            node = above.pop()
            yield Record(self, kind, node - offset)
            node = Record(self, "tree_node", node).get("right")

    def radix(self, address: int) -> Iterator[Tuple[int, int]]:
        """(index, pointer) of a struct radix, in order."""
        tree = Record(self, "radix", address)
        height, count = tree.get("height"), tree.get("count")
        if height > RADIX_HIGH or count > WALK_MAX:
            raise Unreadable(f"no radix tree at {address:#x}: height {height}, count {count}")
        if height:
            yield from islice(self._radix_node(tree.get("root"), height - 1, 0), count)

    def _radix_node(self, node: int, level: int, index: int) -> Iterator[Tuple[int, int]]:
        bits = self.layout.value("BITS")
        field = self.layout.field("radix_node", "slot")
        slots = self.read(node + field.offset, field.size)
        for i in range(field.size // 8):
            pointer = int.from_bytes(slots[8 * i:8 * i + 8], "little")
            at = index | i << bits * level
            if pointer and level:
                yield from self._radix_node(pointer, level - 1, at)
            elif pointer:
                yield at, pointer


class Record:
    """One structure, read at once."""

    __slots__ = ("kernel", "kind", "address", "data")

    def __init__(self, kernel: Kernel, kind: str, address: int, data: Optional[bytes] = None) -> None:
        self.kernel = kernel
        self.kind = kind
        self.address = address
        self.data = data if data is not None else kernel.read(address, kernel.layout.size(kind))

    def get(self, member: str) -> int:
        field = self.kernel.layout.field(self.kind, member)
        return int.from_bytes(self.data[field.offset:field.offset + field.size], "little", signed=field.signed)

    def at(self, member: str) -> int:
        """The address of a member."""
        return self.address + self.kernel.layout.field(self.kind, member).offset

    def raw(self, member: str) -> bytes:
        field = self.kernel.layout.field(self.kind, member)
        return self.data[field.offset:field.offset + field.size]

    def inside(self, member: str, kind: str) -> "Record":
        """A structure that is a member of this one."""
        field = self.kernel.layout.field(self.kind, member)
        return Record(self.kernel, kind, self.address + field.offset, self.data[field.offset:field.offset + self.kernel.layout.size(kind)])

    def text(self, member: str) -> str:
        """A member that is an array of char."""
        return printable(self.raw(member).split(b"\0")[0])

    def pointed_text(self, member: str) -> str:
        """A member that points to a string; "" when it is NULL."""
        address = self.get(member)
        return self.kernel.text(address) if address else ""


def printable(data: bytes) -> str:
    return "".join(chr(c) if 32 <= c < 127 else f"\\x{c:02x}" for c in data)


Unreliable = (Unreadable, ElfError, LayoutError)  # what reading a kernel may raise
