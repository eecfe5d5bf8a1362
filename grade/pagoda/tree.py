"""A source tree: where things lie in it, and how make is asked to build them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Iterator, List, Optional, Sequence, Tuple

from . import children

STAGE_FILE = "labs/stage.json"  # a tree that has it is a stage of the course, made from another tree


SANITIZERS = ("address", "undefined")


class BuildError(Exception):
    """make failed; the message is the end of what it printed."""


@dataclass(frozen=True)
class Tree:
    root: Path
    config: str = "debug"
    audit: bool = False
    coverage: bool = False  # programs that count the branches of kernel/vm
    sanitize: Tuple[str, ...] = ()  # SANITIZERS, sorted
    disk: str = "test.img"  # the image that a run boots from
    frozen: Optional[Path] = None  # where kernel and image of a run lie, safe from the next build

    @property
    def build(self) -> Path:
        variants = ["audit"] * self.audit + ["coverage"] * self.coverage + list(self.sanitize)
        return self.root / "build" / "-".join([self.config, *variants])

    @property
    def kernel(self) -> Path:
        return (self.frozen or self.build) / "kernel.elf"

    @property
    def image(self) -> Path:
        return (self.frozen or self.build) / self.disk

    @contextmanager
    def freeze(self) -> "Iterator[Tree]":
        """The same tree with copies of kernel and image, so that nobody's make changes them under a test."""
        top = self.root / "build" / "test"
        top.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="run-", dir=top) as folder:
            for path in (self.kernel, self.image):
                if path.is_file():
                    shutil.copyfile(path, Path(folder) / path.name)
            yield replace(self, frozen=Path(folder))

    def relative(self, path: Path) -> str:
        """A path as make and people name it, from the tree's root."""
        return path.relative_to(self.root).as_posix()

    def make(self, targets: Sequence[str], jobs: int = 2, extra: Sequence[str] = ()) -> None:
        """Builds targets; raises BuildError with the end of make's output."""
        command: List[str] = ["make", "-s", f"-j{jobs}", f"CONFIG={self.config}"]
        if self.audit:
            command.append("AUDIT=1")
        if self.coverage:
            command.append("COVERAGE=1")
        if self.sanitize:
            command.append(f"SAN={','.join(self.sanitize)}")
        command += [*extra, *targets]
        done = children.run(
            command, cwd=self.root, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace")
        if done.returncode != 0:
            raise BuildError(done.stdout[-4000:])

    def has_rule(self, target: str) -> bool:
        """Does make know how to build target?"""
        done = subprocess.run(
            ["make", "-s", "-n", f"CONFIG={self.config}", target], cwd=self.root, env=clean_environment(),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        return done.returncode == 0


def clean_environment() -> "dict[str, str]":
    """The environment without what an outer make left in it: a test's make starts afresh."""
    dropped = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "SEED", "ONLY", "SMP", "MEM", "ARGS", "CONFIG", "AUDIT", "COVERAGE", "SAN"}
    return {name: value for name, value in os.environ.items() if name not in dropped}


def find_root(start: Optional[Path] = None) -> Path:
    """The tree that this file is part of."""
    return start or Path(__file__).resolve().parents[2]


def sources(root: Path) -> List[str]:
    """Every source file of the tree, tracked or not, from its root. Stages that were made inside it are none of it."""
    names = listed(root)
    inside = tuple(name[:-len(STAGE_FILE)] for name in names if name.endswith("/" + STAGE_FILE))
    return [name for name in names if not name.startswith(inside)] if inside else names


def listed(root: Path) -> List[str]:
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    if done.returncode == 0 and done.stdout:
        return [name for name in done.stdout.split("\0") if name and (root / name).is_file()]
    return [
        path.relative_to(root).as_posix() for path in sorted(root.rglob("*"))
        if path.is_file() and path.relative_to(root).parts[0] not in ("build", ".git")]
