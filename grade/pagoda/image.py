"""The image that a test's guest boots from: the probe, its script, a file to read."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import List, Tuple

from . import children, pattern
from .model import BYTE, Piece, Prediction
from .script import DATA_SIZE, IMAGES, POOLS, ScriptError

IMAGE_SIZE = "512K"
SCRIPT_MAX = (64 << 10) - 1  # of what the probe reads: its SCRIPT_SIZE


def image_text(prediction: Prediction) -> str:
    """The script as the probe reads it: a line's number, an operation, numbers."""
    concrete = prediction.concrete
    lines: List[str] = [f"events {len(concrete.events)}"]
    for index, operation in enumerate(concrete.operations):
        for words in translate(prediction, index):
            lines.append(" ".join(str(word) for word in (operation.line, *words)))
    text = "\n".join(lines) + "\n"
    if len(text) > SCRIPT_MAX:
        raise ScriptError(concrete.operations[-1].line, f"the script is {len(text)} bytes long for the probe, which reads {SCRIPT_MAX}")
    return text


def translate(prediction: Prediction, index: int) -> "List[Tuple[int | str, ...]]":
    """The probe's lines for one operation."""
    operation = prediction.concrete.operations[index]
    kind = operation.kind
    part = (operation.slot, operation.offset, operation.size)
    if kind in ("heap", "stack"):
        return [(kind, operation.slot, operation.size // pattern.PAGE)]
    if kind == "map":
        return [(kind, operation.slot, operation.size // pattern.PAGE, operation.value, int(operation.how == "shared"))]
    if kind == "image":
        return [(kind, operation.slot, IMAGES[operation.how])]
    if kind == "unmap":
        return [("unmap", *part)] if operation.size else [("unmap_all", operation.slot)]
    if kind in ("fill", "zero", "write"):
        assert operation.key is not None
        return [("fill", *part, operation.key, operation.position)]
    if kind == "check":
        return [check(operation.slot, at, piece) for at, piece in prediction.checks[index]]
    if kind == "touch":
        return [(kind, *part, int(operation.how == "write"))]
    if kind == "poke" or kind == "protect":
        return [(kind, *part, operation.value)]
    if kind == "read":
        return [(kind, *part, operation.position)]
    if kind == "refuse":
        return [(kind, *part)]
    if kind == "run":
        return [(kind, operation.slot, operation.offset)]
    if kind == "fault":
        return [(kind, operation.slot, operation.offset, operation.value)]
    if kind == "at":
        return [(kind, operation.number, prediction.concrete.checkpoints[operation.number - 1].label)]
    if kind == "wait":
        return [(kind, operation.number, operation.how, operation.value)]
    if kind == "tell":
        waiting = sum(other.kind == "await" and other.value == operation.value for other in prediction.concrete.operations)
        return [(kind, operation.value, waiting)]
    if kind in ("fork", "end"):
        return [(kind, operation.number)]
    if kind == "starve":
        return [(kind, POOLS[operation.how], operation.value)]
    assert kind in ("exit", "await", "yield", "sleep"), kind
    return [(kind, operation.value)]


def check(slot: int, at: int, piece: Piece) -> "Tuple[int | str, ...]":
    if piece.key == BYTE:
        return ("peek", slot, at, piece.size, piece.at)
    return ("check", slot, at, piece.size, piece.key, piece.at)


def data(prediction: Prediction) -> bytes:
    """What /data holds."""
    return pattern.stream(prediction.concrete.data_key, 0, DATA_SIZE)


def make(prediction: Prediction, mkfs: Path, probe: Path, image: Path) -> None:
    """Writes the image."""
    with tempfile.TemporaryDirectory() as folder:
        script, file = Path(folder) / "script", Path(folder) / "data"
        script.write_text(image_text(prediction))
        file.write_bytes(data(prediction))
        made = children.run(
            [str(mkfs), str(image), IMAGE_SIZE, f"/bin/probe={probe}", f"/script={script}", f"/data={file}"],
            stdout=subprocess.DEVNULL)
        made.check_returncode()
