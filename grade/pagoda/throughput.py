"""Faults of 1 to 8 workers at once: what one costs, how many there are in a time, and how often locks were waited for.

user/bench/throughput.c measures on 8 harts. Under icount, twice, a fault's price is exact: the instructions of all harts,
waiting among them. Without it harts run at once on what cores there are; there the times of one run are compared with
each other and nothing is judged by them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Dict, List, Sequence, Tuple

from . import qemu
from .bench import DONE, RAM, BenchError
from .tree import Tree

LINE = re.compile(r"^throughput (\w+) (\d+) (\d+) (\d+) (\d+)((?: \w+=\d+)*)$", re.MULTILINE)
HARTS = 8
KINDS = ("own", "shared", "threads")
ARGUMENTS = "root=ram0 init=/bin/bench exit=1 quiet test=throughput"
VM_RANKS = ("MAP", "AMAP", "OBJECT", "PAGEQ", "PMAP", "PV", "PAGE")
OWN_AT_MOST = 1.1  # times the price of one worker: who shares nothing pays for nobody


@dataclass(frozen=True)
class Row:
    kind: str
    workers: int
    faults: int
    instructions: int  # of all harts; means nothing without icount
    ticks: int
    waits: Dict[str, int]  # by rank

    @property
    def price(self) -> float:
        return self.instructions / self.faults

    @property
    def rate(self) -> float:
        return self.faults / self.ticks


def parse(output: str) -> List[Row]:
    if DONE not in output:
        raise BenchError("the guest did not finish:\n" + "\n".join(output.splitlines()[-20:]))
    rows = [
        Row(kind, int(workers), int(faults), int(instructions), int(ticks), {name: int(n) for name, _, n in (word.partition("=") for word in waits.split())})
        for kind, workers, faults, instructions, ticks, waits in LINE.findall(output)]
    if [(row.kind, row.workers) for row in rows] != [(kind, n) for kind in KINDS for n in range(1, HARTS + 1)]:
        raise BenchError("not every kind with every number of workers was measured")
    return rows


def wrong(rows: Sequence[Row]) -> List[str]:
    """What the exact run must not show."""
    alone = {row.kind: row for row in rows if row.workers == 1}
    found = [
        f"{row.kind}, one worker: {row.waits[rank]} waits for {rank}" for row in alone.values() for rank in VM_RANKS if row.waits.get(rank)]
    return found + [
        f"own, {row.workers} workers: {row.price:,.0f} a fault, alone {alone['own'].price:,.0f}"
        for row in rows if row.kind == "own" and row.price > OWN_AT_MOST * alone["own"].price]


def told(row: Row) -> str:
    """Waits for 1,000 faults, the most first."""
    often = sorted(((n * 1000 / row.faults, rank) for rank, n in row.waits.items()), reverse=True)
    return ", ".join(f"{rank} {n:,.0f}" for n, rank in often if n >= 1) or "-"


def table(exact: Sequence[Row], real: Sequence[Row]) -> str:
    """As docs/bench.md has it."""
    lines = [
        "| faults | workers | instructions a fault | waits in 1,000 | at once: rate | waits in 1,000 |", "|---|--:|--:|---|--:|---|"]
    base = {row.kind: row.rate for row in real if row.workers == 1}
    for one, other in zip(exact, real):
        if one.workers in (1, 2, 3, 4, 8):
            lines.append(f"| `{one.kind}` | {one.workers} | {one.price:,.0f} | {told(one)} | {other.rate / base[one.kind]:.2f} | {told(other)} |")
    return "\n".join(lines)


def as_json(exact: Sequence[Row], real: Sequence[Row]) -> str:
    base = {row.kind: row.rate for row in real if row.workers == 1}
    return json.dumps({
        f"{one.kind}_{one.workers}": {
            "faults": one.faults, "instructions_per_fault": round(one.price, 1), "waits": one.waits,
            "parallel_rate": round(other.rate / base[one.kind], 3), "parallel_waits": other.waits}
        for one, other in zip(exact, real)}, indent=2) + "\n"


def runs(tree: Tree) -> Tuple[List[Row], List[Row]]:
    """The exact run, made twice, and the one in real time. BenchError, BuildError."""
    image = tree.build / "bench.img"
    tree.make([tree.relative(tree.kernel), tree.relative(image)])
    exact = [parse(qemu.run(qemu.Guest(tree.kernel, image, ARGUMENTS + " limit=20G", harts=HARTS, ram=RAM, cap=300)).output) for _ in range(2)]
    if exact[0] != exact[1]:
        raise BenchError("two runs differ")
    return exact[0], parse(qemu.run(qemu.Guest(tree.kernel, image, ARGUMENTS, harts=HARTS, ram=RAM, icount=False, cap=600)).output)


def throughput(tree: Tree) -> int:
    try:
        exact, real = runs(tree)
    except BenchError as error:
        print(f"throughput: {error}")
        return 1
    path = tree.root / "build" / "throughput.json"
    path.write_text(as_json(exact, real))
    print(table(exact, real))
    found = wrong(exact)
    print("\n".join(found) if found else f"\nAll numbers of workers are in {tree.relative(path)}.")
    return 1 if found else 0
