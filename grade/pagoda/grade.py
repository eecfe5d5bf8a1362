"""The commands behind `make grade`, `make replay` and `make gdb TEST=`.

In a stage of the course `make grade` judges the tree's own kernel. In the whole source it judges
that kernel too, or with SUBMISSION= the course's kernel with one lab's holes filled from there
(that score counts) and the same with all of the submission's allowed files (that one stands
beside it). Exit status: 0 there is a grade, whatever it is; 2 there is none.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence

from . import grade_build, grade_gdb, grade_result, grade_tests, overlay, report, typed
from .elf import Elf, ElfError
from .grade_build import CannotGrade, Course
from .grade_judge import Machine
from .grade_result import Grading, Kernel, Scored
from .guest import GuestError
from .layout import LayoutError, load
from .script import ScriptError
from .tree import STAGE_FILE, Tree
from .verdict import PASS

GRADED, NOT_GRADED = 0, 2
OUTSIDE_SHOWN = 3


def arguments(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The commands' own arguments."""
    for name, what in (("grade", "judge a kernel by a lab's tests"), ("replay", "one test, told as it goes"), ("debug", "one test under gdb")):
        one = commands.add_parser(name, help=what)
        one.add_argument("--lab", default="", help="the lab; in a stage of the course its own")
        one.add_argument("--submission", type=Path, default=None, help="a folder with somebody's files")
        one.add_argument("--out", type=Path, default=None, help="where results go; build/grade")
        if name == "grade":
            one.add_argument("--quiet", action="store_true", help="no line for each test")
        else:
            one.add_argument("--test", required=True)
            one.add_argument("--seed", type=typed.seed, default=None)


def main(args: argparse.Namespace, tree: Tree) -> int:
    out = (args.out or tree.root / "build" / "grade").resolve()
    try:
        with locked(out):
            grader = Grader(tree, out, lab_of(tree, args.lab, getattr(args, "test", "")), args.submission)
            if args.command == "grade":
                return grader.grade(args.quiet)
            return grader.replay(args.test, args.seed) if args.command == "replay" else grader.debug(args.test, args.seed)
    except BrokenPipeError:  # whoever read along has gone
        sys.stdout = open(os.devnull, "w")
        return NOT_GRADED
    except (CannotGrade, GuestError, ScriptError, ElfError, LayoutError, OSError) as error:  # OSError: a full disk, a folder that is read-only
        print(f"grade: {grade_result.printable(str(error), 2000)}" if "\n" not in str(error) else f"grade: {error}", file=sys.stderr)
        return NOT_GRADED


def lab_of(tree: Tree, lab: str, test: str) -> str:
    """The lab that is meant: as it is named, by a test's name, or the one of this stage."""
    lab = lab or test.partition(".")[0]
    if not lab and not (tree.root / STAGE_FILE).is_file():
        raise CannotGrade("say which lab: make grade LAB=cow")
    return lab


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Two gradings with one place for results come one after the other."""
    out.mkdir(parents=True, exist_ok=True)
    with open(out / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print(f"grade: waiting for another grading in {out}", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Grader:
    """One use of the command."""

    def __init__(self, tree: Tree, out: Path, lab: str, submission: Optional[Path]) -> None:
        self.tree, self.out, self.submission = tree, out, submission
        self.is_stage = (tree.root / STAGE_FILE).is_file()
        if submission is not None and self.is_stage:
            raise CannotGrade("SUBMISSION is for the whole source of the course; in this tree just type: make grade")
        if submission is not None and not submission.is_dir():
            raise CannotGrade(f"there is no folder {submission}")
        if self.is_stage:
            lab = lab or grade_build.read_course(tree.root).lab
        if not (tree.root / "labs" / lab / "tests").is_dir():
            raise CannotGrade(f"there are no tests of a lab {lab!r}")
        self.lab = lab

    # ---- grade

    def grade(self, quiet: bool) -> int:
        tests = grade_tests.load(self.tree.root, self.lab)
        if self.submission is not None:
            self.grading = self.grade_submission(tests, quiet)
        else:
            self.grading = self.grade_tree(tests, quiet)
        self.grading = replace(self.grading, complete=True)
        self.save()
        grade_result.write(self.out / "report.txt", report.shown(self.grading))
        sys.stdout.write(report.shown(self.grading, table=quiet))
        return GRADED if self.grading.graded else NOT_GRADED

    def save(self) -> None:
        grade_result.save(self.out / "result.json", self.grading)

    def begin(self, tests: Sequence[grade_tests.Test], whose: Tree, what: Sequence[str], **more: object) -> Grading:
        points = sum(test.script.points for test in tests)
        found = Grading(
            self.lab, False, points, grade_build.compiler_of(whose), grade_build.qemu_version(), "", tuple(Kernel(name) for name in what))
        return replace(found, **more)

    def grade_tree(self, tests: Sequence[grade_tests.Test], quiet: bool) -> Grading:
        """The tree's own kernel."""
        grade_build.build_tools(self.tree)
        wrong = grade_build.build(self.tree)
        course: Optional[Course] = grade_build.read_course(self.tree.root, self.lab) if self.is_stage else None
        more: Dict[str, object] = {}
        if course is not None:
            notes = overlay.warnings(self.tree.root, course.lab, course.functions)
            more = {"ignored": tuple(overlay.changed_files(self.tree.root, course.every_file)), "commit": course.commit, "notes": tuple(notes)}
        self.grading = self.begin(tests, self.tree, ["tree"], **more)
        if wrong:
            return replace(self.grading, kernels=(Kernel("tree", build_error=wrong),))
        self.run(0, self.tree, self.tree, tests, quiet)
        return self.grading

    def grade_submission(self, tests: Sequence[grade_tests.Test], quiet: bool) -> Grading:
        """The course's kernel with a submission's fills, then with its whole files."""
        assert self.submission is not None
        base, course = self.base()
        ignored = overlay.ignored(base.root, self.submission, course.every_file)
        self.grading = self.begin(
            tests, base, ["fair", "own"], ignored=tuple(ignored), commit=course.commit, notes=tuple(self.outside(base, course)))
        for place, what in enumerate(("fair", "own")):
            kernel, tree = self.kernel(what, base, course)
            kernels = list(self.grading.kernels)
            kernels[place] = kernel
            self.grading = replace(self.grading, kernels=tuple(kernels))
            if tree is not None and what == "own" and self.same_kernel(tree, course):
                kernels[place] = replace(kernel, tests=self.grading.kernels[0].tests)
                self.grading = replace(self.grading, kernels=tuple(kernels))
            elif tree is not None:
                self.run(place, tree, base, tests, quiet)
        return self.grading

    def base(self) -> "tuple[Tree, Course]":
        base = grade_build.base_tree(self.tree.root, self.lab, self.tree.config, self.out)
        return base, grade_build.read_course(base.root, self.lab)

    def kernel(self, what: str, base: Tree, course: Course) -> "tuple[Kernel, Optional[Tree]]":
        """A kernel with a submission's files: built, or why not."""
        assert self.submission is not None
        if what == "fair":
            made = overlay.fair(base.root, self.submission, self.lab, course.functions)
        else:
            made = overlay.own(base.root, self.submission, sorted(course.every_file))
        if made.problems:
            return Kernel(what, refused=tuple(map(str, made.problems))), None
        tree = grade_build.overlaid(base, made, self.out / what)
        wrong = grade_build.build(tree)
        if wrong:
            return Kernel(what, build_error=wrong), None
        refused = grade_build.objects_refused(base, tree, sorted(made.files))
        return Kernel(what, refused=tuple(refused)), None if refused else tree

    def same_kernel(self, tree: Tree, course: Course) -> bool:
        """Are the two kernels made of the same sources, as when nothing was changed outside of the holes?"""
        fair = self.out / "fair"
        return bool(self.grading.kernels[0].tests) and all(
            (fair / name).read_bytes() == (tree.root / name).read_bytes() for name in course.every_file)

    def outside(self, base: Tree, course: Course) -> List[str]:
        """Lines beside the holes that a student may think count."""
        assert self.submission is not None
        notes: List[str] = []
        for name in course.files:
            try:
                theirs = overlay.safe_text(self.submission, name)
            except overlay.Unreadable:
                continue
            lines = overlay.outside((base.root / name).read_text(encoding="utf-8"), theirs or "", self.lab, name)
            if lines:
                shown = ", ".join(map(str, lines[:OUTSIDE_SHOWN])) + (" ..." if len(lines) > OUTSIDE_SHOWN else "")
                notes.append(f"{name} has lines outside of this lab's holes that are not the course's ({shown}); they do not count")
        return notes

    def run(self, place: int, tree: Tree, base: Tree, tests: Sequence[grade_tests.Test], quiet: bool) -> None:
        """All tests on a kernel; the result is kept after each."""
        order = [test.name for test in tests]
        self.save()

        def done(one: Scored) -> None:
            self.grading = grade_result.with_test(self.grading, place, one, order)
            self.save()
            if not quiet:
                print(f"  {report.line_of(one)}", flush=True)

        with tree.freeze() as frozen:
            grade_tests.run_all(machine_of(frozen, base), tests, done)

    # ---- one test

    def test(self, name: str) -> grade_tests.Test:
        found = grade_tests.load(self.tree.root, self.lab, name) if name else []
        if not found:
            there = ", ".join(test.name for test in grade_tests.load(self.tree.root, self.lab))
            raise CannotGrade(f"{f'no test is called {name}' if name else 'say which test, with TEST='}; there are {there}")
        return found[0]

    def machine(self) -> "tuple[Machine, Tree]":
        """The kernel that is meant, built."""
        if self.submission is None:
            wrong = grade_build.build(self.tree)
            if wrong:
                raise CannotGrade(f"it does not build:\n{wrong}")
            grade_build.build_tools(self.tree)
            return machine_of(self.tree, self.tree), self.tree
        base, course = self.base()
        kernel, tree = self.kernel("fair", base, course)
        if tree is None:
            raise CannotGrade("\n".join([*kernel.refused, kernel.build_error]))
        return machine_of(tree, base), tree

    def replay(self, name: str, seed: Optional[int]) -> int:
        test = self.test(name)
        machine, _ = self.machine()
        judged = grade_tests.replay(machine, test, seed, lambda line: print(grade_result.printable(line, 300), flush=True))
        shown = seed if seed is not None else test.seeds[0]
        scored = Scored(test.name, test.script.title, test.script.points, test.script.harts, test.seeds, shown, judged, 0.0)
        if judged.verdict != PASS:
            print("\n" + "\n".join(report.reasons(scored)))
        return GRADED

    def debug(self, name: str, seed: Optional[int]) -> int:
        test = self.test(name)
        machine, tree = self.machine()
        return grade_gdb.debug(machine, tree, test, seed if seed is not None else test.seeds[0], self.out)


def machine_of(tree: Tree, base: Tree) -> Machine:
    """A kernel with the tools to judge it, which are the base's."""
    probe = grade_build.probe_symbols_of(base)
    return Machine(
        tree.kernel, Elf(tree.kernel), grade_build.probe_of(base), Elf(probe), load(grade_build.layout_of(base)), base.root / "build" / "host" / "mkfs")
