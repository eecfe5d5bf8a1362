#!/usr/bin/env python3
"""Stages of the course, made from the one source.

In the sources a hole is one whole function:

    //@lab cow  what the student is to write
    //| the stand-in, a line after each //|
    the reference function
    //@end

and `//@from pageout` ... `//@end` is the rare code that exists only from a lab
on. A stage is a tree with some holes solved and the others open: `start` has
the labs before it solved, `lab` has none solved, `solved` has its own solved too.
What exists only before a lab lies in labs/NAME/before and is compiled into the
stages that need it. No nesting, no unknown name, nothing that is not one whole
function: each is an error that names its line.

In make's files `#@staff` ... `#@end` is what only the whole tree can do. Each
stage has labs/stage.json: which stage it is, of which commit, its holes, and the
hash of every file, by which a grader knows what was changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Set, Tuple, Union

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "grade"))

from pagoda import overlay  # noqa: E402
from pagoda.tree import STAGE_FILE, sources  # noqa: E402  (the runner's package lies in grade/)

KINDS = ("start", "lab", "solved")
MARK = re.compile(r"^\s*//(@\w+|\|)(.*)$")
Value = Union[str, int, List[str]]


class StageError(Exception):
    """A mark, a lab or an order is wrong; the message says where."""


# ---- the few lines of TOML that labs use


def read_toml(text: str, where: str) -> Dict[str, Value]:
    """`key = "text" | number | ["text", ...]` and comments; a list may go on over lines, the rest is a line each."""
    found: Dict[str, Value] = {}
    lines = enumerate(text.splitlines(), 1)
    for number, line in lines:
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if re.match(r"^[a-z_]+\s*=\s*\[[^\]]*$", line):
            for _, more in lines:
                line += " " + more.strip()
                if more.strip().endswith("]"):
                    break
        match = re.match(r"^([a-z_]+)\s*=\s*(.+?)\s*$", line)
        if not match:
            raise StageError(f"{where}:{number}: expected `key = value`")
        key, value = match.groups()
        if key in found:
            raise StageError(f"{where}:{number}: {key} stands there twice")
        if re.match(r'^"[^"\\]*"$', value):
            found[key] = value[1:-1]
        elif re.match(r"^[0-9]+$", value):
            found[key] = int(value)
        elif re.match(r'^\[\s*("[^"\\]*"\s*(,\s*"[^"\\]*"\s*)*,?\s*)?\]$', value):
            found[key] = re.findall(r'"([^"\\]*)"', value)
        else:
            raise StageError(f"{where}:{number}: {key} is no text, number or list of texts")
    return found


LAB_KEYS: Dict[str, type] = {"title": str, "kind": str, "needs": list, "hours": int, "files": list, "enters": list}
# What `make check-labs` compares with, in labs that have tests: the scores of the trees where the
# lab's holes are open, and "FUNCTION: TEST ..." for each hole, tests that fail when it alone is open.
SCORE_KEYS: Dict[str, type] = {"start": int, "lab": int, "holes": list}


@dataclass(frozen=True)
class Lab:
    name: str
    title: str
    kind: str
    needs: Tuple[str, ...]
    hours: int
    files: Tuple[str, ...]
    enters: Tuple[str, ...]  # files that exist only from this lab on
    start: Optional[int] = None
    lab: Optional[int] = None
    holes: Tuple[Tuple[str, Tuple[str, ...]], ...] = ()  # function, its tests


def read_lab(root: Path, name: str) -> Lab:
    path = root / "labs" / name / "lab.toml"
    where = f"labs/{name}/lab.toml"
    if not path.is_file():
        raise StageError(f"{where} is not there")
    values = read_toml(path.read_text(), where)
    for key, kind in LAB_KEYS.items():
        if not isinstance(values.get(key), kind):
            raise StageError(f"{where}: {key} must be given, as {kind.__name__}")
    for key, value in values.items():
        if key in SCORE_KEYS and not isinstance(value, SCORE_KEYS[key]):
            raise StageError(f"{where}: {key} must be given as {SCORE_KEYS[key].__name__}")
        if key not in LAB_KEYS and key not in SCORE_KEYS:
            raise StageError(f"{where}: unknown key {key}")
    if values["kind"] not in ("core", "elective", "open"):
        raise StageError(f"{where}: kind is core, elective or open")
    return Lab(
        name, str(values["title"]), str(values["kind"]), texts(values["needs"]), int(str(values["hours"])),
        texts(values["files"]), texts(values["enters"]), number(values.get("start")), number(values.get("lab")),
        tuple(tests_of_hole(text, where) for text in texts(values.get("holes", []))))


def number(value: Optional[Value]) -> Optional[int]:
    return value if isinstance(value, int) else None


def tests_of_hole(text: str, where: str) -> Tuple[str, Tuple[str, ...]]:
    """`FUNCTION: TEST ...` taken apart."""
    function, colon, tests = text.partition(":")
    if not colon or not function.strip() or not tests.split():
        raise StageError(f'{where}: holes are "FUNCTION: TEST ...", not {text!r}')
    return function.strip(), tuple(tests.split())


def texts(value: Value) -> Tuple[str, ...]:
    return tuple(value) if isinstance(value, list) else ()


def read_order(root: Path) -> List[Lab]:
    """The labs, in the order of the course."""
    values = read_toml((root / "labs" / "order.toml").read_text(), "labs/order.toml")
    names = values.get("labs")
    if set(values) != {"labs"} or not isinstance(names, list) or len(set(names)) != len(names) or not names:
        raise StageError('labs/order.toml holds one line, labs = ["first", "second", ...], each once')
    labs = [read_lab(root, name) for name in names]
    for place, lab in enumerate(labs):
        for needed in lab.needs:
            if needed not in names[:place]:
                raise StageError(f"labs/{lab.name}/lab.toml: needs {needed}, which does not come before it")
        for file in lab.files:
            if not (root / file).is_file():
                raise StageError(f"labs/{lab.name}/lab.toml: there is no {file}")
    return labs


# ---- C, as far as "one whole function" goes


def blanked(code: str) -> str:
    """code with comments, strings and character constants made blank, line by line as it was."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match.group(0)), code)


def function_name(code: str) -> str:
    """The name of the function that code is, wholly and only. StageError with what it is instead."""
    plain = blanked(code)
    if re.search(r"^\s*#", plain, re.MULTILINE):
        raise StageError("a preprocessor line stands in it")
    depth = 0
    opened: Optional[int] = None
    closed: Optional[int] = None
    for at, char in enumerate(plain):
        if char == "{":
            if depth == 0:
                if opened is not None:
                    raise StageError("more than one function")
                opened = at
            depth += 1
        elif char == "}":
            depth -= 1
            if depth < 0:
                raise StageError("a brace closes what it did not open")
            if depth == 0:
                closed = at
    if opened is None or closed is None or depth != 0:
        raise StageError("no whole function")
    if plain[closed + 1:].strip():
        raise StageError("something follows the function")
    head = plain[:opened].strip()
    match = re.match(r"^[\w\s*]*?\b(\w+)\s*\(([^;{}]*)\)(?:\s*__\w+)*$", head, re.DOTALL)
    if not match or ";" in head or "=" in head:
        raise StageError("what stands before its brace is no function's head")
    return match.group(1)


# ---- marks


@dataclass(frozen=True)
class Hole:
    lab: str
    text: str
    where: str
    stub: Tuple[str, ...]
    body: Tuple[str, ...]
    function: str

    @property
    def file(self) -> str:
        return self.where.rpartition(":")[0]


@dataclass(frozen=True)
class Later:
    """Lines that exist from a lab on."""

    lab: str
    lines: Tuple[str, ...]


Part = Union[str, Hole, Later]


def parse(text: str, where: str, labs: Set[str]) -> List[Part]:
    """A source in parts: plain lines, holes, and later lines."""
    parts: List[Part] = []
    kind = lab = about = ""
    opened = 0
    stub: List[str] = []
    body: List[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        match = MARK.match(line)
        here = f"{where}:{number}"
        if not match:
            if kind:
                body.append(line)
            else:
                parts.append(line)
            continue
        mark, rest = match.group(1), match.group(2)
        if mark == "|":
            if kind != "lab" or body:
                raise StageError(f"{here}: //| belongs at the start of a hole")
            stub.append(rest[1:] if rest.startswith(" ") else rest)
        elif mark in ("@lab", "@from"):
            if kind:
                raise StageError(f"{here}: nested in what line {opened} opens")
            words = rest.split(None, 1)
            if not words or words[0] not in labs:
                raise StageError(f"{here}: no lab is called {words[0] if words else ''!r}")
            if mark == "@lab" and len(words) < 2:
                raise StageError(f"{here}: a hole says what is to be written")
            kind, lab, about, opened, stub, body = mark[1:], words[0], words[1].strip() if len(words) > 1 else "", number, [], []
        elif mark == "@end":
            if not kind:
                raise StageError(f"{here}: ends nothing")
            if kind == "from":
                parts.append(Later(lab, tuple(body)))
            else:
                parts.append(whole_hole(lab, about, f"{where}:{opened}", stub, body))
            kind = ""
        else:
            raise StageError(f"{here}: unknown mark //{mark}")
    if kind:
        raise StageError(f"{where}:{opened}: never ends")
    return parts


def whole_hole(lab: str, about: str, where: str, stub: Sequence[str], body: Sequence[str]) -> Hole:
    """A hole, if its stand-in and its reference are each one whole function of the same name."""
    names = []
    for what, lines in (("stand-in", stub), ("reference", body)):
        try:
            names.append(function_name("\n".join(lines)))
        except StageError as error:
            raise StageError(f"{where}: the {what} is not one whole function: {error}") from None
        seen = re.search(r"\b(TRACE|COUNT|COUNT_N)\s*\(", blanked("\n".join(lines)))
        if seen:
            raise StageError(f"{where}: the {what} has a {seen.group(1)}: steps and counters belong to what calls a hole or is called by it")
    if names[0] != names[1]:
        raise StageError(f"{where}: the stand-in is {names[0]}, the reference {names[1]}")
    return Hole(lab, about, where, tuple(stub), tuple(body), names[0])


# ---- stages


@dataclass(frozen=True)
class Stage:
    order: Tuple[str, ...]
    lab: str
    kind: str

    def solved(self, lab: str) -> bool:
        """Does this stage hold the reference for that lab's holes?"""
        if self.kind == "lab":
            return False
        place, mine = self.order.index(lab), self.order.index(self.lab)
        return place < mine or (place == mine and self.kind == "solved")

    def reached(self, lab: str) -> bool:
        """Has the course come to that lab at this stage?"""
        return self.order.index(lab) <= self.order.index(self.lab)


def render(parts: Sequence[Part], stage: Stage) -> str:
    """A source as the stage has it. Holes of labs to come leave no mark."""
    lines: List[str] = []
    for part in parts:
        if isinstance(part, str):
            lines.append(part)
        elif isinstance(part, Later):
            lines += part.lines if stage.reached(part.lab) else ()
        elif not stage.reached(part.lab):
            lines += part.stub
        else:
            lines += [f"//@lab {part.lab}  {part.text}", *(part.body if stage.solved(part.lab) else part.stub), "//@end"]
    return "".join(line + "\n" for line in lines)


# ---- the tree

# What a student's tree has no use for, or must not show. Of a lab's folder it has what GIVEN names.
LEFT_OUT = (".ci/", "grade/mutants/", "grade/unreached/")
GIVEN = ("README.md", "lab.toml", "tests", "figures")


@dataclass(frozen=True)
class File:
    """A file of a stage: where it comes from, and its text if the stage has another one."""

    origin: Path
    text: Optional[str] = None

    def data(self) -> bytes:
        return self.origin.read_bytes() if self.text is None else self.text.encode()


def for_students(text: str, where: str) -> str:
    """A make file without what only the whole tree can do."""
    kept: List[str] = []
    opened = 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        mark = line.strip()
        if mark.startswith("#@") and mark not in ("#@staff", "#@end"):
            raise StageError(f"{where}:{number}: unknown mark {mark}")
        if mark == ("#@staff" if opened else "#@end"):
            raise StageError(f"{where}:{number}: {'nested in what line ' + str(opened) + ' opens' if opened else 'ends nothing'}")
        if mark == "#@staff":
            opened = number
        elif mark == "#@end":
            opened = 0
        elif not opened:
            kept.append(line)
    if opened:
        raise StageError(f"{where}:{opened}: never ends")
    return "".join(kept)


def lab_file(name: str, stage: Stage) -> Optional[str]:
    """Where a file of labs/ goes in a stage, if anywhere: before/ into the kernel, what is given of the labs reached."""
    parts = name.split("/")
    if len(parts) < 3 or parts[1] not in stage.order:
        return None
    if parts[2] == "before":
        return None if stage.solved(parts[1]) else "/".join(["kernel", "before", *parts[3:]])
    return name if parts[2] in GIVEN and stage.reached(parts[1]) else None


def plan_stage(root: Path, labs: Sequence[Lab], stage: Stage) -> Dict[str, File]:
    """Every file of the stage but labs/stage.json."""
    missing = {file for one in labs if not stage.reached(one.name) for file in one.enters}
    tree: Dict[str, File] = {}
    for name in sources(root):
        target = lab_file(name, stage) if name.startswith("labs/") else name
        if target is None or name in missing or name.startswith(LEFT_OUT):
            continue
        if target in tree:
            raise StageError(f"{name} and another file both become {target}")
        path = root / name
        text: Optional[str] = None
        if is_marked(name):
            text = render(parse(path.read_text(), name, set(stage.order)), stage)
        elif name == "Makefile" or name.endswith(".mk"):
            text = for_students(path.read_text(), name)
        tree[target] = File(path, text)
    return tree


def is_marked(name: str) -> bool:
    return name.startswith("kernel/") and name.endswith((".c", ".h", ".S"))


def commit_of(root: Path) -> Optional[str]:
    """The commit that the sources are, if they are one."""
    def git(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(["git", *words], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    top = git("rev-parse", "--show-toplevel").stdout.strip()
    if not top or Path(top).resolve() != root.resolve():
        return None
    mine = set(sources(root))
    for entry in git("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all").stdout.split("\0"):
        if entry and (entry[:2] != "??" or entry[3:] in mine):
            return None
    head = git("rev-parse", "HEAD")
    return head.stdout.strip() if head.returncode == 0 else None


def manifest(root: Path, labs: Sequence[Lab], stage: Stage, tree: Dict[str, File]) -> str:
    """labs/stage.json: what this tree is, every other file's hash, and that of what stands beside the holes of this lab's files."""
    names = [lab.name for lab in labs if stage.reached(lab.name)]
    holes = [
        {"lab": hole.lab, "file": hole.file, "function": hole.function, "open": not stage.solved(hole.lab)}
        for hole in all_holes(root, [lab.name for lab in labs]) if hole.lab in names]
    about = {
        "lab": stage.lab, "kind": stage.kind, "commit": commit_of(root), "labs": names, "holes": holes,
        "beside": {
            name: overlay.beside(tree[name].data().decode("utf-8")) for lab in labs if lab.name == stage.lab for name in lab.files if name in tree},
        "files": {name: hashlib.sha256(file.data()).hexdigest() for name, file in sorted(tree.items())},
    }
    return json.dumps(about, indent=1) + "\n"


def make_stage(root: Path, lab: str, kind: str, out: Path) -> None:
    """Writes the tree. StageError: nothing is left half made at `out`."""
    labs = read_order(root)
    order = tuple(one.name for one in labs)
    if lab not in order:
        raise StageError(f"no lab is called {lab!r}; there are {', '.join(order)}")
    if kind not in KINDS:
        raise StageError(f"no kind of stage is called {kind!r}; there are {', '.join(KINDS)}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise StageError(f"{out} is there already and not empty")
    stage = Stage(order, lab, kind)
    tree = plan_stage(root, labs, stage)
    leaks = leaked(root, stage, tree)
    if leaks:
        raise StageError("\n".join(["the tree would show what is to be written:", *leaks]))
    about = manifest(root, labs, stage, tree)
    for target, file in tree.items():
        place = out / target
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.data())
        shutil.copymode(file.origin, place)
    (out / STAGE_FILE).parent.mkdir(parents=True, exist_ok=True)
    (out / STAGE_FILE).write_text(about)


# ---- what a stage must not show

TELLING = 12  # characters of a line that can tell something


def flat(line: str) -> str:
    return " ".join(line.split())


def leaked(root: Path, stage: Stage, tree: Dict[str, File]) -> List[str]:
    """Lines anywhere in the tree that stand in the reference of a hole that it has open, and nowhere else in its kernel."""
    known: List[str] = []
    secret: Dict[str, Hole] = {}
    for name, file in tree.items():
        if name.startswith("kernel/before/"):
            known += file.data().decode("utf-8", "replace").splitlines()
        elif is_marked(name):
            for part in parse(file.origin.read_text(), name, set(stage.order)):
                if isinstance(part, str):
                    known += [part] if not name.startswith("kernel/test/") else []
                elif isinstance(part, Hole):
                    known += [*part.stub, *(part.body if stage.solved(part.lab) else ())]
                    if not stage.solved(part.lab):
                        secret.update({flat(line): part for line in part.body if len(flat(line)) >= TELLING})
    whole = "\n".join(map(flat, known))
    secret = {line: hole for line, hole in secret.items() if line not in whole}
    found: List[str] = []
    for name, file in tree.items():
        for number, text in enumerate(file.data().decode("utf-8", "replace").splitlines(), 1):
            line = flat(text)
            found += [f"{name}:{number}: {one!r}, of {hole.function}" for one, hole in secret.items() if one in line]
    return found


# ---- the labs as a whole


def all_holes(root: Path, order: Optional[Sequence[str]] = None) -> List[Hole]:
    names = set(order) if order else {lab.name for lab in read_order(root)}
    holes: List[Hole] = []
    for path in sorted((root / "kernel").rglob("*")):
        if path.suffix in (".c", ".h", ".S"):
            parts = parse(path.read_text(), path.relative_to(root).as_posix(), names)
            holes += [part for part in parts if isinstance(part, Hole)]
    return holes


def check(root: Path) -> List[str]:
    """What is wrong with the labs as a whole."""
    problems: List[str] = []
    labs = {lab.name: lab for lab in read_order(root)}
    holes = all_holes(root)
    for lab in labs.values():
        mine = [hole for hole in holes if hole.lab == lab.name]
        if lab.kind != "open" and not mine:
            problems.append(f"lab {lab.name} has no hole")
        for hole in mine:
            if hole.file not in lab.files:
                problems.append(f"{hole.where}: a hole of {lab.name}, but labs/{lab.name}/lab.toml does not name the file")
        problems += check_tests(root, lab, [hole.function for hole in mine])
    return problems


def check_tests(root: Path, lab: Lab, functions: Sequence[str]) -> List[str]:
    """A lab with tests says what each stage scores, and for each hole the visible tests that show it."""
    where = f"labs/{lab.name}/lab.toml"
    tests = {f"{lab.name}.{path.stem}" for path in (root / "labs" / lab.name / "tests").glob("*.script")}
    if not tests:
        return []
    problems = [f"{where}: no `{key} = N`, the score of that stage" for key in ("start", "lab") if getattr(lab, key) is None]
    named = [function for function, _ in lab.holes]
    problems += [f"{where}: holes names no test of {function}" for function in functions if function not in named]
    problems += [f"{where}: holes names {function}, which is no hole of this lab" for function in named if function not in functions]
    problems += [f"{where}: {function} is in holes twice" for function in sorted(set(named)) if named.count(function) > 1]
    return problems + [f"{where}: there is no test {test}" for _, names in lab.holes for test in names if test not in tests]


def main() -> int:
    parser = argparse.ArgumentParser(prog="stage", description="Stages of the course.")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1])
    commands = parser.add_subparsers(dest="command", required=True)
    stage = commands.add_parser("stage", help="make a tree")
    stage.add_argument("--lab", required=True)
    stage.add_argument("--kind", required=True)
    stage.add_argument("--out", required=True)
    commands.add_parser("check", help="check every mark and lab")
    commands.add_parser("holes", help="list the holes")
    args = parser.parse_args()
    try:
        if args.command == "holes":
            for hole in all_holes(args.root):
                print(f"{hole.lab:8} {hole.function:24} {hole.where:32} {hole.text}")
            return 0
        if args.command == "check":
            problems = check(args.root)
            for problem in problems:
                print(f"labs: {problem}")
            return 1 if problems else 0
        if not args.out:
            raise StageError("say where the tree goes: make stage LAB=map KIND=start OUT=DIR")
        make_stage(args.root, args.lab, args.kind, Path(args.out))
        print(f"{args.out}: {args.lab}, {args.kind}")
        return 0
    except StageError as error:
        print(f"stage: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
