"""Every stage of the course builds without a warning and reaches a shell."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from typing import List

from . import boots, verdict
from .run import Result
from .tree import BuildError, Tree


def names(tree: Tree) -> List[str]:
    """The labs in order, as labs/stage.py knows them."""
    text = (tree.root / "labs" / "order.toml").read_text()
    return [word for line in text.splitlines() if line.startswith("labs") for word in line.split('"')[1::2]]


def check(tree: Tree) -> List[Result]:
    """All stages, one after the other, in build/stages."""
    results: List[Result] = []
    for lab, kind in [(lab, kind) for lab in names(tree) for kind in ("start", "lab", "solved")]:
        results += [stage(tree, lab, kind)]
    return results


def stage(tree: Tree, lab: str, kind: str) -> Result:
    """Makes, builds and boots one."""
    begin = time.monotonic()
    out = tree.root / "build" / "stages" / f"{lab}-{kind}"
    shutil.rmtree(out, ignore_errors=True)
    words = [sys.executable, "labs/stage.py", "stage", "--lab", lab, "--kind", kind, "--out", str(out)]
    made = subprocess.run(words, cwd=tree.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    name = f"stage.{lab}.{kind}"
    if made.returncode != 0:
        return failure(name, "it cannot be made", made.stdout, begin)
    there = Tree(out.resolve(), tree.config)
    try:
        there.make([there.relative(there.kernel), there.relative(there.build / "fs.img")], extra=["CI=true"])
    except BuildError as error:
        return failure(name, "it does not build without warnings", str(error), begin)
    return boots.shell(there, name)


def failure(name: str, why: str, output: str, begin: float) -> Result:
    tail = "\n".join(output.splitlines()[-25:])
    lab, kind = name.split(".")[1:]
    return Result(name, (), 0, 0, verdict.FAIL, why, time.monotonic() - begin, f"make stage LAB={lab} KIND={kind} OUT=t", tail)
