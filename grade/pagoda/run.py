"""Runs tests, two at a time, and tells what came of them.

A plan is a list of jobs. A job is one process or one boot; it answers with a
Result for each test that it was to show. Kernel tests of one file share a boot;
those that a panic kept from running are run again, each alone.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple

from . import children, qemu, verdict
from .discover import ON_HOST, Test
from .tree import BuildError, Tree, clean_environment
from .verdict import Verdict

JOBS = 2
TAIL_LINES = 25
HOST_CAP = 600
SOURCES = ("kernel", "user", "mkfs", "tests", "grade", "labs", "tools", "Makefile")


@dataclass(frozen=True)
class Result:
    name: str
    rows: Tuple[str, ...]
    harts: int  # 0: no guest
    seed: int
    verdict: str
    why: str
    seconds: float
    replay: str
    tail: str = ""

    @property
    def passed(self) -> bool:
        return self.verdict == verdict.PASS

    @property
    def title(self) -> str:
        return self.name + (f" harts={self.harts} seed={self.seed}" if self.harts else "")


Job = Callable[[], List[Result]]


@dataclass(frozen=True)
class Choice:
    """Which of a test's runs are wanted, and on what machine; None stands for the test's own choice."""

    seed: Optional[int] = None
    harts: Optional[int] = None
    ram: Optional[str] = None
    disk: bool = False  # from a virtio disk and by the wall clock, as `make qemu` runs
    cap: int = qemu.CAP_SECONDS
    boot: Callable[[qemu.Guest], qemu.Run] = qemu.run


# ---- guests

AUDIT_FACTOR = 100  # how much longer a test may take when every fault is followed by an audit
COVERAGE_FACTOR = 10  # and when kernel/vm is not optimized, and counts
SANITIZE_FACTOR = 10  # and when every access is looked at


def slowdown(tree: Tree) -> int:
    """How many times as much a guest may take as one of a plain build."""
    return (AUDIT_FACTOR if tree.audit else 1) * (COVERAGE_FACTOR if tree.coverage else 1) * (SANITIZE_FACTOR if tree.sanitize else 1)


def guest_for(tree: Tree, test: Test, harts: int, seed: int, what: str, choice: Choice) -> qemu.Guest:
    """The boot that runs test. what: test=... or ktest=..."""
    options = test.options
    words = ["root=vd0" if choice.disk else "root=ram0", what]
    if choice.disk:
        words.append("parallel")
    else:
        words.append(f"limit={size(options.limit) * slowdown(tree)}")
    if harts > 1 or options.seeds or choice.seed is not None:
        words.append(f"seed={seed}")
    if options.mem:
        words.append(f"mem={options.mem}")
    if options.args:
        words.append(options.args)
    return qemu.Guest(
        tree.kernel, tree.image, " ".join(words), harts=harts, ram=choice.ram or options.ram, seed=seed,
        icount=not choice.disk, disk=choice.disk, cap=choice.cap)


def replay(test: Test, harts: int = 0, seed: int = 0, tree: Optional[Tree] = None) -> str:
    words = [f"make test ONLY={test.name}"]
    if harts:
        words.append(f"HARTS={harts} SEED={seed}")
    if tree and tree.audit:
        words.append("AUDIT=1")
    if tree and tree.sanitize:
        words.append(f"SAN={','.join(tree.sanitize)}")
    return " ".join(words)


def result(test: Test, judged: Verdict, seconds: float, output: str, harts: int = 0, seed: int = 0, tree: Optional[Tree] = None) -> Result:
    tail = "" if judged.kind == verdict.PASS else "\n".join(output.splitlines()[-TAIL_LINES:])
    return Result(test.name, test.rows, harts, seed, judged.kind, judged.why, seconds, replay(test, harts, seed, tree), tail)


def boot_one(tree: Tree, test: Test, harts: int, seed: int, choice: Choice) -> List[Result]:
    """A test in a boot of its own."""
    what = f"test={test.group}.{test.case}" if test.kind == "user" else f"ktest={test.group}.{test.case}"
    ran = choice.boot(guest_for(tree, test, harts, seed, what, choice))
    judged = verdict.judge(test.name, ran.output, ran.status, ran.overflow)
    return [result(test, judged, ran.seconds, ran.output, harts, seed, tree)]


def boot_group(tree: Tree, tests: Sequence[Test], harts: int, seed: int, choice: Choice) -> List[Result]:
    """All kernel tests of one file in one boot; those without a line run again alone."""
    ran = choice.boot(guest_for(tree, tests[0], harts, seed, f"ktest={tests[0].group}.*", choice))
    said = verdict.lines(ran.output)
    results: List[Result] = []
    clean = ran.status == 0
    for test in tests:
        judged = said.get(test.name)
        explained = clean or any(v.kind == verdict.FAIL for v in said.values())
        if judged is None or (judged.kind == verdict.PASS and not explained):
            results += boot_one(tree, test, harts, seed, choice)
        else:
            results.append(result(test, judged, ran.seconds / len(tests), ran.output, harts, seed, tree))
    return results


def host_program(tree: Tree, test: Test) -> str:
    """Host tests have a program for each file, interleavings one for all."""
    return "build/host/" + ("coverage/" if tree.coverage else "") + (f"t_{test.group}" if test.kind == "host" else test.kind)


def run_host(tree: Tree, test: Test) -> List[Result]:
    """A test that needs no guest: its program, with the case's name."""
    begin = time.monotonic()
    case = test.case if test.kind == "host" else f"{test.group}.{test.case}"
    try:
        done = children.run(
            [str(tree.root / host_program(tree, test)), case], HOST_CAP, cwd=tree.root,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        output, status = done.stdout, done.returncode
        judged = verdict.judge(test.name, output, status)
        if judged.kind == verdict.NOT_RUN:
            judged = Verdict(verdict.FAIL, summary_of_crash(output) or f"ended with status {status}")
    except subprocess.TimeoutExpired as error:
        output = (error.stdout or b"").decode("utf-8", "replace") if isinstance(error.stdout, bytes) else (error.stdout or "")
        judged = Verdict(verdict.HUNG, f"still running after {HOST_CAP} s")
    except OSError as error:
        output, judged = "", Verdict(verdict.NOT_RUN, str(error))
    return [result(test, judged, time.monotonic() - begin, output)]


def summary_of_crash(output: str) -> str:
    """The line of a sanitizer's report, or of an assertion, that says what happened."""
    for line in output.splitlines():
        if line.startswith("SUMMARY: ") or "runtime error:" in line or "panic:" in line:
            return line.strip()
    return ""


# ---- the tools' own tests


def run_command(name: str, words: Sequence[str], tree: Tree) -> List[Result]:
    """A check of the tree by a program: passes when its status is 0."""
    begin = time.monotonic()
    try:
        done = children.run(
            words, cwd=tree.root, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace")
        judged = Verdict(verdict.PASS) if done.returncode == 0 else Verdict(verdict.FAIL, f"status {done.returncode}")
        output = done.stdout
    except OSError as error:
        output, judged = "", Verdict(verdict.NOT_RUN, str(error))
    tail = "" if judged.kind == verdict.PASS else "\n".join(output.splitlines()[-TAIL_LINES:])
    return [Result(name, (), 0, 0, judged.kind, judged.why, time.monotonic() - begin, f"make test ONLY={name}", tail)]


def run_pytest(tree: Tree) -> List[Result]:
    """Python tests of the tools, a Result each."""
    report = tree.root / "build" / "test" / "pytest.xml"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    folders = [f for f in ("grade/tests", "labs/tests", "docs/tests") if (tree.root / f).is_dir()]
    whole = run_command("tool.pytest", [
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *folders], tree)
    try:
        cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return whole
    results: List[Result] = []
    for case in cases:
        bad = next((child for child in case if child.tag in ("failure", "error")), None)
        name = f"tool.{case.get('classname', '').rpartition('.')[2]}.{case.get('name', '')}"
        results.append(Result(
            name, (), 0, 0, verdict.PASS if bad is None else verdict.FAIL, "" if bad is None else bad.get("message", "").split("\n")[0],
            float(case.get("time", "0")), "make test ONLY=tool.pytest", "" if bad is None else (bad.text or "")[-3000:]))
    return results or whole


TOOLS: Tuple[str, ...] = ("tool.pytest", "tool.mypy", "tool.labs", "tool.floors")


def tools_of(tree: Tree) -> List[str]:
    """The checks that this tree has: a stage has no labs/stage.py."""
    return [name for name in TOOLS if name != "tool.labs" or (tree.root / "labs" / "stage.py").is_file()]


def tool_job(tree: Tree, name: str) -> Job:
    if name == "tool.pytest":
        return lambda: run_pytest(tree)
    if name == "tool.labs":
        return lambda: run_command(name, [sys.executable, "labs/stage.py", "check"], tree)
    target = {"tool.mypy": "typecheck", "tool.floors": "check-floors"}[name]
    return lambda: run_command(name, ["make", "-s", target], tree)


# ---- a plan and its execution


def plan(tree: Tree, tests: Sequence[Test], choice: Choice) -> List[Job]:
    """Jobs for tests, those of one kernel file together."""
    jobs: List[Job] = []
    files: Dict[str, List[Test]] = {}
    for test in tests:
        if test.kind in ON_HOST:
            jobs.append(lambda t=test: run_host(tree, t))  # type: ignore[misc]
        elif test.kind == "ktest":
            files.setdefault(test.group, []).append(test)
    for group in files.values():
        shared = all(test.options == group[0].options for test in group)
        for harts, seed in runs_of(group[0], choice) if shared else ():
            if len(group) > 1:
                jobs.append(lambda g=group, h=harts, s=seed: boot_group(tree, g, h, s, choice))  # type: ignore[misc]
            else:
                jobs.append(lambda t=group[0], h=harts, s=seed: boot_one(tree, t, h, s, choice))  # type: ignore[misc]
        if not shared:
            jobs += alone(tree, group, choice)
    jobs += alone(tree, [test for test in tests if test.kind == "user"], choice)
    return jobs


def alone(tree: Tree, tests: Sequence[Test], choice: Choice) -> List[Job]:
    return [
        lambda t=test, h=harts, s=seed: boot_one(tree, t, h, s, choice)  # type: ignore[misc]
        for test in tests for harts, seed in runs_of(test, choice)]


def runs_of(test: Test, choice: Choice) -> List[Tuple[int, int]]:
    """(harts, seed) of each run of a test."""
    harts = (choice.harts,) if choice.harts is not None else test.options.harts
    seeds = (choice.seed,) if choice.seed is not None else test.options.seeds or (1,)
    return [(h, s) for h in harts for s in seeds]


def execute(jobs: Sequence[Job], tell: Callable[[Result], None], workers: int = JOBS, stop: Optional[Callable[[Result], bool]] = None) -> List[Result]:
    """Runs jobs side by side, telling of each result as it comes; stop(result) ends it early."""
    results: List[Result] = []
    waiting = list(jobs)
    with ThreadPoolExecutor(workers) as pool:
        running: Set["Future[List[Result]]"] = set()
        while waiting or running:
            while waiting and len(running) < workers:
                running.add(pool.submit(waiting.pop(0)))
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                for one in future.result():
                    results.append(one)
                    tell(one)
                    if stop is not None and stop(one):
                        waiting = []
    return results


def build_for(tree: Tree, tests: Sequence[Test], jobs: int = 2) -> None:
    """Builds what the tests need. BuildError."""
    targets: List[str] = []
    if any(test.kind in ("ktest", "user") for test in tests):
        targets += [tree.relative(tree.kernel), tree.relative(tree.image)]
    targets += sorted({host_program(tree, test) for test in tests if test.kind in ON_HOST})
    if targets:
        tree.make(targets, jobs)


# ---- results on disk, and for people


def state(tree: Tree) -> str:
    """A hash of everything that a result depends on, so that old results are known as such."""
    total = hashlib.sha256()
    for source in SOURCES:
        top = tree.root / source
        files = sorted(p for p in top.rglob("*") if p.is_file() and "__pycache__" not in p.parts) if top.is_dir() else [top] if top.is_file() else []
        for path in files:
            total.update(path.relative_to(tree.root).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def load(path: Path, current: str) -> List[Result]:
    """Results kept of this very state of the tree."""
    try:
        kept = json.loads(path.read_text())
    except (OSError, ValueError):
        return []
    if not isinstance(kept, dict) or kept.get("state") != current:
        return []
    results: List[Result] = []
    for entry in kept["results"]:
        fields: Dict[str, Any] = dict(entry, rows=tuple(entry["rows"]))
        results.append(Result(**fields))
    return results


def save(path: Path, current: str, results: Sequence[Result]) -> None:
    """Keeps results, those of now in place of earlier ones of the same run."""
    merged = {(r.name, r.harts, r.seed): r for r in load(path, current)}
    merged.update({(r.name, r.harts, r.seed): r for r in results})
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"state": current, "results": [asdict(r) for r in merged.values()]}, indent=1))
    fresh.replace(path)


def tell_line(one: Result) -> None:
    """One line of progress."""
    why = f": {one.why}" if one.why else ""
    print(f"{'ok' if one.passed else one.verdict.upper():8} {one.title} ({one.seconds:.2f} s){why}", flush=True)


def tell_failures(results: Sequence[Result]) -> None:
    """Each failure: what it printed last, its seed, and the command that runs it again."""
    for one in results:
        if one.passed:
            continue
        print(f"\n==== {one.verdict}: {one.title}{': ' + one.why if one.why else ''}")
        if one.tail:
            print("\n".join("    " + printable(line) for line in one.tail.splitlines()))
        print(f"  again: {one.replay}", flush=True)


def printable(line: str) -> str:
    """A guest's line without what could steer a terminal."""
    return "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in line)


def failed_build(name: str, error: BuildError) -> Result:
    return Result(name, (), 0, 0, verdict.BUILD, "make failed", 0.0, "make", str(error))


def fits(tree: Tree, test: Test, choice: Choice) -> bool:
    """May the test run on this kernel, with the memory that was asked for?"""
    if tree.audit and not test.options.audit:
        return False
    if test.options.sanitize and test.options.sanitize not in (tree.sanitize or ("no",)):
        return False
    if choice.disk and "ramdelay" in test.options.args:
        return False  # it stages a race by how long its RAM disk takes
    return choice.ram is None or size(test.options.needs or "0") <= size(choice.ram)


def size(text: str) -> int:
    """16M in bytes."""
    unit = {"K": 10, "M": 20, "G": 30}.get(text[-1:].upper(), 0)
    return int(text[:-1] if unit else text) << unit
