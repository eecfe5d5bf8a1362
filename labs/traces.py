"""A kernel of the course leaves whole traces, whatever its holes hold.

Each pass of a fault goes along the arrows of NEXT, from the first look-up to a
mapping, or as far as it came before it started over or failed. The finished
kernel and the tree in which every hole is solved leave the same trace.
"""

from __future__ import annotations

import re
from typing import Dict, List, Optional, Sequence, Tuple

from pagoda import qemu, repeats
from pagoda.boots import ANSWER_SECONDS, BOOT_SECONDS
from pagoda.tree import Tree

NEXT: Dict[str, str] = {
    "FAULT": "K1", "RESTART": "K1", "K1": "K2", "K2": "K3", "K3": "K4", "K4": "K0 K5", "K0": "", "K5": "K6", "K6": "K7 UL", "K7": "UL",
    "UL": "N AG LL LP DF", "N": "N AG LL LP LD", "AG": "UP UD", "UP": "UE", "UD": "UE", "UE": "", "LL": "N IO LP LD", "IO": "LP LD",
    "LP": "LE", "LD": "LE", "LE": "", "DF": "",
}
LAST = ("UE", "LE", "DF")  # after these a fault is resolved
LEAST = 120  # faults in a trace that is to show something

WORK = "vmtrace -a sh -c 'echo one two > /tmp/t; cat < /tmp/t | wc; ls /bin | tail -n 1; (echo x; ls /nowhere); seq 9 | wc'"
EVENT = re.compile(r"^ *\d+ +\d+ hart \d+ pid (\d+\.\d+) (\w+)")
LOST = re.compile(r"^-- \d+ events of hart \d+ were overwritten")


def broken(lines: Sequence[str]) -> Tuple[int, Optional[str]]:
    """How many faults the lines of a trace show, and what is wrong with the first that is not whole."""
    faults = 0
    at: Dict[str, List[str]] = {}  # a thread's fault so far
    for line in lines:
        if LOST.match(line):
            at.clear()
        found = EVENT.match(line)
        if not found:
            continue
        thread, step = found.groups()
        so_far = at.get(thread)
        if step == "FAULT" and so_far is None:
            at[thread] = ["FAULT"]
        elif so_far is not None and (step in NEXT or step in ("DONE", "ERROR")):
            last = so_far[-1]
            so_far.append(step)
            if step == "DONE" and last in LAST or step == "ERROR":
                faults += 1
                del at[thread]
            elif step not in NEXT[last].split() and step != "RESTART":
                return faults, f"a fault goes {' '.join(so_far)}"
    return faults, None


def whole(tree: Tree) -> str:
    """What is wrong with the faults of some commands at a shell, if anything."""
    guest = qemu.Guest(tree.kernel, tree.build / "fs.img", "root=vd0 tracesize=65536", harts=1, icount=False, disk=True, cap=300)
    with qemu.Console(guest) as console:
        if not console.expect("$ ", BOOT_SECONDS):
            return "no prompt"
        console.type(WORK + "; echo all is done\n")
        lines: List[str] = []
        while console.expect("\n", ANSWER_SECONDS) and not console.before.startswith("all is done"):
            lines.append(console.before)
        console.type("poweroff\n")
        console.wait(ANSWER_SECONDS)
    faults, wrong = broken(lines)
    if wrong is None and faults < LEAST:
        return f"only {faults} faults in the trace, which ends: {' / '.join(lines[-3:])}"
    return wrong or ""


def same(reference: Tree, solved: Tree) -> str:
    """How the traces of two kernels differ that run the same programs with the same seed, if they do."""
    for tree in (reference, solved):
        tree.make(["build/probe/fs.img"], extra=["B=build/probe", "PROGS=grade/probe", "IMAGE_SIZE=8M"])
    reference.make([reference.relative(reference.kernel)])
    solved.make([solved.relative(solved.kernel)], extra=["CI=true"])  # again, if another compiler was the last
    one, two = (repeats.record(tree, 1, 1) for tree in (reference, solved))
    return "" if one == two else f"{one.events} events, {one.trace}, against {two.events} events, {two.trace}"
