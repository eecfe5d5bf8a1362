#!/usr/bin/env python3
"""`make check-labs`: proves of every lab what its course promises.

Each check has a name; ONLY= picks some. Two run side by side, each in a work
folder of its own, and each says `ok` or `not ok` with what is wrong. Trees of the
course are made and built once, in build/labs, and shared by the checks.

    marks               every mark, hole, lab.toml and lie is written as it must be
    merges              students' work and the course's mending merge (labs/merges.py)
    tree.LAB.KIND       builds without a warning, with each compiler there is, and reaches a shell;
                        its faults leave whole traces (labs/traces.py)
    trace.LAB           the tree with nothing open leaves the same trace as the reference
    audit.LAB           the solved tree passes the host and user tests of the lab's name, each with its audit
    score.LAB.KIND      `make grade` in the tree comes to what lab.toml says; solved to full marks;
                        twice the same, and the same with another compiler
    hole.LAB.FUNCTION   this hole alone open: the tests that lab.toml names for it fail
    mutant.LAB.NAME     a test that it names fails, and the report holds its message
    lie.LAB.NAME        a kernel that lies gains no points over the start but those that its lie.toml grants, and
                        comes to the verdicts that it says
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Sequence, Tuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "grade"))

import merges  # noqa: E402
import traces  # noqa: E402
from pagoda import boots, children, grade, grade_build, grade_tests, mutants, verdict  # noqa: E402  (the runner's package lies in grade/)
from pagoda.discover import picked  # noqa: E402
from pagoda.grade_build import CannotGrade  # noqa: E402
from pagoda.grade_result import BLOCKED, LEAKS, NOT_GRADED, UNSTABLE, Kernel, Scored  # noqa: E402
from pagoda.repeats import NoSchedule  # noqa: E402
from pagoda.tree import STAGE_FILE, BuildError, Tree, clean_environment  # noqa: E402
from stage import KINDS, Hole, Lab, Stage, StageError, make_stage, parse, read_order, read_toml, render, texts  # noqa: E402
from stage import check as check_marks  # noqa: E402

WORKERS = 2
HISTORIES = 12
COMPILERS = ("riscv64-unknown-elf-", "riscv64-linux-gnu-")  # the first is the one that make takes
TELLS_NOTHING = (verdict.PASS, BLOCKED, verdict.BUILD, UNSTABLE, NOT_GRADED)  # of a defect in what was written
MESSAGE_LEAST = 8
SHOWN = 200  # characters of what is wrong, as it comes; all of it at the end


@dataclass(frozen=True)
class Lie:
    name: str
    fills: Mapping[str, Tuple[str, ...]]  # by function
    most: int  # points more than the start has
    verdicts: Tuple[str, ...]


@dataclass
class Course:
    """The whole source, and the stages that were made of it."""

    root: Path
    labs: List[Lab]
    made: Dict[Tuple[str, str], Tree] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    locks: Dict[Tuple[str, str], threading.Lock] = field(default_factory=dict)

    @property
    def place(self) -> Path:
        return self.root / "build" / "labs"

    def stage(self, lab: str, kind: str) -> Stage:
        return Stage(tuple(one.name for one in self.labs), lab, kind)

    @contextmanager
    def tree(self, lab: str, kind: str) -> Iterator[Tree]:
        """That stage, for one check at a time. It is made once, and built with every compiler."""
        with self.lock:
            mine = self.locks.setdefault((lab, kind), threading.Lock())
        with mine:
            if (lab, kind) not in self.made:
                self.made[(lab, kind)] = self.make(lab, kind)
            yield self.made[(lab, kind)]

    def make(self, lab: str, kind: str) -> Tree:
        out = self.place / f"{lab}-{kind}"
        shutil.rmtree(out, ignore_errors=True)
        make_stage(self.root, lab, kind, out)
        tree, donor = Tree(out.resolve()), self.place / "objects"
        with self.lock:
            if donor.is_dir():
                take_objects(donor, tree)
        tree.make([tree.relative(tree.kernel), tree.relative(tree.build / "fs.img")], extra=["CI=true"])
        for cross in COMPILERS[1:]:
            if shutil.which(f"{cross}gcc"):
                own = f"build/{cross}check"
                tree.make([f"{own}/kernel.elf", f"{own}/fs.img"], extra=["CI=true", f"CROSS={cross}", f"B={own}"])
        with self.lock:
            if not donor.is_dir():
                shutil.copytree(tree.root, donor)
        return tree

    def holes(self, lab: str) -> List[Hole]:
        """A lab's, in the order of their files."""
        names = [one.name for one in self.labs]
        mine = next(one for one in self.labs if one.name == lab)
        parts = [part for file in mine.files for part in parse((self.root / file).read_text(), file, set(names))]
        return [part for part in parts if isinstance(part, Hole) and part.lab == lab]

    def submission(self, lab: str, kind: str, out: Path, fills: Mapping[str, Sequence[str]]) -> None:
        """The lab's files as that stage has them, with other text in some holes."""
        stage = self.stage(lab, kind)
        mine = next(one for one in self.labs if one.name == lab)
        for file in mine.files:
            parts = [
                replace(part, stub=tuple(fills[part.function]), body=tuple(fills[part.function]))
                if isinstance(part, Hole) and part.function in fills else part
                for part in parse((self.root / file).read_text(), file, set(stage.order))]
            (out / file).parent.mkdir(parents=True, exist_ok=True)
            (out / file).write_text(render(parts, stage))


def take_objects(donor: Path, tree: Tree) -> None:
    """What is built in another stage; the sources that the two have in common become as old as they are there."""
    shutil.copytree(donor / "build", tree.root / "build")
    mine, theirs = (json.loads((root / STAGE_FILE).read_text())["files"] for root in (tree.root, donor))
    for name, content in mine.items():
        if theirs.get(name) == content:
            when = (donor / name).stat().st_mtime_ns
            os.utime(tree.root / name, ns=(when, when))


@dataclass
class Worker:
    """A work folder for gradings, one at a time; the course's own tree in it is built once."""

    course: Course
    place: Path
    bases: Dict[str, Tuple[grade.Grader, Tree, grade_build.Course]] = field(default_factory=dict)

    def judge(self, lab: str, kind: str, fills: Mapping[str, Sequence[str]], change: Callable[[Path], None], only: Sequence[str]) -> Kernel:
        """The course's kernel with a submission's fills, and what some of the lab's tests, or all of them, say of it."""
        folder = self.place / "submission"
        shutil.rmtree(folder, ignore_errors=True)
        self.course.submission(lab, kind, folder, fills)
        change(folder)
        if lab not in self.bases:
            grader = grade.Grader(Tree(self.course.root), self.place, lab, folder)
            self.bases[lab] = (grader, *grader.base())
        grader, base, about = self.bases[lab]
        kernel, tree = grader.kernel("fair", base, about)
        if tree is None:
            return kernel
        tests = [test for test in grade_tests.load(self.course.root, lab) if not only or test.name in only]
        tests = [replace(test, script=replace(test.script, needs="")) if only else test for test in tests]
        results: List[Scored] = []
        grade_tests.run_all(grade.machine_of(tree, base), tests, results.append, workers=1)
        results.sort(key=lambda one: one.name)
        return replace(kernel, tests=tuple(results))


Check = Callable[[Worker], str]  # what is wrong, or nothing


def unchanged(_: Path) -> None:
    """What is handed in stays as it was made."""


def broken_build(kernel: Kernel) -> str:
    """Why a kernel was not tested at all."""
    return "\n".join([*kernel.refused, kernel.build_error]).strip()


# ---- all labs


def marks(worker: Worker) -> str:
    problems = check_marks(worker.course.root)
    for lab in worker.course.labs:
        folder = worker.course.root / "labs" / lab.name
        known = {test.name for test in grade_tests.load(worker.course.root, lab.name)}
        for path in sorted((folder / "mutants").glob("*")):
            mutant = mutants.parse(path.stem, path.read_text())
            problems += [f"{path.name}: there is no test {name}" for name in mutant.tests if name not in known]
            if path.suffix != ".mutant" or len(mutant.message) < MESSAGE_LEAST:
                problems.append(f"{path.name}: a lab's mutant has a message of what the report says, {MESSAGE_LEAST} characters at least")
        functions = [hole.function for hole in worker.course.holes(lab.name)]
        for lie in lies_of(worker.course, lab.name):
            problems += [f"lie {lie.name}: {name} is no hole of this lab" for name in lie.fills if name not in functions]
    return "; ".join(problems)


def merging(worker: Worker) -> str:
    with tempfile.TemporaryDirectory(dir=worker.place) as folder:
        return merges.try_seeds(worker.course.root, range(HISTORIES), Path(folder)) or ""


# ---- trees


def tree_check(lab: str, kind: str) -> Check:
    def run(worker: Worker) -> str:
        with worker.course.tree(lab, kind) as tree:
            return boots.shell(tree, f"tree.{lab}.{kind}").why or traces.whole(tree)
    return run


def trace_check(lab: str) -> Check:
    def run(worker: Worker) -> str:
        with worker.course.tree(lab, "solved") as tree:
            return traces.same(Tree(worker.course.root), tree)
    return run


def audit_check(lab: str) -> Check:
    def run(worker: Worker) -> str:
        with worker.course.tree(lab, "solved") as tree:
            done = make(tree, ["test", f"ONLY=user.{lab} host.{lab}*"])
        return "" if done.returncode == 0 and " passed, 0 failed" in done.stdout else done.stdout[-1500:]
    return run


def make(tree: Tree, words: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """As a student types it, but for warnings, which are errors here."""
    return children.run(
        ["make", *words], cwd=tree.root, env={**clean_environment(), "CI": "true"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")


# ---- scores


def score_check(lab: Lab, kind: str) -> Check:
    def run(worker: Worker) -> str:
        with worker.course.tree(lab.name, kind) as tree:
            return score_twice(lab, kind, tree)
    return run


def score_twice(lab: Lab, kind: str, tree: Tree) -> str:
    first = graded(tree)
    wrong = score_wrong(lab, kind, first)
    if wrong:
        return wrong
    again = graded(tree)
    if without_durations(again) != without_durations(first):
        return f"a second grading differs: {difference(first, again)}"
    for cross in COMPILERS[1:] if kind == "solved" else ():
        wrong = score_wrong(lab, kind, graded(tree, f"CROSS={cross}")) if shutil.which(f"{cross}gcc") else ""
        if wrong:
            return f"with {cross}gcc: {wrong}"
    return ""


def graded(tree: Tree, *words: str) -> Dict[str, Any]:
    """The result file of `make grade` in a tree."""
    path = tree.root / "build" / "grade" / "result.json"
    if path.exists():
        path.unlink()
    done = make(tree, ["grade", *words])
    if done.returncode != 0 or not path.exists():
        raise CannotGrade(f"make grade ends with {done.returncode}: {done.stdout[-1500:]}")
    found: Dict[str, Any] = json.loads(path.read_text())
    return found


def tests_in(result: Mapping[str, Any]) -> List[Dict[str, Any]]:
    return [test for kernel in result["kernels"][:1] for test in kernel["tests"]]


def score_wrong(lab: Lab, kind: str, result: Mapping[str, Any]) -> str:
    expected = {"start": lab.start, "lab": lab.lab, "solved": result["points"]}[kind]
    found = [f"{test['name']}: {test['verdict']}: {test['reason']}" for test in tests_in(result) if test["verdict"] != verdict.PASS]
    if not result["complete"] or not result["graded"]:
        return "it has no grade: " + "; ".join(found)
    if result["score"] != expected:
        return f"it scores {result['score']} of {result['points']}, not {expected}: " + "; ".join(found)
    if result["ignored"]:
        return f"files are said to be changed: {result['ignored']}"
    if kind == "solved" and found:
        return "; ".join(found)
    silent = [test["name"] for test in tests_in(result) if test["verdict"] != verdict.PASS and not test["reason"]]
    return f"no reason is given for {', '.join(silent)}" if silent else ""


def without_durations(result: Mapping[str, Any]) -> Dict[str, Any]:
    kernels = [{**kernel, "tests": [{**test, "seconds": 0} for test in kernel["tests"]]} for kernel in result["kernels"]]
    return {**result, "kernels": kernels}


def difference(one: Mapping[str, Any], two: Mapping[str, Any]) -> str:
    """Where two results part, in a few words."""
    for first, second in zip(tests_in(without_durations(one)), tests_in(without_durations(two))):
        for key, value in first.items():
            if value != second.get(key):
                return f"{first['name']}, {key}: {value!r} and {second.get(key)!r}"
    return "not in its tests"


# ---- what must be noticed


def hole_check(lab: Lab, hole: Hole, tests: Sequence[str]) -> Check:
    def run(worker: Worker) -> str:
        if not tests:
            return "lab.toml names no test of it"
        kernel = worker.judge(lab.name, "solved", {hole.function: hole.stub}, unchanged, tests)
        if not kernel.tests:
            return broken_build(kernel)
        passed = [test.name for test in kernel.tests if test.judged.verdict in TELLS_NOTHING]
        if passed:
            return "; ".join(f"{test.name}: {test.judged.verdict}" for test in kernel.tests if test.name in passed)
        todo = [line for line in hole.stub if "fault_todo(" in line and "return" in line]
        said = "\n".join(text for test in kernel.tests for text in (test.judged.reason, test.judged.seen, *test.judged.advice))
        return "no report says which hole is not written yet" if todo and "not written yet" not in said else ""
    return run


def mutant_check(lab: Lab, path: Path) -> Check:
    def run(worker: Worker) -> str:
        mutant = mutants.parse(path.stem, path.read_text())

        def change(folder: Path) -> None:
            for one in mutant.changes:
                file = folder / one.file
                if not file.is_file():
                    raise mutants.BadMutant(f"{mutant.name}: {one.file} is no file of this lab")
                file.write_text(mutants.applied(file.read_text(), one, mutant.name))

        kernel = worker.judge(lab.name, "solved", {}, change, mutant.tests)
        if not kernel.tests:
            return broken_build(kernel)
        said = [f"{test.name}: {test.judged.verdict}: {report_of(test)}" for test in kernel.tests]
        noticed = [test for test in kernel.tests if test.judged.verdict not in TELLS_NOTHING]
        if not noticed:
            return f"no test notices that {mutant.defect}: " + "; ".join(said)
        if not any(mutant.message in report_of(test) for test in noticed):
            return f"no report says {mutant.message!r}: " + "; ".join(said)
        return ""
    return run


def report_of(test: Scored) -> str:
    judged = test.judged
    return "; ".join(text for text in (judged.reason, judged.expected and f"expected {judged.expected}", judged.seen and f"seen {judged.seen}") if text)


def lies_of(course: Course, lab: str) -> List[Lie]:
    found: List[Lie] = []
    for folder in sorted(path for path in (course.root / "labs" / lab / "lies").glob("*") if path.is_dir()):
        where = folder.relative_to(course.root).as_posix() + "/lie.toml"
        values = read_toml((folder / "lie.toml").read_text(), where)
        verdicts, most = texts(values.get("verdicts", [])), values.get("most")
        unknown = [name for name in verdicts if name not in (*TELLS_NOTHING, verdict.FAIL, verdict.HUNG, verdict.LIMIT, verdict.PANIC, LEAKS)]
        if set(values) != {"about", "most", "verdicts"} or not isinstance(most, int) or not verdicts or unknown:
            raise StageError(f'{where} holds about = "...", most = N, and verdicts = [...], each a verdict of the grader')
        fills = {path.stem: tuple(path.read_text().splitlines()) for path in sorted(folder.glob("*.c"))}
        if not fills:
            raise StageError(f"{where}: no FUNCTION.c beside it")
        found.append(Lie(folder.name, fills, most, verdicts))
    return found


def lie_check(lab: Lab, lie: Lie) -> Check:
    def run(worker: Worker) -> str:
        kernel = worker.judge(lab.name, "start", lie.fills, unchanged, ())
        if not kernel.tests:
            return broken_build(kernel)
        bad = [test for test in kernel.tests if test.judged.verdict not in (verdict.PASS, BLOCKED)]
        said = "; ".join(f"{test.name}: {test.judged.verdict}: {report_of(test)}" for test in bad)
        if lab.start is None or kernel.score > lab.start + lie.most:
            return f"it scores {kernel.score}, where the start has {lab.start}: {said}"
        came = {test.judged.verdict for test in bad}
        missing = [name for name in lie.verdicts if name not in came]
        return f"no test comes to {', '.join(missing)}: {said}" if missing else ""
    return run


# ---- all of them


def all_checks(course: Course) -> Dict[str, Check]:
    """By name: the quickest to say what is wrong, then those that take longest."""
    checks: Dict[str, Check] = {"marks": marks}
    tested = [lab for lab in course.labs if (course.root / "labs" / lab.name / "tests").is_dir()]
    for lab in tested:
        checks.update({f"score.{lab.name}.{kind}": score_check(lab, kind) for kind in KINDS})
    for lab in course.labs:
        checks.update({f"tree.{lab.name}.{kind}": tree_check(lab.name, kind) for kind in KINDS})
    for lab in tested:
        checks[f"audit.{lab.name}"] = audit_check(lab.name)
    checks[f"trace.{course.labs[-1].name}"] = trace_check(course.labs[-1].name)
    for lab in tested:
        named = dict(lab.holes)
        checks.update({f"hole.{lab.name}.{hole.function}": hole_check(lab, hole, named.get(hole.function, ())) for hole in course.holes(lab.name)})
        paths = sorted((course.root / "labs" / lab.name / "mutants").glob("*.mutant"))
        checks.update({f"mutant.{lab.name}.{path.stem}": mutant_check(lab, path) for path in paths})
        checks.update({f"lie.{lab.name}.{lie.name}": lie_check(lab, lie) for lie in lies_of(course, lab.name)})
    return {**checks, "merges": merging}


def outcome(check: Check, worker: Worker) -> str:
    try:
        return check(worker)
    except BuildError as error:
        return grade_build.errors_of(str(error))
    except (StageError, CannotGrade, mutants.BadMutant, NoSchedule, OSError) as error:
        return str(error) or type(error).__name__


def run_all(course: Course, checks: Mapping[str, Check]) -> List[Tuple[str, str]]:
    """Each check's name and what is wrong; told as they end."""
    free: "queue.Queue[Worker]" = queue.Queue()
    for number in range(WORKERS):
        place = course.place / f"worker-{number}"
        place.mkdir(parents=True, exist_ok=True)
        free.put(Worker(course, place))
    telling = threading.Lock()

    def work(name: str, check: Check) -> Tuple[str, str]:
        worker = free.get()
        begin = time.monotonic()
        try:
            wrong = outcome(check, worker)
        finally:
            free.put(worker)
        with telling:
            why = ": " + " ".join(wrong.split())[:SHOWN] if wrong else ""
            print(f"{'not ok' if wrong else 'ok':6} {name} ({time.monotonic() - begin:.1f} s){why}", flush=True)
        return name, wrong

    with ThreadPoolExecutor(WORKERS) as pool:
        return [future.result() for future in [pool.submit(work, name, check) for name, check in checks.items()]]


def main() -> int:
    parser = argparse.ArgumentParser(prog="check-labs", description="Proves of every lab what its course promises.")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1])
    parser.add_argument("--only", default="", help="patterns or parts of names")
    parser.add_argument("--list", action="store_true", help="name the checks and run none")
    args = parser.parse_args()
    os.environ.pop("CI", None)  # a submission is compiled as at a student's: warnings are none of its errors
    try:
        course = Course(args.root.resolve(), read_order(args.root))
        shutil.rmtree(course.place / "objects", ignore_errors=True)
        checks = all_checks(course)
    except (StageError, OSError) as error:
        print(f"check-labs: {error}", file=sys.stderr)
        return 2
    wanted = picked(list(checks), args.only)
    chosen = {name: check for name, check in checks.items() if name in wanted}
    if args.list or not chosen:
        print("\n".join(checks))
        return 0 if args.list else 2
    results = run_all(course, chosen)
    bad = [(name, wrong) for name, wrong in results if wrong]
    for name, wrong in bad:
        print(f"\n==== {name}: {wrong}\n  again: make check-labs ONLY={name}")
    print(f"\n{len(results) - len(bad)} passed, {len(bad)} failed", flush=True)
    return 0 if results and not bad else 1


if __name__ == "__main__":
    try:
        with children.ending_with_us():
            sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
