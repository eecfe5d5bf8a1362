"""What a student writes and what the course publishes merge, whatever either is."""

import random
import sys
from pathlib import Path
from typing import List

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import merges  # noqa: E402
import stage  # noqa: E402

ORDER = ("map", "cow", "swap")
SEEDS = range(8)


def hole(lab: str, function: str, body: int = 1) -> str:
    """A hole whose stand-in looks like every other one."""
    stub = f"int {function}(void)\n{{\n\treturn 0;\n}}\n"
    return (f"//@lab {lab}  {function}\n" + "".join(f"//| {line}\n" for line in stub.splitlines())
            + f"int {function}(void)\n{{\n" + "\tint error;\n" * body + "\treturn 0;\n}\n//@end\n")


def sources(chance: random.Random) -> merges.Sources:
    """Files in which holes of all labs and lines that come later lie anywhere, side by side and at both ends as well."""
    found: merges.Sources = {}
    number = 0
    for name in ("kernel/vm/a.c", "kernel/vm/b.c"):
        text = ""
        for _ in range(chance.randint(2, 5)):
            for _ in range(chance.choice((0, 0, 1, 2, 9))):
                text += chance.choice((*merges.COMMON, f"int x{chance.random()};")) + "\n"
            number += 1
            text += f"//@from {chance.choice(ORDER)}\nint later{number};\n//@end\n" if chance.random() < 0.3 else hole(chance.choice(ORDER), f"f{number}")
        found[name] = stage.parse("int first;\n" + text if chance.random() < 0.8 else text + "int last;\n", name, set(ORDER))
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_any_history_merges(tmp_path: Path, seed: int) -> None:
    merges.history(ORDER, sources(random.Random(seed)), seed, tmp_path / "course")


def test_the_histories_would_find_a_conflict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the marks in the trees the same histories do not merge."""
    real = stage.render

    def without_marks(parts: List[stage.Part], at: stage.Stage) -> str:
        return "".join(line + "\n" for line in real(parts, at).splitlines() if "//@" not in line)

    monkeypatch.setattr(merges, "render", without_marks)
    with pytest.raises(merges.NotMerged, match="merge"):
        for seed in SEEDS:
            merges.history(ORDER, sources(random.Random(seed)), seed, tmp_path / str(seed))


def test_the_real_course_merges(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    if (root / "labs/order.toml").is_file():
        assert merges.try_seeds(root, (1,), tmp_path) is None
