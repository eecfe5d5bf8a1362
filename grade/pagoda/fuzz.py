"""Random system calls by the million, and a small replay of what they break; and failures at boot.

The program t_fuzz makes the calls (user/tests/fuzz*.c). A plan says which part of
a seed's run it makes; a part makes the same calls as the whole. A run that
fails is made smaller, plan by plan, as long as it goes on to fail in the same
way: fewer rounds, workers, kinds of calls, calls. Under icount each plan is one run.
"""

from __future__ import annotations

import argparse
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Callable, Iterator, List, Optional, Set, Tuple

from . import qemu, run, typed, verdict
from .tree import Tree
from .verdict import Verdict

TEST = "user.fuzz.run"
RAM = "128M"
WORKERS, CALLS, KINDS = 3, 400, 7  # of user/tests/fuzz.h; kinds of calls, of fuzz_calls.c
CALLS_A_ROUND = 10_000  # and fewer
TRIES = 60  # runs that making one failure smaller may cost
INSTRUCTIONS = 60_000  # a system call's share of the limit: twenty times what it takes on the average
LEAST = 2_000_000_000
SECONDS_A_CALL = 0.002  # only a machine that is very slow needs so many
ROUND = re.compile(r"^round (\d+): ", re.MULTILINE)
MADE = re.compile(r"^(\d+) calls$", re.MULTILINE)

BOOT_FAILS = re.compile(r"^fails on demand: (\S+)$", re.MULTILINE)
EXCUSED = re.compile(r"^excused (\S+): ", re.MULTILINE)
PAST_MACRO = re.compile(r"\((page_alloc|page_alloc_block|pool_alloc|kmalloc)\)\(")
ALLOCATORS = ("vm/page.c", "vm/pool.c")
BOOT_SAYS = re.compile(r"no memory|error 12\b|No memory|Out of memory|Cannot allocate|cannot fork|fork:|: too little")


@dataclass(frozen=True)
class Plan:
    """As in user/tests/fuzz.h."""

    seed: int
    calls: int
    first: int = 0
    last: int = 1 << 40
    workers: int = (2 << WORKERS) - 1  # and one for the witness
    begin: int = 0
    end: int = CALLS
    kinds: int = (1 << KINDS) - 1

    @property
    def words(self) -> str:
        return f"{self.seed}:{self.calls}:{self.first}:{self.last}:{self.workers:#x}:{self.begin}:{self.end}:{self.kinds:#x}"


def parse(text: str) -> Plan:
    """What `words` gave. For argparse."""
    words = text.split(":")
    if len(words) != len(fields(Plan)):
        raise argparse.ArgumentTypeError(f"a plan has {len(fields(Plan))} numbers with colons between them, as a failure printed it: not {text!r}")
    return Plan(*(int(word, 0) for word in words))


def seeds_of(text: str) -> List[int]:
    """1-3,7 is 1, 2, 3 and 7."""
    seeds: List[int] = []
    for part in text.replace(",", " ").split():
        low, _, high = part.partition("-")
        seeds += range(typed.seed(low), typed.seed(high or low) + 1)
    return seeds


def guest_of(tree: Tree, plan: Plan, harts: int, ram: str) -> qemu.Guest:
    most = min(plan.calls, (plan.last - plan.first) * CALLS_A_ROUND)
    limit = (LEAST + INSTRUCTIONS * most) * run.slowdown(tree)
    return qemu.Guest(
        tree.kernel, tree.image, f"root=ram0 test=fuzz.run:{plan.words} seed={plan.seed} limit={limit}", harts=harts, ram=ram,
        seed=plan.seed, cap=int(300 + most * SECONDS_A_CALL * run.slowdown(tree)))


def judge(ran: qemu.Run) -> Verdict:
    return verdict.judge(TEST, ran.output, ran.status, ran.overflow)


def sign(judged: Verdict) -> Tuple[str, str]:
    """What makes two failures the same: the kind, and the message without its numbers."""
    return judged.kind, re.sub(r"0x[0-9a-f]+|\d+", "#", judged.why)[:60]


# ---- smaller


def smaller(plan: Plan) -> Iterator[Plan]:
    """Plans that do less, the largest steps first."""
    span = plan.last - plan.first
    if span > 1:
        for keep in (1, 2, 4, span // 2):
            if keep < span:
                yield replace(plan, first=plan.last - keep)
    for bit in range(WORKERS + 1):
        if plan.workers >> bit & 1 and plan.workers != 1 << bit:
            yield replace(plan, workers=plan.workers & ~(1 << bit))
    for bit in range(KINDS):
        if plan.kinds >> bit & 1 and plan.kinds != 1 << bit:
            yield replace(plan, kinds=plan.kinds & ~(1 << bit))
    part = (plan.end - plan.begin) // 2
    while part:
        yield replace(plan, end=plan.end - part)
        yield replace(plan, begin=plan.begin + part)
        part //= 2


def shrink(plan: Plan, fails: Callable[[Plan], bool], tries: int = TRIES) -> Plan:
    """The smallest plan that was found to fail, after so many runs at most."""
    tried: Set[Plan] = {plan}
    progress = True
    while progress and tries:
        progress = False
        for less in smaller(plan):
            if less in tried:
                continue
            if tries == 0:
                break
            tries -= 1
            tried.add(less)
            if fails(less):
                plan, progress = less, True
                break
    return plan


def told(plan: Plan, output: str) -> Plan:
    """The plan up to the round in which the run failed."""
    rounds = ROUND.findall(output)
    return replace(plan, last=int(rounds[-1]) + 1, calls=1 << 40) if rounds else plan


def attack(tree: Tree, plan: Plan, harts: int, ram: str, shrinking: bool) -> bool:
    """Runs a plan and tells. True: nothing broke. Two at a time: what is said of one is said at once, but for its shrinking."""
    ran = qemu.run(guest_of(tree, plan, harts, ram))
    judged = judge(ran)
    made = MADE.findall(ran.output)
    print(f"seed {plan.seed}: {judged.kind}{': ' + judged.why if judged.why else ''}"
          f" ({made[-1] if made else 'not all'} calls in {ran.seconds:.0f} s)", flush=True)
    if judged.kind == verdict.PASS:
        return True
    print("\n".join("    " + line for line in ran.output.splitlines()[-25:]))
    small = plan
    if shrinking and judged.kind in verdict.BROKEN:

        def fails(less: Plan) -> bool:
            came = judge(qemu.run(guest_of(tree, less, harts, ram)))
            print(f"    {less.words}: {came.kind}", flush=True)
            return sign(came) == sign(judged)

        small = shrink(told(plan, ran.output), fails)
    print(f"  again: {again(tree, small, harts, ram)}", flush=True)
    return False


def again(tree: Tree, plan: Plan, harts: int, ram: str) -> str:
    """The command that makes this run again."""
    words = [f"make fuzz PLAN={plan.words} HARTS={harts}"]
    words += [f"RAM={ram}"] if ram != RAM else []
    words += [f"CONFIG={tree.config}"] if tree.config != "debug" else []
    words += ["AUDIT=1"] if tree.audit else []
    return " ".join(words + ([f"SAN={','.join(tree.sanitize)}"] if tree.sanitize else []))


def fuzz(tree: Tree, seeds: List[int], calls: int, harts: int, ram: str, plan: Optional[Plan]) -> int:
    tree = replace(tree, disk="fuzz.img")  # small: a machine of 16 MiB has room for it
    tree.make([tree.relative(tree.kernel), tree.relative(tree.image)])
    plans = [plan] if plan else [Plan(seed, calls) for seed in seeds]
    with tree.freeze() as frozen, ThreadPoolExecutor(run.JOBS) as pool:
        good = sum(pool.map(lambda one: attack(frozen, one, harts, ram, not plan), plans))
    print(f"\n{good} passed, {len(plans) - good} failed", flush=True)
    return 0 if good == len(plans) else 1


# ---- failures at boot


def boot_failing(tree: Tree, site: str, n: int, disk: bool = False) -> Tuple[Optional[str], str]:
    """The n-th visit to the site since power-on fails. The place that did, None when there are not as many; what is wrong, or nothing."""
    ran = qemu.run(qemu.Guest(
        tree.kernel, tree.image, f"root={'vd0' if disk else 'ram0'} test=sweep.nothing fail={site}:{n} limit={400_000_000 * run.slowdown(tree)}",
        disk=disk, cap=300))
    place = BOOT_FAILS.search(ran.output)
    if place is None:
        return None, "" if ran.status == 0 else f"it does not come up: {ran.output[-300:]!r}"
    works = ran.status == 0 and "\nok user.sweep.nothing" in ran.output
    says = ran.status is not None and BOOT_SAYS.search(ran.output[place.end():]) is not None
    return place.group(1), "" if works or says else f"neither works nor says why: {ran.output[place.start():][-400:]!r}"


def workloads_failing(tree: Tree, step: int) -> Tuple[bool, List[str]]:
    """Did all go well, and the places that no workload reaches."""
    ran = qemu.run(qemu.Guest(tree.kernel, tree.image, f"root=ram0 test=sweep.whole:{step} limit={40_000_000_000 * run.slowdown(tree)}", ram="32M", cap=1800))
    judged = verdict.judge("user.sweep.whole", ran.output, ran.status, ran.overflow)
    print("\n".join(line for line in ran.output.splitlines() if " failures" in line or "excused" in line or "reaches" in line))
    print(f"{judged.kind} user.sweep.whole {judged.why}", flush=True)
    return judged.kind == verdict.PASS, EXCUSED.findall(ran.output)


def bypasses(root: Path) -> List[str]:
    """Calls of an allocator past the macro that asks FAIL: places that no sweep knows."""
    return [
        f"{path.relative_to(root)}: {line.strip()}"
        for path in sorted((root / "kernel").rglob("*.c")) if path.relative_to(root / "kernel").as_posix() not in ALLOCATORS
        for line in path.read_text().splitlines() if PAST_MACRO.search(line)]


def sweep(tree: Tree, step: int) -> int:
    """
    Every step-th allocation of the workloads of t_sweep fails, then every step-th from power-on to the first test, one a boot.
    Each place in the kernel has failed then: those that no workload reaches fail in boots of their own.
    """
    tree.make([tree.relative(tree.kernel), tree.relative(tree.image)])
    failed: List[str] = [f"past the failure points: {line}" for line in bypasses(tree.root)]
    places: Set[str] = set()
    boots = 0
    with tree.freeze() as frozen, ThreadPoolExecutor(run.JOBS) as pool:
        good, unreached = workloads_failing(frozen, step)
        if not good:
            failed.append("user.sweep.whole")
        last = False
        while not last:
            numbers = [1 + step * (boots + i) for i in range(2 * run.JOBS)]
            for n, (place, why) in zip(numbers, pool.map(lambda n: boot_failing(frozen, "*", n), numbers)):
                boots += 1
                if why:
                    failed.append(f"fail=*:{n} {place}: {why}")
                places |= {place} if place else set()
                last = last or place is None
        for name in unreached:
            place, why = boot_failing(frozen, name, 1)
            if place is None and not why:
                place, why = boot_failing(frozen, name, 1, disk=True)
            boots += 1
            if place is None or why:
                failed.append(f"fail={name}:1 {why or 'never comes there'}")
            places |= {place} if place else set()
    print("\n".join([f"  {place}" for place in sorted(places)] + [f"not ok {what}" for what in failed]))
    print(f"{len(places)} places failed at boot\n\n{boots + 1 - len(failed)} passed, {len(failed)} failed", flush=True)
    return 1 if failed else 0


def arguments(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    fuzzing = commands.add_parser("fuzz", help="random system calls")
    fuzzing.add_argument("--seeds", type=seeds_of, default="1", help="1-3,7")
    fuzzing.add_argument("--calls", type=int, default=100_000)
    fuzzing.add_argument("--harts", type=typed.harts, default=3)
    fuzzing.add_argument("--ram", default=RAM, help="QEMU's -m")
    fuzzing.add_argument("--plan", type=parse, default=None, help="the part of a run that an earlier failure gave")
    sweeping = commands.add_parser("sweep", help="failing allocations at boot")
    sweeping.add_argument("--step", type=int, default=1)


def main(args: argparse.Namespace, tree: Tree) -> int:
    if args.command == "sweep":
        return sweep(tree, args.step)
    return fuzz(tree, args.seeds, args.calls, args.harts, args.ram, args.plan)
