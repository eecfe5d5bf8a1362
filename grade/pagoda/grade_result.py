"""Verdicts of the grader, and the one file that they are kept in.

build/grade/result.json follows grade/result.schema.json. It is a function of
submission, course, tools and seeds: no address, frame number or clock value, and
durations only in the field `seconds` of a test. It is replaced whole each time
that a test has its verdict, so whoever reads it finds a true part of the result.
Text that came from a guest is made printable here, before anything else sees it.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from .verdict import BUILD, FAIL, HUNG, LIMIT, PANIC, PASS

LEAKS, BLOCKED, UNSTABLE, NOT_GRADED = "right but leaks", "blocked", "unstable", "not graded"
VERDICTS = (PASS, LEAKS, FAIL, PANIC, HUNG, LIMIT, BLOCKED, BUILD, UNSTABLE, NOT_GRADED)
FORMAT = 1
TEXT_MAX = 400  # characters of anything that a guest has a say in


@dataclass(frozen=True)
class Judged:
    """What came of one run of a test, or of all its runs: the first that did not pass."""

    verdict: str
    reason: str = ""  # names the defect
    expected: str = ""
    seen: str = ""
    where: str = ""  # the test's line that judged so
    steps: Tuple[str, ...] = ()  # of the last faults: advice, a kernel can forge them
    advice: Tuple[str, ...] = ()  # what the guest said of itself

    @property
    def good(self) -> bool:
        return self.verdict in (PASS, LEAKS)


@dataclass(frozen=True)
class Scored:
    name: str
    title: str
    points: int
    harts: int
    seeds: Tuple[int, ...]
    seed: Optional[int]  # the run that the verdict is about; None: all of them, or none
    judged: Judged
    seconds: float

    @property
    def score(self) -> int:
        """All the points, half of them for memory that is lost, or none."""
        return {PASS: self.points, LEAKS: self.points // 2}.get(self.judged.verdict, 0)

    @property
    def again(self) -> str:
        return f"make replay TEST={self.name} SEED={self.replay_seed}"

    @property
    def debug(self) -> str:
        return f"make gdb TEST={self.name} SEED={self.replay_seed}"

    @property
    def replay_seed(self) -> int:
        return self.seed if self.seed is not None else self.seeds[0]


@dataclass(frozen=True)
class Kernel:
    """One kernel that was graded: its tests, and why it could not be built if so."""

    what: str  # "tree": as it lies there; "fair": the course's, this lab's holes filled; "own": the student's own
    tests: Tuple[Scored, ...] = ()
    build_error: str = ""
    refused: Tuple[str, ...] = ()

    @property
    def score(self) -> int:
        return sum(test.score for test in self.tests)

    @property
    def points(self) -> int:
        return sum(test.points for test in self.tests)


@dataclass(frozen=True)
class Grading:
    lab: str
    complete: bool
    points: int  # full marks, whether its tests have run yet or not
    compiler: str
    qemu: str
    commit: str  # of the course, where known
    kernels: Tuple[Kernel, ...]  # the first one counts
    ignored: Tuple[str, ...] = ()  # changed files that no kernel is made of
    notes: Tuple[str, ...] = field(default=())

    @property
    def counted(self) -> Kernel:
        return self.kernels[0]

    @property
    def graded(self) -> bool:
        """Has every test a verdict? A machine that was too slow gives none."""
        return self.complete and all(test.judged.verdict != NOT_GRADED for kernel in self.kernels[:1] for test in kernel.tests)


# ---- text of a guest


def printable(text: str, limit: int = TEXT_MAX) -> str:
    """One line of plain characters, whatever the guest wrote: nothing in it steers a terminal."""
    shown = "".join(c if c.isprintable() else " " if c in "\t\n\r" else f"\\x{ord(c):02x}" for c in text[: limit * 2])
    return shown if len(shown) <= limit else shown[:limit] + " ..."


def without_addresses(text: str) -> str:
    """A guest's message without what another compiler, or another run, would change."""
    return re.sub(r"\b(0x)?[0-9a-f]{6,16}\b", "...", text)


# ---- the file


def to_json(grading: Grading) -> Dict[str, Any]:
    return {
        "format": FORMAT,
        "lab": grading.lab,
        "complete": grading.complete,
        "graded": grading.graded,
        "score": grading.counted.score,
        "points": grading.points,
        "compiler": grading.compiler,
        "qemu": grading.qemu,
        "commit": grading.commit,
        "kernels": [kernel_json(kernel) for kernel in grading.kernels],
        "ignored": list(grading.ignored),
        "notes": list(grading.notes),
    }


def kernel_json(kernel: Kernel) -> Dict[str, Any]:
    return {
        "what": kernel.what,
        "score": kernel.score,
        "build_error": kernel.build_error,
        "refused": list(kernel.refused),
        "tests": [test_json(test) for test in kernel.tests],
    }


def test_json(test: Scored) -> Dict[str, Any]:
    judged = asdict(test.judged)
    return {
        "name": test.name, "title": test.title, "points": test.points, "score": test.score, "harts": test.harts,
        "seeds": list(test.seeds), "seed": test.seed, **{name: list(value) if isinstance(value, tuple) else value for name, value in judged.items()},
        "replay": "" if test.judged.verdict == PASS else test.again, "gdb": "" if test.judged.verdict == PASS else test.debug,
        "seconds": round(test.seconds, 2),
    }


def write(path: Path, text: str) -> None:
    """Replaces a file at once: a reader finds the old one or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text)
    fresh.replace(path)


def save(path: Path, grading: Grading) -> None:
    write(path, json.dumps(to_json(grading), indent=1) + "\n")


def with_test(grading: Grading, place: int, test: Scored, order: Sequence[str]) -> Grading:
    """The grading with one more test in the kernel at that place, in the lab's order of tests."""
    kernel = grading.kernels[place]
    tests: List[Scored] = sorted([*kernel.tests, test], key=lambda one: order.index(one.name))
    kernels = list(grading.kernels)
    kernels[place] = replace(kernel, tests=tuple(tests))
    return replace(grading, kernels=tuple(kernels))
