"""Mutant files: what they hold, and when they no longer apply."""

import pytest
from pagoda import mutants
from pagoda.discover import Test as Found

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
