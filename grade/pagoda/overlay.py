"""What of a submission goes into the kernel that is graded.

The base is the course's own tree as a student was given it, with the holes of
one lab open. Of a submission only the files that the lab allows are read, and
of these only the fills: what stands between the marks of a hole. They are put
where the base has its stand-ins, found by the function that the hole is. All
else that differs is named and left out. Beside that, the same submission's
allowed files whole, over the same base, are the student's own tree.

A submission is a folder that somebody else wrote: links are not followed, only
plain files of a sane size are read, and nothing in it is run by this module.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from .refuse import Problem, fill_problems, file_problems, functions_of, told

FILE_MAX = 1 << 20  # bytes of a source file
FILES_MAX = 20000  # of a submission
MANIFEST = "labs/stage.json"
OPEN = re.compile(r"^\s*//@lab\s+(\w+)\s*(.*)$")
MARK = re.compile(r"^\s*//@(\w*)")
SKIPPED = {".git", "build", "__pycache__", ".mypy_cache", ".vscode", ".cache", ".DS_Store"}


class Unreadable(Exception):
    """A file of a submission cannot be taken; the message says which and why."""


# ---- reading what somebody else wrote


def safe_bytes(root: Path, name: str, limit: int = FILE_MAX) -> Optional[bytes]:
    """The bytes of root/name, None when there is no such file. Unreadable: a link, a folder, too large."""
    place = root
    parts = name.split("/")
    for part in parts:
        place = place / part
        try:
            mode = os.lstat(place).st_mode
        except OSError:
            return None
        if stat.S_ISLNK(mode):
            raise Unreadable(f"{name}: a link, which is not followed")
    if not stat.S_ISREG(mode):
        raise Unreadable(f"{name}: not a plain file")
    descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Unreadable(f"{name}: larger than {limit >> 10} KiB")
    return data


def safe_text(root: Path, name: str) -> Optional[str]:
    """
    The same as text, with lines that end in a newline only. A byte that is no UTF-8, of a comment in another alphabet, stays
    what it is: the compiler took it, too. Write it with the same errors="surrogateescape".
    """
    data = safe_bytes(root, name)
    if data is None:
        return None
    if b"\0" in data:
        raise Unreadable(f"{name}: not text in UTF-8")
    return data.decode("utf-8-sig", "surrogateescape").replace("\r\n", "\n")


def listing(root: Path) -> Iterator[str]:
    """Names of all but folders in a tree, without what is built; of the first FILES_MAX entries."""
    count, left = 0, [""]  # not os.walk(): that goes as deep as the folders do, and ends in an exception
    while left and count < FILES_MAX:
        folder = left.pop()
        try:
            with os.scandir(root / folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            continue
        below: List[str] = []
        for entry in found:
            if entry.name in SKIPPED or entry.name.endswith((".pyc", "~", ".swp", ".orig")):
                continue
            count += 1
            if count > FILES_MAX:
                return
            if entry.is_dir(follow_symlinks=False):
                below.append(f"{folder}{entry.name}/")
            else:
                yield f"{folder}{entry.name}"
        left += reversed(below)


# ---- holes


@dataclass(frozen=True)
class Region:
    """What stands between the marks of one hole, without them."""

    lab: str
    about: str
    first: int  # index of the first line inside
    lines: Tuple[str, ...]

    @property
    def text(self) -> str:
        return "".join(line + "\n" for line in self.lines)


def regions(text: str, lab: str, where: str) -> Tuple[List[Region], List[Problem]]:
    """The regions of a lab in a source, and marks that are not in pairs."""
    found: List[Region] = []
    problems: List[Problem] = []
    begun: Optional[Tuple[str, str, int]] = None
    lines = text.split("\n")
    for number, line in enumerate(lines):
        opens, mark = OPEN.match(line), MARK.match(line)
        if opens or (mark and mark.group(1) == "lab"):
            if begun:
                problems.append(Problem(f"{where}:{number + 1}", f"//@lab inside of the hole that line {begun[2]} begins; its //@end is missing"))
            begun = (opens.group(1), opens.group(2), number + 1) if opens else None
        elif mark and mark.group(1) == "end" and begun:
            if begun[0] == lab:
                found.append(Region(begun[0], begun[1], begun[2], tuple(lines[begun[2]:number])))
            begun = None
    if begun and begun[0] == lab:
        problems.append(Problem(f"{where}:{begun[2]}", "this hole has no //@end"))
    return found, problems


@dataclass(frozen=True)
class Fill:
    function: str
    file: str
    line: int  # in the submission's file
    text: str


@dataclass(frozen=True)
class Overlay:
    """The files that replace the base's, and why some could not be made."""

    files: Dict[str, str]
    fills: Tuple[Fill, ...]
    problems: Tuple[Problem, ...]


def fair(base: Path, submission: Path, lab: str, holes: Mapping[str, Sequence[str]]) -> Overlay:
    """The base's files with this lab's holes filled from the submission's. holes: the functions of each file, in its order."""
    made: Dict[str, str] = {}
    fills: List[Fill] = []
    problems: List[Problem] = []
    for name, functions in holes.items():
        course = (base / name).read_text()
        wanted, _ = regions(course, lab, name)
        assert len(wanted) == len(functions)
        try:
            theirs = safe_text(submission, name)
        except Unreadable as error:
            problems.append(Problem(name, str(error).partition(": ")[2]))
            continue
        if theirs is None:
            problems.append(Problem(name, "this file is not in the submission"))
            continue
        mine, wrong = fills_for(name, functions, wanted, *regions(theirs, lab, name))
        problems += wrong
        fills += mine
        if not wrong:
            made[name] = filled(course, wanted, mine)
    return Overlay(made, tuple(fills), told(problems))


def fills_for(
        name: str, functions: Sequence[str], wanted: Sequence[Region], given: Sequence[Region],
        broken: Sequence[Problem]) -> Tuple[List[Fill], List[Problem]]:
    """One fill a hole of a file, in the base's order."""
    fills: List[Fill] = []
    problems: List[Problem] = list(broken)
    unused = list(given)
    defined = {region.first: functions_of(region.text) for region in given}
    for function, hole in zip(functions, wanted):
        # By its function; a student who broke that has the mark's own words left.
        named = [region for region in unused if function in defined[region.first]] or [
            region for region in unused if region.about == hole.about]
        if not named:
            if not broken:
                problems.append(Problem(name, f"the hole for {function} is not there: the function stands between //@lab and //@end"))
            continue
        if len(named) > 1:
            problems.append(Problem(f"{name}:{named[1].first + 1}", f"the function {function} stands in two holes"))
            continue
        unused.remove(named[0])
        problems += fill_problems(named[0].text, function, name, named[0].first + 1)
        fills.append(Fill(function, name, named[0].first + 1, named[0].text))
    problems += [Problem(f"{name}:{region.first}", "a hole that the course does not have") for region in unused if not problems]
    return fills, problems


def filled(course: str, wanted: Sequence[Region], fills: Sequence[Fill]) -> str:
    """The course's text with other lines inside of its marks."""
    lines = course.split("\n")
    for hole, fill in sorted(zip(wanted, fills), key=lambda pair: -pair[0].first):
        lines[hole.first:hole.first + len(hole.lines)] = fill.text.split("\n")[:-1]
    return "\n".join(lines)


# ---- the student's own tree


def own(base: Path, submission: Path, files: Sequence[str]) -> Overlay:
    """The base's files with the submission's allowed files whole."""
    made: Dict[str, str] = {}
    problems: List[Problem] = []
    headers = {name[len("kernel/"):] for name in listing(base) if name.startswith("kernel/") and name.endswith(".h")}
    for name in files:
        try:
            theirs = safe_text(submission, name)
        except Unreadable as error:
            problems.append(Problem(name, str(error).partition(": ")[2]))
            continue
        if theirs is None:
            problems.append(Problem(name, "this file is not in the submission"))
            continue
        problems += file_problems(theirs, name, headers, (base / name).read_text())
        made[name] = theirs
    return Overlay(made, (), told(problems))


# ---- what was left out


def manifest(tree: Path) -> Dict[str, str]:
    """What the stage generator gave out: SHA-256 by file. Empty when the tree does not say, or says it wrongly."""
    try:
        data = safe_bytes(tree, MANIFEST)
        files = json.loads(data.decode("utf-8"))["files"] if data else {}
    except (Unreadable, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return {str(name): str(value) for name, value in files.items()} if isinstance(files, dict) else {}


def ignored(base: Path, submission: Path, allowed: Set[str]) -> List[str]:
    """Files of a submission that differ from what was given out and that no kernel is made of."""
    given = manifest(submission)
    changed: List[str] = []
    present: Set[str] = set()
    for name in listing(submission):
        present.add(name)
        if name in allowed or name == MANIFEST:
            continue
        try:
            data = safe_bytes(submission, name)
        except Unreadable:
            changed.append(name)
            continue
        if not same(data or b"", base / name, given.get(name)):
            changed.append(name)
    return changed + sorted(name for name in given if name not in present and name not in allowed)


def same(data: bytes, course: Path, given: Optional[str]) -> bool:
    """Is this what the course gave out, then or now?"""
    if given is not None and hashlib.sha256(data).hexdigest() == given:
        return True
    return course.is_file() and course.read_bytes() == data


def changed_files(tree: Path, allowed: Set[str]) -> List[str]:
    """Files of a student's tree, other than those allowed, that are not as they were given out."""
    given = manifest(tree)
    changed: List[str] = []
    for name, value in sorted(given.items()):
        if name in allowed:
            continue
        try:
            data = safe_bytes(tree, name)
        except Unreadable:
            data = None
        if data is None or hashlib.sha256(data).hexdigest() != value:
            changed.append(name)
    built = ("kernel/", "user/", "mkfs/")
    return changed + [name for name in listing(tree) if given and name.startswith(built) and name not in given and name not in allowed]


def beside(text: str) -> str:
    """A digest of a source without what any lab's holes hold: the same while only these were filled. Blanks at the ends of lines are no matter."""
    kept: List[str] = []
    inside = False
    for line in text.replace("\r\n", "\n").split("\n"):
        mark = MARK.match(line)
        inside = (inside or bool(mark and mark.group(1) == "lab")) and not (mark and mark.group(1) == "end")
        if not inside and line.strip():
            kept.append(line.rstrip())
    return hashlib.sha256("\n".join(kept).encode("utf-8", "surrogateescape")).hexdigest()


def warnings(tree: Path, lab: str, holes: Mapping[str, Sequence[str]]) -> List[str]:
    """What a student's own tree has that the course's grading of it would refuse, or leave out."""
    notes: List[str] = []
    try:
        data = safe_bytes(tree, MANIFEST)
        given = json.loads(data.decode("utf-8"))["beside"] if data else {}
    except (Unreadable, ValueError, KeyError, TypeError, RecursionError):
        given = {}
    for name, functions in holes.items():
        try:
            text = safe_text(tree, name)
        except Unreadable as error:
            text = None
            notes.append(f"when this is handed in it is refused: {error}")
        if text is None:
            continue
        nowhere = [Region(lab, "\n", 0, ()) for _ in functions]  # holes are found by their functions alone
        problems = told(fills_for(name, functions, nowhere, *regions(text, lab, name))[1])
        notes += [f"when this is handed in it is refused: {problem}" for problem in problems]
        if isinstance(given, dict) and given.get(name, beside(text)) != beside(text):
            notes.append(f"{name} was changed outside of the holes; when this is handed in those lines do not count")
    return notes


def outside(course: str, theirs: str, lab: str, where: str) -> List[int]:
    """Lines of a submission's file, outside of the lab's holes, that the course's file has not."""
    def rest(text: str) -> List[Tuple[int, str]]:
        inside: Set[int] = set()
        for region in regions(text, lab, where)[0]:
            inside.update(range(region.first - 1, region.first + len(region.lines) + 1))
        return [(number, line.strip()) for number, line in enumerate(text.split("\n")) if number not in inside]

    known = {line for _, line in rest(course)}
    return [number + 1 for number, line in rest(theirs) if line not in known]
