"""Two boots with one seed are one run, event by event; two seeds are two schedules."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Dict, List, Tuple

from . import qemu, verdict
from .run import Result
from .tree import Tree

HARTS = (1, 3)
LEAST_APART = 1000  # changes of a lock's owner in a run, and places at which two seeds differ
SUMMARY = re.compile(r"^trace ([0-9a-f]+) events (\d+) lost (\d+) handoffs (\d+)$", re.MULTILINE)
SWITCH = re.compile(r"^switch (\d+) (\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Schedule:
    """What one boot of grade/probe/schedule.c did."""

    trace: str
    events: int
    lost: int
    handoffs: int
    switches: Tuple[Tuple[str, str], ...]


class NoSchedule(Exception):
    """The boot did not end as it should; the message holds its last lines."""


def record(tree: Tree, harts: int, seed: int) -> Schedule:
    arguments = f"root=ram0 init=/bin/schedule exit=1 quiet trace=on tracesize=65536 limit=2G seed={seed}"
    ran = qemu.run(qemu.Guest(tree.kernel, tree.root / "build/probe/fs.img", arguments, harts=harts, seed=seed))
    match = SUMMARY.search(ran.output)
    if not match or ran.status != 0:
        raise NoSchedule(f"status {ran.status}:\n" + "\n".join(ran.output.splitlines()[-20:]))
    return Schedule(match.group(1), int(match.group(2)), int(match.group(3)), int(match.group(4)), tuple(SWITCH.findall(ran.output)))


def apart(one: Schedule, two: Schedule) -> int:
    """In how many places the harts went to different threads."""
    places = sum(1 for a, b in zip(one.switches, two.switches) if a != b)
    return places + abs(len(one.switches) - len(two.switches))


def check(tree: Tree) -> List[Result]:
    tree.make(["build/probe/fs.img"], extra=["B=build/probe", "PROGS=grade/probe", "IMAGE_SIZE=8M"])
    tree.make([tree.relative(tree.kernel)])
    results: List[Result] = []
    for harts in HARTS:
        begin = time.monotonic()
        why: Dict[str, str] = {"same": "", "other": ""}
        try:
            first, again, other = record(tree, harts, 1), record(tree, harts, 1), record(tree, harts, 2)
            print(f"harts {harts}: {first.events} events, {first.lost} lost, {first.handoffs} lock-owner changes with seed 1, "
                  f"{other.handoffs} with seed 2; {len(first.switches)} switches, {apart(first, other)} apart")
            if first != again:
                why["same"] = f"two boots with seed 1 differ: {first.trace} and {again.trace}, {apart(first, again)} switches apart"
            if min(first.handoffs, other.handoffs, apart(first, other)) < LEAST_APART:
                why["other"] = (f"seeds 1 and 2: only {first.handoffs} and {other.handoffs} lock-owner changes, "
                                f"and {apart(first, other)} switches apart")
        except NoSchedule as error:
            why = {"same": str(error), "other": str(error)}
        for name, wrong in why.items():
            results.append(Result(
                f"repeats.{name}", (), harts, 1, verdict.FAIL if wrong else verdict.PASS, wrong, time.monotonic() - begin, "sh .ci/run repeats"))
    return results
