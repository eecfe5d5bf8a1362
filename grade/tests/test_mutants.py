"""Mutant files: what they hold, and when they no longer apply."""

from pathlib import Path
from typing import Dict, List, Sequence, Tuple

import pytest
from pagoda import mutants, run
from pagoda.discover import Test as Found
from pagoda.run import Result
from pagoda.tree import Tree

GOOD = """rows: A3, A7
tests: user.cow.promote host.fault.*
defect: the old anon keeps its reference
file: kernel/vm/fault.c
--- find
	anon_unref(an);
--- replace
--- end
file: kernel/vm/amap.c
--- find
a
b
--- replace
c
--- end
"""


def test_parse() -> None:
    mutant = mutants.parse("x", GOOD)
    assert mutant.rows == ("A3", "A7") and mutant.tests == ("user.cow.promote", "host.fault.*")
    assert mutant.changes == (
        mutants.Change("kernel/vm/fault.c", "\tanon_unref(an);\n", ""), mutants.Change("kernel/vm/amap.c", "a\nb\n", "c\n"))


@pytest.mark.parametrize("old, new, says", [
    ("rows: A3, A7\n", "", "no `rows:`"),
    ("--- replace\n--- end", "--- end", "--- replace"),
    ("defect:", "flaw:", "not a header line"),
])
def test_mistakes(old: str, new: str, says: str) -> None:
    with pytest.raises(mutants.BadMutant, match=says):
        mutants.parse("x", GOOD.replace(old, new, 1))


def test_a_lab_s_mutant_has_a_message_and_may_break_no_row() -> None:
    mutant = mutants.parse("x", GOOD.replace("rows: A3, A7\n", "message: the other owner\n", 1))
    assert mutant.rows == () and mutant.message == "the other owner"
    assert mutants.parse("x", GOOD).message == ""


def test_a_last_group_without_end() -> None:
    with pytest.raises(mutants.BadMutant, match="no `--- end`"):
        mutants.parse("x", GOOD[: -len("--- end\n")])


@pytest.mark.parametrize("text, count", [("none\n", 0), ("a\nb\na\nb\n", 2)])
def test_text_must_occur_once(text: str, count: int) -> None:
    with pytest.raises(mutants.BadMutant, match=f"occurs {count} times"):
        mutants.applied(text, mutants.Change("f.c", "a\nb\n", "c\n"), "x")


def test_applied() -> None:
    assert mutants.applied("1\na\nb\n2\n", mutants.Change("f.c", "a\nb\n", "c\n"), "x") == "1\nc\n2\n"


def test_tests_by_name_and_pattern() -> None:
    tests = [Found(kind, group, case, (), "", "") for kind, group, case in (
        ("user", "cow", "promote"), ("user", "cow", "promote_twice"), ("host", "fault", "one"), ("host", "fault", "two"))]
    assert [t.name for t in mutants.tests_of(mutants.parse("x", GOOD), tests)] == ["user.cow.promote", "host.fault.one", "host.fault.two"]
    with pytest.raises(mutants.BadMutant, match="no test"):
        mutants.tests_of(mutants.parse("x", GOOD), tests[2:])


@pytest.mark.parametrize("verdicts, outcome, ran", [
    ({"a": "fail", "b": "panic"}, mutants.KILLED, 2),
    ({"a": "fail", "b": "pass"}, mutants.SURVIVED, 3),  # nobody of A7 has noticed
    ({"a": "pass", "b": "pass"}, mutants.SURVIVED, 3),
    ({"a": "not run", "b": "hung"}, mutants.SURVIVED, 3),
    ({"a": "pass", "b": "pass", "c": "fail"}, mutants.KILLED, 3),
])
def test_each_row_must_notice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, verdicts: Dict[str, str], outcome: str, ran: int) -> None:
    rows: Dict[str, Tuple[str, ...]] = {"a": ("A3",), "b": ("A7",), "c": ("A3", "A7")}
    tests = [Found("host", "x", case, rows[case], "", "") for case in "abc"]
    seen: List[str] = []

    def job(test: Found) -> run.Job:
        def go() -> List[Result]:
            seen.append(test.case)
            return [Result(test.name, test.rows, 0, 0, verdicts.get(test.case, "pass"), "", 0, "")]
        return go

    def plan(_tree: Tree, chosen: Sequence[Found], _choice: run.Choice) -> List[run.Job]:
        return [job(test) for test in chosen]

    monkeypatch.setattr(run, "plan", plan)
    space = mutants.Workspace.__new__(mutants.Workspace)
    space.tree = Tree(tmp_path)
    assert space.judge(mutants.parse("x", GOOD), tests).outcome == outcome
    assert len(seen) == ran
