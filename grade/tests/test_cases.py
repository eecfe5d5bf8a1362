"""The catalogue of fault cases: its steps are the kernel's, its tests exist, and those that compare steps compare these."""

import re
from pathlib import Path
from typing import Dict, List, Set

import pytest

from pagoda.discover import discover

tomllib = pytest.importorskip("tomllib", reason="needs Python 3.11")
root = Path(__file__).resolve().parents[2]
KK = "K1 K2 K3 K4 K5 K6"
ENDS = ("DONE", "ERROR")  # the user tests leave them out


@pytest.fixture(scope="module")
def cases() -> List[Dict[str, str]]:
    found: List[Dict[str, str]] = tomllib.loads((root / "docs/cases.toml").read_text())["case"]
    assert len({case["id"] for case in found}) == len(found)
    return found


def steps(case: Dict[str, str]) -> List[str]:
    return case["steps"].replace("KK", KK).split()


def test_steps_are_of_the_step_table(cases: List[Dict[str, str]]) -> None:
    known = set(re.findall(r"\bSTEP\((\w+),", (root / "kernel/abi/trace.h").read_text()))
    for case in cases:
        assert {step.rstrip("*") for step in steps(case)} <= known, case["id"]


def test_a_case_has_a_test_or_says_what_it_needs(cases: List[Dict[str, str]]) -> None:
    known = {test.name for test in discover(root)}
    for case in cases:
        assert case.keys() <= {"id", "what", "steps", "outcome", "needs", "test", "judged"}, case["id"]
        assert case.get("test") in known or ("needs" in case and "test" not in case), case["id"]
        assert case.get("judged", "outcome") == "outcome", case["id"]


def compared(test: str) -> Set[str]:
    """The sequences that a test compares with what was recorded, without their ends."""
    kind, group, name = test.split(".")
    folder, macro = {"host": ("tests/host", "HTEST"), "user": ("user/tests", "TEST")}[kind]
    text = (root / folder / f"{group}.c").read_text()
    shared = [root / folder / name for name in re.findall(r'^#include "([^"]+)"', text, re.MULTILINE)]
    words = dict(re.findall(r'^#define (\w+) "([^"]*)"', "".join(file.read_text() for file in shared if file.exists()) + text, re.MULTILINE))
    begin = re.search(rf"^{macro}\({name},", text, re.MULTILINE)
    assert begin, test
    body = text[begin.end():]
    end = re.search(r"^}", body, re.MULTILINE)
    found = set()
    for arguments in re.findall(r"\b(?:STEPS\(|CHECK_TEXT\(trace_steps\(.*?\), )(.*)\);", body[: end.start() if end else None]):
        sequence = "".join(literal or words.get(word, "") for literal, word in re.findall(r'"([^"]*)"|(\w+)', arguments))
        found.add(" ".join(step for step in sequence.split() if step not in ENDS))
    return found


def test_what_tests_compare_is_what_the_catalogue_says(cases: List[Dict[str, str]]) -> None:
    for case in cases:
        if "test" not in case or "judged" in case:
            continue
        pattern = " ".join(step for step in steps(case) if step not in ENDS)
        pattern = re.sub(r" (\w+)\*", r"(?: \1)*", pattern)
        assert any(re.fullmatch(pattern, sequence) for sequence in compared(case["test"])), (case["id"], compared(case["test"]))
