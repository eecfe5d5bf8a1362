"""What is read from outside is what the kernel says of itself; and garbage in its memory never hangs a reader."""

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Set, Tuple

import payload
import pytest
from pagoda import kernel as kernels
from pagoda import layout as layouts
from pagoda import qemu, readers, walk
from pagoda.elf import Elf
from pagoda.guest import Guest, Hung, Limit
from pagoda.kernel import Kernel, Unreliable
from pagoda.ram import Physical, Unreadable
from pagoda.tree import STAGE_FILE, Tree, find_root

ROOT = find_root()
HERE = Path(__file__).resolve().parent
PROGRAMS = ("looker", "sleeper")
LIMIT = 400_000_000  # guest instructions: the boot and both rounds of looker.c take a quarter of it
COW, NEEDS_COPY, STACK, HEAP = 1, 2, 4, 8  # MAPINFO_*

pytestmark = [
    pytest.mark.skipif(payload.compiler() is None or shutil.which("qemu-system-riscv64") is None, reason="no compiler or QEMU for RISC-V"),
    pytest.mark.skipif((ROOT / STAGE_FILE).exists(), reason="a stage's kernel need not be right")]


class Said:
    """What looker.c printed in its second round: a list of words for each kind of line."""

    def __init__(self, text: str) -> None:
        last = text.rpartition("round ")[2].splitlines()
        assert last[0] == "audit=0" and last[-1] == "said", text[-2000:]
        self.lines: Dict[str, List[List[str]]] = {}
        for line in last[1:-1]:
            kind, *words = line.split()
            self.lines.setdefault(kind, []).append(words)
        self.stats = {name: int(value) for name, value in self.lines["stat"]}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kernel, its layout, and an image with our programs, safe from the next build."""
    place = tmp_path_factory.mktemp("looker")
    tree = Tree(ROOT)
    built = [tree.build / "user/progs/bin" / program for program in PROGRAMS]
    mkfs, layout = ROOT / "build/host/mkfs", tree.build / "layout.json"
    tree.make([tree.relative(path) for path in (tree.kernel, layout, mkfs, *built)], extra=[f"PROGS={HERE}"])
    shutil.copy2(tree.kernel, place / "kernel")
    shutil.copy2(layout, place / "layout")
    subprocess.run([str(mkfs), str(place / "image"), "512K", *(f"/bin/{path.name}={path}" for path in built)], check=True)
    return place


def boot(place: Path, arguments: str) -> Guest:
    guest = qemu.Guest(place / "kernel", place / "image", f"root=ram0 {arguments}", ram="32M")
    return Guest(guest, None, layouts.load(place / "layout"))


@pytest.fixture(scope="module")
def looked(place: Path) -> Iterator[Tuple[Guest, Said]]:
    """A guest that has said what it holds, and stands still."""
    with boot(place, "init=/bin/looker trace=on") as guest:
        assert guest.wait(LIMIT) == Limit(LIMIT)
        yield guest, Said(guest.console.text())


# ---- the same as the kernel says

def test_pools_hold_what_is_there(looked: Tuple[Guest, Said]) -> None:
    kernel = looked[0].kernel()
    found = readers.pools(kernel)
    assert found["amap"] == len(readers.amaps(kernel)) > 0
    assert found["map_entry"] == sum(len(one.entries) for one in readers.maps(kernel)) > 0
    assert found["anon"] == readers.Frames(kernel).owners()[readers.ANON] > 0


def test_processes_are_those_of_proclist(looked: Tuple[Guest, Said]) -> None:
    guest, said = looked
    k = guest.kernel()
    seen = []
    for p in readers.processes(k):
        s = readers.space(k, p.space) if p.space else None
        busy = any(t.state in (readers.RUNNING, readers.READY) for t in p.threads)
        waits = [t.why for t in p.threads if t.why]
        seen.append([
            str(p.pid), str(p.parent), str(p.group), str(p.thread_count), "Z" if p.state == "ZOMBIE" else "R" if busy else "S",
            *([str(s.minor), str(s.major), str(s.map.size), str(s.resident)] if s else []), waits[0] if waits else "-", p.name])
        assert (s is None) == (p.state == "ZOMBIE")
    told = [[*(line[:5] if line[4] == "Z" else line[:9]), " ".join(line[9:-1]), line[-1]] for line in said.lines["proc"]]
    assert told == seen
    assert {line[4] for line in seen} == {"R", "S", "Z"} and len({line[-2] for line in seen}) == 3


def test_maps_are_those_of_procmap(looked: Tuple[Guest, Said]) -> None:
    guest, said = looked
    k = guest.kernel()
    inherit = ["SHARE", "COPY", "NONE", "ZERO"]
    seen = []
    for p in readers.processes(k):
        if not p.space:
            continue
        s = readers.space(k, p.space)
        for e in s.map.entries:
            flags = COW * e.copy_on_write | NEEDS_COPY * e.needs_copy | STACK * e.stack
            flags |= HEAP * (e.start >= s.heap[0] and e.end <= -(-s.heap[1] // walk.PAGE) * walk.PAGE)
            inode = readers.object_at(k, e.object).inode if e.object else 0
            upper = readers.amap(k, e.amap) if e.amap else None
            anons = [a for slot in range(e.slot, e.slot + e.pages) for a in [upper.anon(slot)] if a] if upper else []
            resident = len(list(walk.leaves(guest.ram, s.satp, e.start, e.end)))
            seen.append([
                str(p.pid), f"{e.start:x}", f"{e.end:x}", f"{e.offset:x}", str(inode), str(e.prot), str(e.maxprot), str(inherit.index(e.inherit)),
                str(e.advice), str(flags), str(resident), str(len(anons)), str(upper.refs if upper else 0)])
    assert said.lines["map"] == seen
    assert {line[12] for line in seen} >= {"0", "1", "2"}


def test_counts_are_those_of_vmstat(looked: Tuple[Guest, Said]) -> None:
    guest, said = looked
    k = guest.kernel()
    frames = readers.Frames(k)
    owners = frames.owners()
    assert frames.free() == frames.listed() and len(frames.free()) == said.stats["pages_free"]
    assert {f"pages_{name.lower()}": n for name, n in owners.items()} == {f"pages_{o.lower()}": said.stats[f"pages_{o.lower()}"] for o in owners}
    assert frames.count == said.stats["pages_total"]
    queues = [frames.page(frame).queue for frame in owned(frames, readers.ANON, readers.OBJECT)]
    assert (queues.count("ACTIVE"), queues.count("INACTIVE")) == (said.stats["pages_active"], said.stats["pages_inactive"])
    amaps = readers.amaps(k)
    chunks = {c.address: c for am in amaps for c in am.chunks}
    anons = {a for c in chunks.values() for _, a in c.anons}
    entries = [e for m in readers.maps(k) for e in m.entries]
    assert (len(amaps), len(chunks), len(anons)) == (said.stats["amaps"], said.stats["amap_chunks"], said.stats["anons"])
    assert len(entries) == said.stats["map_entries"]
    assert len(readers.processes(k)) == said.stats["procs"]
    assert sum(len(o.pages) for o in readers.objects(k)) == owners[readers.OBJECT]
    assert {readers.anon(k, a).frame for a in anons} == owned(frames, readers.ANON)


def test_events_are_those_of_vmtrace(looked: Tuple[Guest, Said]) -> None:
    """Both rounds took events out of the ring, which holds them still."""
    guest, said = looked
    everything = guest.console.text()
    told = [line.split()[1:] for line in everything.splitlines() if line.startswith("event ")]
    k = guest.kernel()
    numbers = {step: number for number, (step, _, _, _) in k.layout.steps().items()}
    seen = [[str(e.seq), str(numbers[e.step]), str(e.pid), f"{e.a:x}", f"{e.b:x}"] for e in readers.trace(k, 10000)]
    assert len(told) > 100 and [line for line in told if line not in seen] == []
    faults = readers.trace(k, 12, pid=1, faults=True)
    assert len(faults) == 12 and faults[-1].step in ("DONE", "ERROR") and {e.pid for e in faults} == {1}
    assert not any(e.step in readers.NOT_OF_A_FAULT for e in faults)


# ---- what must hold among the parts, as the audit has it

def test_references_agree(looked: Tuple[Guest, Said]) -> None:
    guest, _ = looked
    k = guest.kernel()
    amaps = readers.amaps(k)
    entries = [e for m in readers.maps(k) for e in m.entries]
    holders: Dict[int, int] = {}
    for am in amaps:
        assert am.refs == sum(e.amap == am.address for e in entries)
        assert am.used == sum(len(c.anons) for c in am.chunks)
        for first, refs in am.runs:
            assert refs == sum(e.amap == am.address and e.slot <= first < e.slot + e.pages for e in entries)
        for c in am.chunks:
            holders[c.address] = holders.get(c.address, 0) + 1
    chunks = {c.address: c for am in amaps for c in am.chunks}
    assert all(c.refs == holders[c.address] for c in chunks.values())
    for address in {a for c in chunks.values() for _, a in c.anons}:
        assert readers.anon(k, address).ref == sum(address == a for c in chunks.values() for _, a in c.anons)
    assert max(c.refs for c in chunks.values()) > 1


def test_frames_know_what_maps_them(looked: Tuple[Guest, Said]) -> None:
    guest, _ = looked
    k = guest.kernel()
    frames = readers.Frames(k)
    mapped: Dict[int, int] = {}
    for p in readers.processes(k):
        if p.space:
            s = readers.space(k, p.space)
            for leaf in walk.leaves(guest.ram, s.satp, 0, k.layout.value("USER_MAX")):
                mapped[leaf.frame] = mapped.get(leaf.frame, 0) + 1
    for frame in owned(frames, readers.ANON, readers.OBJECT):
        page = frames.page(frame)
        assert len(page.mapped) == mapped.get(frame, 0) and page.frame == frame and not page.held
    assert max(mapped.values()) > 1
    assert frames.owner(0) is None and frames.owner(walk.root(k.satp or 0)) == readers.TABLE


def test_the_root_is_found_without_a_register(looked: Tuple[Guest, Said]) -> None:
    """As after QEMU ended. Both ways lead to the same places, also where kernel stacks are."""
    guest, _ = looked
    satp = guest.qmp.registers().satp
    own, found = Kernel(guest.ram, guest.kernel().layout, guest.kernel_elf, satp), guest.kernel()
    assert own.satp != found.satp
    for thread in readers.threads(found):
        assert own.translate(thread.stack) == found.translate(thread.stack)
        with pytest.raises(Unreadable):
            found.translate(thread.stack - walk.PAGE)  # the guard page
    process = readers.space_of(found, satp)
    assert process is not None and process[0].pid == 1
    assert readers.space_of(found, found.satp or 0) is None


def owned(frames: readers.Frames, *owners: str) -> Set[int]:
    every = (frames.base + i * walk.PAGE for i in range(frames.count))
    return {frame for frame in every if frames.owner(frame) in owners}


# ---- who waits for what

def test_processes_that_all_wait_are_hung_and_known(place: Path) -> None:
    """Ticks go on meanwhile: the clock runs, nobody else does."""
    outcomes = []
    for _ in range(2):
        with boot(place, "init=/bin/sleeper") as guest:
            outcomes.append(guest.wait(LIMIT))
    assert isinstance(outcomes[0], Hung) and outcomes[0] == outcomes[1]
    assert [(w.pid, w.name, w.state, w.why) for w in outcomes[0].waiting[:2]] == [
        (1, "sleeper", "SLEEPING", "pipe read"), (2, "sleeper", "SLEEPING", "pipe read")]
    assert {w.name for w in outcomes[0].waiting if not w.pid} >= {"pagedaemon"}


def test_a_dead_guests_memory_is_read(place: Path) -> None:
    """QEMU is gone, the RAM file is there still."""
    with boot(place, "init=/bin/sleeper") as guest:
        assert isinstance(guest.wait(LIMIT), Hung)
        before = readers.waiting(guest.kernel())
        guest._kill()
        assert readers.waiting(guest.kernel()) == before


# ---- garbage

class Spoiled:
    """The guest's memory with some words changed; remembers what was read."""

    def __init__(self, under: Physical, words: Dict[int, int]) -> None:
        self.under = under
        self.words = words
        self.seen: Set[int] = set()

    def read(self, address: int, length: int) -> bytes:
        data = bytearray(self.under.read(address, length))
        if length < 1024:  # structures, not the array of pages
            self.seen.update(range(address & ~7, address + length, 8))
        for at in range(address & ~7, address + length, 8) if length < 4096 else [w for w in self.words if address - 8 < w < address + length]:
            if at in self.words:
                for i, byte in enumerate(self.words[at].to_bytes(8, "little")):
                    if 0 <= at + i - address < length:
                        data[at + i - address] = byte
        return bytes(data)


def everything(k: Kernel) -> None:
    for p in readers.processes(k):
        if p.space:
            readers.space(k, p.space)
    readers.waiting(k)
    readers.maps(k)
    for am in readers.amaps(k):
        for chunk in am.chunks:
            for _, address in chunk.anons:
                readers.anon(k, address)
    readers.objects(k)
    readers.trace(k, 20)
    frames = readers.Frames(k)
    frames.listed()
    for frame in sorted(frames.free())[:5] + sorted(owned(frames, readers.ANON, readers.OBJECT)):
        frames.page(frame)


PARTS: List[Callable[[Kernel], object]] = [
    readers.processes, readers.waiting, readers.maps, readers.amaps, readers.objects, lambda k: readers.trace(k, 20),
    lambda k: readers.Frames(k).listed(), everything]


def test_spoiled_memory_is_unreadable_or_read_never_endless(looked: Tuple[Guest, Said], monkeypatch: pytest.MonkeyPatch) -> None:
    guest, _ = looked
    monkeypatch.setattr(kernels, "READ_MAX", 30_000)
    layout, elf = guest.kernel().layout, guest.kernel_elf
    clean = Spoiled(guest.ram, {})
    everything(Kernel(clean, layout, elf))
    places = [place for place in sorted(clean.seen) if any(clean.read(place, 8))]
    values = [clean.read(place, 8) for place in random.Random(1).sample(places, 300)]
    chance = random.Random(2)
    refused = 0
    for _ in range(200):
        at = chance.choice(places)
        near = chance.choice(values)
        to = chance.choice([0, (1 << 64) - 1, 1 << 63, at + layout.value("DIRECT_MAP"), int.from_bytes(near, "little"), chance.getrandbits(64)])
        begin = time.monotonic()
        for part in PARTS[:-1] if chance.random() < 0.8 else PARTS[-1:]:
            try:
                part(Kernel(Spoiled(guest.ram, {at: to}), layout, elf))
            except Unreliable:
                refused += 1
        assert time.monotonic() - begin < 30
    assert refused > 20


def test_a_list_that_runs_in_a_circle_is_refused(looked: Tuple[Guest, Said]) -> None:
    guest, _ = looked
    k = guest.kernel()
    first = readers.processes(k)[1].address
    link = k.translate(first + k.layout.field("proc", "all_link").offset)
    circle = Spoiled(guest.ram, {link: first + k.layout.field("proc", "all_link").offset})
    with pytest.raises(Unreadable, match="does not come back"):
        readers.processes(Kernel(circle, k.layout, k.elf))


# ---- what is used where

def test_readers_need_nothing_of_qemu() -> None:
    """A debugger's Python imports the same files."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys, pagoda.readers; print(*sorted(m for m in sys.modules if m in "
         "('subprocess', 'socket') or m.startswith('pagoda.')))"], cwd=ROOT / "grade", stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.split() == ["pagoda.elf", "pagoda.kernel", "pagoda.layout", "pagoda.ram", "pagoda.readers", "pagoda.walk"]


def test_a_layout_is_kept_and_found_again(looked: Tuple[Guest, Said]) -> None:
    guest, _ = looked
    layout = guest.kernel().layout
    assert layouts.loads(layouts.dumps(layout)) == layout
    assert layout.field("proc", "pid").signed and not layout.field("vm_page", "owner").signed
    assert layout.name("PO_", layout.value("PO_ANON")) == "ANON"
    for bad in ("", "{}", '{"format": 0}', "[]", "nul"):
        with pytest.raises(layouts.LayoutError):
            layouts.loads(bad)
    with pytest.raises(layouts.LayoutError, match="no field proc.colour"):
        layout.field("proc", "colour")
