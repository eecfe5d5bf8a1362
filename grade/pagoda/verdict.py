"""From what a test's run printed to a verdict.

A program prints `ok NAME` or `not ok NAME: why`; a kernel that panics prints
`panic: why` at the start of a line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Optional

PASS, FAIL, PANIC, HUNG, LIMIT, NOT_RUN, BUILD = "pass", "fail", "panic", "hung", "limit", "not run", "build error"
BROKEN = (FAIL, PANIC, HUNG, LIMIT)  # what a mutant's test must come to

LINE = re.compile(r"^(ok|not ok) ([\w.-]+)(?::\s*(.*))?$", re.MULTILINE)
PANIC_LINE = re.compile(r"^(?:.*?)panic: (.*)$", re.MULTILINE)
CHECK_LINE = re.compile(r"^\S+\.[ch]:\d+: .*$", re.MULTILINE)
AUDIT_LINE = re.compile(r"^(?:audit|leak): .*$", re.MULTILINE)


@dataclass(frozen=True)
class Verdict:
    kind: str
    why: str = ""


def lines(output: str) -> Dict[str, Verdict]:
    """Verdict by name, of all that reported. A failure stands, whatever follows."""
    found: Dict[str, Verdict] = {}
    for match in LINE.finditer(output):
        good, name, why = match.group(1) == "ok", match.group(2), match.group(3) or ""
        if not good:
            why = explained(why, output[: match.start()])
        if name not in found or not good:
            found[name] = Verdict(PASS) if good else Verdict(FAIL, why)
    return found


def explained(why: str, before: str) -> str:
    """why, with what it only points at: the check that failed first in a program, the rule that an audit found broken."""
    for sign, pattern, keep in (("exit status", CHECK_LINE, ""), ("audit", AUDIT_LINE, why + ": ")):
        said = pattern.search(before)
        if sign in why and said:
            return keep + said.group(0)
    return why


def of_end(output: str, status: Optional[int], overflow: bool = False) -> Verdict:
    """How a run ended, for the tests that it did not report on."""
    panic = PANIC_LINE.search(output)
    if panic:
        why = panic.group(1).strip()
        return Verdict(LIMIT if "instruction limit" in why else PANIC, why)
    if overflow:
        return Verdict(HUNG, "prints without end")
    if status is None:
        return Verdict(HUNG, "still running at the wall-clock cap")
    return Verdict(NOT_RUN, f"the run ended with status {status} before the test reported")


def judge(name: str, output: str, status: Optional[int], overflow: bool = False) -> Verdict:
    """One test's verdict: its line, and an end that does not belie it."""
    reported = lines(output).get(name)
    if reported is None:
        return of_end(output, status, overflow)
    if reported.kind == PASS and status != 0:
        end = of_end(output, status, overflow)
        return Verdict(FAIL, f"reported ok, then the run ended with status {status}") if end.kind == NOT_RUN else end
    return reported
