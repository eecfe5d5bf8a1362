"""What the checks of labs call wrong: traces, scores, lies, mutants; with results made up for it."""

import sys
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "grade"))
import check  # noqa: E402
import traces  # noqa: E402
from pagoda.grade_result import Judged, Kernel, Scored  # noqa: E402
from stage import Lab, StageError  # noqa: E402

LAB = Lab("cow", "t", "core", (), 1, (), (), start=4, lab=0, holes=())
WHOLE = "FAULT K1 K2 K3 K4 RESTART K1 K2 K3 K4 K5 K6 UL N AG UP UE DONE FAULT K1 K2 ERROR FAULT K1 K2 K3 K4 K5 K6 UL LL IO LP LE DONE"


def trace(steps: str, thread: str = "4.8") -> List[str]:
    return [f"{number:6} {number * 10:10} hart 0 pid {thread} {step:9} text; a 0x1" for number, step in enumerate(steps.split())]


def test_whole_traces() -> None:
    assert traces.broken(trace(WHOLE)) == (3, None)
    assert traces.broken(["ls: no such file", *trace("K5 K6 UL LP LE DONE SWITCH FAULT K1 GROW ERROR")]) == (1, None)
    two = [line for pair in zip(trace("FAULT K1 K2 ERROR"), trace("FAULT K1 K2 ERROR", "5.9")) for line in pair]
    assert traces.broken(two) == (2, None)
    lost = trace("FAULT K1 K2") + ["-- 40 events of hart 0 were overwritten"] + trace("UL LP LE DONE FAULT K1 ERROR")
    assert traces.broken(lost) == (1, None)


@pytest.mark.parametrize("steps, says", [
    ("FAULT K1 K2 K3 K4 K5 K6 UL AG UE DONE", "AG UE"), ("FAULT K1 K3 ERROR", "K1 K3"), ("FAULT K1 K2 K3 K4 DONE", "K4 DONE"),
    ("FAULT K1 FAULT", "K1 FAULT"), ("FAULT K1 K2 RESTART K2", "RESTART K2"),
])
def test_broken_traces(steps: str, says: str) -> None:
    assert says in (traces.broken(trace(steps))[1] or "")


def result(score: int, **tests: str) -> Dict[str, Any]:
    shown = [{"name": f"cow.{name}", "verdict": verdict, "reason": "because", "seconds": 1.5} for name, verdict in tests.items()]
    return {"complete": True, "graded": True, "score": score, "points": 10, "ignored": [], "kernels": [{"tests": shown}]}


def test_scores() -> None:
    assert check.score_wrong(LAB, "solved", result(10, a="pass")) == ""
    assert check.score_wrong(LAB, "start", result(4, a="fail", b="pass")) == ""
    assert "scores 9 of 10" in check.score_wrong(LAB, "solved", result(9, a="right but leaks"))
    assert "leaks: because" in check.score_wrong(LAB, "solved", result(10, a="right but leaks"))
    assert "scores 5 of 10, not 4" in check.score_wrong(LAB, "start", result(5, a="fail"))
    assert "no grade" in check.score_wrong(LAB, "lab", {**result(0), "graded": False})
    assert "changed" in check.score_wrong(LAB, "lab", {**result(0), "ignored": ["Makefile"]})
    silent = result(4, a="fail")
    silent["kernels"][0]["tests"][0]["reason"] = ""
    assert "no reason is given for cow.a" in check.score_wrong(LAB, "start", silent)


def test_two_gradings() -> None:
    one, two = result(4, a="fail"), result(4, a="fail")
    two["kernels"][0]["tests"][0]["seconds"] = 9.0
    assert check.without_durations(one) == check.without_durations(two) and one["kernels"][0]["tests"][0]["seconds"] == 1.5
    two["kernels"][0]["tests"][0]["verdict"] = "hung"
    assert check.difference(one, two) == "cow.a, verdict: 'fail' and 'hung'"


class Fake:
    """A worker whose gradings come out as said."""

    def __init__(self, root: Path, **verdicts: str) -> None:
        self.course = check.Course(root, [LAB])
        self.verdicts = verdicts

    def judge(self, *_: Any) -> Kernel:
        return Kernel("fair", tuple(
            Scored(f"cow.{name}", "t", 5, 1, (1,), 1, Judged(verdict, "the frame was copied", seen="K1 K2"), 0.1)
            for name, verdict in self.verdicts.items()), build_error="" if self.verdicts else "fault.c:3: error")


def mutant(tmp_path: Path, message: str) -> Path:
    path = tmp_path / "x.mutant"
    path.write_text(f"tests: cow.a cow.b\ndefect: it copies\nmessage: {message}\nfile: k.c\n--- find\na\n--- replace\nb\n--- end\n")
    return path


@pytest.mark.parametrize("message, verdicts, says", [
    ("frame was copied", {"a": "fail", "b": "pass"}, ""), ("frame was copied", {"a": "right but leaks"}, ""), ("seen K1 K2", {"a": "hung"}, ""),
    ("frame was lost", {"a": "fail"}, "no report says"), ("frame was copied", {"a": "pass", "b": "blocked"}, "no test notices that it copies"),
    ("frame was copied", {"a": "build error"}, "no test notices"), ("frame was copied", {}, "fault.c:3: error"),
])
def test_a_mutant_must_be_noticed_and_named(tmp_path: Path, message: str, verdicts: Dict[str, str], says: str) -> None:
    wrong = check.mutant_check(LAB, mutant(tmp_path, message))(Fake(tmp_path, **verdicts))  # type: ignore[arg-type]
    assert wrong.startswith(says) and bool(wrong) == bool(says)


def test_each_test_of_a_hole_fails(tmp_path: Path) -> None:
    hole = check.Hole("cow", "w", "k.c:1", ("int f(void)", "{", '\treturn fault_todo("cow: f");', "}"), ("int f(void) {}",), "f")
    plain = check.replace(hole, stub=("int f(void) { return 0; }",))

    def wrong(which: check.Hole, tests: Tuple[str, ...], **verdicts: str) -> str:
        return check.hole_check(LAB, which, tests)(Fake(tmp_path, **verdicts))  # type: ignore[arg-type]
    assert wrong(plain, ("cow.a",), a="fail") == ""
    assert wrong(plain, ("cow.a", "cow.b"), a="fail", b="pass") == "cow.b: pass"
    assert "names no test" in wrong(plain, (), a="fail")
    assert "not written yet" in wrong(hole, ("cow.a",), a="fail")


def lie(tmp_path: Path, text: str) -> List[check.Lie]:
    folder = tmp_path / "labs/cow/lies/big"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lie.toml").write_text(text)
    (folder / "promote.c").write_text("int promote(void)\n{\n}\n")
    return check.lies_of(check.Course(tmp_path, [LAB]), "cow")


def test_a_lie_gains_nothing(tmp_path: Path) -> None:
    found = lie(tmp_path, 'about = "x"\nmost = 0\nverdicts = ["fail"]\n')
    assert [(one.name, one.fills) for one in found] == [("big", {"promote": ("int promote(void)", "{", "}")})]
    run = check.lie_check(LAB, found[0])
    assert run(Fake(tmp_path, a="fail")) == ""  # type: ignore[arg-type]
    assert "scores 5, where the start has 4" in run(Fake(tmp_path, a="fail", b="pass"))  # type: ignore[arg-type]
    assert "no test comes to fail" in run(Fake(tmp_path, a="hung"))  # type: ignore[arg-type]
    assert "fault.c:3" in run(Fake(tmp_path))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ['about = "x"\nmost = 0\n', 'about = "x"\nmost = 0\nverdicts = ["failed"]\n', 'about = "x"\nverdicts = ["fail"]\n'])
def test_bad_lies(tmp_path: Path, text: str) -> None:
    with pytest.raises(StageError, match="lies/big/lie.toml"):
        lie(tmp_path, text)
