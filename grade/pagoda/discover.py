"""Finds the tests in a tree by reading its sources.

A test is one line, KTEST(name, "rows", "what it shows") { in kernel/test,
TEST(...) in user/tests, HTEST(...) in tests/host, ITEST(...) in tests/interleave;
its options stand in the comment above it: /* test: harts=3 seeds=1,2 mem=8M limit=400M args="..." */
"""

from __future__ import annotations

import fnmatch
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterator, List, Sequence, Set, Tuple

from .tree import SANITIZERS

KINDS: Tuple[Tuple[str, str, str], ...] = (
    ("host", "HTEST", "tests/host"),
    ("interleave", "ITEST", "tests/interleave"),
    ("ktest", "KTEST", "kernel/test"),
    ("user", "TEST", "user/tests"),
)
ON_HOST = ("host", "interleave")  # kinds that need no guest
OPTIONS = {"harts", "seeds", "mem", "ram", "needs", "limit", "args", "audit", "sanitize"}
ROW = re.compile(r"^[A-E][0-9]{1,2}$")


class BadTest(Exception):
    """A test or its options are written wrongly; the message says where."""


@dataclass(frozen=True)
class Options:
    harts: Tuple[int, ...] = (1, 3)
    seeds: Tuple[int, ...] = ()
    mem: str = ""
    ram: str = "128M"
    needs: str = ""  # the least RAM that it fits into, where that is more than the least at all
    limit: str = "200M"
    args: str = ""
    sanitize: str = ""  # only with SAN=this; no: only without, it counts what a sanitized kernel has otherwise
    audit: bool = True  # also run by AUDIT=1; no: it faults too often for an audit after each


@dataclass(frozen=True)
class Test:
    kind: str
    group: str  # the file's name, without t_ and its ending
    case: str
    rows: Tuple[str, ...]
    shows: str
    where: str  # file:line
    options: Options = field(default_factory=Options)

    @property
    def name(self) -> str:
        return f"{self.kind}.{self.group}.{self.case}"


def parse_options(text: str, where: str) -> Options:
    """The options of a `test:` comment."""
    found: Dict[str, str] = {}
    for word in shlex.split(text):
        key, equals, value = word.partition("=")
        if not equals or key not in OPTIONS:
            raise BadTest(f"{where}: unknown option {word!r}; there are {', '.join(sorted(OPTIONS))}")
        found[key] = value
    default = Options()
    if found.get("sanitize", "no") not in ("no", *SANITIZERS):
        raise BadTest(f"{where}: sanitize is no, {' or '.join(SANITIZERS)}")
    try:
        return Options(
            harts=numbers(found["harts"]) if "harts" in found else default.harts,
            seeds=numbers(found["seeds"]) if "seeds" in found else default.seeds,
            mem=found.get("mem", default.mem), ram=found.get("ram", default.ram),
            needs=found.get("needs", default.needs),
            limit=found.get("limit", default.limit), args=found.get("args", default.args),
            audit=found.get("audit", "yes") != "no", sanitize=found.get("sanitize", default.sanitize))
    except ValueError as error:
        raise BadTest(f"{where}: {error}") from None


def numbers(text: str) -> Tuple[int, ...]:
    return tuple(int(word) for word in text.split(","))


def scan_file(kind: str, macro: str, path: Path, name: str) -> Iterator[Test]:
    """The tests of one source file; name is its path as people write it."""
    pattern = re.compile(macro + r'\(\s*(\w+)\s*,\s*"([^"]*)"\s*,\s*"((?:[^"\\]|\\.)*)"')
    start = re.compile(r"^" + macro + r"\(")
    option = re.compile(r"/\*\s*test:\s*(.*?)\s*\*/")
    group = path.stem[2:] if path.stem.startswith("t_") else path.stem
    pending = Options()
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        where = f"{name}:{number}"
        comment = option.match(line.strip())
        if comment:
            pending = parse_options(comment.group(1), where)
        elif start.match(line):
            match = pattern.match(line)
            if not match:
                raise BadTest(f'{where}: write {macro}(name, "rows", "what it shows") on one line')
            rows = tuple(re.split(r"[,\s]+", match.group(2).strip())) if match.group(2).strip() else ()
            for row in rows:
                if not ROW.match(row):
                    raise BadTest(f"{where}: {row!r} is no row of docs/features.md")
            yield Test(kind, group, match.group(1), rows, match.group(3), where, pending)
            pending = Options()
        elif line.strip():
            pending = Options()


def discover(root: Path) -> List[Test]:
    """All tests of a tree, in the order of their files."""
    tests: List[Test] = []
    for kind, macro, folder in KINDS:
        for path in sorted((root / folder).rglob("*.c")):
            tests += scan_file(kind, macro, path, path.relative_to(root).as_posix())
    seen: Dict[str, str] = {}
    for test in tests:
        if test.name in seen:
            raise BadTest(f"{test.where}: {test.name} is there already, {seen[test.name]}")
        seen[test.name] = test.where
    return tests


def picked(names: Sequence[str], only: str) -> Set[str]:
    """Names that a person's words pick; all of them without a word. A word that no name matches may be a part of names."""
    words = only.split()
    chosen = set() if words else set(names)
    for word in words:
        chosen.update([name for name in names if name_matches(name, word)] or [name for name in names if word in name])
    return chosen


def name_matches(name: str, word: str) -> bool:
    """Is the name as the shell pattern says, or does it have the word's components: user, cow, user.cow?"""
    return fnmatch.fnmatchcase(name, word) or f".{word}." in f".{name}."
