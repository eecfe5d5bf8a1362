"""The grader's report for a terminal: what failed first, why before how, the line to type next.

Everything that came from a guest or a submission goes through printable(): a
report never carries what could steer a terminal.
"""

from __future__ import annotations

import textwrap
from typing import List, Sequence, Tuple

from .grade_result import BLOCKED, LEAKS, NOT_GRADED, Grading, Kernel, Scored, printable
from .verdict import PASS

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
    why = f" ({test.judged.reason})" if test.judged.verdict == BLOCKED else ""
    return f"{said:16}{test.score:3}/{test.points:<3} {test.name}: {printable(test.title)}{why}"


def shown(grading: Grading, table: bool = True) -> str:
    """The whole report. table: with the line of each test, which may have been shown as progress."""
    lines: List[str] = []
    for kernel in grading.kernels:
        lines += kernel_lines(kernel, table)
    if grading.ignored:
        lines += ["", "Changed, and left out: only the lab's files count."]
        lines += [f"    {printable(name)}" for name in grading.ignored[:10]]
        if len(grading.ignored) > 10:
            lines.append(f"    ... and {len(grading.ignored) - 10} more (build/grade/result.json)")
    lines += [f"Note: {printable(note)}" for note in grading.notes]
    lines += ["", f"{grading.compiler}; {grading.qemu}", summary(grading)]
    begin = begin_with(grading.counted)
    return "\n".join(lines + begin) + "\n"


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


def begin_with(kernel: Kernel) -> List[str]:
    """Which of the failed tests holds up the others."""
    blocked = sum(test.judged.verdict == BLOCKED for test in kernel.tests)
    first = next((test for test in in_order(kernel.tests) if test.judged.verdict not in (PASS, BLOCKED, NOT_GRADED)), None)
    if first is None or blocked == 0:
        return []
    return [f"{blocked} other test{'s' if blocked > 1 else ''} cannot run yet. Begin with {first.name}: {first.again}"]


def in_order(tests: Sequence[Scored]) -> List[Scored]:
    """Those first that others wait for."""
    waiting = {test.name: 0 for test in tests}
    for test in tests:
        for name in waiting:
            waiting[name] += test.judged.verdict == BLOCKED and f"needs {name} " in test.judged.reason
    return sorted(tests, key=lambda test: -waiting[test.name])


def kernel_lines(kernel: Kernel, table: bool) -> List[str]:
    lines = ["", f"== {KERNELS[kernel.what]}"]
    if kernel.refused:
        lines += ["", "It was not built, for it holds what a submission may not hold:"]
        lines += [f"    {printable(why)}" for why in kernel.refused]
        return lines
    if kernel.build_error:
        lines += ["", "It does not build:"]
        lines += [f"    {printable(line, 200)}" for line in kernel.build_error.splitlines()]
        return lines
    if table:
        lines += [line_of(test) for test in kernel.tests]
    if kernel.what != "own":
        for test in in_order(kernel.tests):
            if test.judged.verdict not in (PASS, BLOCKED):
                lines += ["", *reasons(test)]
    return lines


def reasons(test: Scored) -> List[str]:
    """Why a test did not pass, and what to type."""
    judged = test.judged
    lines = [f"{test.name}: {judged.verdict.upper()}"]
    lines += field("why", judged.reason)
    if judged.verdict == BLOCKED:
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
    counted: List[Tuple[str, int]] = []
    for item in items:
        if counted and counted[-1][0] == item:
            counted[-1] = (item, counted[-1][1] + 1)
        else:
            counted.append((item, 1))
    shown_items = [f"{item}  ({times} times)" if times > 1 else item for item, times in counted]
    return [line for place, item in enumerate(shown_items) for line in field(label if place == 0 else "", item)]
