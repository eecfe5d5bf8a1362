"""What a kernel holds, read from outside: threads, processes, address spaces, both layers, frames, the trace.

Each function takes a Kernel and answers with plain values; addresses in them are the kernel's own.
Unreadable (or another of kernel.Unreliable) is raised where memory makes no sense. Nothing is
locked: with several harts a structure may be met in the middle of a change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, FrozenSet, Iterator, List, Optional, Set, Tuple

from . import walk
from .kernel import WALK_MAX, Kernel, Record
from .ram import Unreadable

NEW, READY, RUNNING, SLEEPING, DEAD = "NEW", "READY", "RUNNING", "SLEEPING", "DEAD"  # of threads, as enum thread_state
FREE, KERNEL, TABLE, ANON, OBJECT = "FREE", "KERNEL", "TABLE", "ANON", "OBJECT"  # owners of frames, as enum page_owner
TRACE_MAX = 1 << 17  # events a hart
TRACE_LOOK = 1 << 13  # of them, the last ones, that are looked through
NOT_OF_A_FAULT = frozenset(("FORK", "EXEC", "EXIT", "SWITCH", "RECLAIM", "USER", "SHOOTDOWN"))


# ---- threads and processes

@dataclass(frozen=True)
class Thread:
    address: int
    tid: int
    pid: int  # 0: the kernel's own
    name: str
    state: str
    channel: int  # what it waits for, or 0
    why: str  # the same as a word, "" when it does not wait
    deadline: int  # ns, or 0
    stack: int


@dataclass(frozen=True)
class Waiting:
    """A thread, in words that do not change from run to run."""

    pid: int
    name: str
    state: str
    why: str
    timed: bool = False  # the clock will wake it


@dataclass(frozen=True)
class Process:
    address: int
    pid: int
    parent: int  # its pid, or 0
    group: int
    name: str
    state: str  # NEW, ALIVE, ZOMBIE
    status: int
    thread_count: int
    threads: Tuple[Thread, ...]
    space: int  # address of its vmspace, or 0


def threads(k: Kernel) -> List[Thread]:
    """All that are not dead and collected, in order of creation; without the idle threads, of which each hart has one."""
    cpus, size = k.symbol("cpus"), k.layout.size("cpu")
    idle = {k.record("cpu", cpus + hart * size).get("idle") for hart in range(k.layout.value("HART_MAX"))}
    return [_thread(k, t) for t in k.list(k.symbol("threads", "thread.c"), "thread", "all_link") if t.address not in idle]


def waiting(k: Kernel) -> List[Waiting]:
    """What every thread does or waits for: the processes' ones, then the kernel's own."""
    names = {p.pid: p.name for p in processes(k)}
    found = [Waiting(t.pid, names.get(t.pid, t.name) if t.pid else t.name, t.state, t.why, t.deadline != 0) for t in threads(k)]
    return sorted(found, key=lambda w: (w.pid == 0, w.pid, w.name, w.why))


def processes(k: Kernel) -> List[Process]:
    """In order of creation."""
    found = []
    for p in k.list(k.symbol("all_procs"), "proc", "all_link"):
        parent = p.get("parent")
        found.append(Process(
            p.address, p.get("pid"), k.record("proc", parent).get("pid") if parent else 0, p.get("pgid"), p.text("name"),
            k.layout.name("PROC_", p.get("state")), p.get("status"), p.get("thread_count"),
            tuple(_thread(k, t) for t in k.list(p.at("threads"), "thread", "proc_link")), p.get("vmspace")))
    return found


def _thread(k: Kernel, t: Record) -> Thread:
    channel = t.get("wchan")
    return Thread(
        t.address, t.get("tid"), t.get("pid"), t.pointed_text("name"), k.layout.name("THREAD_", t.get("state")), channel,
        t.pointed_text("wwhy") if channel else "", t.get("deadline"), t.get("kstack"))


# ---- address spaces

@dataclass(frozen=True)
class Entry:
    address: int
    start: int
    end: int
    object: int  # lower layer, or 0
    offset: int  # in the object, of start
    amap: int  # upper layer, or 0
    slot: int  # in the amap, of start
    prot: int
    maxprot: int
    inherit: str  # SHARE, COPY, NONE, ZERO
    advice: int
    wired: int
    copy_on_write: bool
    needs_copy: bool
    reserved: bool
    stack: bool

    @property
    def pages(self) -> int:
        return (self.end - self.start) // walk.PAGE


@dataclass(frozen=True)
class Map:
    address: int
    pmap: int
    size: int  # bytes, as the map counts them
    version: int
    entries: Tuple[Entry, ...]


@dataclass(frozen=True)
class Space:
    address: int
    refs: int
    map: Map
    heap: Tuple[int, int]  # brk's start and where it is
    stack: int  # how far it has grown down
    minor: int
    major: int
    resident: int  # pages, as the pmap counts them
    satp: int


def space(k: Kernel, address: int) -> Space:
    """The vmspace there."""
    s = k.record("vmspace", address)
    found = _map(k, s.inside("map", "vm_map"))
    pmap = k.record("pmap", found.pmap)
    return Space(
        address, s.get("refs"), found, (s.get("brk_start"), s.get("brk")), s.get("stack_start"), s.get("minor"), s.get("major"),
        pmap.get("resident"), walk.make_satp(k.frame_of(pmap.get("root"))))


def space_of(k: Kernel, satp: int) -> Optional[Tuple[Process, Space]]:
    """Whose address space a hart is in; None: nobody's, as in a kernel thread."""
    for process in processes(k):
        if process.space:
            found = space(k, process.space)
            if walk.root(found.satp) == walk.root(satp):
                return process, found
    return None


def maps(k: Kernel) -> List[Map]:
    """All of them, the kernel's own among them."""
    return [_map(k, m) for m in k.list(k.symbol("all_maps", "map.c"), "vm_map", "all_link")]


def _map(k: Kernel, m: Record) -> Map:
    entries = tuple(_entry(k, e) for e in k.list(m.at("entries"), "vm_map_entry", "link"))
    return Map(m.address, m.get("pmap"), m.get("size"), m.get("version"), entries)


def _entry(k: Kernel, e: Record) -> Entry:
    aref = e.inside("aref", "aref")
    return Entry(
        e.address, e.get("start"), e.get("end"), e.get("object"), e.get("offset"), aref.get("amap"), aref.get("slot"),
        e.get("prot"), e.get("maxprot"), k.layout.name("MAP_INHERIT_", e.get("inherit")), e.get("advice"), e.get("wired"),
        bool(e.get("copy_on_write")), bool(e.get("needs_copy")), bool(e.get("reserved")), bool(e.get("stack")))


# ---- the upper layer

@dataclass(frozen=True)
class Chunk:
    address: int
    refs: int  # amaps that hold it
    first: int  # slot
    anons: Tuple[Tuple[int, int], ...]  # (slot, address of the anon), where there is one


@dataclass(frozen=True)
class Amap:
    address: int
    lock: int
    first: int  # slot
    nslots: int  # one past the last
    used: int
    refs: int
    runs: Tuple[Tuple[int, int], ...]  # (first slot, entries that refer to it)
    chunks: Tuple[Chunk, ...]

    def anon(self, slot: int) -> int:
        """The anon in a slot, or 0."""
        return next((a for chunk in self.chunks if chunk.first <= slot for s, a in chunk.anons if s == slot), 0)


@dataclass(frozen=True)
class Anon:
    address: int
    ref: int  # chunks that hold it
    frame: Optional[int]  # physical; None: no page
    page: int  # its vm_page, or 0
    slot: int  # of swap, or 0


def amaps(k: Kernel) -> List[Amap]:
    return [_amap(k, am) for am in k.list(k.symbol("all_amaps", "amap.c"), "vm_amap", "all_link")]


def amap(k: Kernel, address: int) -> Amap:
    return _amap(k, k.record("vm_amap", address))


def anon(k: Kernel, address: int) -> Anon:
    a = k.record("vm_anon", address)
    page = a.get("page")
    return Anon(address, a.get("ref"), k.frame_of(page) if page else None, page, a.get("slot"))


def _amap(k: Kernel, am: Record) -> Amap:
    runs = tuple((r.get("start"), r.get("refs")) for r in k.tree(am.inside("runs", "tree").at("root"), "amap_run", "node"))
    chunks = tuple(_chunk(k, index, address) for index, address in k.radix(am.at("chunks")))
    return Amap(
        am.address, am.get("lock"), runs[0][0] if runs else 0, am.get("nslots"), am.get("used"), am.get("refs"), runs, chunks)


def _chunk(k: Kernel, index: int, address: int) -> Chunk:
    c = k.record("amap_chunk", address)
    count = k.layout.value("AMAP_CHUNK")
    pointers = c.raw("anon")
    used = c.get("used")
    anons = tuple(
        (index * count + i, int.from_bytes(pointers[8 * i:8 * i + 8], "little")) for i in range(count) if used >> i & 1)
    return Chunk(address, c.get("refs"), index * count, anons)


# ---- the lower layer

@dataclass(frozen=True)
class Object:
    address: int
    pager: str
    refs: int
    dead: bool
    inode: Optional[int]  # the file's number, if it is a file's
    pages: Tuple[Tuple[int, int], ...]  # (offset, frame), resident ones


def objects(k: Kernel) -> List[Object]:
    return [_object(k, o) for o in k.list(k.symbol("objects", "object.c"), "vm_object", "all_link")]


def object_at(k: Kernel, address: int) -> Object:
    return _object(k, k.record("vm_object", address))


def _object(k: Kernel, o: Record) -> Object:
    pager = k.record("pgops", o.get("ops")).pointed_text("name")
    inode = None
    if pager == "vnode":
        vnode = o.address - k.layout.field("vnode", "object").offset
        inode = k.record("inode", vnode - k.layout.field("inode", "vnode").offset).get("number")
    pages = tuple((index * walk.PAGE, k.frame_of(page)) for index, page in k.radix(o.at("pages")))
    return Object(o.address, pager, o.get("refs"), bool(o.get("dead")), inode, pages)


# ---- frames

@dataclass(frozen=True)
class Page:
    """One frame, as its vm_page describes it."""

    frame: int
    owner: str
    queue: str
    flags: FrozenSet[str]  # BUSY, WANTED, RELEASED, DIRTY, RDONLY
    wired: int
    loaned: int
    held: int
    belongs: int  # ANON, OBJECT, TABLE: address of the anon, object or pmap
    offset: int
    mapped: Tuple[Tuple[int, int], ...]  # (page-table frame, index) of each PTE that maps it


class Frames:
    """The array of vm_page, read once."""

    def __init__(self, k: Kernel) -> None:
        self.kernel = k
        self.size = k.layout.size("vm_page")
        self.base = k.word(k.symbol("page_base"))
        self.count = k.word(k.symbol("page_count"))
        if not 0 < self.count <= WALK_MAX or self.base % walk.PAGE:
            raise Unreadable(f"{self.count} frames from {self.base:#x} cannot be")
        self.first = k.pointer(k.symbol("pages"))
        self.data = k.read(self.first, self.count * self.size)
        self._owners = {k.layout.value("PO_" + name): name for name in (FREE, KERNEL, TABLE, ANON, OBJECT)}

    def owner(self, frame: int) -> Optional[str]:
        """Whose a frame is; None: not one that the kernel manages."""
        index = self._index(frame)
        return None if index is None else self._owner(index)

    def owners(self) -> Dict[str, int]:
        """How many frames each owner has."""
        found = {name: 0 for name in self._owners.values()}
        for index in range(self.count):
            name = self._owner(index)
            found[name] = found.get(name, 0) + 1
        return found

    def free(self) -> FrozenSet[int]:
        """All frames that say they are free."""
        return frozenset(self.base + i * walk.PAGE for i in range(self.count) if self._owner(i) == FREE)

    def listed(self) -> FrozenSet[int]:
        """All frames that the allocator would find: in blocks on its lists and in the harts' caches. With harts quiet the same as free()."""
        k = self.kernel
        found: Set[int] = set()
        total = 0
        lists = k.symbol("buddy_free", "page.c")
        for order in range(k.layout.value("PAGE_ORDER_MAX") + 1):
            for page in k.list(lists + order * k.layout.size("list"), "vm_page", "link"):
                first = k.frame_of(page.address)
                total += 1 << order
                if total > self.count:
                    raise Unreadable("more frames are on the free lists than there are")
                found.update(first + i * walk.PAGE for i in range(1 << order))
        caches = k.symbol("caches", "page.c")
        for hart in range(k.layout.value("HART_MAX")):
            cache = k.record("page_cache", caches + hart * k.layout.size("page_cache"))
            if cache.get("list"):  # cleared: a hart that is not there
                found.update(k.frame_of(page.address) for page in k.list(cache.at("list"), "vm_page", "link"))
        return frozenset(found)

    def page(self, frame: int) -> Page:
        index = self._index(frame)
        if index is None:
            raise Unreadable(f"{frame:#x} is no frame of the kernel's")
        k = self.kernel
        p = self._record(index)
        owner = self._owner(index)
        flags = p.get("flags")
        names = frozenset(name for name in ("BUSY", "WANTED", "RELEASED", "DIRTY", "RDONLY") if flags & k.layout.value("PG_" + name))
        belongs = p.get("anon") if owner in (ANON, OBJECT, TABLE) else 0
        mapped = tuple(self._mappings(p)) if owner in (ANON, OBJECT) else ()
        return Page(
            self.base + index * walk.PAGE, owner, k.layout.name("PQ_", p.get("queue")), names, p.get("wire_count"), p.get("loan_count"),
            p.get("hold_count") & 0x7FFFFFFF, belongs, p.get("offset"), mapped)

    def _mappings(self, p: Record) -> Iterator[Tuple[int, int]]:
        k = self.kernel
        pv = p.inside("pv", "pv")
        for _ in range(WALK_MAX):
            if pv.get("table"):
                yield k.frame_of(pv.get("table")), pv.get("index")
            following = pv.get("next")
            if not following:
                return
            pv = k.record("pv", following)
        raise Unreadable(f"the PTE list of the page at {p.address:#x} has no end")

    def _record(self, index: int) -> Record:
        at = index * self.size
        return Record(self.kernel, "vm_page", self.first + at, self.data[at:at + self.size])

    def _owner(self, index: int) -> str:
        number = self.data[index * self.size + self.kernel.layout.field("vm_page", "owner").offset]
        return self._owners.get(number, f"{number}?")

    def _index(self, frame: int) -> Optional[int]:
        index = (frame - self.base) // walk.PAGE
        return index if 0 <= index < self.count else None


def pools(k: Kernel) -> Dict[str, int]:
    """How many objects of each pool are in use."""
    return {p.pointed_text("name"): p.get("live") for p in k.list(k.symbol("all_pools", "pool.c"), "pool", "all_link")}


# ---- the trace

@dataclass(frozen=True)
class Event:
    seq: int
    time: int
    step: str  # the id in the table of steps
    what: str
    hart: int
    pid: int
    tid: int
    a: int
    b: int


def trace(k: Kernel, last: int, pid: Optional[int] = None, faults: bool = False) -> List[Event]:
    """The last events of the rings, oldest first; of one process, or only the steps of faults. Empty unless the kernel's trace is on."""
    size = k.word(k.symbol("ring_size", "trace.c"))
    if size > TRACE_MAX:
        raise Unreadable(f"a trace of {size} events cannot be")
    found: List[Event] = []
    for hart in range(k.layout.value("HART_MAX")):
        ring = k.record("ring", k.symbol("rings", "trace.c") + hart * k.layout.size("ring"))
        if ring.get("events"):
            found += _ring(k, ring, size)
    found.sort(key=lambda e: e.seq)
    if pid is not None:
        found = [e for e in found if e.pid == pid]
    if faults:
        found = [e for e in found if e.step not in NOT_OF_A_FAULT]
    return found[-last:] if last else []


def _ring(k: Kernel, ring: Record, size: int) -> List[Event]:
    """The slot at head may be half written, so one event less than there is room for."""
    width = k.layout.size("trace_event")
    steps = k.layout.steps()
    head, events = ring.get("head"), ring.get("events")
    data = k.read(events, size * width)
    found = []
    for number in range(max(0, head - min(size - 1, TRACE_LOOK)), head):
        at = number % size * width
        e = Record(k, "trace_event", events + at, data[at:at + width])
        step, what, _, _ = steps.get(e.get("step"), ("?", "", "", ""))
        found.append(Event(e.get("seq"), e.get("time"), step, what, e.get("hart"), e.get("pid"), e.get("tid"), e.get("a"), e.get("b")))
    return found
