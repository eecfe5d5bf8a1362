"""Judging a run: the kernel of this tree, against expectations that are right, and that are wrong on purpose."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Callable, Dict, List, Optional

import payload
import pytest

from pagoda import grade, grade_build, grade_judge, model, readers
from pagoda.elf import Elf
from pagoda.grade_judge import Machine, Trial, judge
from pagoda.grade_result import LEAKS, Judged
from pagoda.guest import Arrived, Guest
from pagoda.layout import load
from pagoda.model import Prediction
from pagoda.script import Claim, Operation, expand, parse
from pagoda.tree import STAGE_FILE, Tree, find_root
from pagoda.verdict import FAIL, LIMIT, PASS

ROOT = find_root()
pytestmark = [
    pytest.mark.skipif(payload.compiler() is None or shutil.which("qemu-system-riscv64") is None, reason="no compiler or QEMU for RISC-V"),
    pytest.mark.skipif((ROOT / STAGE_FILE).exists(), reason="a stage's kernel need not be right")]

SCRIPT = """\
title: T
limit: {limit}
---
map a 6 rw
fill a 0 4 17
at before
? writable a 0 4 -- why writable
? absent a 4 2 -- why absent
fork child
  touch a 0 4
  at shared
  ? same a 0 4 as before -- why same
  ? readonly a 0 4 -- why readonly
  poke a 1 5 9
  at written
  ? apart a 1 1 from before -- why apart
  ? present a 0 2 -- why present
  ? settled a 0 1 -- why settled
  ? spent before <= 40 -- why spent
  exit 3
end
wait child exit 3
check a 0 4 17
at after
? free before -- why free
? cost before shared <= 1000 shared written -- why cost
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Kernel and probe, safe from the next build."""
    tree = Tree(ROOT)
    assert grade_build.build(tree) == ""
    grade_build.build_tools(tree)
    found = grade.machine_of(tree, tree)
    place = tmp_path_factory.mktemp("machine")
    paths = {"kernel": found.kernel, "probe": found.probe, "symbols": grade_build.probe_symbols_of(tree), "layout": grade_build.layout_of(tree), "mkfs": found.mkfs}
    for name, path in paths.items():
        shutil.copy2(path, place / name)
    return Machine(place / "kernel", Elf(place / "kernel"), place / "probe", Elf(place / "symbols"), load(place / "layout"), place / "mkfs")


def prediction(limit: int = 20) -> Prediction:
    return model.run(expand(parse(SCRIPT.format(limit=limit)), 1))


def with_claims(found: Prediction, change: Callable[[Claim], Optional[Claim]]) -> Prediction:
    """The same with other claims, which the model would refuse."""
    def changed(claims: "tuple[Claim, ...]") -> "tuple[Claim, ...]":
        return tuple(one for one in map(change, claims) if one is not None)

    checkpoints = tuple(replace(one, claims=changed(one.claims)) for one in found.concrete.checkpoints)
    views = {number: replace(view, checkpoint=checkpoints[number - 1]) for number, view in found.views.items()}
    return replace(found, concrete=replace(found.concrete, checkpoints=checkpoints), views=views)


def judged(machine: Machine, wanted: Prediction, told: Optional[List[str]] = None) -> Judged:
    return judge(machine, Trial("labs/t/tests/t.script", wanted, 1), (lambda _: None) if told is None else told.append)


def test_a_right_kernel_passes_and_is_told_of(machine: Machine) -> None:
    told: List[str] = []
    assert judged(machine, prediction(), told) == Judged(PASS)
    text = "\n".join(told)
    for part in ("ready:", "checkpoint `before` of main", "checkpoint `written` of child", "ok    same a 0 4 as before", "ok    free before", "ok    cost"):
        assert part in text, text


CLAIMS: Dict[str, "tuple[str, str, str]"] = {
    "writable": ("readonly", "page 0 of a in main is mapped read-only", "it is writable"),
    "absent": ("present", "page 4 of a in main is mapped", "no page is mapped there"),
    "same": ("apart", "page 0 of a in child lies in a frame of its own, not in the one that main had at `before`", "it lies in that frame"),
    "readonly": ("writable", "page 0 of a in child is mapped writable", "it is read-only"),
    "apart": ("same", "page 1 of a in child lies in the frame that main had at `before`", "it lies in another frame"),
    "present": ("absent", "page 0 of a in child is not mapped", "it is mapped"),
    "settled": ("deferred", "page 0 of a in child: its entry still has needs_copy", "the opposite"),
}


@pytest.mark.parametrize("kind", CLAIMS)
def test_a_claim_that_does_not_hold_is_named(machine: Machine, kind: str) -> None:
    opposite, expected, seen = CLAIMS[kind]
    found = judged(machine, with_claims(prediction(), lambda claim: replace(claim, kind=opposite) if claim.kind == kind else claim))
    assert (found.verdict, found.reason, found.expected, found.seen) == (FAIL, f"why {kind}", expected, seen)
    assert found.where.startswith("labs/t/tests/t.script:") and f"? {kind} a" in found.where
    assert found.steps and all("DONE" in step for step in found.steps) and any(" of a:" in step for step in found.steps)
    assert found.advice == ()  # nothing was printed since the boot, whose lines are no advice


def test_counted_claims_fail(machine: Machine) -> None:
    def change(claim: Claim) -> Optional[Claim]:
        if claim.kind == "spent":
            return replace(claim, factor=0)
        return claim
    found = judged(machine, with_claims(prediction(), change))
    assert (found.verdict, found.reason) == (FAIL, "why spent") and found.seen.endswith(" fewer")
    found = judged(machine, with_claims(prediction(), lambda claim: replace(claim, factor=0) if claim.kind == "cost" else claim))
    assert (found.verdict, found.reason, found.seen) == (FAIL, "why cost", "more than that")


def test_a_leak_is_no_failure(machine: Machine) -> None:
    # From `ready` on the script itself holds frames: to this claim they are lost.
    found = judged(machine, with_claims(prediction(), lambda claim: replace(claim, checkpoints=(0,)) if claim.kind == "free" else claim))
    assert (found.verdict, found.reason, found.expected) == (LEAKS, "why free", "as many frames hold memory of programs as at `ready`")
    assert found.seen.split()[0].isdigit() and found.seen.endswith("more")


def test_a_structure_that_is_kept_is_a_leak_too(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few bytes it has: a reference too many is one, whether or not a frame is lost with it."""
    looks = iter((2, 2, 3))
    monkeypatch.setattr(readers, "pools", lambda kernel: {"vm_lock": next(looks), "buf": 7})
    found = judged(machine, prediction())
    assert (found.verdict, found.reason, found.seen) == (LEAKS, "why free", "no more, but the kernel keeps 1 more vm_lock")


def page_changed(found: Prediction, label: str, index: int, **change: object) -> Prediction:
    number = next(one.number for one in found.concrete.checkpoints if one.label == label)
    view = found.views[number]
    pages = list(view.regions["a"].pages)
    pages[index] = replace(pages[index], **change)  # type: ignore[arg-type]
    return replace(found, views={**found.views, number: replace(view, regions={"a": replace(view.regions["a"], pages=tuple(pages))})})


@pytest.mark.parametrize("change, reason", [
    ({"content": model.ZEROES}, "a page holds wrong bytes"),
    ({"rights": 1}, "a page may be used in a way that the program forbade"),
    ({"rights": 0}, "a page may be used in a way that the program forbade"),
    ({"mapped": False}, "memory that was unmapped is still there"),
])
def test_every_page_is_compared(machine: Machine, change: Dict[str, object], reason: str) -> None:
    found = judged(machine, page_changed(with_claims(prediction(), lambda _: None), "before", 3, **change))
    assert (found.verdict, found.reason) == (FAIL, reason)
    assert "page 3 of a in main" in found.expected and found.where.endswith("at before")


def test_bytes_are_named_by_who_wrote_them(machine: Machine) -> None:
    found = judged(machine, page_changed(prediction(), "after", 3, content=model.ZEROES))
    assert found.expected == "page 3 of a in main holds zeroes; byte 0 is 0x00"
    assert found.seen.startswith("it holds page 3 of seed 17; byte 0 is 0x")


def test_a_page_that_was_accessed_must_be_there(machine: Machine) -> None:
    found = judged(machine, page_changed(with_claims(prediction(), lambda _: None), "before", 5, mine=True))
    assert (found.verdict, found.reason) == (FAIL, "a page that was accessed is mapped no more")


def operation_changed(found: Prediction, kind: str, change: Callable[[Operation], Operation]) -> Prediction:
    operations = tuple(change(one) if one.kind == kind else one for one in found.concrete.operations)
    return replace(found, concrete=replace(found.concrete, operations=operations))


def test_an_operation_that_fails_is_named(machine: Machine) -> None:
    found = judged(machine, operation_changed(prediction(), "wait", lambda one: replace(one, value=4)))
    assert (found.reason, found.expected, found.seen) == ("a process did not end as it should, in main", "exit 4", "exit 3")
    assert any(line.startswith("probe: line") for line in found.advice) and "wait child" in found.where


def test_a_check_says_what_the_page_holds(machine: Machine) -> None:
    right = prediction()
    index = next(i for i, one in enumerate(right.concrete.operations) if one.kind == "check")
    wrong = replace(right, checks={**right.checks, index: ((0, model.Piece(4 * 4096, 0, 0)),)})
    found = judged(machine, wrong)
    assert (found.verdict, found.reason) == (FAIL, "a read of page 0 of a gave wrong bytes, in main")
    assert found.expected == "0x00 at byte 0, in zeroes" and found.seen.endswith("at byte 0, in page 0 of seed 17")


def test_a_script_that_was_not_run_whole_fails(machine: Machine) -> None:
    """The host knows a checkpoint that no line of the guest's script is."""
    right = prediction()
    lines = tuple(one for one in right.concrete.operations if not (one.kind == "at" and one.number == 2))
    found = judged(machine, replace(right, concrete=replace(right.concrete, operations=lines), checks={
        lines.index(right.concrete.operations[index]): pieces for index, pieces in right.checks.items()}))
    assert (found.verdict, found.reason) == (FAIL, "the lines of the script were not run as they stand there")


def test_a_limit_is_in_boots_of_the_same_guest(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grade_judge, "CALIBRATION_MAX", 1000)
    found = judged(machine, prediction(limit=1))
    assert (found.verdict, found.seen) == (LIMIT, "still busy after `ready`")
    assert "at most 1 times what its boot took" in found.expected


def test_two_runs_are_the_same(machine: Machine) -> None:
    wrong = with_claims(prediction(), lambda claim: replace(claim, kind="same") if claim.kind == "apart" else claim)
    first, second = judged(machine, wrong), judged(machine, wrong)
    assert first == second and first.verdict == FAIL


def test_the_same_instructions_in_each_run(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a process comes to a checkpoint does not depend on when the host looked before, if that was in the first round."""
    rounds: List[int] = []
    release = Guest.release

    def counting(guest: Guest, arrived: Arrived) -> None:
        rounds.append(arrived.registers.x[23])
        release(guest, arrived)

    monkeypatch.setattr(Guest, "release", counting)
    runs: List[List[str]] = []
    for _ in range(8):
        told: List[str] = []
        rounds.clear()
        assert judged(machine, prediction(), told).verdict == PASS
        assert len(rounds) == 5
        if not any(rounds):
            runs.append(told)
        if len(runs) == 2:
            break
    else:
        pytest.skip("this machine is too busy to answer in a round")
    assert runs[0] == runs[1]
