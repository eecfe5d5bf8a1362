"""Mutants: known wrong answers. Each is applied to a copy of the tree, built, and must fail a test named in it.

For every row that it breaks, a test of that very row has to notice.

A file grade/mutants/NAME.mutant holds header lines (rows, which may be none, tests, defect), then
one or more groups: `file: PATH`, `--- find`, the exact text, which occurs once,
`--- replace`, what stands there instead, `--- end`. Those of a lab, in labs/NAME/mutants, are
judged by the grader (`make check-labs`): they break no row, and their header has a `message`, which
the report of a test that fails must hold.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

from . import run, verdict
from .discover import Test, name_matches
from .tree import BuildError, Tree, sources

KILLED, SURVIVED, STALE = "killed", "survived", "does not apply"
CAP_SECONDS = 45  # a mutant that hangs with interrupts off is known by then


class BadMutant(Exception):
    """A mutant is written wrongly, or no longer applies; the message says where."""


@dataclass(frozen=True)
class Change:
    file: str
    find: str
    replace: str


@dataclass(frozen=True)
class Mutant:
    name: str
    rows: Tuple[str, ...]
    tests: Tuple[str, ...]
    defect: str
    changes: Tuple[Change, ...]
    message: str = ""  # of a lab's


@dataclass(frozen=True)
class Outcome:
    name: str
    rows: Tuple[str, ...]
    tests: Tuple[str, ...]
    defect: str
    outcome: str
    why: str
    noticed: Tuple[str, ...] = ()  # rows of which a test failed

    @property
    def good(self) -> bool:
        return self.outcome == KILLED


def parse(name: str, text: str) -> Mutant:
    header: Dict[str, str] = {}
    changes: List[Change] = []
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if line == "--- find":
            find, at = block(name, lines, at, "--- replace")
            replace, at = block(name, lines, at, "--- end")
            if "file" not in header:
                raise BadMutant(f"{name}: `file:` must come before `--- find`")
            changes.append(Change(header["file"], find, replace))
        elif line.strip():
            key, colon, value = line.partition(":")
            if not colon or key not in ("rows", "tests", "defect", "message", "file"):
                raise BadMutant(f"{name}:{at}: not a header line: {line!r}")
            header[key] = value.strip()
    for key in ("rows", "tests", "defect"):
        if key == "rows" and header.get("message"):
            continue
        if key not in header or (key != "rows" and not header[key]):
            raise BadMutant(f"{name}: no `{key}:`")
    if not changes:
        raise BadMutant(f"{name}: changes nothing")
    return Mutant(name, words(header.get("rows", "")), words(header["tests"]), header["defect"], tuple(changes), header.get("message", ""))


def words(text: str) -> Tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def block(name: str, lines: Sequence[str], at: int, end: str) -> Tuple[str, int]:
    """The lines up to the marker `end`, and the place after it."""
    start = at
    while at < len(lines) and lines[at] not in ("--- find", "--- replace", "--- end"):
        at += 1
    if at == len(lines) or lines[at] != end:
        raise BadMutant(f"{name}: no `{end}`")
    return "".join(line + "\n" for line in lines[start:at]), at + 1


def load_all(root: Path) -> List[Mutant]:
    """Every mutant of the kernel."""
    return [parse(path.stem, path.read_text()) for path in sorted((root / "grade" / "mutants").glob("*.mutant"))]


def applied(text: str, change: Change, name: str) -> str:
    """text with the change made. BadMutant unless what it looks for occurs once."""
    count = text.count(change.find)
    if count != 1 or not change.find:
        raise BadMutant(f"{name}: its text occurs {count} times in {change.file}")
    return text.replace(change.find, change.replace)


class Workspace:
    """A copy of the tree and of what is built, in which one mutant after another is tried."""

    def __init__(self, tree: Tree, number: int) -> None:
        self.origin = tree
        root = tree.root / "build" / "mutants" / f"work-{os.getpid()}-{number}"
        root.mkdir(parents=True)
        for name in sources(tree.root):
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(tree.root / name, target)
        for folder in (tree.relative(tree.build), "build/host"):
            if (tree.root / folder).is_dir():
                shutil.copytree(tree.root / folder, root / folder, ignore=shutil.ignore_patterns("disk.img", "fs.img", "fs.root"))
        self.tree = Tree(root, tree.config, tree.audit, sanitize=tree.sanitize)

    def remove(self) -> None:
        shutil.rmtree(self.tree.root, ignore_errors=True)

    def attempt(self, mutant: Mutant, tests: Sequence[Test]) -> Outcome:
        """Applies, builds, runs the tests until each row's have noticed, and puts the sources back."""
        originals: Dict[Path, str] = {}
        try:
            for change in mutant.changes:
                path = self.tree.root / change.file
                if not path.is_file():
                    raise BadMutant(f"{mutant.name}: there is no {change.file}")
                text = path.read_text()
                originals.setdefault(path, text)
                path.write_text(applied(text, change, mutant.name))
            run.build_for(self.tree, tests, jobs=1)
            return self.judge(mutant, tests)
        except BadMutant as error:
            return outcome(mutant, STALE, str(error))
        except BuildError as error:
            return outcome(mutant, verdict.BUILD, str(error)[-600:])
        finally:
            for path, text in originals.items():
                path.write_text(text)

    def judge(self, mutant: Mutant, tests: Sequence[Test]) -> Outcome:
        choice = run.Choice(cap=CAP_SECONDS)
        owed = set(mutant.rows)
        rows_of = {test.name: test.rows for test in tests}
        broken: List[run.Result] = []

        def settled(one: run.Result) -> bool:
            if one.verdict in verdict.BROKEN:
                broken.append(one)
                owed.difference_update(rows_of.get(one.name, ()))
            return bool(broken) and not owed

        results = run.execute(run.plan(self.tree, tests, choice), lambda _: None, workers=1, stop=settled)
        why = "; ".join(f"{one.title}: {one.verdict}: {one.why}" for one in broken)
        if not broken:
            return outcome(mutant, SURVIVED, "; ".join(f"{one.title}: {one.verdict}" for one in results) or "its tests did not run")
        noticed = tuple(row for row in mutant.rows if row not in owed)
        if owed:
            return outcome(mutant, SURVIVED, f"no test of {', '.join(sorted(owed))} notices; {why}", noticed)
        return outcome(mutant, KILLED, why, noticed)


def outcome(mutant: Mutant, what: str, why: str, noticed: Sequence[str] = ()) -> Outcome:
    return Outcome(mutant.name, mutant.rows, mutant.tests, mutant.defect, what, why, tuple(noticed))


def tests_of(mutant: Mutant, tests: Sequence[Test]) -> List[Test]:
    """The tests that a mutant names, in its order. BadMutant when one is not there."""
    chosen: List[Test] = []
    for name in mutant.tests:
        found = [test for test in tests if name_matches(test.name, name) and (test.name == name or "*" in name)]
        if not found:
            raise BadMutant(f"{mutant.name}: there is no test {name}")
        chosen += found
    return chosen


def run_all(tree: Tree, mutants: Sequence[Mutant], tests: Sequence[Test], workers: int = run.JOBS) -> List[Outcome]:
    """Tries each mutant; the tree is built and its tests are known to pass."""
    done: List[Outcome] = []
    lock = threading.Lock()
    waiting = list(mutants)

    def work(number: int) -> None:
        space = Workspace(tree, number)
        try:
            while True:
                with lock:
                    if not waiting:
                        return
                    mutant = waiting.pop(0)
                try:
                    came = space.attempt(mutant, tests_of(mutant, tests))
                except BadMutant as error:
                    came = outcome(mutant, STALE, str(error))
                with lock:
                    done.append(came)
                    print(f"{'ok' if came.good else came.outcome.upper():14} {mutant.name}: {mutant.defect}: {came.why}", flush=True)
        finally:
            space.remove()

    with ThreadPoolExecutor(workers) as pool:
        for future in [pool.submit(work, number) for number in range(min(workers, len(waiting)))]:
            future.result()
    return sorted(done, key=lambda one: one.name)


def load(path: Path, current: str) -> List[Outcome]:
    """Outcomes kept of this very state of the tree."""
    try:
        kept = json.loads(path.read_text())
    except (OSError, ValueError):
        return []
    if not isinstance(kept, dict) or kept.get("state") != current:
        return []
    outcomes: List[Outcome] = []
    for entry in kept["outcomes"]:
        fields: Dict[str, Any] = dict(
            entry, rows=tuple(entry["rows"]), tests=tuple(entry["tests"]), noticed=tuple(entry.get("noticed", ())))
        outcomes.append(Outcome(**fields))
    return outcomes


def save(path: Path, current: str, outcomes: Sequence[Outcome]) -> None:
    merged = {one.name: one for one in load(path, current)}
    merged.update({one.name: one for one in outcomes})
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"state": current, "outcomes": [asdict(one) for one in merged.values()]}, indent=1))
    fresh.replace(path)
