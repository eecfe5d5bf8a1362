"""One test under gdb: the very boot that is graded, stopped at each of its checkpoints.

QEMU waits for gdb from its first instruction on; nobody else looks. At a checkpoint the program
spins until somebody sets its word `probe_go`: gdb's command `go` does that here. So a student
steps from checkpoint to checkpoint, with breakpoints in the kernel between them.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from types import FrameType
from typing import List, Optional

from . import children, image, qemu
from .grade_build import CannotGrade
from .grade_judge import Machine, Trial, boot_of
from .grade_tests import Test
from .tree import Tree

DEBUGGERS = ("gdb-multiarch", "riscv64-unknown-elf-gdb", "riscv64-elf-gdb", "riscv-none-elf-gdb", "riscv64-none-elf-gdb", "riscv64-linux-gnu-gdb")
HOURS = 12


def debug(machine: Machine, tree: Tree, test: Test, seed: int, out: Path) -> int:
    """Starts both, and ends QEMU when gdb ends."""
    debugger = next((found for found in map(shutil.which, DEBUGGERS) if found), None)
    if debugger is None:
        raise CannotGrade("no gdb that knows RISC-V; type: make doctor")
    folder = out / "gdb"
    folder.mkdir(parents=True, exist_ok=True)
    trial = test.trial(seed)
    image.make(trial.prediction, machine.mkfs, machine.probe, folder / "test.img")
    port = free_port()
    script = folder / "commands"
    script.write_text("\n".join(commands(machine, trial, tree, port, folder)) + "\n")
    boot = boot_of(trial, machine.kernel, folder / "test.img")
    words = ["timeout", "-k", str(qemu.KILL_SECONDS), f"{HOURS}h", *qemu.command(boot), "-S", "-gdb", f"tcp:127.0.0.1:{port}"]
    with open(folder / "console.txt", "wb") as console:
        guest = children.start(words, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT)
        # ^C is for gdb; who ends us, or closes the terminal, ends QEMU as well.
        signal.signal(signal.SIGINT, lambda *_: None)
        for ending in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, ended)
        try:
            return subprocess.call([debugger, "-q", "-nx", "-x", str(script), str(machine.kernel)], cwd=tree.root)
        finally:
            guest.terminate()  # timeout passes it on, and kills what does not hear it
            guest.wait()
            children.ended(guest)


def ended(number: int, _: Optional[FrameType]) -> None:
    raise SystemExit(128 + number)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def commands(machine: Machine, trial: Trial, tree: Tree, port: int, folder: Path) -> List[str]:
    """gdb's: it connects, stops at checkpoints and says which, and knows `go`."""
    probe = machine.probe_elf
    go, spin = probe.symbol("probe_go"), probe.symbol("probe_spin")
    lines = [
        "source tools/gdbinit", "set breakpoint pending on", f"add-symbol-file {machine.probe_elf.path} -o 0", "set tcp connect-timeout 20",
        f"target remote 127.0.0.1:{port}",
        "define go", f"if $pc == {spin:#x}", f"set {{unsigned long}}{go:#x} = 1", "end", "continue", "end",
        "document go", "Let the program run on from its checkpoint, to the next one or to a breakpoint.", "end",
        "define where_am_i",
        "if $s3 != 0", 'printf "-- line %d of the test failed; see the console\\n", $s3', "end",
        *said("$s1 == 0 && $s3 == 0", ["-- ready: the program is there, before its first line"])]
    for checkpoint in trial.concrete.checkpoints:
        claims = [f"   ? {claim.text}; else: {claim.why}" for claim in checkpoint.claims]
        lines += said(
            f"$s1 == {checkpoint.number} && $s3 == 0",
            [f"-- checkpoint {checkpoint.label} of {checkpoint.process_name}, {trial.where}:{checkpoint.line}", *claims])
    lines += ["end", f"break *{spin:#x}", "commands", "silent", "where_am_i", "end", "break panic"]
    console = os.path.relpath(folder / "console.txt", tree.root)
    lines += [f'echo {escaped(text)}\\n' for text in (
        "", f"{trial.where}, seed {trial.seed}. The program has not begun.",
        "  go                           run to the next checkpoint, or breakpoint",
        "  break fault_upper_promote    any function of the kernel; then: go",
        "  bt, info locals, p *f, next  as ever",
        f"  shell cat {console}   what the guest printed", "")]
    return lines


def said(condition: str, texts: List[str]) -> List[str]:
    return [f"if {condition}", *(f"echo {escaped(text)}\\n" for text in texts), "end"]


def escaped(text: str) -> str:
    """For gdb's echo, which drops blanks before a text."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    blanks = len(plain) - len(plain.lstrip(" "))
    return "\\ " * blanks + plain.lstrip(" ")
