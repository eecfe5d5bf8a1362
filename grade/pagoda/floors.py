"""kernel/FLOORS: no file includes or calls what lies above it.

Includes are read with the compiler's -MM, calls with nm. A name without an
ending stands for its .h, .c and .S, but for one that has a line of its own: a
header may lie lower than the code beside it. `upcall A -> B  why` allows one edge.
The kernel's tests, and what a stage of the course has in place of a lab, stand
outside the order.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Sequence, Set, Tuple

from .tree import Tree

OUTSIDE = ("test", "before")
UPCALL = re.compile(r"^upcall\s+(\S+)\s*->\s*(\S+)\s+(\S.*)$")


class BadFloors(Exception):
    """The list itself is wrong."""


@dataclass(frozen=True)
class Floors:
    order: Dict[str, int]
    upcalls: Set[Tuple[str, str]]

    def floor(self, path: str) -> str:
        """The name in the list that a file goes by: with its ending if it has a line of its own."""
        name = source_of(path)
        return name if name in self.order else re.sub(r"\.[chS]$", "", name)

    def above(self, low: str, high: str) -> bool:
        """Is high on a higher floor than low, with no leave to be called from there?"""
        return self.order[high] > self.order[low] and (low, high) not in self.upcalls


def read(text: str) -> Floors:
    order: Dict[str, int] = {}
    upcalls: Set[Tuple[str, str]] = set()
    for number, line in enumerate(text.splitlines(), 1):
        line = line.partition("#")[0].rstrip()
        if not line:
            continue
        match = UPCALL.match(line)
        if match:
            upcalls.add((match.group(1), match.group(2)))
        elif re.match(r"^[\w-]+(/[\w.-]+)+$", line):
            if line in order:
                raise BadFloors(f"FLOORS:{number}: {line} stands there twice")
            order[line] = len(order)
        else:
            raise BadFloors(f"FLOORS:{number}: a file, or `upcall A -> B  why`, not {line!r}")
    for low, high in upcalls:
        for name in (low, high):
            if name not in order:
                raise BadFloors(f"FLOORS: an upcall names {name}, which has no floor")
    return Floors(order, upcalls)


def source_of(path: str) -> str:
    """kernel/vm/map.c, or build/debug/kernel/vm/map.o, is vm/map.c."""
    name = re.sub(r"^(build/[\w-]+/)?(kernel/)?", "", path)
    return re.sub(r"\.S\.o$", ".S", re.sub(r"(?<!\.S)\.o$", ".c", name))


def includes(tree: Tree, floors: Floors, cc: str, flags: Sequence[str], sources: Sequence[Path]) -> Dict[str, Set[str]]:
    """Floor -> floors that it includes, directly, as the compiler resolves them."""
    found: Dict[str, Set[str]] = {}
    direct = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
    for path in sources:
        name = floors.floor(tree.relative(path))
        reached = {floors.floor(word) for word in dependencies(tree, cc, flags, path)}
        for wanted in direct.findall(path.read_text(errors="replace")):
            beside = floors.floor(str(Path(tree.relative(path)).parent / wanted))
            target = next((t for t in (floors.floor(wanted), beside) if t in reached), None)
            if target is not None and target != name:
                found.setdefault(name, set()).add(target)
    return found


def dependencies(tree: Tree, cc: str, flags: Sequence[str], path: Path) -> List[str]:
    done = subprocess.run(
        [cc, *flags, "-MM", "-MT", "x", tree.relative(path)], cwd=tree.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise BadFloors(f"{tree.relative(path)} does not compile alone:\n{done.stderr[:1500]}")
    return done.stdout.replace("\\\n", " ").split()[1:]


def calls(tree: Tree, floors: Floors, nm: str, objects: Sequence[Path]) -> Dict[str, Dict[str, Set[str]]]:
    """Floor -> floor whose symbols it uses -> those symbols."""
    defined: Dict[str, str] = {}
    used: Dict[str, Set[str]] = {}
    for path in objects:
        name = floors.floor(tree.relative(path))
        done = subprocess.run([nm, "-g", "-P", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True)
        for line in done.stdout.splitlines():
            symbol, kind = line.split()[:2]
            if kind == "U":
                used.setdefault(name, set()).add(symbol)
            elif kind in "TDBRCGS":
                defined[symbol] = name
    found: Dict[str, Dict[str, Set[str]]] = {}
    for name, symbols in used.items():
        for symbol in symbols:
            target = defined.get(symbol)
            if target is not None and target != name:
                found.setdefault(name, {}).setdefault(target, set()).add(symbol)
    return found


def check(tree: Tree, cc: str, nm: str, flags: Sequence[str], objects: Sequence[str]) -> List[str]:
    """Every fault of the order, a line each; none: all is well."""
    floors = read((tree.root / "kernel" / "FLOORS").read_text())
    problems: List[str] = []
    files = [p for p in sorted((tree.root / "kernel").rglob("*")) if p.suffix in (".c", ".h", ".S") and p.parent.name not in OUTSIDE]
    names = {floors.floor(tree.relative(path)) for path in files}
    for name in sorted(names - set(floors.order)):
        problems.append(f"{name} has no floor in kernel/FLOORS")
    for name in sorted(set(floors.order) - names):
        problems.append(f"kernel/FLOORS names {name}, and there is no such file")
    known = [path for path in files if floors.floor(tree.relative(path)) in floors.order]
    for low, targets in sorted(includes(tree, floors, cc, flags, known).items()):
        for high in sorted(targets & set(floors.order)):
            if floors.above(low, high):
                problems.append(f"{low} includes {high}, which lies above it")
    paths = [tree.root / word for word in objects if not any(f"/kernel/{folder}/" in word for folder in OUTSIDE)]
    for low, used in sorted(calls(tree, floors, nm, paths).items()):
        for high, symbols in sorted(used.items()):
            if low in floors.order and high in floors.order and floors.above(low, high):
                problems.append(f"{low} uses {', '.join(sorted(symbols))} of {high}, which lies above it")
    return problems
