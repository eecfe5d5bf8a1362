"""Kernels made of a course and a submission, with a course of two files and a compiler for this machine; and the commands."""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest
from schema import problems

from pagoda import grade, grade_build, grade_tests
from pagoda.grade_build import CannotGrade
from pagoda.grade_judge import Machine, Trial
from pagoda.grade_result import NOT_GRADED, Judged
from pagoda.tree import STAGE_FILE, Tree
from pagoda.verdict import FAIL, PASS

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "grade" / "result.schema.json").read_text())
HOLE = "kernel/vm/hole.c"
SOURCE = """\
int given(void);
//@lab cow  what is to be written
int hole(void)
{
	return 0;
}
//@end
int given(void) { return 1; }
"""
# As much of the course's Makefile as a grading asks for.
MAKEFILE = """\
CONFIG ?= debug
B := build/$(CONFIG)
MAKEFLAGS += --no-builtin-rules
.SECONDARY:
$(B)/kernel.elf: $(B)/kernel/vm/hole.o
	@cc -nostdlib -shared -o $@ $^
$(B)/kernel/vm/hole.o: kernel/vm/hole.c
	@mkdir -p $(@D) && echo compiled >> build/count
	@echo 12.2.0 cross-gcc -O2 > $(B)/kernel.flags
	@cc -fno-common -c -o $@ $<
$(B)/user/bin/probe $(B)/layout.json build/host/mkfs:
	@mkdir -p $(@D) && touch $@
"""
STAGER = """\
import json, shutil, sys
out = sys.argv[sys.argv.index("--out") + 1]
shutil.copytree("given", out)
"""


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """The whole source; given/ is what its stage generator makes."""
    root = tmp_path / "course"
    stage = {"lab": "cow", "kind": "start", "commit": "abc", "labs": ["cow"], "files": {}, "holes": [
        {"lab": "cow", "file": HOLE, "function": "hole", "open": True}]}
    for name, text in ((HOLE, SOURCE), ("Makefile", MAKEFILE), ("labs/cow/lab.toml", f'files = ["{HOLE}"]\n'), (STAGE_FILE, json.dumps(stage)),
                       ("labs/cow/tests/one.script", "title: One\npoints: 7\n---\nmap a 1 rw\n")):
        for top in ("given",) if name in (STAGE_FILE, HOLE, "Makefile") else ("given", "."):
            (root / top / name).parent.mkdir(parents=True, exist_ok=True)
            (root / top / name).write_text(text)
    (root / "labs/stage.py").write_text(STAGER)
    return root


@pytest.fixture
def verdicts(monkeypatch: pytest.MonkeyPatch) -> List[Judged]:
    """What the runs come to, the last one again and again."""
    answers = [Judged(PASS)]

    def judge(machine: Machine, trial: Trial) -> Judged:
        return answers.pop(0) if len(answers) > 1 else answers[0]

    monkeypatch.setattr(grade_tests, "judge", judge)
    monkeypatch.setattr(grade, "machine_of", lambda tree, base: None)
    return answers


def submission(course: Path, text: str) -> Path:
    root = course.parent / "theirs"
    (root / HOLE).parent.mkdir(parents=True, exist_ok=True)
    (root / HOLE).write_text(text)
    return root


def command(root: Path, *words: str) -> int:
    parser = argparse.ArgumentParser()
    grade.arguments(parser.add_subparsers(dest="command", required=True))
    return grade.main(parser.parse_args(["grade", *words]), Tree(root))


def result(root: Path) -> "dict[str, object]":
    found: "dict[str, object]" = json.loads((root / "build/grade/result.json").read_text())
    assert problems(found, SCHEMA, SCHEMA) == []
    return found


def test_a_stage_is_graded_as_it_lies_there(course: Path, verdicts: List[Judged], capsys: pytest.CaptureFixture[str]) -> None:
    tree = course / "given"
    assert command(tree) == 0
    found = result(tree)
    assert (found["lab"], found["score"], found["points"], found["graded"], found["commit"]) == ("cow", 7, 7, True, "abc")
    assert found["compiler"] == "cross-gcc 12.2.0"
    assert "cow: 7 of 7 points" in capsys.readouterr().out
    assert (tree / "build/grade/report.txt").read_text().endswith("cow: 7 of 7 points\n")


def test_whatever_the_score_there_is_a_grade(course: Path, verdicts: List[Judged]) -> None:
    verdicts[:] = [Judged(FAIL, "because")]
    assert command(course / "given") == 0
    verdicts[:] = [Judged(NOT_GRADED, "too slow")]
    assert command(course / "given") == 2
    assert result(course / "given")["graded"] is False


def test_a_tree_that_does_not_build_scores_nothing_and_is_told_why(
        course: Path, verdicts: List[Judged], capsys: pytest.CaptureFixture[str]) -> None:
    tree = course / "given"
    (tree / HOLE).write_text(SOURCE.replace("return 0;", "return nothing;"))
    assert command(tree) == 0
    out = capsys.readouterr().out
    assert f"{HOLE}:5:" in out and "nothing" in out and "0 of 7 points" in out
    assert result(tree)["score"] == 0


@pytest.mark.parametrize("words, said", [
    ([], "say which lab"), (["--lab", "nolab"], "no tests of a lab 'nolab'"), (["--lab", "cow", "--submission", "/nowhere"], "no folder /nowhere")])
def test_what_cannot_be_graded(course: Path, capsys: pytest.CaptureFixture[str], words: List[str], said: str) -> None:
    assert command(course, *words) == 2
    assert said in capsys.readouterr().err


def test_a_submission_is_two_kernels(course: Path, verdicts: List[Judged], capsys: pytest.CaptureFixture[str]) -> None:
    theirs = submission(course, SOURCE.replace("return 0;", "return given();").replace("return 1;", "return 2;"))
    (theirs / "Makefile").write_text("all:\n\ttouch /tmp/no\n")
    verdicts[:] = [Judged(PASS), Judged(FAIL, "because")]
    assert command(course, "--lab", "cow", "--submission", str(theirs)) == 0
    fair, own = result(course)["kernels"]  # type: ignore[misc]
    assert (fair["what"], fair["score"], own["what"], own["score"]) == ("fair", 7, "own", 0)
    assert "cow: 7 of 7 points; 0 with all of the submission's own files" in capsys.readouterr().out
    assert result(course)["ignored"] == ["Makefile"]
    assert "lines outside of this lab's holes" in str(result(course)["notes"])
    assert "return 1;" in (course / "build/grade/fair" / HOLE).read_text() and "return 2;" in (course / "build/grade/own" / HOLE).read_text()
    assert len((course / "build/grade/base/cow/build/count").read_text().split()) == 1
    assert len((course / "build/grade/fair/build/count").read_text().split()) == 2


def test_a_submission_that_changes_nothing_is_graded(course: Path, verdicts: List[Judged]) -> None:
    assert command(course, "--lab", "cow", "--submission", str(submission(course, SOURCE))) == 0
    kernels = result(course)["kernels"]
    assert [(kernel["refused"], kernel["score"]) for kernel in kernels] == [([], 7), ([], 7)]  # type: ignore[attr-defined]


def test_two_kernels_of_the_same_sources_are_run_once(course: Path, verdicts: List[Judged]) -> None:
    theirs = submission(course, SOURCE.replace("return 0;", "return given();"))
    verdicts[:] = [Judged(PASS), Judged(FAIL, "the second run")]
    assert command(course, "--lab", "cow", "--submission", str(theirs)) == 0
    assert [kernel["score"] for kernel in result(course)["kernels"]] == [7, 7]  # type: ignore[attr-defined]


@pytest.mark.parametrize("old, new, said", [
    ("int hole(void)\n", "int more(void) { return 5; }\nint hole(void)\n", "must be static"),
    ("return 0;", "asm(\"nop\"); return 0;", "assembler"),
    ("return 0;", "return nothing;", "nothing"),
    ("return 0;", "static char big[64 << 20]; return big[given()]++;", "the machine has no room"),
    ("//@lab cow  what is to be written\n", "", "is not there"),
])
def test_what_is_refused_scores_nothing_and_is_told(
        course: Path, verdicts: List[Judged], capsys: pytest.CaptureFixture[str], old: str, new: str, said: str) -> None:
    assert command(course, "--lab", "cow", "--submission", str(submission(course, SOURCE.replace(old, new)))) == 0
    assert said in capsys.readouterr().out
    fair = result(course)["kernels"][0]  # type: ignore[index]
    assert fair["tests"] == [] and fair["score"] == 0 and (fair["refused"] or fair["build_error"])


def test_the_base_follows_the_course(course: Path, verdicts: List[Judged]) -> None:
    theirs = submission(course, SOURCE)
    assert command(course, "--lab", "cow", "--submission", str(theirs)) == 0
    (course / "given" / HOLE).write_text(SOURCE.replace("return 1;", "return 11;"))
    (course / "kernel").mkdir()
    (course / HOLE).parent.mkdir(parents=True)
    (course / HOLE).write_text("// the source that the stage is made of has changed\n")
    assert command(course, "--lab", "cow", "--submission", str(theirs)) == 0
    assert "return 11;" in (course / "build/grade/fair" / HOLE).read_text()


def test_a_course_that_does_not_build_grades_nobody(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (course / "given" / "Makefile").write_text(MAKEFILE.replace("touch $@", "false"))
    assert command(course, "--lab", "cow", "--submission", str(submission(course, SOURCE))) == 2
    assert "does not build" in capsys.readouterr().err


def test_a_compiler_that_does_not_end_is_ended(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grade_build, "COMPILE_SECONDS", 1)
    (course / "given" / "Makefile").write_text(MAKEFILE.replace("@cc -fno-common -c", "@while :; do :; done; cc -c"))
    assert grade_build.build(Tree(course / "given")) != ""


def test_errors_are_found_in_a_long_output() -> None:
    text = "\n".join(["  CC a.c", "a.c:1:2: warning: w", "a.c:3:4: error: bad", "make: *** [Makefile:9: a.o] Error 1", *["noise"] * 50])
    assert grade_build.errors_of(text) == "a.c:3:4: error: bad"
    assert grade_build.errors_of("one\ntwo") == "one\ntwo"


def test_a_stage_that_says_nothing_sensible(tmp_path: Path) -> None:
    (tmp_path / "labs").mkdir()
    for text in ("", "[]", "{}", '{"labs": ["map"], "lab": "cow", "holes": []}'):
        (tmp_path / STAGE_FILE).write_text(text)
        with pytest.raises(CannotGrade):
            grade_build.read_course(tmp_path)


def test_only_the_standard_library_is_needed(tmp_path: Path) -> None:
    """As on a student's machine: no site packages, nothing from the environment."""
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'grade')!r}); from pagoda.__main__ import main; sys.argv = ['pagoda', 'grade', '--help']; main()"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0 and "--submission" in done.stdout, done.stderr
