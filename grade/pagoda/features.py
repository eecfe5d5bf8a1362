"""The rows of docs/features.md, and what shows each: its tests and its mutants."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

from .discover import Test, name_matches
from .mutants import KILLED, Mutant, Outcome
from .run import Result

ROW = re.compile(r"^\|\s*([A-E][0-9]{1,2})\s*\|\s*(.*?)\s*\|\s*$")


@dataclass(frozen=True)
class Shown:
    """One row: (name, did it do its part?) of each test and mutant; None: no result yet."""

    row: str
    tests: Tuple[Tuple[str, "bool | None"], ...]
    mutants: Tuple[Tuple[str, "bool | None"], ...]

    @property
    def verdict(self) -> str:
        """done, or what is wanting."""
        if not self.tests:
            return "no test"
        if any(good is False for _, good in self.tests):
            return "a test fails"
        if not self.mutants:
            return "no mutant"
        if any(good is False for _, good in self.mutants):
            return "a mutant survives"
        if any(good is None for _, good in self.tests + self.mutants):
            return "not run"
        return "done"


def rows(path: Path) -> Dict[str, str]:
    """Row id -> its text, in the page's order."""
    found: Dict[str, str] = {}
    for line in path.read_text().splitlines():
        match = ROW.match(line)
        if match:
            found[match.group(1)] = match.group(2)
    return found


def shown(wanted: Sequence[str], tests: Sequence[Test], mutants: Sequence[Mutant], results: Sequence[Result], outcomes: Sequence[Outcome]) -> List[Shown]:
    """Each wanted row with what shows it. A mutant counts for a row that one of its tests names too."""
    passed: Dict[str, bool] = {}
    for one in results:
        passed[one.name] = passed.get(one.name, True) and one.passed
    killed = {one.name: one.outcome == KILLED for one in outcomes}
    answer: List[Shown] = []
    for row in wanted:
        mine = [test for test in tests if row in test.rows]
        answer.append(Shown(
            row, tuple((test.name, passed.get(test.name)) for test in mine),
            tuple((mutant.name, killed.get(mutant.name)) for mutant in mutants if counts(mutant, row, mine))))
    return answer


def counts(mutant: Mutant, row: str, tests: Sequence[Test]) -> bool:
    """Does the mutant break this row, and is it one of the row's own tests that is to notice?"""
    return row in mutant.rows and any(name_matches(test.name, word) for test in tests for word in mutant.tests)


def table(lines: Sequence[Shown], texts: Dict[str, str], about: Dict[str, str]) -> str:
    """For people: a row and its text, then its tests and mutants, each with what it is about."""
    kinds = (("test", {True: "passes", False: "FAILS", None: "not run"}), ("mutant", {True: "killed", False: "SURVIVES", None: "not run"}))
    out: List[str] = []
    for one in lines:
        out += textwrap.wrap(f"{one.row:4} {one.verdict.upper() if one.verdict != 'done' else 'done'}: {texts.get(one.row, '')}", 120, subsequent_indent=" " * 5)
        for (kind, words), names in zip(kinds, (one.tests, one.mutants)):
            out += [f"     {kind:6} {words[good]:8} {name}: {about.get(name, '')}" for name, good in names]
        out.append("")
    return "\n".join(out)


def wanting(lines: Sequence[Shown]) -> str:
    """The last lines: which rows are not done, and how many are."""
    out = [f"{one.row}: {one.verdict}" for one in lines if one.verdict != "done"]
    return "\n".join([*out, f"{len(lines) - len(out)} of {len(lines)} rows done"])
