"""What is typed on a command line is a number in its range, or told what it may be."""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest

from pagoda import typed

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("text", ["0", "7", "4294967295", "007"])
def test_seeds(text: str) -> None:
    assert typed.seed(text) == int(text)


@pytest.mark.parametrize("text", ["", "x", "-1", "4294967296", "1.5", "١", " 1", "9" * 5000, "0" * 21 + "7"])
def test_what_is_no_seed(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="a number from 0 to 4294967295"):
        typed.seed(text)


@pytest.mark.parametrize("text, good", [("0", False), ("1", True), ("8", True), ("9", False)])
def test_harts(text: str, good: bool) -> None:
    if good:
        assert typed.harts(text) == int(text)
    else:
        with pytest.raises(argparse.ArgumentTypeError):
            typed.harts(text)


@pytest.mark.parametrize("size, good", [
    ("5M", True), ("128M", True), ("1G", True), ("4M", False), ("", False), ("128", False), ("M", False), ("0.5G", False), ("-1G", False),
    ("016M", False), ("64k", False), ("9999999999M", False), ("1 M", False), ("0G", False)])
def test_memory(size: str, good: bool) -> None:
    done = subprocess.run(["sh", str(ROOT / "tools" / "doctor"), "memory", size], capture_output=True, text=True, timeout=60)
    assert (done.returncode == 0) == good
    assert done.stderr == ("" if good else f'doctor: MEM is a size like 128M or 1G, 5M at least, not "{size}"\n')


@pytest.mark.parametrize("command", [["mutants", "--only", "zzz"], ["test", "--only", "zzz"]])
def test_a_pattern_that_matches_nothing(command: List[str]) -> None:
    done = subprocess.run([sys.executable, "-m", "pagoda", *command], capture_output=True, text=True, timeout=60, cwd=ROOT,
                          env={"PYTHONPATH": "grade", "PATH": "/usr/bin:/bin"})
    assert done.returncode == 2 and "matches 'zzz'" in done.stdout
