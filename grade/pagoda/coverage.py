"""`make coverage`: each branch of kernel/vm is taken by some test, or listed with the reason.

A line of C has conditions, one for each `if`, `?`, loop, `&&` and `||`, and a condition has two ways: `on`, to
what stands next, and `over` that. So `1 on` of `if (a && b)` is that a is true and b is asked, `1 on`
of `if (a || b)` that a is false. A switch has as many ways as it has targets. A way that no test took is listed in grade/unreached/NAME.txt
for kernel/vm/NAME, by function and text so that it survives edits elsewhere:

    in: pool_grow
    line: if (page == NULL && retry)
    ways: 1 on, 2 over
    why: so, and so;
        a second line is indented

`nth: 2` names the second such line of the function. A function that is never called has `ways: never called`
and no line. `chance:` in place of `why:` is for a race that some run may win: it may be taken, too. What cannot be reached but through such a way needs no entry of its own: neither a line that was
never reached, nor a condition that was never evaluated. A listed way that is taken, or that is not there, is an error.
Conditions of a KASSERT, a DASSERT or a RULE of the audit are no branches, since a kernel whose tests take
one is broken: the statement, to its closing parenthesis, is left out.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Sequence, Set, Tuple

from . import gcov, run, verdict
from .discover import ON_HOST, Test
from .gcov import File, Files, GcovError
from .run import Choice, Result
from .tree import Tree

UNDER = "kernel/vm/"
NEVER = "never called"
ASSERTION = re.compile(r"\b(?:[KD]ASSERT|RULE)\(")
BEFORE = re.compile(r"(?:bool good = |good &= |return good & )?")  # on the line of an assertion, a RULE's result
KEYS = ("in", "line", "nth", "ways", "why", "chance")
SHARED_MEMORY = Path("/dev/shm")  # where a RAM file costs no disk


@dataclass(frozen=True)
class Way:
    """One way out of a condition, or a function as a whole. Its name survives what changes elsewhere."""

    function: str
    text: str  # of the line, "" for a function
    nth: int  # which line of that text in the function, from 1
    name: str

    def __str__(self) -> str:
        which = f" (line {self.nth} of that text)" if self.nth > 1 else ""
        return f"{self.function}: {self.name}" + (f" of `{self.text}`{which}" if self.text else "")


@dataclass(frozen=True)
class Reason:
    why: str
    chance: bool = False  # may be taken nevertheless


@dataclass
class Judged:
    """A source file."""

    name: str
    lines: Tuple[int, int] = (0, 0)  # reached, all
    ways: Tuple[int, int] = (0, 0)  # taken, all
    missed: Dict[Way, int] = field(default_factory=dict)  # with the line's number: to be taken, or to be listed
    listed: Dict[Way, Reason] = field(default_factory=dict)
    known: Set[Way] = field(default_factory=set)

    @property
    def open(self) -> List[Way]:
        return [way for way in self.missed if way not in self.listed]

    @property
    def stale(self) -> List[Way]:
        return [way for way, reason in self.listed.items() if way not in self.missed and not (reason.chance and way in self.known)]

    def wrong(self) -> List[str]:
        """What there is to do, a line each."""
        said = [f"{self.name}:{self.missed[way]}: {way}: neither taken nor listed" for way in self.open]
        path = list_path(self.name)
        return said + [f"{path}: {way}: {'it is taken' if way in self.known else 'there is no such way'}" for way in self.stale]


# ---- the list


def list_path(name: str) -> str:
    return f"grade/unreached/{Path(name).name}.txt"


def read_list(text: str, where: str) -> Dict[Way, Reason]:
    """Listed ways and their reasons. GcovError."""
    found: Dict[Way, Reason] = {}
    for number, record in records(text, where):
        at = f"{where}:{number}"
        whole = record.get("ways") == NEVER
        if not {"in", "ways"} <= set(record) or ("why" in record) == ("chance" in record) or ("line" in record) == whole:
            raise GcovError(f"{at}: an entry has in, line, ways, and why or chance; for a function that is {NEVER}, no line")
        if not re.fullmatch(r"[1-9]\d*", record.get("nth", "1")):
            raise GcovError(f"{at}: nth is a number from 1")
        for name in [NEVER] if whole else re.split(r"\s*,\s*", record["ways"]):
            way = Way(record["in"], record.get("line", ""), int(record.get("nth", "1")), name)
            if way in found:
                raise GcovError(f"{at}: {way}: is listed twice")
            found[way] = Reason(record.get("why") or record["chance"], "chance" in record)
    return found


def records(text: str, where: str) -> List[Tuple[int, Dict[str, str]]]:
    """`key: value` lines, in groups that a blank line ends; an indented line goes on with the value. With the group's first line."""
    found: List[Tuple[int, Dict[str, str]]] = []
    key = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#"):
            continue
        if not line.strip():
            key = ""
            continue
        if line[0].isspace() and key:
            found[-1][1][key] += " " + line.strip()
            continue
        name, colon, value = line.partition(":")
        if not colon or name not in KEYS or not value.strip():
            raise GcovError(f"{where}:{number}: expected one of {', '.join(KEYS)}, a colon and a value")
        if not key:
            found.append((number, {}))
        if name in found[-1][1]:
            raise GcovError(f"{where}:{number}: {name} stands there twice")
        key = name
        found[-1][1][key] = value.strip()
    return found


# ---- the source against the counters


def assertions(source: Sequence[str], name: str) -> Set[int]:
    """The numbers of lines that belong to an assertion. GcovError when one has no line to itself."""
    found: Set[int] = set()
    depth = 0
    for number, line in enumerate(source, 1):
        code = re.sub(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|/\*.*?\*/|//.*', "", line)
        match = ASSERTION.search(code)
        if depth == 0 and (not match or code.lstrip().startswith(("#", "*"))):
            continue
        if depth == 0 and match and not BEFORE.fullmatch(code[:match.start()].lstrip()):
            raise GcovError(f"{name}:{number}: an assertion starts a line, so that its branches can be told from others")
        found.add(number)
        depth += code.count("(") - code.count(")")
    return found


def way_names(text: str, count: int) -> List[str]:
    """The names of a line's ways. Of a condition's, gcov tells first the one to the compiler's next block, as a rule what stands next in the text."""
    if re.search(r"\bswitch\b", text) or count % 2:
        return [f"target {i + 1}" for i in range(count)]
    return [f"{i // 2 + 1} {'over' if i % 2 else 'on'}" for i in range(count)]


def judge(name: str, file: File, source: Sequence[str], listed: Dict[Way, Reason]) -> Judged:
    """What of a source file was taken, and what ought to have been."""
    judged = Judged(name, listed=listed)
    left_out = assertions(source, name)
    called = {function: calls > 0 for function, (_, calls) in file.functions.items()}
    reached: Dict[int, bool] = {}
    taken = total = 0
    seen: Dict[Tuple[str, str], int] = {}
    for function, (start, _) in file.functions.items():
        way = Way(function, "", 1, NEVER)
        judged.known.add(way)
        if not called[function]:
            judged.missed[way] = start
    for (number, function), line in sorted(file.lines.items()):
        if number in left_out:
            continue
        reached[number] = reached.get(number, False) or line.count > 0
        if not line.branches:
            continue
        text = source[number - 1].strip()
        nth = seen[function, text] = seen.get((function, text), 0) + 1
        names = way_names(text, len(line.branches))
        for i, (count, way_name) in enumerate(zip(line.branches, names)):
            way = Way(function, text, nth, way_name)
            judged.known.add(way)
            total += 1
            taken += count > 0
            evaluated = way_name.startswith("target") or count or line.branches[i ^ 1]
            if not count and line.count and evaluated:
                judged.missed[way] = number
    judged.lines = (sum(reached.values()), len(reached))
    judged.ways = (taken, total)
    return judged


def judge_all(root: Path, files: Files) -> List[Judged]:
    """Each file of kernel/vm with code, in the order of names; and a list's file that is none of them. GcovError."""
    found = []
    for name in sorted(files):
        path = root / list_path(name)
        listed = read_list(path.read_text(), list_path(name)) if path.is_file() else {}
        found.append(judge(name, files[name], (root / name).read_text().splitlines(), listed))
    for path in sorted((root / "grade" / "unreached").glob("*.txt")):
        if not (root / UNDER / path.stem).is_file():
            raise GcovError(f"{path.relative_to(root)}: there is no {UNDER}{path.stem}")
    return found


# ---- reports


def table(judged: Sequence[Judged]) -> str:
    def row(name: str, lines: Tuple[int, int], ways: Tuple[int, int], listed: int, open_: int) -> str:
        def part(pair: Tuple[int, int]) -> str:
            return f"{pair[0]:5} of {pair[1]:<5}{100 * pair[0] / pair[1] if pair[1] else 100:6.1f}%"
        return f"{name:26}{part(lines)}  {part(ways)}  {listed:6} {open_:5}"

    def total(pairs: Sequence[Tuple[int, int]]) -> Tuple[int, int]:
        return sum(a for a, _ in pairs), sum(b for _, b in pairs)

    head = f"{'':26}{'lines reached':19}  {'branches taken':19}  listed  open"
    rows = [row(one.name, one.lines, one.ways, len(one.listed), len(one.open)) for one in judged]
    return "\n".join([head, *rows, row(
        "all", total([one.lines for one in judged]), total([one.ways for one in judged]),
        sum(len(one.listed) for one in judged), sum(len(one.open) for one in judged))])


def listing(judged: Judged, file: File, source: Sequence[str]) -> str:
    """The source with its counts: how often a line was reached, how often each way was taken; ! open, * listed."""
    by_line: Dict[int, List[str]] = {}
    counts: Dict[int, int] = {}
    missed: Dict[Tuple[int, str, str], Way] = {(number, way.function, way.name): way for way, number in judged.missed.items()}
    never = {number: way for way, number in judged.missed.items() if not way.text}
    for (number, function), line in sorted(file.lines.items()):
        counts[number] = counts.get(number, 0) + line.count
        for count, name in zip(line.branches, way_names(source[number - 1], len(line.branches))):
            way = missed.get((number, function, name))
            mark = "" if way is None else "*" if way in judged.listed else "!"
            by_line.setdefault(number, []).append(f"{name.replace('target ', '').replace(' over', '-').replace(' on', '+')}:{count}{mark}")
    out = []
    for number, text in enumerate(source, 1):
        reached = str(counts[number]) if number in counts else ""
        ways = " ".join(by_line.get(number, []))
        if number in never:
            ways = f"{NEVER}{'*' if never[number] in judged.listed else '!'} {ways}"
        out.append(f"{reached:>10} {number:5}  {text.expandtabs(8):100} {ways}".rstrip())
    return "\n".join(out) + "\n"


def write_reports(root: Path, judged: Sequence[Judged], files: Files) -> None:
    """build/coverage.json, and build/coverage/NAME.txt for each file."""
    folder = root / "build" / "coverage"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    report: Dict[str, Any] = {}
    for one in judged:
        source = (root / one.name).read_text().splitlines()
        (folder / f"{Path(one.name).name}.txt").write_text(listing(one, files[one.name], source))
        report[one.name] = {
            "lines": {"reached": one.lines[0], "all": one.lines[1]}, "branches": {"taken": one.ways[0], "all": one.ways[1]},
            "open": [{"line": one.missed[way], "way": str(way)} for way in one.open],
            "listed": [{"way": str(way), "why": reason.why, "chance": reason.chance} for way, reason in one.listed.items()],
            "stale": [str(way) for way in one.stale]}
    (root / "build" / "coverage.json").write_text(json.dumps(report, indent=1) + "\n")


# ---- the run


def measure(tree: Tree, tests: Sequence[Test], tool: str) -> Tuple[List[Result], Files]:
    """Runs the tests in builds that count. GcovError, BuildError."""
    host = tree.root / "build" / "host" / "coverage" / "obj"
    (tree.root / "build" / "coverage.json").unlink(missing_ok=True)
    run.build_for(tree, tests)
    for old in host.rglob("*.gcda"):
        old.unlink()
    top = SHARED_MEMORY if SHARED_MEMORY.is_dir() else tree.root / "build"
    with tempfile.TemporaryDirectory(prefix="coverage-", dir=top) as folder, tree.freeze() as frozen:
        collector = gcov.Collector(Path(folder))
        begin = time.monotonic()
        results = run.execute(run.plan(frozen, tests, Choice(boot=collector.boot)), run.tell_line)
        print(f"{collector.guests} guests and {sum(test.kind in ON_HOST for test in tests)} programs of this machine, "
              f"{time.monotonic() - begin:.0f} s", flush=True)
    collector.write(tree.build)
    reports = gcov.gcov(tool, tree.root, [tree.build / f"{name}.gcda" for name in sorted(collector.counted)])
    reports += gcov.gcov("gcov", tree.root, sorted(host.rglob("*.gcda")))
    return results, gcov.merge(reports, UNDER)


def results_of(judged: Sequence[Judged]) -> List[Result]:
    """A file passes when each of its ways is taken or listed, and none is listed in vain."""
    return [
        Result(f"coverage.{Path(one.name).name}", (), 0, 0, verdict.FAIL if one.wrong() else verdict.PASS,
               f"{len(one.wrong())} to do" if one.wrong() else "", 0, "make coverage", "\n".join(one.wrong()))
        for one in judged]


def arguments(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("coverage", help="which branches of kernel/vm the tests take")
    command.add_argument("--gcov", required=True, help="that of the kernel's compiler")
    command.add_argument("--only", default="", help="these tests only: a report, no verdict on branches")


def main(args: argparse.Namespace, tree: Tree, tests: Sequence[Test]) -> int:
    results, files = measure(tree, tests, args.gcov)
    judged = judge_all(tree.root, files)
    write_reports(tree.root, judged, files)
    print(table(judged))
    print("build/coverage.json, and each line in build/coverage/*.txt")
    if not args.only:
        results = results + results_of(judged)
    run.tell_failures(results)
    passed = sum(1 for one in results if one.passed)
    print(f"\n{passed} passed, {len(results) - passed} failed", flush=True)
    return 0 if passed == len(results) else 1
