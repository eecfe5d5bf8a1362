"""A guest under QEMU, looked at from outside: booted, waited for, stopped, released, ended.

    with Guest(boot, probe, layout) as guest:
        outcome = guest.wait(limit)           # runs until something has come of it
        while isinstance(outcome, Arrived):   # stopped: memory and registers stand still
            ... walk.translate(guest.ram, outcome.satp, va) ...
            guest.release(outcome)
            outcome = guest.wait(limit)

The guest's console only says when to look. That a process is at a checkpoint is read from
the hart: pc in the probe's spin, on a page that only user mode may execute, whose bytes are
the probe's. Nothing here depends on how fast the host is, but for TooSlow, which is no verdict.

Left alone, a QEMU whose harts all wait for no timer runs its clock to the end of time, and may
then answer nobody (measured: one in six that the guest told to restart). So it is given a timer
of its own, a heartbeat that the guest cannot see. One that is deaf all the same is known by using
no CPU time, and its memory is read from the file after it was killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, List, Optional, Sequence, Set, Tuple, Union

from . import children, qemu, readers, walk
from .console import Console
from .elf import Elf
from .kernel import Kernel, Unreliable
from .layout import Layout
from .qmp import INSTRUCTIONS_PER_TICK, Deaf, Gone, Qmp, QmpError, Registers
from .ram import RamFile, Unreadable

LOOK_FIRST, LOOK_LAST = 0.001, 0.05  # seconds between two looks: soon after a line of the probe, then less often
SILENT_SECONDS = 2.0  # without a line, after which several harts are looked at all the same, and harts in parallel may be hung
# A packet filter on a cable that leads nowhere has a timer on the guest's clock; every 100 ms of it.
HEARTBEAT = ("-netdev", "hubport,id=heart,hubid=0", "-object", "filter-buffer,id=beat,netdev=heart,interval=100000")
WFI = bytes.fromhex("73005010")
DEAF_SECONDS = 5.0  # of no CPU time used, after which a deaf QEMU is believed to sleep
STILL = 250_000_000  # guest instructions between two looks at a guest that seems to sleep: some ticks of any kernel's timer
SLEEP_LOOKS = 3  # looks that must all find every process asleep, or every hart waiting
CHATTY = 128 << 10  # bytes of console: who was cut short by the limit after these was busy printing


class GuestError(Exception):
    """QEMU could not be run at all: nothing is known of the kernel."""


@dataclass(frozen=True)
class Arrived:
    """A process is at a checkpoint; QEMU stands still."""

    number: int  # 0 is `ready`, then as the script counts
    process: int  # 0 is main
    failed: int  # the line whose operation failed, or 0
    detail: int
    regions: int  # user address of the probe's table
    elapsed: int  # guest instructions since power-on or the last release
    satp: int
    hart: int
    registers: Registers


@dataclass(frozen=True)
class Panicked:
    why: str  # as the kernel put it


@dataclass(frozen=True)
class Limit:
    """More guest instructions than were allowed, and still busy."""

    limit: int


@dataclass(frozen=True)
class Hung:
    """Every process sleeps, or every hart waits for an interrupt that nothing will send."""

    waiting: Tuple[readers.Waiting, ...]  # empty: the kernel's lists could not be read


@dataclass(frozen=True)
class Ended:
    """QEMU ended, and not by a panic. status is its exit status, minus a signal's number if one ended it."""

    status: int


@dataclass(frozen=True)
class Flooded:
    """The console was printed to without end."""


@dataclass(frozen=True)
class Tampered:
    """A process is in the probe's spin, but the probe's code in memory is not the probe's."""

    why: str


@dataclass(frozen=True)
class TooSlow:
    """The wall clock ran out, or the host ended QEMU: the run says nothing."""

    why: str


Outcome = Union[Arrived, Panicked, Limit, Hung, Ended, Flooded, Tampered, TooSlow]


class Guest:
    """One QEMU. probe: the ELF, with symbols, that spins at checkpoints. layout: how to read the kernel's structures."""

    def __init__(self, boot: qemu.Guest, probe: Optional[Elf] = None, layout: Optional[Layout] = None,
                 kernel: Optional[Elf] = None) -> None:
        self.boot = boot
        self.probe = probe
        self.layout = layout
        self.kernel_elf = kernel if kernel is not None else Elf(boot.kernel)
        self.spin = (probe.symbol("probe_spin"), probe.symbol("probe_spin_end")) if probe else (0, 0)
        self.round = probe.symbol("probe_round") if probe and probe.has("probe_round") else 0  # guest instructions
        self.base = 0  # the clock when the guest was last let go
        self.running = False
        self._left: Set[Tuple[int, int, int]] = set()  # checkpoints that were released: number, process, time
        self._over: Optional[Outcome] = None  # once the guest cannot run on
        self._memory = b""  # a digest of it
        self.pid = 0  # QEMU's
        self._deadline = time.monotonic() + boot.cap
        self._folder = Path(tempfile.mkdtemp(prefix="pagoda-", dir=room_for(boot.ram)))
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Guest":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- for whoever runs a test

    def wait(self, limit: Optional[int] = None) -> Outcome:
        """Lets the guest run until something has come of it, in at most limit guest instructions."""
        if self._over is None:
            try:
                outcome = self._run(limit)
            except Deaf:
                outcome = self._deaf()
            except Gone:
                outcome = self._ended()
            if isinstance(outcome, Arrived):
                return outcome
            self._over = outcome
        return self._over

    def release(self, checkpoint: Arrived) -> None:
        """Lets the process go on; the guest runs with the next wait(). Unreadable: its page `probe_go` is not there."""
        assert self.probe is not None and not self.running
        found = walk.translate(self.ram, checkpoint.satp, self.probe.symbol("probe_go"))
        if isinstance(found, walk.Absent):
            raise Unreadable(f"the probe's own page is not mapped: {found.why}")
        self.ram.write(found.pa, (1).to_bytes(8, "little"))
        self._left.add(key_of(checkpoint.registers))
        self.base = self._goes_on(checkpoint.registers, self.qmp.clock())

    def _goes_on(self, registers: Registers, now: int) -> int:
        """When a process that was just released will go on: at the end of a round (user/probe/park.S), whenever the host came to it."""
        if self.round == 0 or not self.boot.icount:
            return now
        then = registers.x[22] * INSTRUCTIONS_PER_TICK + (registers.x[23] + 1) * self.round
        return then if now - self.round <= then <= now + 2 * self.round else now

    def kernel(self) -> Kernel:
        """The kernel's structures as they are now. => stopped, or ended; Unreadable: without a layout"""
        if self.layout is None:
            raise Unreadable("no layout of the kernel's structures is at hand")
        return Kernel(self.ram, self.layout, self.kernel_elf)

    def clock(self) -> int:
        """Guest instructions since power-on."""
        return self.qmp.clock()

    def close(self) -> None:
        """Ends QEMU, whatever it does; memory is gone after this."""
        if hasattr(self, "qmp"):
            self.qmp.close()
        if hasattr(self, "process"):
            self._kill()
            self.console.finish(5)
            assert self.process.stdout is not None
            self.process.stdout.close()
        if hasattr(self, "ram"):
            self.ram.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    # ---- starting and ending

    def command(self) -> List[str]:
        """QEMU's command line."""
        ram = self._folder / "ram"
        return [
            *qemu.command(self.boot), *(HEARTBEAT if self.boot.icount else ()), "-machine", "memory-backend=ram",
            "-object", f"memory-backend-file,id=ram,size={self.boot.ram},mem-path={ram},share=on",
            "-qmp", f"unix:{self._folder / 'qmp'},server=on,wait=off", "-S", "-pidfile", str(self._folder / "pid")]

    def _start(self) -> None:
        words = ["timeout", "-k", str(qemu.KILL_SECONDS), str(self.boot.cap + 30), *self.command()]
        with open(self._folder / "errors", "wb") as errors:
            try:
                self.process = children.start(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
            except OSError as error:
                raise GuestError(f"QEMU could not be started: {error}") from None
        assert self.process.stdout is not None
        self.console = Console(self.process.stdout)
        try:
            self.qmp = Qmp(self._folder / "qmp", lambda: self.process.poll() is None)
            self.ram = RamFile(self._folder / "ram")
            self.pid = int((self._folder / "pid").read_text())
        except (QmpError, OSError, ValueError) as error:
            said = (self._folder / "errors").read_text(errors="replace").strip()
            raise GuestError(f"QEMU did not start: {said[-2000:] or error}") from None
        shutil.rmtree(self._folder, ignore_errors=True)  # open is open: whatever ends us, no memory is left behind

    def _kill(self) -> None:
        """QEMU first, so that `timeout`, whose child it is, collects it; then whatever is left of the group, which is of our making."""
        ways: Tuple[Callable[[], None], ...] = (self._kill_qemu, lambda: os.killpg(self.process.pid, signal.SIGKILL))
        for end in ways:
            try:
                if self.process.poll() is None:
                    end()
                    self.process.wait(qemu.KILL_SECONDS)
            except (OSError, subprocess.TimeoutExpired):
                pass  # no such process, or not known yet: the next way
        self.process.wait()
        children.ended(self.process)
        self.running = False

    def _kill_qemu(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)

    def stop(self) -> None:
        if self.running:
            self.qmp.stop()
            self.running = False

    def cont(self) -> None:
        if not self.running:
            self.qmp.cont()
            self.running = True

    # ---- waiting

    def _run(self, limit: Optional[int]) -> Outcome:
        pause, sleeps = LOOK_FIRST, 0
        silent = time.monotonic()
        self.cont()
        while True:
            if self.console.wait(pause):
                pause, silent = LOOK_FIRST, time.monotonic()
            else:
                pause = min(2 * pause, LOOK_LAST)
            if self.process.poll() is not None or self.console.closed:
                return self._ended()
            clock = self.qmp.clock()
            quiet = time.monotonic() > silent + SILENT_SECONDS * (1 + sleeps)
            late = limit is not None and clock - self.base > limit + STILL * sleeps or quiet and not self.boot.icount
            if late or quiet or self._worth_a_look():
                self.stop()
                arrived = self._arrived(limit)
                if arrived:
                    return arrived
            if self.console.flooded:
                self.stop()
                return self._talked()
            if late:
                sleeps += 1
                outcome = self._late(limit, sleeps)
                if outcome:
                    return outcome
            if time.monotonic() > self._deadline:
                self.stop()
                return TooSlow(f"{self.boot.cap} seconds were not enough")
            self.cont()

    def _worth_a_look(self) -> bool:
        """
        With more harts than one a stop shifts what follows. So there registers are read as QEMU runs, which may be those of a
        moment ago, and a stop is made when a hart was in the spin and had not been released.
        """
        if self.boot.harts == 1:
            return True
        harts = (self.qmp.registers(hart) for hart in range(self.boot.harts))
        return any(self.spin[0] <= r.pc < self.spin[1] and key_of(r) not in self._left for r in harts)

    def _late(self, limit: Optional[int], looks: int) -> Optional[Outcome]:
        """Why a guest that has had its time is where it is; None: look again. => stopped"""
        if self.console.panic is not None or self.console.total > CHATTY:
            return self._talked()
        waiting = self._waiting()
        # In real time a sleeper with a deadline is just not done yet; in guest instructions the limit was for its sleep, too.
        sleeping = asleep(waiting) and (self.boot.icount or not any(w.timed for w in waiting if w.pid))
        if sleeping or self._all_wait() and self._stands_still():
            return Hung(waiting) if looks >= SLEEP_LOOKS else None
        return Limit(limit) if limit is not None else None

    def _all_wait(self) -> bool:
        """Does every hart wait for an interrupt? Then pc is behind the instruction for that. => stopped"""
        for hart in range(self.boot.harts):
            registers = self.qmp.registers(hart)
            at = registers.pc - len(WFI)
            try:
                virtual = walk.mode(registers.satp) == walk.SV39 and at >> 38
                code = walk.read(self.ram, registers.satp, at, len(WFI)) if virtual else self.ram.read(at, len(WFI))
            except Unreadable:
                return False
            if code != WFI:
                return False
        return True

    def _stands_still(self) -> bool:
        """Is memory what it was at the last look of this kind? A hart that timers go on waking changes it. => stopped"""
        before, self._memory = self._memory, self.ram.digest()
        return before in (b"", self._memory)

    def _arrived(self, limit: Optional[int]) -> Optional[Outcome]:
        """=> stopped"""
        for hart in range(self.boot.harts if self.probe else 0):
            registers = self.qmp.registers(hart)
            if not self.spin[0] <= registers.pc < self.spin[1] or not self._in_user_mode(registers):
                continue
            if key_of(registers) in self._left:
                continue
            wrong = self._tampered(registers.satp)
            if wrong:
                return Tampered(wrong)
            elapsed = self._elapsed(registers)
            if limit is not None and elapsed > limit:
                return Limit(limit)
            x = registers.x
            return Arrived(x[9], x[18], x[19], x[20], x[21], elapsed, registers.satp, hart, registers)
        return None

    def _in_user_mode(self, registers: Registers) -> bool:
        """A supervisor cannot fetch from a page of the user's, so a hart that runs on one is in user mode."""
        if walk.mode(registers.satp) != walk.SV39:
            return False
        try:
            found = walk.translate(self.ram, registers.satp, registers.pc)
        except Unreadable:
            return False
        return isinstance(found, walk.Leaf) and found.user and found.executable

    def _tampered(self, satp: int) -> str:
        """What is wrong with the probe's code, as far as it is in memory."""
        assert self.probe is not None
        try:
            for segment in self.probe.segments:
                if not segment.flags & 1:
                    continue
                for leaf in walk.leaves(self.ram, satp, segment.va, segment.va + len(segment.data)):
                    want = segment.data[leaf.va - segment.va:][:walk.PAGE]
                    if self.ram.read(leaf.pa, len(want)) != want:
                        return f"the program's code at {leaf.va:#x} is not what its file has"
        except Unreadable as error:
            return f"the program's code cannot be read: {error}"
        return ""

    def _elapsed(self, registers: Registers) -> int:
        """
        Until the process was there: the time that it read itself, which does not depend on when the host looked, if it can
        be true. 0: it was there before another one was let go.
        """
        now = self.qmp.clock()
        read = registers.x[22] * INSTRUCTIONS_PER_TICK
        return max(0, (read if read <= now else now) - self.base)

    def _waiting(self) -> Tuple[readers.Waiting, ...]:
        try:
            return tuple(readers.waiting(self.kernel()))
        except Unreliable:
            return ()

    # ---- ends

    def _ended(self) -> Outcome:
        try:
            status = self.process.wait(10)
        except subprocess.TimeoutExpired:
            return TooSlow("QEMU closed its console and did not end")
        self.running = False
        self.console.finish(5)
        # A guest chooses QEMU's status, 124 and 137 too. `timeout` has these of its own only when the time is over; else it
        # dies of the signal that QEMU died of.
        if status in (-signal.SIGKILL, -signal.SIGTERM) or status in (124, 137) and time.monotonic() > self._deadline:
            return TooSlow("QEMU was ended from outside")
        return self._talked() if self.console.panic is not None or self.console.flooded else Ended(status)

    def _talked(self) -> Outcome:
        """A kernel that gave up may go on about it without end: what it said first is what is wrong."""
        return Panicked(self.console.panic) if self.console.panic is not None else Flooded()

    def _deaf(self) -> Outcome:
        """Asleep for ever if it uses no CPU time; else the host is too slow to tell."""
        while time.monotonic() < self._deadline:
            before = cpu_time(self.pid)
            time.sleep(DEAF_SECONDS)
            if self.process.poll() is not None:
                return self._ended()
            if before is not None and before == cpu_time(self.pid):
                self._kill()
                if self.console.panic is not None:
                    return Panicked(self.console.panic)
                return Hung(self._waiting())
        self._kill()
        return TooSlow("QEMU did not answer")


# ---- helpers

def key_of(registers: Registers) -> Tuple[int, int, int]:
    """Tells one arrival from every other: number, process, time."""
    return registers.x[9], registers.x[18], registers.x[22]


def asleep(waiting: Sequence[readers.Waiting]) -> bool:
    """Does every process sleep? Before there is one: every thread of the kernel's."""
    those = [w for w in waiting if w.pid] or list(waiting)
    return bool(those) and all(w.state == readers.SLEEPING for w in those)


def cpu_time(pid: int) -> Optional[Tuple[int, int]]:
    """Ticks of CPU time that all of QEMU's threads have used; None while one of them wants to run, or when nobody can tell."""
    try:
        used = [0, 0]
        for task in Path(f"/proc/{pid}/task").iterdir():
            fields = (task / "stat").read_text().rpartition(")")[2].split()
            if fields[0] != "S":
                return None
            used[0] += int(fields[11])
            used[1] += int(fields[12])
    except (OSError, ValueError):
        return None
    return used[0], used[1]


def room_for(ram: str) -> Optional[str]:
    """A folder in memory if four such guests fit there; None: the usual place for temporary files."""
    shm = Path("/dev/shm")
    try:
        found = os.statvfs(shm)
    except OSError:
        return None
    fits = found.f_bavail * found.f_frsize >= 4 * size_of(ram)
    return str(shm) if fits and os.access(shm, os.W_OK) else None


def size_of(ram: str) -> int:
    """Bytes of QEMU's -m: a number of MiB, or with K, M or G."""
    unit = {"K": 10, "M": 20, "G": 30}.get(ram[-1:].upper())
    return int(ram[:-1]) << unit if unit is not None else int(ram) << 20
