"""Tests of a lab: read, ordered, run again where that says something. Nothing is booted here."""

import argparse
import threading
import time
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple

import pytest

from pagoda import grade as commands
from pagoda import grade_tests
from pagoda.grade_build import CannotGrade
from pagoda.grade_judge import Machine, Trial
from pagoda.grade_result import BLOCKED, LEAKS, NOT_GRADED, UNSTABLE, Judged, Scored
from pagoda.tree import Tree
from pagoda.verdict import FAIL, HUNG, PANIC, PASS

Answer = Callable[[str, int, bool, int], str]  # test's file, seed, parallel, how often before: a verdict


def lab(root: Path, tests: Dict[str, str]) -> List[grade_tests.Test]:
    folder = root / "labs" / "cow" / "tests"
    folder.mkdir(parents=True, exist_ok=True)
    for name, header in tests.items():
        (folder / f"{name}.script").write_text(f"title: {name}\n{header}---\nmap a 1 rw\ntouch a 0 1 write\n")
    return grade_tests.load(root, "cow")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> "Tuple[List[Tuple[str, int, bool]], Callable[[Answer], None]]":
    """What was run, and how to say what comes of it."""
    seen: List[Tuple[str, int, bool]] = []
    answer: List[Answer] = [lambda *_: PASS]
    lock = threading.Lock()

    def judge(machine: Machine, trial: Trial) -> Judged:
        with lock:
            key = (Path(trial.where).stem, trial.seed, trial.parallel)
            before = seen.count(key)
            seen.append(key)
        return Judged(answer[0](*key, before), "because")

    monkeypatch.setattr(grade_tests, "judge", judge)
    return seen, lambda one: answer.__setitem__(0, one)


def grade(tests: List[grade_tests.Test], done: Optional[Callable[[Scored], None]] = None) -> Dict[str, Scored]:
    return grade_tests.run_all(None, tests, done or (lambda _: None))  # type: ignore[arg-type]


def test_each_seed_is_run_until_one_fails(tmp_path: Path, runs) -> None:  # type: ignore[no-untyped-def]
    seen, says = runs
    says(lambda name, seed, *_: FAIL if (name, seed) == ("b", 2) else PASS)
    found = grade(lab(tmp_path, {"a": "seeds: 3\n", "b": "seeds: 3\n"}))
    assert sorted(seen) == [("a", 1, False), ("a", 2, False), ("a", 3, False), ("b", 1, False), ("b", 2, False)]
    assert (found["cow.a"].judged.verdict, found["cow.a"].seed) == (PASS, None)
    assert (found["cow.b"].judged.verdict, found["cow.b"].seed, found["cow.b"].again) == (FAIL, 2, "make replay TEST=cow.b SEED=2")


def test_a_failure_is_worse_than_a_leak_before_it(tmp_path: Path, runs) -> None:  # type: ignore[no-untyped-def]
    _, says = runs
    says(lambda name, seed, *_: {1: LEAKS, 2: LEAKS, 3: FAIL if name == "b" else PASS}[seed])
    found = grade(lab(tmp_path, {"a": "seeds: 3\n", "b": "seeds: 3\n"}))
    assert (found["cow.a"].judged.verdict, found["cow.a"].seed) == (LEAKS, 1)
    assert (found["cow.b"].judged.verdict, found["cow.b"].seed) == (FAIL, 3)


def test_what_needs_a_failed_test_is_blocked(tmp_path: Path, runs) -> None:  # type: ignore[no-untyped-def]
    seen, says = runs
    says(lambda name, *_: {"a": FAIL, "d": LEAKS}.get(name, PASS))
    found = grade(lab(tmp_path, {"a": "", "b": "needs: a\n", "c": "needs: b\n", "d": "", "e": "needs: d\n"}))
    assert {name: one.judged.verdict for name, one in found.items()} == {
        "cow.a": FAIL, "cow.b": BLOCKED, "cow.c": BLOCKED, "cow.d": LEAKS, "cow.e": PASS}
    assert found["cow.c"].judged.reason == "needs cow.b (blocked)"
    assert {name for name, _, _ in seen} == {"a", "d", "e"}


def test_nothing_is_known_of_what_needs_a_test_that_was_too_slow(tmp_path: Path, runs) -> None:  # type: ignore[no-untyped-def]
    _, says = runs
    says(lambda name, *_: NOT_GRADED if name == "a" else PASS)
    found = grade(lab(tmp_path, {"a": "", "b": "needs: a\n"}))
    assert found["cow.b"].judged.verdict == NOT_GRADED


def test_on_one_hart_a_failure_is_not_run_again(tmp_path: Path, runs) -> None:  # type: ignore[no-untyped-def]
    seen, says = runs
    says(lambda *_: FAIL)
    assert grade(lab(tmp_path, {"a": ""}))["cow.a"].judged.verdict == FAIL
    assert len(seen) == 1


@pytest.mark.parametrize("second, verdict", [(PANIC, PANIC), (PASS, UNSTABLE), (HUNG, UNSTABLE), (NOT_GRADED, PANIC)])
def test_on_several_harts_it_is(tmp_path: Path, runs, second: str, verdict: str) -> None:  # type: ignore[no-untyped-def]
    seen, says = runs
    says(lambda name, seed, parallel, before: second if before else PANIC)
    found = grade(lab(tmp_path, {"a": "harts: 3\n"}))["cow.a"]
    assert (found.judged.verdict, found.score, len(seen)) == (verdict, 0, 2)
    assert "because" in found.judged.reason and (verdict != UNSTABLE or "panic" in found.judged.reason)


def test_what_differs_between_two_failures_is_left_out() -> None:
    one = Judged(FAIL, "why one", "expected", "seen one", "where", ("step",), ("said",))
    found = grade_tests.agreed([one, Judged(FAIL, "why another", "expected", "seen another", "where", ("step",), ())])
    assert found == Judged(FAIL, "why another; or: why one", "expected", "", "where", ("step",), ())
    assert grade_tests.agreed([one, one]) == one


def test_several_harts_run_once_in_parallel(tmp_path: Path, runs) -> None:  # type: ignore[no-untyped-def]
    seen, says = runs
    assert grade(lab(tmp_path, {"a": "harts: 3\nseeds: 2\n"}))["cow.a"].judged.verdict == PASS
    assert seen == [("a", 1, False), ("a", 1, True), ("a", 2, False)]
    says(lambda name, seed, parallel, before: FAIL if parallel else PASS)
    assert grade(lab(tmp_path, {"a": "harts: 3\n"}))["cow.a"].judged.verdict == FAIL
    seen.clear()
    says(lambda name, seed, parallel, before: FAIL if parallel and before == 1 else PASS)
    assert grade(lab(tmp_path, {"a": "harts: 3\n"}))["cow.a"].judged.verdict == PASS  # the first run was right
    seen.clear()
    says(lambda name, seed, parallel, before: FAIL if parallel and before != 1 else PASS)
    assert grade(lab(tmp_path, {"a": "harts: 3\n"}))["cow.a"].judged.verdict == UNSTABLE
    seen.clear()
    says(lambda name, seed, parallel, before: NOT_GRADED if parallel else PASS)
    assert grade(lab(tmp_path, {"a": "harts: 3\n"}))["cow.a"].judged.verdict == PASS


def test_results_are_told_as_they_come(tmp_path: Path, runs) -> None:  # type: ignore[no-untyped-def]
    told: List[str] = []
    grade(lab(tmp_path, {"a": "needs: b\n", "b": "needs: c\n", "c": ""}), lambda one: told.append(one.name))
    assert told == ["cow.c", "cow.b", "cow.a"]


def test_a_grader_in_trouble_stops(tmp_path: Path, runs) -> None:  # type: ignore[no-untyped-def]
    seen, says = runs

    def trouble(name: str, *_: object) -> str:
        if name == "a":
            raise CannotGrade("no QEMU")
        time.sleep(0.05)
        return PASS

    says(trouble)
    with pytest.raises(CannotGrade, match="no QEMU"):
        grade(lab(tmp_path, {name: "seeds: 3\n" for name in "abcdefgh"}))
    assert len({name for name, _, _ in seen}) < 8


@pytest.mark.parametrize("tests, said", [
    ({"a": "needs: b\n"}, r"a\.script: needs cow\.b, which is not there"),
    ({"a": "needs: b\n", "b": "needs: a\n"}, "needs itself"),
    ({"a": "harts: 99\n"}, r"labs/cow/tests/a\.script: line 2: harts"),
])
def test_a_lab_that_is_written_wrongly_grades_nobody(tmp_path: Path, tests: Dict[str, str], said: str) -> None:
    with pytest.raises(CannotGrade, match=said):
        lab(tmp_path, tests)


def test_hidden_tests_are_tests(tmp_path: Path) -> None:
    lab(tmp_path, {"a": ""})
    hidden = tmp_path / "labs" / "cow" / "hidden"
    hidden.mkdir()
    (hidden / "z.script").write_text("title: z\npoints: 4\n---\nmap a 1 rw\n")
    assert [test.name for test in grade_tests.load(tmp_path, "cow")] == ["cow.a", "cow.z"]
    assert [test.name for test in grade_tests.load(tmp_path, "cow", "cow.z")] == ["cow.z"]
    (hidden / "a.script").write_text("title: a\n---\nmap a 1 rw\n")
    with pytest.raises(CannotGrade, match="another test"):
        grade_tests.load(tmp_path, "cow")


def test_a_place_that_cannot_be_written_is_no_grade(capsys: "pytest.CaptureFixture[str]") -> None:
    args = argparse.Namespace(command="grade", lab="cow", submission=None, out=Path("/dev/null/none"), quiet=True)
    assert commands.main(args, Tree(Path.cwd())) == commands.NOT_GRADED
    assert "grade: " in capsys.readouterr().err
