"""One run of a test: a guest walked from checkpoint to checkpoint, looked at, judged.

What is judged is memory as QEMU has it, against the model (model.py): the order and the owner
of each checkpoint, the test's claims, every byte of every region of the process that is there,
what the run cost in guest instructions. What the guest says of itself is kept as advice. The
first thing that is wrong is the verdict; its reason names the defect, not the place in memory.

=> judge() never raises for what a kernel does. GuestError: QEMU could not be run.
"""

from __future__ import annotations

import errno
import re
import struct
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from . import guest as guests
from . import image, model, qemu, readers, walk
from .elf import Elf
from .grade_result import LEAKS, NOT_GRADED, Judged, printable, without_addresses
from .kernel import Unreliable
from .layout import Layout
from .model import PageView, Prediction, RegionView, View
from .script import Claim, Concrete, Operation
from .verdict import FAIL, HUNG, LIMIT, PANIC, PASS

BOOT_LIMIT = 2_000_000_000  # guest instructions from power-on to the first checkpoint; a right kernel takes a hundredth
CALIBRATION_MAX = 200_000_000  # what a boot counts for at most: a kernel does not get more time by booting slowly
CAP_SECONDS = 60  # of wall time, for a run of half a second
COUNTED = ("amap", "amap_chunk", "amap_run", "anon", "map_entry", "vm_lock")  # pools: who did the same again has as many
POOLS_MAX = 16  # frames by which the pools of the kernel's structures may grow: they keep what they once had
EVENTS_READ = 600  # of the trace
FAULTS_SHOWN = 4
REGION = struct.Struct("<QQ")
LINES_SHOWN, LINE_MAX, CALLS_SHOWN = 3, 160, 4
# Of the console: checkpoints, and what a panic prints of addresses, registers and trace.
READY = "probe: at ready\n"
NOISE = re.compile(r"probe: at | trace \d| hart \d+ thread| \[[0-9a-f]{16}\]| x\d+ +[0-9a-f]{16}| epc |.*panic: ")
BACKTRACE = re.compile(r"^ \[[0-9a-f]{16}\] (\w+)", re.MULTILINE)
OF_A_PANIC = ("panic", "kassert_fail", "kernel_trap_panic", "kernel_page_fault", "from_kernel", "trap_kernel")
POISON = re.compile(r"\b((?:df){7,8}(?:[0-9a-f]{2})?)\b")
DEATH = re.compile(r"^pid (\d+) \(probe\): (SIG[A-Z]{1,8}) ", re.MULTILINE)
NO_LINE = (1 << 64) - 1

Frames = Dict[str, Tuple[Optional[int], ...]]  # by region: the frame of each page
Tell = Callable[[str], None]


class Wrong(Exception):
    """The run has its verdict."""

    def __init__(self, judged: Judged) -> None:
        super().__init__(judged.reason)
        self.judged = judged


@dataclass(frozen=True)
class Machine:
    """A kernel to judge, with what is needed to boot it and to read it."""

    kernel: Path
    elf: Elf
    probe: Path
    probe_elf: Elf
    layout: Layout
    mkfs: Path


@dataclass(frozen=True)
class Trial:
    """One run: a script made concrete for a seed, on so many harts."""

    where: str  # the script's file, as a person finds it
    prediction: Prediction
    seed: int
    parallel: bool = False  # harts at once, in real time

    @property
    def concrete(self) -> Concrete:
        return self.prediction.concrete

    @property
    def harts(self) -> int:
        return self.concrete.script.harts


def boot_of(trial: Trial, kernel: Path, at: Path) -> qemu.Guest:
    """The boot of a run; every test has the same arguments."""
    words = ["root=ram0", "init=/bin/probe", f"seed={trial.seed}", "trace=on"]
    if trial.concrete.script.mem:
        words.append(f"mem={trial.concrete.script.mem}")
    if trial.parallel:
        words.append("parallel")
    return qemu.Guest(kernel, at, " ".join(words), harts=trial.harts, seed=trial.seed, icount=not trial.parallel, cap=CAP_SECONDS)


def judge(machine: Machine, trial: Trial, tell: Tell = lambda _: None) -> Judged:
    """Makes the image, boots, looks, ends."""
    with tempfile.TemporaryDirectory(prefix="pagoda-grade-") as folder:
        at = Path(folder) / "test.img"
        image.make(trial.prediction, machine.mkfs, machine.probe, at)
        with guests.Guest(boot_of(trial, machine.kernel, at), machine.probe_elf, machine.layout, machine.elf) as guest:
            return Run(machine, trial, guest, tell).whole()


@dataclass(frozen=True)
class Count:
    """Frames, by the kernel's own array."""

    free: int
    programs: int  # of anons, objects and page tables
    structures: Dict[str, int]  # not frames: of each of COUNTED, how many are in use


@dataclass
class Seen:
    """What a checkpoint showed, for claims of later ones."""

    frames: Frames
    count: Optional[Count]  # None: nobody asks
    busy: int  # guest instructions up to here, those of waiting for the host not counted


@dataclass
class Run:
    machine: Machine
    trial: Trial
    guest: guests.Guest
    tell: Tell
    seen: Dict[int, Seen] = field(default_factory=dict)
    leaks: List[Judged] = field(default_factory=list)
    busy: int = 0
    last: str = "power-on"  # where the run has come to, in words
    endless: bool = False
    places: Dict[str, Tuple[int, int]] = field(default_factory=dict)  # of the process last met: address and pages by region

    def whole(self) -> Judged:
        try:
            self.boot()
            while len(self.seen) <= len(self.trial.concrete.checkpoints):
                self.step()
        except Wrong as wrong:
            return replace(wrong.judged, advice=wrong.judged.advice + self.printed())
        except Unreliable as error:
            return self.at_fault(f"the kernel's memory does not make sense: {without_addresses(str(error))}")
        return self.leaks[0] if self.leaks else Judged(PASS)

    # ---- from checkpoint to checkpoint

    def boot(self) -> None:
        """To the checkpoint `ready`, by which everything else is measured."""
        arrived = self.arrival(self.guest.wait(None if self.trial.parallel else BOOT_LIMIT), BOOT_LIMIT)
        self.tell(f"ready: the boot took {arrived.elapsed:,} guest instructions")
        self.operation_failed(arrived)
        if (arrived.number, arrived.process) != (0, 0):
            raise self.wrong("the first thing that the probe does was left out", "the checkpoint `ready` of main", "another one")
        self.limit = self.trial.concrete.script.limit * min(arrived.elapsed, CALIBRATION_MAX)
        self.seen[0] = Seen({}, self.count_frames(0), 0)
        self.last = "`ready`"
        self.guest.release(arrived)

    def step(self) -> None:
        """To the next checkpoint, whosever it is."""
        left = max(self.limit - self.busy, 1)
        arrived = self.arrival(self.guest.wait(None if self.trial.parallel else left), self.limit)
        self.busy += arrived.elapsed
        self.operation_failed(arrived)
        view = self.view_of(arrived)
        self.last = f"checkpoint `{view.checkpoint.label}` of {view.checkpoint.process_name}"
        self.tell(f"{self.last}, after {self.busy:,} guest instructions")
        self.seen[arrived.number] = seen = Seen({}, None, self.busy)
        # With several harts only the last checkpoint is one where everybody else stands still.
        if self.trial.harts == 1 or arrived.number == len(self.trial.concrete.checkpoints):
            self.look(arrived, view, seen)
        self.guest.release(arrived)

    def view_of(self, arrived: guests.Arrived) -> View:
        """What the model says of this checkpoint, if it can be the one that it says."""
        view = self.trial.prediction.views.get(arrived.number)
        if view is None or view.checkpoint.process != arrived.process or arrived.number in self.seen:
            raise self.wrong(
                "the lines of the script were not run as they stand there", "each checkpoint once, by the process that comes to it",
                f"checkpoint {arrived.number} of process {arrived.process}, after {self.last}")
        before = [number for number, other in self.trial.prediction.views.items() if self.precedes(other, view)]
        missing = [number for number in before if number not in self.seen]
        if missing:
            label = self.trial.prediction.views[missing[0]].checkpoint.label
            raise self.wrong("the lines of the script were not run as they stand there", f"checkpoint `{label}` first", f"`{view.checkpoint.label}`")
        return view

    def precedes(self, early: View, late: View) -> bool:
        process = early.checkpoint.process
        return early.checkpoint.number != late.checkpoint.number and early.clock[process] <= late.clock[process]

    def arrival(self, outcome: guests.Outcome, limit: int) -> guests.Arrived:
        """The arrival that an outcome is; any other one is a verdict."""
        if isinstance(outcome, guests.Arrived):
            return outcome
        after = f"after {self.last}"
        if isinstance(outcome, guests.Panicked):
            raise self.wrong(f"the kernel panicked: {printable(self.named(outcome.why))}", self.next_label(), f"a panic {after}", PANIC)
        if isinstance(outcome, guests.Limit):
            pc = self.guest.qmp.registers(0).pc
            self.tell(f"  stopped in {self.machine.elf.name_of(pc) or hex(pc)}")  # where exactly is chance, and no part of a result
            times = f"{self.trial.concrete.script.limit} times what its boot took" if self.last != "power-on" else f"{limit:,}"
            raise self.wrong(
                "the kernel works without end, or does much more than it has to", f"{self.next_label()}, in guest instructions at most {times}",
                f"still busy {after}{self.unexpected_death()}", LIMIT, endless=True)
        if isinstance(outcome, guests.Hung):
            running = any(w.pid and w.state == readers.RUNNING for w in outcome.waiting)
            reason = "a hart waits for an interrupt that never comes" if running else "everybody waits, and nobody will wake them"
            said = "; ".join(f"{w.name} waits for {w.why}" if w.why else f"{w.name} is {w.state.lower()}" for w in outcome.waiting if w.pid)
            raise self.wrong(reason, self.next_label(), printable(f"{after}: {said}" if said else after), HUNG)
        if isinstance(outcome, guests.Flooded):
            raise self.wrong("the guest prints without end", self.next_label(), f"more text than is kept, {after}", HUNG, endless=True)
        if isinstance(outcome, guests.Tampered):
            raise self.wrong("the program's code is not what its file holds", self.next_label(), f"other code {after}")
        if isinstance(outcome, guests.Ended):
            died = [name for pid, name in self.deaths() if pid == "1"]
            told = f"main, the first process, was ended by {died[0]}, says the kernel" if died else "the guest ended before its time"
            raise self.wrong(told, self.next_label(), f"QEMU ended with status {outcome.status} {after}")
        raise Wrong(Judged(NOT_GRADED, f"this machine was too slow, which says nothing of the kernel: {outcome.why}"))

    def deaths(self) -> List[Tuple[str, str]]:
        """Processes that the kernel says were ended by a signal: pid and signal. No more than a hint."""
        return DEATH.findall(self.guest.console.settled())

    def unexpected_death(self) -> str:
        """Others may wait for ever for who died; where the script itself has someone die it tells nothing."""
        died = [] if any(operation.kind == "fault" for operation in self.trial.concrete.operations) else self.deaths()
        return f"; before, a process was ended by {died[0][1]}, says the kernel" if died else ""

    def next_label(self) -> str:
        missing = [checkpoint for checkpoint in self.trial.concrete.checkpoints if checkpoint.number not in self.seen]
        if not self.seen or not missing:
            return "checkpoint `ready` of main" if not self.seen else "the end"
        return f"checkpoint `{missing[0].label}` of {missing[0].process_name}"

    # ---- an operation that the probe says has failed

    def operation_failed(self, arrived: guests.Arrived) -> None:
        if arrived.failed == 0:
            return
        concrete = self.trial.concrete
        if arrived.failed == NO_LINE:
            raise self.wrong("the program could not begin", "files and pipes to open", "an error")
        mine = [o for o in concrete.operations if o.line == arrived.failed and o.process == arrived.process]
        if not mine:
            raise self.wrong("the lines of the script were not run as they stand there", "a line of this process", f"line {arrived.failed}")
        operation = mine[0]
        self.table(arrived)
        reason, expected, seen = self.failure(operation, arrived)
        who = concrete.processes[arrived.process]
        raise self.wrong(f"{reason}, in {who}", expected, seen, line=operation.line, text=operation.text, pid=self.pid_of(arrived))

    def failure(self, operation: Operation, arrived: guests.Arrived) -> Tuple[str, str, str]:
        """Reason, expected, seen of a failed operation, as far as they can be told from outside."""
        if operation.kind == "check":
            return self.failed_check(operation, arrived)
        if operation.kind == "wait":
            status = arrived.detail & 0xFFFF
            ended = f"signal {status & 0x7F}" if status & 0x7F else f"exit {status >> 8}"
            return "a process did not end as it should", f"{operation.how} {operation.value}", ended
        if operation.kind == "fault":
            return f"an access that must be refused was allowed (`{operation.text}`)", "SIGSEGV", "the access was made"
        if operation.kind == "refuse":
            return f"a copy into memory that must not be written was made (`{operation.text}`)", "EFAULT", "no such error"
        error = errno.errorcode.get(arrived.detail & 0xFFFFFFFF, str(arrived.detail & 0xFFFFFFFF))
        return f"`{operation.text}` failed", "success", f"the error {error}"

    def failed_check(self, operation: Operation, arrived: guests.Arrived) -> Tuple[str, str, str]:
        """What the page holds that the program found wrong, and what it should hold."""
        offset = arrived.detail & 0xFFFFFFFF
        page, byte = divmod(offset, walk.PAGE)
        reason = f"a read of page {page} of {operation.region} gave wrong bytes"
        pieces = next((self.trial.prediction.checks[i] for i, o in enumerate(self.trial.concrete.operations)
                       if o is operation and i in self.trial.prediction.checks), ())
        want = model.render([piece for _, piece in pieces])
        wanted = model.part(pieces, page * walk.PAGE)
        start = page * walk.PAGE - (pieces[0][0] if pieces else 0)
        expected = f"{arrived.detail >> 40 & 0xFF:#04x} at byte {byte}"
        if 0 <= start and start + walk.PAGE <= len(want):
            expected += f", in {model.name(self.trial.prediction, want[start:start + walk.PAGE], wanted)}"
        seen = f"{arrived.detail >> 32 & 0xFF:#04x} at byte {byte}"
        address, _ = self.table(arrived)[operation.slot]
        found = walk.translate(self.guest.ram, arrived.satp, address + page * walk.PAGE)
        if isinstance(found, walk.Leaf):
            seen += f", in {model.name(self.trial.prediction, self.guest.ram.read(found.frame, walk.PAGE), wanted)}"
        return reason, expected, seen

    # ---- looking

    def table(self, arrived: guests.Arrived) -> List[Tuple[int, int]]:
        """The probe's table of regions: address and pages by slot."""
        count = max(len(self.trial.concrete.regions), 1)
        data = walk.read(self.guest.ram, arrived.satp, arrived.regions, REGION.size * count)
        table = [(address, pages) for address, pages in REGION.iter_unpack(data)]
        self.places = dict(zip(self.trial.concrete.regions, table))
        return table

    def look(self, arrived: guests.Arrived, view: View, seen: Seen) -> None:
        """Claims first, for they name a defect; then every byte; then what is counted."""
        table = self.table(arrived)
        leaves: Dict[str, List[Optional[walk.Leaf]]] = {}
        for region in view.regions.values():
            address, pages = table[region.slot]
            if pages < len(region.pages) or address % walk.PAGE:
                raise self.wrong(f"the program lost its region {region.name}", f"{len(region.pages)} pages", f"{pages} pages")
            leaves[region.name] = [self.leaf(arrived, address + index * walk.PAGE) for index in range(len(region.pages))]
        seen.frames = {name: tuple(leaf.frame if leaf else None for leaf in found) for name, found in leaves.items()}
        seen.count = self.count_frames(arrived.number)
        pid = self.pid_of(arrived)
        counted = [claim for claim in view.checkpoint.claims if claim.kind in ("free", "spent", "cost")]
        for claim in view.checkpoint.claims:
            if claim not in counted:
                self.page_claim(claim, view, leaves, arrived, pid)
        for region in view.regions.values():
            self.pages(region, view, leaves[region.name], pid)
        for claim in counted:
            self.counted_claim(claim, view, pid)

    def leaf(self, arrived: guests.Arrived, va: int) -> Optional[walk.Leaf]:
        found = walk.translate(self.guest.ram, arrived.satp, va)
        return found if isinstance(found, walk.Leaf) and found.user else None

    def page_claim(
            self, claim: Claim, view: View, leaves: Dict[str, List[Optional[walk.Leaf]]], arrived: guests.Arrived, pid: Optional[int]) -> None:
        who, name = view.checkpoint.process_name, claim.region
        settled = self.settled(claim, view, arrived) if claim.kind in ("deferred", "settled") else []
        for index in range(claim.first, claim.first + claim.count):
            leaf = leaves[name][index]
            here = f"page {index} of {name} in {who}"
            if claim.kind in ("deferred", "settled"):
                right = settled[index - claim.first] == (claim.kind == "settled")
                expected, seen = f"{here}: its entry {'has settled' if claim.kind == 'settled' else 'still has'} needs_copy", "the opposite"
            elif claim.kind == "absent":
                right, expected, seen = leaf is None, f"{here} is not mapped", "it is mapped"
            elif leaf is None:
                right, expected, seen = False, f"{here} is mapped", "no page is mapped there"
            elif claim.kind == "present":
                right = True
            elif claim.kind in ("readonly", "writable"):
                right = leaf.writable == (claim.kind == "writable")
                expected, seen = f"{here} is mapped {'writable' if claim.kind == 'writable' else 'read-only'}", f"it is {'writable' if leaf.writable else 'read-only'}"
            else:
                right, expected, seen = self.frame_claim(claim, index, leaf, here)
            if right:
                self.tell(f"  ok    {claim.text}") if index == claim.first + claim.count - 1 else None
                continue
            raise self.claim_failed(claim, expected, seen, pid)

    def frame_claim(self, claim: Claim, index: int, leaf: walk.Leaf, here: str) -> Tuple[bool, str, str]:
        """same, apart: a frame compared with one of an earlier checkpoint."""
        then = self.trial.concrete.checkpoints[claim.checkpoints[0] - 1]
        frames = self.seen[then.number].frames.get(claim.region, ())
        before = frames[index] if index < len(frames) else None
        owner = f"that {then.process_name} had at `{then.label}`"
        if claim.kind == "same":
            return before == leaf.frame, f"{here} lies in the frame {owner}", "it lies in another frame"
        return before != leaf.frame, f"{here} lies in a frame of its own, not in the one {owner}", "it lies in that frame"

    def settled(self, claim: Claim, view: View, arrived: guests.Arrived) -> List[bool]:
        """By page of a claim: has its entry no needs_copy? Read from the kernel's map."""
        kernel = self.guest.kernel()
        found = readers.space_of(kernel, arrived.satp)
        if found is None:
            raise self.wrong("the process that is at a checkpoint has no address space in the kernel's list", "a process", "none")
        address, _ = self.table(arrived)[claim.slot]
        settled: List[bool] = []
        for index in range(claim.first, claim.first + claim.count):
            va = address + index * walk.PAGE
            entry = next((e for e in found[1].map.entries if e.start <= va < e.end), None)
            settled.append(entry is not None and not entry.needs_copy)
        return settled

    def pages(self, region: RegionView, view: View, leaves: Sequence[Optional[walk.Leaf]], pid: Optional[int]) -> None:
        """Every page of a region: there if it must be, with no right too many, byte by byte what the model says."""
        who = view.checkpoint.process_name
        line = view.checkpoint.line
        for index, (page, leaf) in enumerate(zip(region.pages, leaves)):
            here = f"page {index} of {region.name} in {who}"
            text = f"at {view.checkpoint.label}"
            if not page.mapped:
                if leaf is not None and not page.reused:
                    raise self.wrong("memory that was unmapped is still there", f"{here} is not mapped", "it is mapped", line=line, text=text, pid=pid)
                continue
            if leaf is None:
                if page.mine:
                    raise self.wrong("a page that was accessed is mapped no more", f"{here} is mapped", "it is not", line=line, text=text, pid=pid)
                continue
            if leaf.writable and not page.rights & 2 or leaf.executable and not page.rights & 4 or not page.rights:
                raise self.wrong(
                    "a page may be used in a way that the program forbade", f"{here} has at most the rights {letters(page.rights)}",
                    f"it has {letters(leaf.readable + 2 * leaf.writable + 4 * leaf.executable)}", line=line, text=text, pid=pid)
            self.bytes(page, leaf, here, line, text, pid)

    def bytes(self, page: PageView, leaf: walk.Leaf, here: str, line: int, text: str, pid: Optional[int]) -> None:
        data = self.guest.ram.read(leaf.frame, walk.PAGE)
        want = page.bytes()
        if data == want:
            return
        at = next(index for index in range(walk.PAGE) if data[index] != want[index])
        raise self.wrong(
            "a page holds wrong bytes", f"{here} holds {model.name(self.trial.prediction, want)}; byte {at} is {want[at]:#04x}",
            f"it holds {model.name(self.trial.prediction, data)}; byte {at} is {data[at]:#04x}", line=line, text=text, pid=pid)

    # ---- what is counted

    def count_frames(self, number: int) -> Optional[Count]:
        """At checkpoints that a claim compares. Free is what the allocator would find, not only what says so of itself."""
        compared = {
            place for checkpoint in self.trial.concrete.checkpoints for claim in checkpoint.claims if claim.kind in ("free", "spent")
            for place in (checkpoint.number, *claim.checkpoints)}
        if number not in compared:
            return None
        frames = readers.Frames(self.guest.kernel())
        owners = frames.owners()
        programs = sum(owners[name] for name in (readers.ANON, readers.OBJECT, readers.TABLE))
        pools = readers.pools(self.guest.kernel())
        return Count(len(frames.free() & frames.listed()), programs, {name: pools.get(name, 0) for name in COUNTED})

    def counted_claim(self, claim: Claim, view: View, pid: Optional[int]) -> None:
        if claim.kind == "cost":
            self.cost_claim(claim, pid)
        else:
            then, now = self.seen[claim.checkpoints[0]].count, self.seen[view.checkpoint.number].count
            assert then is not None and now is not None
            label = self.trial.concrete.checkpoints[claim.checkpoints[0] - 1].label if claim.checkpoints[0] else "ready"
            spent, more = then.free - now.free, now.programs - then.programs
            if claim.kind == "spent" and spent > claim.factor:
                raise self.claim_failed(claim, f"at most {claim.factor} frames fewer are free than at `{label}`", f"{spent} fewer", pid)
            grown = {name: count - then.structures[name] for name, count in now.structures.items()}
            kept = [f"{count} more {name}" for name, count in grown.items() if count > 0]
            if claim.kind == "free" and (more > 0 or spent > more + POOLS_MAX or kept):
                seen = f"{more} more" if more > 0 else "no more, but the kernel keeps " + ", ".join(kept) if kept else (
                    f"no more, but {spent} fewer are free: the kernel's own memory grows")
                failed = self.claim_failed(claim, f"as many frames hold memory of programs as at `{label}`", seen, pid)
                self.leaks.append(replace(failed.judged, verdict=LEAKS))
                return
        self.tell(f"  ok    {claim.text}")

    def cost_claim(self, claim: Claim, pid: Optional[int]) -> None:
        first, second, third, fourth = (self.seen[number].busy for number in claim.checkpoints)
        cost, base = second - first, fourth - third
        self.tell(f"  cost  {cost:,} and {base:,} guest instructions")
        if cost > claim.factor * base:
            # How many exactly depends a little on when the host looked: it is no part of a result.
            raise self.claim_failed(claim, f"at most {claim.factor} times the guest instructions", "more than that", pid)

    # ---- verdicts

    def claim_failed(self, claim: Claim, expected: str, seen: str, pid: Optional[int]) -> Wrong:
        self.tell(f"  WRONG {claim.text}")
        return self.wrong(claim.why, expected, seen, line=claim.line, text=f"? {claim.text}", pid=pid)

    def wrong(
            self, reason: str, expected: str, seen: str, verdict: str = FAIL, line: int = 0, text: str = "", pid: Optional[int] = None,
            endless: bool = False) -> Wrong:
        """A verdict. endless: the guest was stopped in the middle of whatever it did, later on a slower host."""
        where = f"{self.trial.where}:{line}: {text}" if line else f"{self.trial.where}, after {self.last}"
        self.endless = endless
        faults = self.last_faults(pid)
        if endless:
            faults = [f"{faults[0]}, again and again"] if len(faults) > 1 and len(set(faults)) == 1 else []
        return Wrong(Judged(verdict, reason, expected, seen, where, tuple(faults[-FAULTS_SHOWN:])))

    def at_fault(self, reason: str) -> Judged:
        wrong = self.wrong(reason, self.next_label(), "page tables or lists that lead nowhere")
        return replace(wrong.judged, advice=self.printed())

    def pid_of(self, arrived: guests.Arrived) -> Optional[int]:
        try:
            found = readers.space_of(self.guest.kernel(), arrived.satp)
            return found[0].pid if found else None
        except Unreliable:
            return None

    def last_faults(self, pid: Optional[int]) -> List[str]:
        """The steps of the last faults, of one process if it is known, as the kernel traced them."""
        if self.trial.harts > 1:
            return []  # whose these are is chance
        try:
            events = readers.trace(self.guest.kernel(), EVENTS_READ, pid, faults=True)
        except Unreliable:
            return []
        if not events:
            return []
        faults: List[List[str]] = []
        for event in events:
            if event.tid != events[-1].tid:
                continue
            if event.step == "FAULT":
                faults.append([f"{access_of(event.b)} of {self.place_of(event.a)}:"])
            elif faults:
                faults[-1].append(event.step)
        if self.endless and faults:
            faults.pop()  # the last one may be under way
        return [" ".join(steps) for steps in faults]

    def place_of(self, va: int) -> str:
        for name, (address, pages) in self.places.items():
            if address <= va < address + pages * walk.PAGE:
                return f"page {(va - address) // walk.PAGE} of {name}"
        return "other memory"

    def printed(self) -> Tuple[str, ...]:
        """The guest's last lines that say something, and where a panic was, by the names of functions."""
        whole = self.guest.console.settled()
        _, ready, since = whole.partition(READY)
        text = since if ready else whole  # what the boot printed is no part of it
        lines = [line.strip() for line in text.split("\n") if line.strip() and not NOISE.match(line)]
        told = [printable(self.named(line), LINE_MAX) for line in (lines[:LINES_SHOWN] if self.endless else lines[-LINES_SHOWN:])]
        before, panic, after = text.partition("panic: ")
        if panic:
            called = [name for name in BACKTRACE.findall(after) if name not in OF_A_PANIC][:CALLS_SHOWN]
            told += [printable("in " + ", called by ".join(called), LINE_MAX)] if called else []
            told += [f"{value} is what freed memory is filled with" for value in POISON.findall(after.partition("\n")[0])[:1]]
        return tuple(told)

    def named(self, text: str) -> str:
        """A guest's message with functions in the place of addresses."""
        def name(found: "re.Match[str]") -> str:
            symbol = self.machine.elf.name_of(int(found.group(0), 16)).partition("+")[0]
            return symbol.partition(".")[0] or found.group(0)
        return without_addresses(re.sub(r"\b(?:0x)?ffffffff[0-9a-f]{8}\b", name, text))


def letters(rights: int) -> str:
    return "".join(letter if rights & bit else "-" for letter, bit in (("r", 1), ("w", 2), ("x", 4)))


def access_of(rights: int) -> str:
    return {1: "read", 2: "write", 4: "execute"}.get(rights, "access")

