"""Kernels to grade: the tree's own, or the course's with parts of a submission put over it.

Below build/grade: base/LAB is the stage that students were given, built, the
source of every object that no submission touches; fair/ and own/ are copies of
it with files of a submission over it. Nothing of a submission but these files
is compiled, by the course's own Makefile, with limits on what the compiler may
take. What it made of them is compared with the base's objects before it runs.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Sequence, Set, Tuple

from . import children
from .elf import Elf, ElfError
from .grade_result import printable
from .overlay import Overlay
from .refuse import object_problems
from .tree import STAGE_FILE, Tree, clean_environment, sources

COMPILE_SECONDS = 60  # of CPU, for one file; the largest takes one
COMPILE_BYTES = 64 << 20  # a file that the compiler writes
COMPILE_MEMORY = 4 << 30
KERNEL_MAX = 32 << 20  # bytes in memory; the image of a test lies behind them
SAID_MAX = 1 << 20  # bytes of what it says that are looked at
ERRORS_SHOWN = 12
COURSE = ("kernel", "user", "mkfs", "labs", "grade", "tools", "Makefile")


class CannotGrade(Exception):
    """The grader, not the submission, is in trouble; the message says why."""


@dataclass(frozen=True)
class Course:
    """What the tree at hand says about its labs: labs/stage.json of a stage, labs/ of the whole source."""

    lab: str
    labs: Tuple[str, ...]  # reached at this stage
    allowed: Dict[str, Tuple[str, ...]]  # files that students may change, by lab
    functions: Dict[str, Tuple[str, ...]]  # this lab's holes, by file
    commit: str

    @property
    def files(self) -> Tuple[str, ...]:
        return self.allowed[self.lab]

    @property
    def every_file(self) -> Set[str]:
        return {name for names in self.allowed.values() for name in names}


def read_course(stage: Path, lab: str = "") -> Course:
    """Of a stage's tree. lab: one of those reached, else the stage's own."""
    try:
        about = json.loads((stage / STAGE_FILE).read_text())
        labs = tuple(str(name) for name in about["labs"])
        lab = lab or str(about["lab"])
        if lab not in labs:
            raise CannotGrade(f"this tree has the labs {', '.join(labs)}, not {lab!r}")
        holes = [hole for hole in about["holes"] if hole["lab"] == lab]
        allowed = {name: allowed_files(stage, name) for name in labs}
        functions = {file: tuple(hole["function"] for hole in holes if hole["file"] == file) for file in allowed[lab]}
        return Course(lab, labs, allowed, functions, str(about.get("commit") or ""))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CannotGrade(f"{STAGE_FILE} cannot be read: {error}") from None


def allowed_files(root: Path, lab: str) -> Tuple[str, ...]:
    """The list `files` of a lab.toml."""
    text = (root / "labs" / lab / "lab.toml").read_text()
    listed = re.search(r"^files\s*=\s*\[([^\]]*)\]", text, re.MULTILINE)
    return tuple(re.findall(r'"([^"\\]*)"', listed.group(1))) if listed else ()


# ---- building


def probe_of(tree: Tree) -> Path:
    return tree.build / "user" / "bin" / "probe"


def probe_symbols_of(tree: Tree) -> Path:
    return tree.build / "user" / "sym" / "probe"


def layout_of(tree: Tree) -> Path:
    return tree.build / "layout.json"


def build(tree: Tree) -> str:
    """Builds a kernel. The errors of one that does not build, or that no machine has room for; nothing when all is well."""
    wrong = make(tree, [tree.relative(tree.kernel)])
    if wrong:
        return wrong
    size = sum(segment.size for segment in Elf(tree.kernel).segments)
    if size <= KERNEL_MAX:
        return ""
    return f"the kernel's code and static data take {size >> 20} MiB, more than {KERNEL_MAX >> 20}: the machine has no room for them"


def build_tools(tree: Tree) -> None:
    """Builds what a kernel is judged with. CannotGrade: it does not build, which is no fault of a submission's."""
    wrong = make(tree, [tree.relative(probe_of(tree)), tree.relative(layout_of(tree)), "build/host/mkfs"])
    if wrong:
        raise CannotGrade(f"what the grader needs does not build:\n{wrong}")


def make(tree: Tree, targets: Sequence[str]) -> str:
    with tempfile.TemporaryFile() as said:  # a file, not a pipe: what a compiler says without end meets its limit
        done = children.run(
            [*limits(), "make", "-s", "-k", "-j2", f"CONFIG={tree.config}", *targets], cwd=tree.root, env=clean_environment(),
            stdout=said, stderr=subprocess.STDOUT)
        said.seek(0)
        return "" if done.returncode == 0 else errors_of(said.read(SAID_MAX).decode("utf-8", "replace"))


def limits() -> List[str]:
    """What stands before a command so that each process below it has limits for itself. Not set between fork and exec: we have threads."""
    most = (("t", COMPILE_SECONDS), ("f", COMPILE_BYTES // 512), ("v", COMPILE_MEMORY // 1024))
    return ["sh", "-c", "; ".join([f"ulimit -S -{what} {number} 2>/dev/null" for what, number in most] + ['exec "$@"']), "sh"]


def errors_of(output: str) -> str:
    """The lines of a build's output that say what is wrong, or its end."""
    lines = [line.rstrip() for line in output.splitlines()]
    telling = [line for line in lines if re.search(r"\berror:|undefined reference|multiple definition|cannot find|Error 1(?!\d)", line)]
    telling = [line for line in telling if "make" not in line.split(":")[0]] or lines[-ERRORS_SHOWN:]
    unique = [printable(line) for line in dict.fromkeys(telling)]
    return "\n".join(unique[:ERRORS_SHOWN]) or "make failed and said nothing"


# ---- the base and what is put over it


def state_of(root: Path) -> str:
    """A hash of the sources that a base is made of."""
    total = hashlib.sha256()
    for name in sorted(sources(root)):
        if name.split("/")[0] in COURSE:
            total.update(name.encode() + b"\0" + hashlib.sha256((root / name).read_bytes()).digest())
    return total.hexdigest()


def base_tree(root: Path, lab: str, config: str, work: Path) -> Tree:
    """The stage as students were given it, built; kept while the sources stay as they are."""
    base = Tree(work / "base" / lab, config)
    stamp, state = work / "base" / f"{lab}.state", state_of(root)
    if not (stamp.is_file() and stamp.read_text() == state):
        shutil.rmtree(base.root, ignore_errors=True)
        base.root.parent.mkdir(parents=True, exist_ok=True)
        made = children.run(
            [sys.executable, str(root / "labs" / "stage.py"), "stage", "--lab", lab, "--kind", "start", "--out", str(base.root)],
            cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if made.returncode != 0:
            raise CannotGrade(f"the course's own tree cannot be made: {made.stdout.strip()}")
    wrong = build(base)
    if wrong:
        raise CannotGrade(f"the course's own tree does not build:\n{wrong}")
    build_tools(base)
    stamp.write_text(state)
    return base


def overlaid(base: Tree, overlay: Overlay, place: Path) -> Tree:
    """A copy of the base, objects and all, with an overlay's files. Only what differs is compiled again."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(base.root, place, symlinks=True)
    for name, text in overlay.files.items():
        path = place / name
        data = text.encode("utf-8", "surrogateescape")
        if path.read_bytes() != data:
            path.write_bytes(data)
    tree = Tree(place, base.config)
    for name in overlay.files:
        object_of(tree, name).unlink(missing_ok=True)  # whatever the clocks of files say
    tree.kernel.unlink(missing_ok=True)  # while it is there make misses no object
    return tree


def object_of(tree: Tree, source: str) -> Path:
    return tree.build / (source[:-2] + ".o" if source.endswith(".c") else source + ".o")


def objects_refused(base: Tree, tree: Tree, names: Sequence[str]) -> List[str]:
    """What the objects of an overlay's sources have that they may not have."""
    problems: List[str] = []
    for name in names:
        if not name.endswith((".c", ".S")):
            continue
        try:
            problems += map(str, object_problems(Elf(object_of(tree, name)), Elf(object_of(base, name)), name))
        except (OSError, ElfError) as error:
            problems.append(f"{name}: its object cannot be read: {error}")
    return problems


# ---- the tools, by name and version


def first_line(words: Sequence[str]) -> str:
    try:
        done = subprocess.run(list(words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    except OSError:
        return ""
    return (done.stdout.splitlines() or [""])[0]


def compiler_of(tree: Tree) -> str:
    """What compiled a tree: the compiler's name and version, from the flags that its objects were made with."""
    try:
        words = (tree.build / "kernel.flags").read_text().split()
    except OSError:
        return "unknown compiler"
    name = next((os.path.basename(word) for word in words if word.endswith("gcc")), "unknown compiler")
    version = words[0] if words and re.match(r"^\d+(\.\d+)*$", words[0]) else ""
    return f"{name} {version}".strip()


def qemu_version() -> str:
    line = first_line([os.environ.get("QEMU", "qemu-system-riscv64"), "--version"])
    found = re.search(r"version (\S+)", line)
    return f"QEMU {found.group(1)}" if found else ""
