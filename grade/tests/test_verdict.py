"""Verdicts: what a run printed, and how it ended."""

import pytest
from pagoda import verdict


@pytest.mark.parametrize("output, status, kind", [
    ("ok user.a.b\n", 0, verdict.PASS),
    ("noise\nok user.a.b\nmore\n", 0, verdict.PASS),
    ("not ok user.a.b: it leaks\n", 1, verdict.FAIL),
    ("not ok user.a.b: why\nok user.a.b\n", 0, verdict.FAIL),
    ("ok user.a.b\nnot ok user.a.b: later\n", 0, verdict.FAIL),
    ("ok user.a.b\n", 1, verdict.FAIL),
    ("ok user.a.b\npanic: lost\n", 1, verdict.PANIC),
    ("panic: page.c:3: x\n", 1, verdict.PANIC),
    ("panic: instruction limit\n", 1, verdict.LIMIT),
    ("half a line panic: in the middle\n", 1, verdict.PANIC),
    ("", None, verdict.HUNG),
    ("ok user.a.bc\n", 0, verdict.NOT_RUN),
    ("", 0, verdict.NOT_RUN),
])
def test_judge(output: str, status: "int | None", kind: str) -> None:
    assert verdict.judge("user.a.b", output, status).kind == kind


def test_why_is_kept() -> None:
    assert verdict.judge("user.a.b", "not ok user.a.b: frames: 3 left\n", 1).why == "frames: 3 left"


def test_endless_output_is_hung() -> None:
    assert verdict.judge("user.a.b", "x" * 100, 0, overflow=True).kind == verdict.HUNG


@pytest.mark.parametrize("output, why", [
    ("user/tests/a.c:3: n is 2, want 1\nuser/tests/a.c:9: child 4: wait status 0x100\nnot ok user.a.b: exit status 1, see above\n", "user/tests/a.c:3: n is 2, want 1"),
    ("not ok user.a.b: exit status 1, see above\n", "exit status 1, see above"),
    ("leak: anons: 3 before, 4 after\nnot ok user.a.b: audit: something is leaked, see above\n",
     "audit: something is leaked, see above: leak: anons: 3 before, 4 after"),
    ("audit: page 0x1: not owned once\nnot ok user.a.b: t.c:1: audit_now()\n", "t.c:1: audit_now(): audit: page 0x1: not owned once"),
])
def test_why_says_what_was_seen(output: str, why: str) -> None:
    assert verdict.judge("user.a.b", output, 1).why == why
