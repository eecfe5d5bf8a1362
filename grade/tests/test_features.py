"""Rows: done only with a passing test and a mutant that one of the row's tests fails."""

from pathlib import Path
from typing import Optional

import pytest
from pagoda import __main__ as commands
from pagoda import features, mutants, run
from pagoda.discover import Test as Found
from pagoda.mutants import Change, Mutant, Outcome
from pagoda.run import Result
from pagoda.tree import Tree

ROOT = Path(__file__).resolve().parents[2]


def line(passed: Optional[bool], outcome: Optional[str], mutant_tests: str = "user.cow.one") -> str:
    tests = [Found("user", "cow", "one", ("A3",), "", "")]
    mutants = [Mutant("m", ("A3",), (mutant_tests,), "d", (Change("f", "a", "b"),))]
    results = [] if passed is None else [
        Result("user.cow.one", ("A3",), 1, 1, "pass", "", 0, ""), Result("user.cow.one", ("A3",), 3, 1, "pass" if passed else "fail", "", 0, "")]
    outcomes = [] if outcome is None else [Outcome("m", ("A3",), ("user.cow.one",), "d", outcome, "")]
    return features.shown(["A3"], tests, mutants, results, outcomes)[0].verdict


@pytest.mark.parametrize("passed, outcome, says", [
    (True, "killed", "done"), (False, "killed", "a test fails"), (True, "survived", "a mutant survives"),
    (True, "does not apply", "a mutant survives"), (None, None, "not run"), (True, None, "not run"),
])
def test_verdict(passed: Optional[bool], outcome: Optional[str], says: str) -> None:
    assert line(passed, outcome) == says


def test_a_mutant_that_other_tests_notice_does_not_count() -> None:
    assert line(True, "killed", "user.other.x") == "no mutant"


def test_no_test() -> None:
    assert features.shown(["A3"], [], [], [], [])[0].verdict == "no test"


def test_the_page_has_every_row() -> None:
    rows = features.rows(ROOT / "docs" / "features.md")
    count = {letter: sum(1 for row in rows if row[0] == letter) for letter in "ABCDE"}
    assert count == {"A": 35, "B": 15, "C": 18, "D": 14, "E": 6}


# ---- make features REQUIRE=...: a tree with one row, one test of it, one mutant

SOURCE = 'HTEST(one, "A3", "it holds")\n{\n}\n'
MUTANT = "rows: A3\ntests: host.cow.one\ndefect: it does not hold\nfile: kernel/a.c\n--- find\nx\n--- replace\ny\n--- end\n"


def small_tree(root: Path, source: str = SOURCE, mutant: str = MUTANT, passes: bool = True, outcome: str = mutants.KILLED) -> Tree:
    for name, text in (("tests/host/cow.c", source), ("grade/mutants/m.mutant", mutant), ("docs/features.md", "| A3 | copies |\n| A4 | maps |\n")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if text:
            (root / name).write_text(text)
    tree = Tree(root)
    run.save(commands.results_path(tree), run.state(tree), [
        Result("host.cow.one", ("A3",), 0, 0, "pass" if passes else "fail", "", 0, "")])
    mutants.save(commands.outcomes_path(tree), run.state(tree), [Outcome("m", ("A3",), ("host.cow.one",), "d", outcome, "")])
    return tree


def test_require_is_content(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.show_features(small_tree(tmp_path), ["A3"]) == 0
    said = capsys.readouterr().out
    for part in ("A3", "copies", "host.cow.one: it holds", "m: it does not hold", "1 of 1 rows done"):
        assert part in said


@pytest.mark.parametrize("change, says", [
    ({"source": SOURCE.replace("A3", "")}, "A3: no test"),
    ({"passes": False}, "A3: a test fails"),
    ({"mutant": ""}, "A3: no mutant"),
    ({"mutant": MUTANT.replace("rows: A3", "rows: A4")}, "A3: no mutant"),
    ({"outcome": mutants.SURVIVED}, "A3: a mutant survives"),
    ({"outcome": mutants.STALE}, "A3: a mutant survives"),
])
def test_require_fails_when_something_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str], change: "dict[str, object]", says: str) -> None:
    assert commands.show_features(small_tree(tmp_path, **change), ["A3"]) == 1  # type: ignore[arg-type]
    assert says in capsys.readouterr().out


def test_require_knows_its_rows(tmp_path: Path) -> None:
    assert commands.show_features(small_tree(tmp_path), ["A99"]) == 2
