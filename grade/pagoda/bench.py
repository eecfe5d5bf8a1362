"""What operations cost, in guest instructions, beside their floor and the figure to reach.

user/bench measures itself, in a release build on one hart; here it is run twice, must say the same both times,
and its numbers become a table and build/bench.json.
"""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence

from . import qemu
from .tree import Tree

LINE = re.compile(r"^bench (\w+) (\d+) (\d+) ([a-z ]+)$", re.MULTILINE)  # name, value, floor, unit; thousandths
DONE = "bench: done\n"
RUNS = 2
RAM = "128M"
ARGUMENTS = "root=ram0 init=/bin/bench exit=1 quiet limit=20G"

# What is to be reached, at most. The rest is measured to be seen.
REACH: Dict[str, float] = {
    "null_syscall": 160, "fork_exit_wait_0": 40000, "fork_exit_wait_32m": 120000, "first_write_after_fork_32m": 8000,
    "fork_exec_wait": 120000, "fault_map": 400, "fault_zero": 1200, "fault_cow_copy": 1800, "fault_cow_reuse": 450,
    "pipe_per_byte": 1, "pipe_round_trip": 3500, "read_cached_per_byte": 0.5, "open_close": 4000,
}


class BenchError(Exception):
    """There are no numbers; the message says why."""


@dataclass(frozen=True)
class Figure:
    name: str
    value: float
    floor: float
    unit: str

    @property
    def reach(self) -> Optional[float]:
        return REACH.get(self.name)

    @property
    def reached(self) -> bool:
        return self.reach is None or self.value <= self.reach


def parse(output: str) -> List[Figure]:
    """The figures of one run. BenchError when it did not come to its end, or leaves out what is to be reached."""
    if DONE not in output:
        raise BenchError("the guest did not finish:\n" + "\n".join(output.splitlines()[-20:]))
    figures = [Figure(name, int(value) / 1000, int(floor) / 1000, unit) for name, value, floor, unit in LINE.findall(output)]
    missing = set(REACH) - {figure.name for figure in figures}
    if missing:
        raise BenchError(f"not measured: {' '.join(sorted(missing))}")
    return figures


def differences(one: Sequence[Figure], two: Sequence[Figure]) -> List[str]:
    """What two runs do not agree in."""
    other = {figure.name: figure for figure in two}
    changed = [f"{a.name}: {a.value:,}, then {other[a.name].value:,}" for a in one if a.name in other and a != other[a.name]]
    return changed + [f"{name}: in one run only" for name in sorted({a.name for a in one} ^ set(other))]


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"


def table(figures: Sequence[Figure]) -> str:
    """As docs/bench.md has it."""
    rows = [("operation", "instructions", "floor", "reach", "")]
    for one in figures:
        reach = "" if one.reach is None else number(one.reach)
        verdict = "" if one.reach is None else "reached" if one.reached else "not reached"
        rows.append((f"`{one.name}`", number(one.value), number(one.floor), reach, verdict))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) if i in (0, 4) else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))) + " |" for row in rows]
    rule = "|" + "|".join("-" * (width + 1) + ("-" if i in (0, 4) else ":") for i, width in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def as_json(figures: Sequence[Figure]) -> str:
    return json.dumps({one.name: {"value": one.value, "unit": one.unit, "floor": one.floor} for one in figures}, indent=2) + "\n"


def guest(tree: Tree) -> qemu.Guest:
    return qemu.Guest(tree.kernel, tree.build / "bench.img", ARGUMENTS, ram=RAM)


def measure(tree: Tree) -> List[Figure]:
    """Builds, runs, and has the runs agree. BenchError, BuildError."""
    tree.make([tree.relative(tree.kernel), tree.relative(tree.build / "bench.img")])
    with ThreadPoolExecutor(RUNS) as pool:
        runs = [parse(one.output) for one in pool.map(qemu.run, [guest(tree)] * RUNS)]
    for other in runs[1:]:
        changed = differences(runs[0], other)
        if changed:
            raise BenchError("two runs differ:\n" + "\n".join(changed))
    return runs[0]


def bench(tree: Tree) -> int:
    """The table, the file, and what is not reached. 0: everything is."""
    try:
        figures = measure(tree)
    except BenchError as error:
        print(f"bench: {error}")
        return 1
    path = tree.root / "build" / "bench.json"
    path.write_text(as_json(figures))
    missed = [one.name for one in figures if not one.reached]
    print(table(figures))
    print(f"\nGuest instructions, one hart, -icount shift=0; {RUNS} runs agree. In {tree.relative(path)} too.")
    print(f"Not reached: {' '.join(missed)}" if missed else "Every figure is reached.")
    return 1 if missed else 0
