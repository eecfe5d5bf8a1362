"""What a right kernel does with a concrete script: bytes, rights, frames, ends.

The model runs the script's processes one operation at a time. A page's bytes
are symbolic: pieces of streams (pattern.py) and single bytes, rendered only when they
are compared. A page that was accessed has a frame, a number: who shares a frame by
fork has the same number, who writes to a shared frame gets a new one.

Processes that run at once could make a script's outcome depend on chance. So each
operation carries a vector clock, and what is not ordered by fork, wait, tell and
await is known not to be: a race for shared memory is an error of the script, and a
checkpoint knows whether other processes stand still while it is looked at.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Dict, FrozenSet, List, NamedTuple, Optional, Sequence, Set, Tuple

from . import pattern
from .expression import ScriptError
from .pattern import PAGE
from .script import IMAGE_PAGES, Checkpoint, Claim, Concrete, Operation, Script, expand

WORK_MAX = 100_000  # pages that all operations name, each time
NAMED_MAX = 256  # pages that the bytes of a wrong one are compared with
BYTE = -1  # a Piece's key: one byte's value, again and again
IMAGE_BYTES = {"data": 0xDA, "const": 0xC0}  # user/probe/image.c

Clock = Tuple[int, ...]


class Piece(NamedTuple):
    """size bytes of the stream `key` from `at`; or, with key BYTE, of the value `at`."""

    size: int
    key: int
    at: int


Content = Tuple[Piece, ...]
ZEROES: Content = (Piece(PAGE, 0, 0),)


@dataclass
class Cell:
    """A page's memory. Processes that share memory share the cell; after fork each has one of its own, with the same frame."""

    content: Content = ZEROES
    frame: Optional[int] = None  # None: nobody has accessed it yet; negative: a page of the probe's file
    users: int = 0  # processes


@dataclass
class Page:
    """A page of a region in one process."""

    cell: Cell
    rights: int  # bits: 1 read, 2 write, 4 execute
    mine: bool = False  # accessed by this process since it was mapped, forked or protected
    written: bool = False  # since then, and since this process forked


@dataclass
class Hole:
    """Unmapped. reused: a later mapping may lie here."""

    reused: bool = False


@dataclass
class Region:
    name: str
    slot: int
    kind: str  # map, shared, heap, stack, or which array of the probe's image
    pages: "List[Page | Hole]"


# ---- what the model says -------------------------------------------------------------


@dataclass(frozen=True)
class PageView:
    """A page at a checkpoint. With mapped False no leaf may be there, unless reused says that something else may lie here."""

    mapped: bool
    reused: bool = False
    rights: int = 0
    content: Content = ZEROES
    frame: Optional[int] = None
    sharers: int = 0  # who must not see each other's writes to the frame: processes, and the file that it is of
    mine: bool = False  # False: the leaf may be absent
    written: bool = False  # True: the leaf must be writable

    def bytes(self) -> bytes:
        return render(self.content)


@dataclass(frozen=True)
class RegionView:
    name: str
    slot: int
    kind: str
    pages: Tuple[PageView, ...]


@dataclass(frozen=True)
class View:
    """One process at one of its checkpoints."""

    checkpoint: Checkpoint
    regions: Dict[str, RegionView]
    quiet: bool  # no other process can do anything to memory meanwhile
    live: FrozenSet[int]  # frames of all regions of all processes; right if the script is sequential
    clock: Clock

    @property
    def frames(self) -> int:
        """How many of them the script has taken: the probe's file does not count."""
        return sum(frame >= 0 for frame in self.live)


@dataclass(frozen=True)
class End:
    how: str  # exit or signal
    number: int
    line: int


@dataclass(frozen=True)
class Prediction:
    concrete: Concrete
    views: Dict[int, View]  # by number of checkpoint
    ends: Dict[int, End]  # by number of process; main has none
    sequential: bool  # no two processes do anything to memory at once: frames and sharers are right
    checks: Dict[int, Tuple[Tuple[int, Piece], ...]]  # by index of a `check` operation: what it shall find, from which offset on

    def page(self, checkpoint: int, region: str, page: int) -> PageView:
        return self.views[checkpoint].regions[region].pages[page]


def render(content: Sequence[Piece]) -> bytes:
    return b"".join(
        bytes([piece.at]) * piece.size if piece.key == BYTE else pattern.stream(piece.key, piece.at, piece.size) for piece in content)


def part(pieces: Sequence[Tuple[int, Piece]], start: int) -> Content:
    """The page from offset `start` on of bytes that a `check` looks at, as far as it looks."""
    found = []
    for offset, piece in pieces:
        low, high = max(offset, start), min(offset + piece.size, start + PAGE)
        if low < high:
            found.append(Piece(high - low, piece.key, piece.at + low - offset if piece.key > 0 else piece.at))
    return tuple(found)


def name(prediction: Prediction, seen: bytes, wanted: Content = ()) -> str:
    """
    In words, what a page's bytes are: a page that the script has somewhere, or has a `check` look for, perhaps with a few bytes
    changed.
    """
    best, count = "bytes that this script has nowhere", PAGE // 2
    for text, known in written(prediction, wanted):
        different = sum(map(operator.ne, known, seen))
        if different == 0:
            return text
        if different < count:
            best, count = f"{text} but for {different} byte{'s' if different > 1 else ''}", different
    return best


def written(prediction: Prediction, wanted: Content = ()) -> List[Tuple[str, bytes]]:
    """Whole pages that are wanted, or that the script's regions have at checkpoints, in parts at least, and their names."""
    concrete = prediction.concrete
    names = {pattern.key(concrete.seed, seed): f"seed {seed}" for seed in concrete.seeds}
    names[concrete.data_key] = "/data"
    found: Dict[Tuple[int, int], str] = {(0, 0): "zeroes"}
    pages = (page.content for view in prediction.views.values() for region in view.regions.values() for page in region.pages if page.mapped)
    for content in chain((wanted,), pages):
        at = 0
        for piece in content:
            start = piece.at - at if piece.key > 0 else piece.at
            text = f"bytes of {names.get(piece.key)} from {start} on"
            if piece.key > 0 and start >= 0 and start % PAGE == 0:
                text = f"page {start // PAGE} of {names.get(piece.key)}"
            if start >= 0 and piece.key != 0 and len(found) < NAMED_MAX:
                found.setdefault((piece.key, start), f"all {start:#04x}" if piece.key == BYTE else text)
            at += piece.size
    return [(text, render((Piece(PAGE, key, start),))) for (key, start), text in found.items()]


# ---- running ---------------------------------------------------------------------------


@dataclass
class Process:
    number: int
    operations: List[Tuple[int, Operation]]  # with their index in the script
    clock: List[int]
    regions: Dict[str, Region] = field(default_factory=dict)
    parent: int = 0
    next: int = 0
    started: bool = False
    end: Optional[End] = None
    children: Set[int] = field(default_factory=set)  # that were not waited for


class Event(NamedTuple):
    """One operation that does something to memory: when, and by whom."""

    line: int
    process: int
    tick: int
    clock: Clock

    def before(self, other: "Event") -> bool:
        """Always, in whatever order the processes run."""
        return self.tick <= other.clock[self.process]


@dataclass
class Shared:
    """The latest accesses to a page of shared memory."""

    write: Optional[Event] = None
    reads: List[Event] = field(default_factory=list)  # since then


RETURN = b"\x82\x80"  # the instruction that a page must begin with to be run
QUIET = {"fork", "wait", "tell", "await", "yield", "sleep", "starve", "end"}  # do nothing to memory by themselves


def run(concrete: Concrete) -> Prediction:
    """The prediction for a script. ScriptError: no right kernel could run it to its end."""
    return Simulation(concrete).whole()


def prove(script: Script) -> None:
    """Can it be run with each of its seeds? ScriptError if not."""
    for seed in range(1, script.seeds + 1):
        run(expand(script, seed))


class Simulation:
    """The state of one run. The script's processes go on one at a time, the youngest that can first."""

    def __init__(self, concrete: Concrete) -> None:
        self.concrete = concrete
        count = len(concrete.processes)
        self.processes = [Process(number, [], [0] * count) for number in range(count)]
        for index, operation in enumerate(concrete.operations):
            self.processes[operation.process].operations.append((index, operation))
        self.processes[0].started = True
        self.told: Dict[int, Clock] = {}
        self.next_frame = 0
        self.live: Dict[int, int] = {}  # how many processes have each frame
        self.events: List[Event] = []
        self.shared: Dict[int, Shared] = {}  # by id of the cell
        self.cells: List[Cell] = []  # keeps those ids from being given again
        self.views: Dict[int, View] = {}
        self.checks: Dict[int, Tuple[Tuple[int, Piece], ...]] = {}
        self.work = 0
        self.line = 0  # of the latest operation

    def whole(self) -> Prediction:
        while True:
            ready = [process for process in self.processes if self.can_go_on(process)]
            if not ready:
                break
            self.step(ready[-1])
        for process in reversed(self.processes):
            if process.started and process.next < len(process.operations):
                _, operation = process.operations[process.next]
                raise ScriptError(operation.line, f"{self.concrete.processes[process.number]} waits here for ever")
        ordered = all(early.before(late) for early, late in zip(self.events, self.events[1:]))
        for number, view in self.views.items():
            self.views[number] = replace(view, quiet=ordered or self.is_quiet(view))
        prediction = Prediction(
            self.concrete, self.views, {process.number: process.end for process in self.processes if process.end}, ordered, self.checks)
        contradictions(prediction)
        return prediction

    def can_go_on(self, process: Process) -> bool:
        if not process.started or process.end or process.next >= len(process.operations):
            return False
        _, operation = process.operations[process.next]
        if operation.kind == "wait":
            return operation.number not in process.children or self.processes[operation.number].end is not None
        return operation.kind != "await" or operation.value in self.told

    def step(self, process: Process) -> None:
        index, operation = process.operations[process.next]
        self.line = operation.line
        process.next += 1
        process.clock[process.number] += 1
        if operation.kind not in QUIET:
            self.events.append(Event(operation.line, process.number, process.clock[process.number], tuple(process.clock)))
        handler = getattr(self, f"do_{operation.kind}", None)
        if handler is not None:
            handler(process, operation)
        if operation.kind == "check":
            self.checks[index] = self.expected(process, operation)

    def fail(self, operation: Operation, why: str) -> ScriptError:
        return ScriptError(operation.line, f"{operation.text}: {why}")

    # -- order

    def access_shared(self, cell: Cell, write: bool) -> None:
        """The latest event is an access to shared memory; is that ordered against the others?"""
        now = self.events[-1]
        latest = self.shared.setdefault(id(cell), Shared())
        for early in ([latest.write] if latest.write else []) + (latest.reads if write else []):
            if not early.before(now):
                raise ScriptError(now.line, f"another process uses this shared page at the same time, on line {early.line}")
        if write:
            latest.write, latest.reads = now, []
        else:
            latest.reads = [read for read in latest.reads if not read.before(now)] + [now]

    def is_quiet(self, view: View) -> bool:
        """Is each operation of another process before this checkpoint, or after it?"""
        here = view.checkpoint.process
        return all(
            event.process == here or event.tick <= view.clock[event.process] or event.clock[here] >= view.clock[here]
            for event in self.events)

    # -- processes

    def do_fork(self, process: Process, operation: Operation) -> None:
        child = self.processes[operation.number]
        child.started = True
        child.parent = process.number
        child.clock = list(process.clock)
        process.children.add(child.number)
        child.regions = {name: self.inherit(region) for name, region in process.regions.items()}

    def inherit(self, region: Region) -> Region:
        def page(of: "Page | Hole") -> "Page | Hole":
            if isinstance(of, Hole):
                return Hole(of.reused)
            of.written = of.written and region.kind == "shared"
            return Page(self.hold(of.cell if region.kind == "shared" else Cell(of.cell.content, of.cell.frame)), of.rights)
        self.count(region.pages)
        return Region(region.name, region.slot, region.kind, [page(of) for of in region.pages])

    def hold(self, cell: Cell) -> Cell:
        """One process more has this cell."""
        if cell.users == 0:
            self.cells.append(cell)
        cell.users += 1
        if cell.frame is not None:
            self.live[cell.frame] = self.live.get(cell.frame, 0) + 1
        return cell

    def drop(self, page: "Page | Hole") -> None:
        """One process less has this page."""
        if isinstance(page, Page):
            page.cell.users -= 1
            self.leave_frame(page.cell, 1)

    def leave_frame(self, cell: Cell, users: int) -> None:
        if cell.frame is not None:
            self.live[cell.frame] -= users
            if self.live[cell.frame] == 0:
                del self.live[cell.frame]

    def new_frame(self, cell: Cell) -> None:
        self.leave_frame(cell, cell.users)
        cell.frame = self.next_frame
        self.next_frame += 1
        self.live[cell.frame] = cell.users

    def count(self, pages: Sequence[object]) -> None:
        """Bounds the work of model and guest."""
        self.work += len(pages)
        if self.work > WORK_MAX:
            raise ScriptError(self.line, f"the operations up to here go over more than {WORK_MAX} pages")

    def finish(self, process: Process, operation: Operation, how: str, number: int) -> None:
        if process.number == 0:
            raise self.fail(operation, "main is the first process and cannot end")
        following = process.operations[process.next]
        if following[1].kind != "end":
            raise ScriptError(following[1].line, f"the process has ended on line {operation.line}")
        process.next += 1
        process.end = End(how, number, operation.line)
        for region in process.regions.values():
            for page in region.pages:
                self.drop(page)
        process.regions = {}

    def do_exit(self, process: Process, operation: Operation) -> None:
        self.finish(process, operation, "exit", operation.value)

    def do_wait(self, process: Process, operation: Operation) -> None:
        child = self.processes[operation.number]
        if child.number not in process.children or child.end is None:
            raise self.fail(operation, "no child of this process that it has not waited for")
        if (child.end.how, child.end.number) != (operation.how, operation.value):
            raise self.fail(operation, f"the process ends on line {child.end.line} with {child.end.how} {child.end.number}")
        process.children.remove(child.number)
        self.join(process, child.clock)

    def join(self, process: Process, clock: Sequence[int]) -> None:
        process.clock = [max(mine, other) for mine, other in zip(process.clock, clock)]

    def do_tell(self, process: Process, operation: Operation) -> None:
        if operation.value in self.told:
            raise self.fail(operation, "told already")
        self.told[operation.value] = tuple(process.clock)

    def do_await(self, process: Process, operation: Operation) -> None:
        self.join(process, self.told[operation.value])

    def do_at(self, process: Process, operation: Operation) -> None:
        if process.number == 0 and process.next == len(process.operations) and process.children:
            raise self.fail(operation, f"main ends without having waited for {self.concrete.processes[min(process.children)]}")
        checkpoint = self.concrete.checkpoints[operation.number - 1]
        for region in process.regions.values():
            self.count(region.pages)
        regions = {
            name: RegionView(name, region.slot, region.kind, tuple(self.view_of(region, page) for page in region.pages))
            for name, region in process.regions.items()}
        self.views[operation.number] = View(checkpoint, regions, False, frozenset(self.live), tuple(process.clock))

    def view_of(self, region: Region, page: "Page | Hole") -> PageView:
        if isinstance(page, Hole):
            return PageView(False, page.reused)
        frame = page.cell.frame
        return PageView(True, False, page.rights, page.cell.content, frame, self.sharers(region, page), page.mine, page.written)

    def sharers(self, region: Region, page: Page) -> int:
        frame = page.cell.frame
        if frame is None or region.kind == "shared":
            return 0 if frame is None else 1
        return self.live[frame] + (1 if frame < 0 else 0)

    # -- regions come and go

    def add(self, process: Process, operation: Operation, kind: str, rights: int, cells: Sequence[Cell]) -> None:
        if operation.region in process.regions:
            raise self.fail(operation, "there is a region with this name")
        self.count(cells)
        for region in process.regions.values():
            for page in region.pages:
                if isinstance(page, Hole):
                    page.reused = True
        process.regions[operation.region] = Region(
            operation.region, operation.slot, kind, [Page(self.hold(cell), rights) for cell in cells])

    def do_map(self, process: Process, operation: Operation) -> None:
        self.add(process, operation, operation.how or "map", operation.value, [Cell() for _ in range(operation.size // PAGE)])

    def do_heap(self, process: Process, operation: Operation) -> None:
        self.add(process, operation, "heap", 3, [Cell() for _ in range(operation.size // PAGE)])

    def do_stack(self, process: Process, operation: Operation) -> None:
        self.add(process, operation, "stack", 3, [Cell() for _ in range(operation.size // PAGE)])

    def do_image(self, process: Process, operation: Operation) -> None:
        if any(region.kind == operation.how for region in process.regions.values()):
            raise self.fail(operation, "this array has a name already")
        rights = 1 if operation.how == "const" else 3
        self.add(process, operation, operation.how, rights, [image_cell(operation.how, page) for page in range(operation.size // PAGE)])

    def region(self, process: Process, operation: Operation) -> Region:
        if operation.region not in process.regions:
            raise self.fail(operation, f"{self.concrete.processes[process.number]} has no region {operation.region}")
        return process.regions[operation.region]

    def pages(self, process: Process, operation: Operation) -> List[Tuple[int, Page]]:
        """The pages that it names, with their numbers; all of them mapped."""
        region = self.region(process, operation)
        found: List[Tuple[int, Page]] = []
        for index in range(operation.offset // PAGE, (operation.offset + operation.size - 1) // PAGE + 1):
            if index >= len(region.pages):
                raise self.fail(operation, f"{region.name} has {len(region.pages)} pages")
            page = region.pages[index]
            if isinstance(page, Hole):
                raise self.fail(operation, f"page {index} is not mapped")
            found.append((index, page))
        self.count(found)
        return found

    def do_unmap(self, process: Process, operation: Operation) -> None:
        region = self.region(process, operation)
        if region.kind not in ("map", "shared"):
            raise self.fail(operation, "only what `map` made is unmapped")
        if operation.size == 0:
            if any(isinstance(page, Hole) for page in region.pages):
                raise self.fail(operation, "a part of it is unmapped already, name the rest")
            for gone in process.regions.pop(operation.region).pages:
                self.drop(gone)
            return
        for index, page in self.pages(process, operation):
            self.drop(page)
            region.pages[index] = Hole()

    def do_protect(self, process: Process, operation: Operation) -> None:
        if self.region(process, operation).kind == "stack":
            raise self.fail(operation, "the stack keeps its rights")
        for _, page in self.pages(process, operation):
            page.rights = operation.value
            page.mine = page.written = False

    # -- bytes

    def access(self, process: Process, operation: Operation, write: bool) -> List[Tuple[int, Page]]:
        """The pages that it names, after an access to each."""
        region = self.region(process, operation)
        found = self.pages(process, operation)
        for index, page in found:
            if not page.rights & (2 if write else 1):
                raise self.fail(operation, f"page {index} has not the right to it; `fault` expects that")
            page.mine = True
            page.written |= write
            if page.cell.frame is None or (write and self.sharers(region, page) > 1):
                self.new_frame(page.cell)
            if region.kind == "shared":
                self.access_shared(page.cell, write)
        return found

    def store(self, process: Process, operation: Operation, key: int, position: int) -> None:
        """Writes operation.size bytes from its offset on; those of the key's stream, or bytes of one value."""
        for index, page in self.access(process, operation, True):
            low = max(operation.offset, index * PAGE)
            high = min(operation.offset + operation.size, (index + 1) * PAGE)
            at = position if key == BYTE else position + low - operation.offset
            page.cell.content = overlay(page.cell.content, low - index * PAGE, Piece(high - low, key, at if key else 0))

    def do_fill(self, process: Process, operation: Operation) -> None:
        assert operation.key is not None
        self.store(process, operation, operation.key, operation.position)

    do_zero = do_write = do_read = do_fill

    def do_poke(self, process: Process, operation: Operation) -> None:
        self.store(process, operation, BYTE, operation.value)

    def do_touch(self, process: Process, operation: Operation) -> None:
        self.access(process, operation, operation.how == "write")

    def do_run(self, process: Process, operation: Operation) -> None:
        for index, page in self.access(process, operation, False):
            if not page.rights & 4:
                raise self.fail(operation, f"page {index} cannot be executed; `fault` expects that")
            if render(page.cell.content)[:len(RETURN)] != RETURN:
                raise self.fail(operation, f"page {index} does not begin with the bytes {RETURN[0]} and {RETURN[1]}, which are a return")

    def do_refuse(self, process: Process, operation: Operation) -> None:
        region = self.region(process, operation)
        first = operation.offset // PAGE
        if first >= len(region.pages):
            raise self.fail(operation, f"{region.name} has {len(region.pages)} pages")
        if not refused(region.pages[first], 2):
            raise self.fail(operation, f"page {first} can be written, or something else may lie there")

    def do_fault(self, process: Process, operation: Operation) -> None:
        region = self.region(process, operation)
        index = operation.offset // PAGE
        if index >= len(region.pages):
            raise self.fail(operation, f"{region.name} has {len(region.pages)} pages")
        if not refused(region.pages[index], 1 << operation.value):
            raise self.fail(operation, f"page {index} allows it, or something else may lie there")
        self.finish(process, operation, "signal", 11)

    def expected(self, process: Process, operation: Operation) -> Tuple[Tuple[int, Piece], ...]:
        """What a check shall find; the script, where it says so, must say the same."""
        found: List[Tuple[int, Piece]] = []
        for index, page in self.access(process, operation, False):
            if operation.key is not None:
                said = Piece(PAGE, operation.key, index * PAGE if operation.key else 0)
                if page.cell.content != (said,) and render(page.cell.content) != render((said,)):
                    raise self.fail(operation, f"page {index} holds something else here")
            at = index * PAGE
            for piece in page.cell.content:
                found.append((at, piece))
                at += piece.size
        return tuple(joined(found))


def image_cell(array: str, page: int) -> Cell:
    """A page of one of the probe's arrays: of its file, but for bss."""
    if array not in IMAGE_BYTES:
        return Cell()
    return Cell((Piece(PAGE, BYTE, IMAGE_BYTES[array]),), -1 - page - (IMAGE_PAGES if array == "const" else 0))


def refused(page: "Page | Hole", right: int) -> bool:
    return not page.reused if isinstance(page, Hole) else not page.rights & right


def cut(piece: Piece, low: int, high: int) -> Piece:
    """Its bytes low to high."""
    return Piece(high - low, piece.key, piece.at + low if piece.key > 0 else piece.at)


def overlay(content: Content, at: int, new: Piece) -> Content:
    """content with new written over it from byte `at` on."""
    found: List[Piece] = []
    start = 0
    for piece in content:
        end = start + piece.size
        if start < at:
            found.append(cut(piece, 0, min(end, at) - start))
        if start <= at < end:
            found.append(new)
        if end > at + new.size:
            found.append(cut(piece, max(start, at + new.size) - start, piece.size))
        start = end
    return tuple(found)


def joined(pieces: Sequence[Tuple[int, Piece]]) -> List[Tuple[int, Piece]]:
    """The same with neighbours made one where they are parts of one stream."""
    found: List[Tuple[int, Piece]] = []
    for at, piece in pieces:
        if found:
            before_at, before = found[-1]
            follows = before.at + before.size if before.key > 0 else before.at
            if before_at + before.size == at and before.key == piece.key and follows == piece.at:
                found[-1] = (before_at, Piece(before.size + piece.size, before.key, before.at))
                continue
        found.append((at, piece))
    return found


# ---- claims that cannot hold --------------------------------------------------------------


def contradictions(prediction: Prediction) -> None:
    """A claim that a right kernel would break is an error of the script."""
    for checkpoint in prediction.concrete.checkpoints:
        view = prediction.views.get(checkpoint.number)
        if view is None:
            continue
        for claim in checkpoint.claims:
            last = checkpoint.number == len(prediction.concrete.checkpoints)
            if prediction.concrete.script.harts > 1 and (not last or any(claim.checkpoints)):
                raise ScriptError(claim.line, "with several harts only the last checkpoint is looked at")
            for number in claim.checkpoints:
                if number and prediction.views[number].clock[prediction.views[number].checkpoint.process] > view.clock[prediction.views[number].checkpoint.process]:
                    raise ScriptError(claim.line, f"{prediction.views[number].checkpoint.label} does not always come before this checkpoint")
            why = contradiction(prediction, view, claim)
            if why:
                raise ScriptError(claim.line, f"{claim.text}: {why}")


def contradiction(prediction: Prediction, view: View, claim: Claim) -> str:
    """Why a claim cannot hold, or nothing."""
    if claim.kind == "free" and prediction.sequential and claim.checkpoints[0]:
        then = prediction.views[claim.checkpoints[0]].frames
        return "" if then == view.frames else f"the script's regions have {then} frames there, {view.frames} here"
    if claim.kind == "spent" and prediction.sequential:
        then = prediction.views[claim.checkpoints[0]].frames if claim.checkpoints[0] else 0
        return "" if view.frames - then <= claim.factor else f"the script's regions have {then} frames there, {view.frames} here"
    if not claim.region:
        return ""
    for index in range(claim.first, claim.first + claim.count):
        page = page_at(view, claim.region, index)
        if page is None:
            return f"{view.checkpoint.process_name} has no page {index} of {claim.region}"
        then_page = page_at(prediction.views[claim.checkpoints[0]], claim.region, index) if claim.checkpoints and claim.checkpoints[0] else None
        if claim.checkpoints and then_page is None:
            return f"there was no page {index} of {claim.region} then"
        why = page_contradiction(claim.kind, page, then_page, view.live if prediction.sequential else None)
        if why:
            return f"page {index} {why}"
    return ""


def page_at(view: View, region: str, index: int) -> Optional[PageView]:
    found = view.regions.get(region)
    return found.pages[index] if found and index < len(found.pages) else None


def page_contradiction(kind: str, page: PageView, then: Optional[PageView], live: Optional[FrozenSet[int]]) -> str:
    """live: all frames now, None when chance has a say in that."""
    if kind == "absent":
        return "was accessed by this process" if page.mine else ""
    if kind in ("deferred", "settled"):
        return "" if page.mapped else "is not mapped"
    if not page.mapped or not page.mine:
        return "may be absent: this process has not accessed it since it was mapped, forked or protected"
    if kind == "writable" and (not page.rights & 2 or (live is not None and page.sharers > 1)):
        return "is shared, or its rights forbid it"
    if kind == "readonly" and page.rights & 2 and live is not None and page.sharers < 2:
        return "has no other owner"
    if then is not None and live is not None:
        if then.frame is None:
            return "had no frame then"
        if kind == "apart" and then.frame not in live:
            return "may be in that frame by chance: nobody has it any more"
        if (kind == "same") != (then.frame == page.frame):
            return "has another frame" if kind == "same" else "has the same frame"
    return ""
