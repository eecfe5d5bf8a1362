"""Random histories of a course and of a student's work in it, merged by git.

The course publishes its labs one after the other and mends things beside the
holes. The student writes whatever into the holes that are open and merges what
the course publishes. A merge may not conflict, and its result is what is
expected: the course's newest text with the student's between the marks.

That holds because the marks around a hole that students have never change: a
line that neither side touches stands between what is the student's and all that
is the course's. So the course may mend any line outside the marks; what it may
not touch any more, once it is published, are a hole's marks and its stand-in.
"""

from __future__ import annotations

import os
import random
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from stage import Hole, Lab, Part, Stage, is_marked, parse, plan_stage, read_order, render

Sources = Dict[str, List[Part]]

# Lines that every file is full of: those at which a merge could take one place for another.
COMMON = ("", "{", "}", "\treturn 0;", "\t}", "\tint error;", "\tif (error)", "\t\treturn error;", "/*", " */", "\tbreak;")
STEPS = 5


class NotMerged(Exception):
    """git refuses a merge, or its result is not what was expected; the message says where."""


def read_sources(root: Path) -> Tuple[List[Lab], Sources]:
    """The files of a course's kernel that hold a mark."""
    labs = read_order(root)
    names = [lab.name for lab in labs]
    found: Sources = {}
    for name, file in plan_stage(root, labs, Stage(tuple(names), names[-1], "lab")).items():
        if is_marked(name) and not name.startswith("kernel/before/"):
            parts = parse(file.origin.read_text(), name, set(names))
            if not all(isinstance(part, str) for part in parts):
                found[name] = parts
    return labs, found


# ---- the course's side


@dataclass
class Course:
    order: Tuple[str, ...]
    sources: Sources
    at: int = 0  # the newest lab that is published

    @property
    def stage(self) -> Stage:
        return Stage(self.order, self.order[self.at], "lab")

    def published(self, fills: Dict[str, Tuple[str, ...]]) -> Dict[str, str]:
        """The tree, with a student's text in the holes that are open by now."""
        texts: Dict[str, str] = {}
        for name, parts in self.sources.items():
            mine = [replace(part, stub=fills[part.function]) if isinstance(part, Hole) and part.function in fills else part for part in parts]
            texts[name] = render(mine, self.stage)
        return texts

    def holes(self) -> List[Tuple[str, Hole]]:
        """Those that students have."""
        return [(name, part) for name, parts in self.sources.items() for part in parts
                if isinstance(part, Hole) and self.stage.reached(part.lab)]

    def mend(self, chance: random.Random) -> str:
        """Changes, adds or takes out lines right beside a mark, of labs to come as well."""
        name = chance.choice(sorted(self.sources))
        parts = self.sources[name]
        beside = [at for at, part in enumerate(parts) if isinstance(part, str)
                  and any(not isinstance(other, str) for other in parts[max(at - 1, 0):at + 2])]
        at = chance.choice(beside)
        kind = chance.choice(("change", "before", "after", "take out"))
        lines: List[Part] = [chance.choice((*COMMON, f"/* mended {chance.random()} */")) for _ in range(chance.randint(1, 4))]
        instead: Dict[str, List[Part]] = {
            "change": lines, "before": [*lines, parts[at]], "after": [parts[at], *lines], "take out": []}
        parts[at:at + 1] = instead[kind]
        return f"mend {name}: {kind} at part {at}"


# ---- the student's side


def scribble(chance: random.Random, text: str, before: Sequence[str]) -> Tuple[str, ...]:
    """Anything a student may have between two marks: nothing, common lines, pieces of the same file, what was there in part."""
    around = [line for line in text.splitlines() if "//@" not in line]
    lines: List[str] = []
    for _ in range(chance.randint(0, 6)):
        kind = chance.randrange(4)
        if kind == 0:
            lines += [chance.choice(COMMON) for _ in range(chance.randint(1, 5))]
        elif kind == 1:
            start = chance.randrange(len(around))
            lines += around[start:start + chance.randint(1, 30)]
        elif kind == 2:
            lines += before[:chance.randint(0, len(before))]
        else:
            lines.append(f"\tx = {chance.random()};")
    return tuple(lines)


@dataclass
class Student:
    folder: Path
    fills: Dict[str, Tuple[str, ...]] = field(default_factory=dict)

    def git(self, *words: str) -> "subprocess.CompletedProcess[str]":
        surroundings = {
            "PATH": os.environ.get("PATH", ""), "HOME": str(self.folder), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a", "LC_ALL": "C"}
        return subprocess.run(
            ["git", "-c", "core.fsync=none", "-c", "gc.auto=0", *words], cwd=self.folder, env=surroundings, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)

    def commit(self, branch: str, texts: Dict[str, str]) -> None:
        self.git("checkout", "-q", branch)
        for name, text in texts.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "-A")
        done = self.git("commit", "-q", "--allow-empty", "-m", branch)
        if done.returncode != 0:
            raise NotMerged(f"git cannot commit: {done.stdout}")

    def begin(self, texts: Dict[str, str]) -> None:
        self.folder.mkdir(parents=True)
        self.git("init", "-q", "-b", "course")
        self.commit("course", texts)
        self.git("branch", "mine")

    def merge(self, algorithm: str, expected: Dict[str, str]) -> None:
        self.git("checkout", "-q", "mine")
        done = self.git("merge", "-q", "--no-edit", "-X", f"diff-algorithm={algorithm}", "course")
        if done.returncode != 0:
            raise NotMerged(f"{done.stdout.strip()}\n{self.git('diff').stdout}")
        for name, text in expected.items():
            if (self.folder / name).read_text() != text:
                raise NotMerged(f"{name} is merged, but not into what was expected")


def history(order: Sequence[str], sources: Sources, seed: int, folder: Path) -> None:
    """A course from its first lab to its last beside a student's work, in a repository at `folder`. NotMerged: with what was done."""
    chance = random.Random(seed)
    course = Course(tuple(order), {name: list(parts) for name, parts in sources.items()})
    student = Student(folder)
    did: List[str] = []
    student.begin(course.published({}))
    try:
        for _ in range(STEPS + len(order)):
            for name, hole in course.holes():
                if chance.random() < 0.5:
                    text = (folder / name).read_text()
                    student.fills[hole.function] = scribble(chance, text, student.fills.get(hole.function, hole.stub))
                    did.append(f"write {hole.function}, {len(student.fills[hole.function])} lines")
            student.commit("mine", course.published(student.fills))
            for _ in range(chance.randint(0, 3)):
                did.append(course.mend(chance))
            if course.at + 1 < len(order) and chance.random() < 0.4:
                course.at += 1
                did.append(f"publish {order[course.at]}")
            student.commit("course", course.published({}))
            did.append("merge")
            student.merge(chance.choice(("myers", "histogram", "patience")), course.published(student.fills))
    except NotMerged as error:
        raise NotMerged(f"seed {seed}: " + "; ".join(did) + f"\n{error}") from None


def try_seeds(root: Path, seeds: Sequence[int], folder: Path) -> Optional[str]:
    """Histories of the real course. What went wrong with the first that did."""
    labs, sources = read_sources(root)
    for seed in seeds:
        try:
            history([lab.name for lab in labs], sources, seed, folder / str(seed))
        except NotMerged as error:
            return str(error)
    return None
