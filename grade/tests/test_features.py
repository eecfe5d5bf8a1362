"""Rows: done only with a passing test and a mutant that one of the row's tests fails."""

from pathlib import Path
from typing import Optional

import pytest
from pagoda import features
from pagoda.discover import Test as Found
from pagoda.mutants import Change, Mutant, Outcome
from pagoda.run import Result

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
