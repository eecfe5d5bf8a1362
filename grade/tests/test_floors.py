"""kernel/FLOORS: the list, and edges that the compiler and nm find."""

import shutil
import subprocess
from pathlib import Path
from typing import List

import pytest
from pagoda import floors
from pagoda.tree import Tree


def test_read() -> None:
    read = floors.read("# why\nbase/low\nvm/high  # top\nupcall base/low -> vm/high  panics print maps\n")
    assert read.order == {"base/low": 0, "vm/high": 1}
    assert not read.above("base/low", "vm/high") and not read.above("vm/high", "base/low")


@pytest.mark.parametrize("text, says", [
    ("base/low\nbase/low\n", "twice"), ("base low\n", "FLOORS:1"), ("base/low\nupcall base/low -> vm/none  x\n", "no floor"),
])
def test_mistakes(text: str, says: str) -> None:
    with pytest.raises(floors.BadFloors, match=says):
        floors.read(text)


def test_floor_of() -> None:
    read = floors.read("vm/map.h\nvm/other\nvm/map\n")
    for path in ("kernel/vm/map.c", "vm/map.S", "build/debug/kernel/vm/map.o", "build/debug-audit/kernel/vm/map.S.o"):
        assert read.floor(path) == "vm/map"
    assert read.floor("kernel/vm/map.h") == read.floor("vm/map.h") == "vm/map.h"
    assert read.above("vm/other", "vm/map") and not read.above("vm/other", "vm/map.h")


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a compiler")
def test_edges(tmp_path: Path) -> None:
    files = {
        "base/low.h": "int low(void);\n", "base/low.c": '#include "base/low.h"\nint high(void);\nint low(void) { return high(); }\n',
        "vm/high.h": "int high(void);\n", "vm/high.c": '#include "base/low.h"\n#include "vm/high.h"\nint high(void) { return low(); }\n',
        "base/peek.h": '#include "vm/high.h"\n', "FLOORS": "base/low\nbase/peek\nvm/high\n",
    }
    for name, text in files.items():
        path = tmp_path / "kernel" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    objects: List[str] = []
    for name in ("base/low", "vm/high"):
        target = f"build/debug/kernel/{name}.o"
        (tmp_path / target).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", "-Ikernel", "-c", f"kernel/{name}.c", "-o", target], cwd=tmp_path, check=True)
        objects.append(target)

    def check() -> List[str]:
        return floors.check(Tree(tmp_path), "cc", "nm", ["-Ikernel"], objects)

    assert check() == ["base/peek includes vm/high, which lies above it", "base/low uses high of vm/high, which lies above it"]
    with (tmp_path / "kernel/FLOORS").open("a") as file:
        file.write("upcall base/low -> vm/high  a test\nupcall base/peek -> vm/high  a test\n")
    assert check() == []
    (tmp_path / "kernel/vm/new.c").write_text("int fresh;\n")
    assert check() == ["vm/new has no floor in kernel/FLOORS"]
