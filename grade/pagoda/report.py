"""The grader's report for a terminal: what failed first, why before how, the line to type next.

Everything that came from a guest or a submission goes through printable(): a
report never carries what could steer a terminal.
"""

from __future__ import annotations

import textwrap
from typing import List, Sequence

from .grade_result import BLOCKED, LEAKS, NOT_GRADED, Grading, Kernel, Scored, printable
from .verdict import BUILD, PASS

WIDTH = 100
LABEL = 10
STEPS_SHOWN = 4
KERNELS = {
    "tree": "this tree's kernel",
    "fair": "the course's kernel with this lab's holes filled from the submission",
    "own": "the submission's own tree, for comparison",
}


def line_of(test: Scored) -> str:
    """One line of progress, and of the table."""
    said = test.judged.verdict if test.judged.verdict != PASS else "ok"
    return f"{said:16}{test.score:3}/{test.points:<3} {test.name}: {printable(test.title)}"


def shown(grading: Grading) -> str:
    """The whole report."""
    lines: List[str] = []
    for kernel in grading.kernels:
        lines += kernel_lines(kernel, grading)
    if grading.ignored:
        lines += ["", "Changed, and left out: only the lab's files count."]
        lines += [f"    {printable(name)}" for name in grading.ignored[:10]]
        if len(grading.ignored) > 10:
            lines.append(f"    ... and {len(grading.ignored) - 10} more (build/grade/result.json)")
    lines += [f"Note: {printable(note)}" for note in grading.notes]
    lines += ["", f"{grading.compiler}; {grading.qemu}", summary(grading)]
    return "\n".join(lines) + "\n"


def summary(grading: Grading) -> str:
    """The line that says it all."""
    score = f"{grading.counted.score} of {grading.points} points"
    if not grading.complete:
        return f"{grading.lab}: {score} so far; the grading was stopped"
    if not grading.graded:
        return f"{grading.lab}: {score} for what could be graded; this machine was too slow for the rest, grade again"
    for own in grading.kernels[1:]:
        score += f"; {own.score} with all of the submission's own files"
    return f"{grading.lab}: {score}"


def kernel_lines(kernel: Kernel, grading: Grading) -> List[str]:
    lines = ["", f"== {KERNELS[kernel.what]}"]
    if kernel.refused:
        lines += ["", "It was not built, for it holds what a submission may not hold:"]
        lines += [f"    {printable(why)}" for why in kernel.refused]
        return lines
    if kernel.build_error:
        lines += ["", "It does not build:"]
        lines += [f"    {printable(line, 200)}" for line in kernel.build_error.splitlines()]
        return lines
    lines += [line_of(test) for test in kernel.tests]
    told = [test for test in kernel.tests if test.judged.verdict != PASS]
    if kernel.what != "own":
        for test in told:
            lines += ["", *reasons(test)]
    return lines


def reasons(test: Scored) -> List[str]:
    """Why a test did not pass, and what to type."""
    judged = test.judged
    lines = [f"{test.name}: {judged.verdict.upper()}"]
    lines += field("why", judged.reason)
    if judged.verdict in (BLOCKED, BUILD):
        return lines
    lines += field("expected", judged.expected) + field("seen", judged.seen)
    lines += field("where", judged.where + (f" (seed {test.seed}, {test.harts} hart{'s' if test.harts > 1 else ''})" if test.seed is not None else ""))
    lines += listed("faults", judged.steps[-STEPS_SHOWN:]) + listed("printed", judged.advice)
    if judged.verdict == LEAKS:
        lines += field("score", f"{test.score} of {test.points}: what the program sees is right")
    if judged.verdict != NOT_GRADED:
        lines += field("again", test.again, wrap=False) + field("debug", test.debug, wrap=False)
    return lines


def field(label: str, text: str, wrap: bool = True) -> List[str]:
    """`label  text`, wrapped under itself; nothing when there is no text."""
    if not text:
        return []
    shown_text = printable(text)
    parts = textwrap.wrap(shown_text, WIDTH - LABEL - 4, break_on_hyphens=False) if wrap else [shown_text]
    return [f"    {label if place == 0 else '':{LABEL}}{part}" for place, part in enumerate(parts)]


def listed(label: str, items: Sequence[str]) -> List[str]:
    return [line for place, item in enumerate(items) for line in field(label if place == 0 else "", item)]
