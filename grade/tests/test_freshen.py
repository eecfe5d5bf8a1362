"""What is built is built of what the files say now, whatever their times."""

import os
import shutil
import subprocess
from pathlib import Path

import payload
import pytest

ROOT = Path(__file__).resolve().parents[2]
OLD = (1_500_000_000, 1_500_000_000)


def freshen(tree: Path) -> None:
    subprocess.run(["sh", str(ROOT / "tools" / "freshen"), "kernel"], cwd=tree, check=True)


def test_only_what_changed_becomes_new(tmp_path: Path) -> None:
    files = [tmp_path / "kernel" / name for name in ("same.c", "a file.c", "with\\backslash.h")]
    files[0].parent.mkdir()
    for file in files:
        file.write_text("one")
        os.utime(file, OLD)
    freshen(tmp_path)
    assert all(file.stat().st_mtime == OLD[0] for file in files)  # nothing was seen before: nothing was made of it
    added = tmp_path / "kernel" / "added.c"
    for file in (*files[1:], added):
        file.write_text("two")
        os.utime(file, OLD)
    freshen(tmp_path)
    assert [file.stat().st_mtime == OLD[0] for file in (*files, added)] == [True, False, False, False]
    os.utime(files[1], OLD)
    freshen(tmp_path)
    assert files[1].stat().st_mtime == OLD[0]
    assert sorted(path.name for path in (tmp_path / "build").iterdir()) == ["sources.sum"]


@pytest.mark.skipif(payload.compiler() is None, reason="no compiler for RISC-V")
def test_a_source_that_was_put_back_with_its_old_time_is_compiled(tmp_path: Path) -> None:
    """As after cp -p, tar, unzip or rsync -t; of a header as of a source."""
    shutil.copyfile(ROOT / "Makefile", tmp_path / "Makefile")
    shutil.copytree(ROOT / "kernel", tmp_path / "kernel")
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    header, source = tmp_path / "kernel/base/probe.h", tmp_path / "kernel/base/probe.c"
    made = tmp_path / "build/debug/kernel/base/probe.o"

    def compiled(number: str, function: str) -> bytes:
        header.write_text(f"#define NUMBER {number}\n")
        source.write_text(f'#include "base/probe.h"\nint {function}(void);\nint {function}(void) {{ return NUMBER; }}\n')
        for file in (header, source):
            os.utime(file, OLD)
        subprocess.run(["make", "-s", str(made.relative_to(tmp_path))], cwd=tmp_path, check=True, env={**os.environ, "MAKEFLAGS": ""})
        return made.read_bytes()

    first = compiled("1", "one")
    assert compiled("2", "one") != first
    assert b"another" in compiled("2", "another")
    before = made.stat().st_mtime_ns
    assert compiled("2", "another") and made.stat().st_mtime_ns == before  # and what is as it was is left alone
