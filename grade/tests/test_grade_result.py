"""The result file and the report."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict

import pytest
from schema import problems

from pagoda import grade_result, report
from pagoda.grade_result import Grading, Judged, Kernel, Scored
from pagoda.verdict import BUILD, FAIL, PASS

SCHEMA: Dict[str, Any] = json.loads((Path(__file__).parents[1] / "result.schema.json").read_text())


def result(name: str, judged: Judged, points: int = 7, seconds: float = 0.5) -> Scored:
    return Scored(name, f"what {name} shows", points, 1, (1, 2), None if judged.verdict == PASS else 2, judged, seconds)


WRONG = Judged(
    FAIL, "fork copied the page", "page 0 of a: main's frame", "a frame of its own", "labs/cow/tests/b.script:9", ("child: K1 K2 UP UE DONE",), ("x",))
TESTS = (
    result("cow.a", Judged(PASS)), result("cow.b", WRONG), result("cow.c", Judged(grade_result.LEAKS, "2 frames are lost")),
    result("cow.d", Judged(grade_result.BLOCKED, "needs cow.b (fail)")))
GRADING = Grading("cow", True, 28, "gcc 12", "QEMU 7.2", "", (Kernel("tree", TESTS), Kernel("own", build_error="x.c:1: error: y")), ("Makefile",), ("a note",))


def test_the_result_follows_the_schema() -> None:
    assert problems(grade_result.to_json(GRADING), SCHEMA, SCHEMA) == []
    bad = grade_result.to_json(GRADING)
    bad["kernels"][0]["tests"][1]["verdict"] = "fine"
    bad["more"] = 1
    del bad["score"]
    bad["kernels"][0]["tests"][0]["seconds"] = "long"
    assert len(problems(bad, SCHEMA, SCHEMA)) == 4


def test_every_verdict_is_in_the_schema() -> None:
    assert SCHEMA["$defs"]["test"]["properties"]["verdict"]["enum"] == list(grade_result.VERDICTS)


def test_half_of_the_points_for_a_leak_none_for_the_rest() -> None:
    assert [test.score for test in TESTS] == [7, 0, 3, 0]
    assert grade_result.to_json(GRADING)["score"] == 10


def test_durations_are_in_one_field() -> None:
    slow = replace(GRADING, kernels=(Kernel("tree", tuple(replace(test, seconds=9.0) for test in TESTS)), GRADING.kernels[1]))
    one, other = grade_result.to_json(GRADING), grade_result.to_json(slow)
    for both in (one, other):
        for test in both["kernels"][0]["tests"]:
            del test["seconds"]
    assert one == other


def test_results_come_one_by_one_in_the_order_of_the_lab(tmp_path: Path) -> None:
    grading = replace(GRADING, complete=False, kernels=(Kernel("tree"),))
    for test in (TESTS[2], TESTS[0]):
        grading = grade_result.with_test(grading, 0, test, ["cow.a", "cow.b", "cow.c"])
        grade_result.save(tmp_path / "deep" / "result.json", grading)
        kept = json.loads((tmp_path / "deep" / "result.json").read_text())
        assert problems(kept, SCHEMA, SCHEMA) == [] and not kept["complete"] and not kept["graded"]
    assert [test["name"] for test in kept["kernels"][0]["tests"]] == ["cow.a", "cow.c"]
    assert list((tmp_path / "deep").iterdir()) == [tmp_path / "deep" / "result.json"]


def test_not_graded_is_no_grade() -> None:
    slow = Judged(grade_result.NOT_GRADED, "too slow")
    assert GRADING.graded
    assert not replace(GRADING, kernels=(Kernel("tree", (result("cow.a", slow),)),)).graded
    assert not replace(GRADING, complete=False).graded


def test_the_report_says_why_and_what_to_type() -> None:
    text = report.shown(GRADING)
    for part in ("fork copied the page", "page 0 of a: main's frame", "a frame of its own", "b.script:9 (seed 2, 1 hart)", "K1 K2 UP UE DONE",
                 "make replay TEST=cow.b SEED=2", "make gdb TEST=cow.b SEED=2", "2 frames are lost", "needs cow.b (fail)", "1 other test cannot run yet. Begin with cow.b", "x.c:1: error: y",
                 "    Makefile\n", "a note", "QEMU 7.2", "cow: 10 of 28 points"):
        assert part in text, part
    assert "TEST=cow.a" not in text and "TEST=cow.d" not in text
    assert max(map(len, text.splitlines())) <= 110


@pytest.mark.parametrize("text", ["\x1b[2Jcleared", "bell\a", "over\rwritten", "\x9b31m", "a\u202eb", "\ud800"])
def test_nothing_of_a_guest_steers_a_terminal(text: str) -> None:
    nasty = replace(WRONG, reason=text, seen=text, expected=text, where=text, steps=(text,), advice=(text,))
    grading = replace(GRADING, kernels=(Kernel("tree", (result("cow.b", nasty),)), Kernel("own", build_error=text)), ignored=(text,), notes=(text,))
    for line in report.shown(grading).split("\n"):
        assert line.isprintable(), repr(line)
    assert json.dumps(grade_result.to_json(grading)).isprintable()


def test_a_message_without_end_is_cut() -> None:
    assert len(grade_result.printable("x" * 100000)) < 500


def test_addresses_are_no_part_of_a_message() -> None:
    assert grade_result.without_addresses("assertion an->ref > 1 at vm/fault.c:440 (pc ffffffff80212345, 0x87654000)") == \
        "assertion an->ref > 1 at vm/fault.c:440 (pc ..., ...)"


def test_a_build_error_is_the_whole_report_of_a_kernel() -> None:
    text = report.shown(replace(GRADING, kernels=(Kernel("fair", refused=("kernel/vm/fault.c:3: assembler (asm)",)),)))
    assert "kernel/vm/fault.c:3: assembler" in text and BUILD not in text
