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
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Set, Tuple, Union

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "grade"))

from pagoda.tree import sources  # noqa: E402  (the runner's package lies in grade/)

KINDS = ("start", "lab", "solved")
MARK = re.compile(r"^\s*//(@\w+|\|)(.*)$")
Value = Union[str, int, List[str]]


class StageError(Exception):
    """A mark, a lab or an order is wrong; the message says where."""


# ---- the few lines of TOML that labs use


def read_toml(text: str, where: str) -> Dict[str, Value]:
    """`key = "text" | number | ["text", ...]`, a line each, and comments. Nothing else."""
    found: Dict[str, Value] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
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


@dataclass(frozen=True)
class Lab:
    name: str
    title: str
    kind: str
    needs: Tuple[str, ...]
    hours: int
    files: Tuple[str, ...]
    enters: Tuple[str, ...]  # files that exist only from this lab on


def read_lab(root: Path, name: str) -> Lab:
    path = root / "labs" / name / "lab.toml"
    where = f"labs/{name}/lab.toml"
    if not path.is_file():
        raise StageError(f"{where} is not there")
    values = read_toml(path.read_text(), where)
    for key, kind in LAB_KEYS.items():
        if not isinstance(values.get(key), kind):
            raise StageError(f"{where}: {key} must be given, as {kind.__name__}")
    for key in values:
        if key not in LAB_KEYS:
            raise StageError(f"{where}: unknown key {key}")
    if values["kind"] not in ("core", "elective", "open"):
        raise StageError(f"{where}: kind is core, elective or open")
    return Lab(
        name, str(values["title"]), str(values["kind"]), texts(values["needs"]), int(str(values["hours"])),
        texts(values["files"]), texts(values["enters"]))


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


# What a student's tree has no use for, or must not show.
LEFT_OUT = (".ci/", "grade/mutants/", "labs/")


def lab_file(name: str, stage: Stage) -> Optional[str]:
    """Where a file of labs/ goes in a stage, if anywhere: before/ into the kernel, handouts of the labs reached."""
    parts = name.split("/")
    if len(parts) < 3 or parts[1] not in stage.order:
        return None
    if parts[2] == "before":
        return None if stage.solved(parts[1]) else "/".join(["kernel", "before", *parts[3:]])
    if parts[2] in ("mutants", "answers.toml", "hidden") or not stage.reached(parts[1]):
        return None
    return name


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
    missing = {file for one in labs if not stage.reached(one.name) for file in one.enters}
    tree: Dict[str, Tuple[Path, Optional[str]]] = {}
    for name in sources(root):
        target: Optional[str] = lab_file(name, stage) if name.startswith("labs/") else name
        if target is None or name in missing or (target == name and name.startswith(LEFT_OUT[:2])):
            continue
        if target in tree:
            raise StageError(f"{name} and another file both become {target}")
        path = root / name
        marked = name.endswith((".c", ".h", ".S")) and name.startswith("kernel/")
        tree[target] = (path, render(parse(path.read_text(), name, set(order)), stage) if marked else None)
    for target, (path, text) in tree.items():
        place = out / target
        place.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            shutil.copyfile(path, place)
        else:
            place.write_text(text)
        shutil.copymode(path, place)


def all_holes(root: Path) -> List[Hole]:
    names = {lab.name for lab in read_order(root)}
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
            if hole.where.rpartition(":")[0] not in lab.files:
                problems.append(f"{hole.where}: a hole of {lab.name}, but labs/{lab.name}/lab.toml does not name the file")
    return problems


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
