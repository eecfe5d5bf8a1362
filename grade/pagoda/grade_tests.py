"""A lab's tests: read and proved before anything runs, then run, two at a time, to a verdict each.

A test is run with each of its seeds until one fails. On one hart a run is a function of kernel,
script and seed. On several a failing run is made again: if it comes out otherwise the test is
unstable. Tests of several harts run once more with the harts really at once, judged by outcome.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from . import model
from .grade_build import CannotGrade
from .grade_judge import Machine, Tell, Trial, judge
from .grade_result import BLOCKED, LEAKS, NOT_GRADED, UNSTABLE, Judged, Scored
from .script import Script, ScriptError, expand, parse
from .verdict import PASS

WORKERS = 2
REPEATS = 2  # of a failing run with the harts at once


@dataclass(frozen=True)
class Test:
    name: str  # cow.shares
    where: str  # labs/cow/tests/shares.script
    script: Script
    predictions: Tuple[model.Prediction, ...]  # by seed, from 1

    @property
    def needs(self) -> str:
        return f"{self.name.split('.')[0]}.{self.script.needs}" if self.script.needs else ""

    @property
    def seeds(self) -> Tuple[int, ...]:
        return tuple(range(1, self.script.seeds + 1))

    def trial(self, seed: int, parallel: bool = False) -> Trial:
        """A run with a seed, which may be one that the test is not graded with."""
        if 1 <= seed <= len(self.predictions):
            return Trial(self.where, self.predictions[seed - 1], seed, parallel)
        return Trial(self.where, model.run(expand(self.script, seed)), seed, parallel)


def load(root: Path, lab: str, only: str = "") -> List[Test]:
    """The tests of a lab, hidden ones too where they are, in order of name. only: one test's name."""
    tests: List[Test] = []
    for folder in ("tests", "hidden"):
        for path in sorted((root / "labs" / lab / folder).glob("*.script")):
            where = path.relative_to(root).as_posix()
            name = f"{lab}.{path.stem}"
            if only and name != only:
                continue
            if any(test.name == name for test in tests):
                raise CannotGrade(f"{where}: another test is called {name}")
            try:
                script = parse(path.read_text())
                tests.append(Test(name, where, script, tuple(model.run(expand(script, seed)) for seed in range(1, script.seeds + 1))))
            except (ScriptError, UnicodeDecodeError) as error:
                raise CannotGrade(f"{where}: {error}") from None
    if not only:
        check_needs(tests)
    return sorted(tests, key=lambda test: test.name)


def check_needs(tests: Sequence[Test]) -> None:
    """Each test that is needed is there, and no circle is."""
    by_name = {test.name: test for test in tests}
    for test in tests:
        way = [test.name]
        while by_name[way[-1]].needs:
            needed = by_name[way[-1]].needs
            if needed not in by_name:
                raise CannotGrade(f"{by_name[way[-1]].where}: needs {needed}, which is not there")
            if needed in way:
                raise CannotGrade(f"{test.where}: needs itself, by way of {needed}")
            way.append(needed)


# ---- one test


def run_test(machine: Machine, test: Test) -> Scored:
    """All its seeds, until one has a verdict of its own."""
    begin = time.monotonic()
    worst, about = Judged(PASS), None
    for seed in test.seeds:
        judged = run_seed(machine, test, seed)
        if judged.verdict == PASS or (judged.verdict == LEAKS and about is not None):
            continue
        worst, about = judged, seed
        if judged.verdict != LEAKS:
            break
    return Scored(
        test.name, test.script.title, test.script.points, test.script.harts, test.seeds, about, worst, time.monotonic() - begin)


def run_seed(machine: Machine, test: Test, seed: int) -> Judged:
    first = judge(machine, test.trial(seed))
    if test.script.harts == 1 or first.verdict == NOT_GRADED:
        return first
    if first.verdict != PASS:
        return agreed([first, judge(machine, test.trial(seed))])
    if seed != test.seeds[0]:
        return first
    return run_parallel(machine, test, seed)


def run_parallel(machine: Machine, test: Test, seed: int) -> Judged:
    """Once with the harts at once. A run that the wall clock ends says nothing."""
    came: List[Judged] = []
    for _ in range(1 + REPEATS):
        judged = judge(machine, test.trial(seed, parallel=True))
        if not came and judged.verdict in (PASS, NOT_GRADED):
            return Judged(PASS)
        came.append(judged)
    return agreed(came)


def agreed(came: Sequence[Judged]) -> Judged:
    """What several runs with one seed say, if they say the same."""
    first = came[0]
    other = next((judged for judged in came if judged.verdict != first.verdict), None)
    if other is None:
        return common(came)
    if NOT_GRADED in (first.verdict, other.verdict):
        return first if other.verdict == NOT_GRADED else other
    bad, good = (first, other) if first.verdict != PASS else (other, first)
    return replace(
        bad, verdict=UNSTABLE, reason=f"the same run does not always end the same way: {bad.verdict}, then {good.verdict}. {bad.reason}")


def common(came: Sequence[Judged]) -> Judged:
    """What runs with one verdict have in common; of what they do not, every reason."""
    blank, first = Judged(""), came[0]
    different = {
        name: getattr(blank, name) for name in asdict(first) if name != "reason" and any(getattr(judged, name) != getattr(first, name) for judged in came)}
    return replace(first, reason="; or: ".join(sorted({judged.reason for judged in came})), **different)


# ---- all tests


def run_all(
        machine: Machine, tests: Sequence[Test], done: Callable[[Scored], None], workers: int = WORKERS) -> Dict[str, Scored]:
    """A verdict for each test; done() is called with each as it comes, one at a time. What a test needs runs before it."""
    results: Dict[str, Scored] = {}
    waiting = list(tests)
    running: "Dict[Future[Scored], Test]" = {}
    stop = threading.Event()
    with ThreadPoolExecutor(workers) as pool:
        try:
            while waiting or running:
                for test in [test for test in waiting if not test.needs or test.needs in results]:
                    waiting.remove(test)
                    needed = results.get(test.needs)
                    if needed is not None and not needed.judged.good:
                        results[test.name] = blocked(test, needed)
                        done(results[test.name])
                    else:
                        running[pool.submit(unless(stop, machine, test))] = test
                if not running:
                    continue
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    test = running.pop(future)
                    results[test.name] = future.result()
                    done(results[test.name])
        except BaseException:
            stop.set()
            raise
    return results


def unless(stop: threading.Event, machine: Machine, test: Test) -> Callable[[], Scored]:
    """Runs the test, but not when the grading was given up meanwhile."""
    def work() -> Scored:
        if stop.is_set():
            raise CannotGrade("stopped")
        return run_test(machine, test)
    return work


def blocked(test: Test, needed: Scored) -> Scored:
    """Not run: what it builds upon does not stand. A machine that was too slow for the one says nothing of the other."""
    if needed.judged.verdict == NOT_GRADED:
        judged = Judged(NOT_GRADED, f"needs {needed.name} (no verdict)")
    else:
        judged = Judged(BLOCKED, f"needs {needed.name} ({needed.judged.verdict})")
    return Scored(test.name, test.script.title, test.script.points, test.script.harts, test.seeds, None, judged, 0.0)


def replay(machine: Machine, test: Test, seed: Optional[int], tell: Tell) -> Judged:
    """One test, told as it goes: with one seed, or as it is graded."""
    last = Judged(PASS)
    for one in (seed,) if seed is not None else test.seeds:
        trial = test.trial(one)
        tell(f"{test.name}, seed {one}, {trial.harts} hart{'s' if trial.harts > 1 else ''}")
        last = judge(machine, trial, tell)
        tell(f"{last.verdict}")
        if last.verdict != PASS:
            break
    return last
