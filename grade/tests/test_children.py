"""However a tool ends, what it started ends with it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import List

import payload
import pytest
from pagoda import children

GRADE = Path(__file__).resolve().parents[1]
# Two threads that start one process after the other, each with a child of its own; each child's number goes to standard output.
THREADS = """\
import subprocess, sys
from concurrent.futures import ThreadPoolExecutor
from pagoda import children

def work(_):
    children.run(["sh", "-c", "sleep 100 & echo $!; wait"])

with children.ending_with_us(), ThreadPoolExecutor(2) as pool:
    list(pool.map(work, range(20)))
"""
MAIN = """\
from pagoda import children
with children.ending_with_us():
    children.run(["sh", "-c", "sleep 100 & echo $!; wait"])
"""
QEMU = """\
import sys
from pathlib import Path
from pagoda import children, qemu
with children.ending_with_us():
    qemu.run(qemu.Guest(Path(sys.argv[1]), None, "x", cap=100))
"""


def begin(program: str, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", program, *words], env={**os.environ, "PYTHONPATH": str(GRADE)}, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pids: List[int], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(map(lives, pids)):
            return True
        time.sleep(0.02)
    return False


def numbers(process: "subprocess.Popen[str]", count: int) -> List[int]:
    assert process.stdout is not None
    return [int(process.stdout.readline()) for _ in range(count)]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.parametrize("program, count", [(MAIN, 1), (THREADS, 2)])
def test_who_is_ended_by_a_signal_leaves_nobody(how: signal.Signals, program: str, count: int) -> None:
    process = begin(program)
    pids = numbers(process, count)
    assert all(map(lives, pids))
    process.send_signal(how)
    said, _ = process.communicate(timeout=20)
    assert said == ""  # nobody was started after the signal
    assert gone(pids)
    assert process.returncode == {signal.SIGTERM: 143, signal.SIGHUP: 129}.get(how, -how)


def test_who_ignores_a_closed_terminal_goes_on() -> None:
    process = begin("import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + MAIN.replace("sleep 100", "sleep 0.5"))
    pids = numbers(process, 1)
    process.send_signal(signal.SIGHUP)
    assert process.wait(20) == 0 and gone(pids)


@pytest.mark.skipif(payload.compiler() is None or shutil.which("qemu-system-riscv64") is None, reason="no compiler or QEMU for RISC-V")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_qemu_does_not_outlive_who_watches_it(tmp_path: Path, how: signal.Signals) -> None:
    kernel = payload.assemble(payload.SPIN, tmp_path / "kernel")

    def mine() -> List[int]:
        found = {int(path.name): arguments(path) for path in Path("/proc").glob("[0-9]*")}
        return [pid for pid, words in found.items() if str(kernel).encode() in words and b"-kernel" in words]

    process = begin(QEMU, str(kernel))
    deadline = time.monotonic() + 20
    while len(mine()) < 2 and time.monotonic() < deadline:  # `timeout` and QEMU
        time.sleep(0.02)
    pids = mine()
    assert len(pids) == 2
    process.send_signal(how)
    process.communicate(timeout=20)
    assert gone(pids)


def arguments(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def test_a_limit_of_time_ends_all_that_was_started(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired) as late:
        children.run(["sh", "-c", "sleep 100 & echo $!; wait"], 0.5, stdout=subprocess.PIPE, text=True)
    assert gone([int(late.value.output)])


def test_what_ended_is_nobodys_business_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number may be another process's by now."""
    done = children.run(["sh", "-c", "echo here; exit 3"], stdout=subprocess.PIPE, text=True)
    assert (done.returncode, done.stdout) == (3, "here\n")
    assert not children._alive


def test_nobody_is_started_once_a_signal_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "_signal", signal.SIGTERM)
    with pytest.raises(SystemExit, match="143"):
        children.run(["true"])
