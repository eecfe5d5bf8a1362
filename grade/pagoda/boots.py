"""Boots as a person would: a virtio disk, no icount, commands typed at the shell."""

from __future__ import annotations

import shlex
import time
from typing import List, Sequence, Tuple

from . import qemu, verdict
from .run import Result
from .tree import Tree

MACHINES: Tuple[Tuple[int, str], ...] = ((1, "128M"), (3, "128M"), (8, "128M"), (3, "16M"), (3, "1G"))
BOOT_SECONDS, ANSWER_SECONDS = 60.0, 60.0

# What is typed, and what must come back.
TALK: Tuple[Tuple[str, str], ...] = (
    ("echo one two three | wc > /tmp/count; cat < /tmp/count\n", "3"),
    ("seq 5 | tail -n 1\n", "5\n"),
    ("ls /bin | grep vmstat\n", "vmstat"),
)


def converse(guest: qemu.Guest, talk: Sequence[Tuple[str, str]] = TALK) -> str:
    """Boots, waits for the prompt, types, reads the answers, powers off. What went wrong, or nothing."""
    with qemu.Console(guest) as console:
        if not console.expect("$ ", BOOT_SECONDS):
            return f"no prompt after {BOOT_SECONDS:.0f} s; the console ends: {console.seen[-400:]!r}"
        for typed, answer in talk:
            console.type(typed)
            if not console.expect("\n", ANSWER_SECONDS):  # the echo of what was typed
                return f"{typed.strip()!r} is not echoed"
            if not (console.expect(answer, ANSWER_SECONDS) and console.expect("$ ", ANSWER_SECONDS)):
                return f"{typed.strip()!r} does not answer {answer!r}; the console ends: {console.seen[-400:]!r}"
        console.type("poweroff\n")
        status = console.wait(ANSWER_SECONDS)
        return "" if status == 0 else f"poweroff ends QEMU with {status}"


def machines(tree: Tree) -> List[Result]:
    """A shell on each machine that the issue names."""
    results: List[Result] = []
    for harts, ram in MACHINES:
        begin = time.monotonic()
        guest = qemu.Guest(tree.kernel, tree.build / "fs.img", "root=vd0", harts=harts, ram=ram, icount=False, disk=True, cap=300)
        wrong = converse(guest)
        results.append(Result(
            f"boot.{ram}", (), harts, 1, verdict.FAIL if wrong else verdict.PASS, wrong, time.monotonic() - begin,
            f"make qemu SMP={harts} MEM={ram}"))
    return results


# What the kernel cannot run on ends with a line that says so.
REFUSED: Tuple[Tuple[str, Tuple[str, ...], str], ...] = (
    ("no-plic", ("-machine", "aia=aplic"), "no PLIC, or several"),
    ("two-plics", ("-numa", "node,memdev=m0,cpus=0", "-numa", "node,memdev=m1,cpus=1-2",
                   "-object", "memory-backend-ram,id=m0,size=64M",
                   "-object", "memory-backend-ram,id=m1,size=64M"), "no PLIC, or several"),
    ("no-disk", ("-append", "root=vd9"), "root=vd9: there is no such disk"),
)


def refused(tree: Tree) -> List[Result]:
    results: List[Result] = []
    for name, extra, text in REFUSED:
        guest = qemu.Guest(tree.kernel, tree.build / "fs.img", "root=vd0", harts=3, icount=False, disk=True, cap=60, extra=extra)
        ran = qemu.run(guest)
        wrong = "" if ran.status == 1 and text in ran.output else f"status {ran.status}; the console ends: {ran.output[-400:]!r}"
        results.append(Result(
            f"boot.{name}", (), 3, 1, verdict.FAIL if wrong else verdict.PASS, wrong, ran.seconds,
            f"make qemu QEMU_EXTRA={shlex.quote(' '.join(extra))}"))
    return results


def programs(tree: Tree) -> Result:
    """A program written for xv6, dropped into a folder."""
    begin = time.monotonic()
    tree.make(["build/xv6/fs.img"], extra=["B=build/xv6", "PROGS=grade/probe/xv6", "API=xv6"])
    guest = qemu.Guest(tree.kernel, tree.root / "build/xv6/fs.img", "root=vd0", harts=3, icount=False, disk=True, cap=300)
    wrong = converse(guest, (
        ("relay 7\n", "relayed 7\n"), ("roots\n", "by echo"), ("roots | cat\n", "rooted 6, echo 0"), ("/init\n", "process 1")))
    return Result(
        "boot.xv6", (), 3, 1, verdict.FAIL if wrong else verdict.PASS, wrong, time.monotonic() - begin,
        "make qemu PROGS=grade/probe/xv6 API=xv6")


def shell(tree: Tree, name: str) -> Result:
    """Does this tree, a stage of the course say, reach a shell that answers?"""
    begin = time.monotonic()
    guest = qemu.Guest(tree.kernel, tree.build / "fs.img", "root=vd0", harts=3, icount=False, disk=True, cap=300)
    wrong = converse(guest)
    return Result(name, (), 3, 1, verdict.FAIL if wrong else verdict.PASS, wrong, time.monotonic() - begin, f"make -C {tree.root} qemu")
