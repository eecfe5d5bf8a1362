"""Processes that end when we do, however we end.

QEMU, compilers and tests of tools are started here, each the leader of a session of its own, so that
one signal reaches all that it starts. A signal that ends us ends them first, and nothing more is
started. Against what nobody can catch there is a keeper: a small process that holds the other end of
a pipe, knows who is alive, and kills them when the pipe closes, which the system does for us.

No code of ours runs between fork and exec: threads start processes, too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from types import FrameType
from typing import Any, Iterator, Optional, Sequence, Set

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# It hears numbers of processes, + when one begins and - when it has ended. It has a session of its own, so that no ^C
# and no closed terminal reaches it.
# Whom it was not told of any more has our mark in its environment, and is looked for during a second, where there is a /proc.
KEEPER = """\
import glob, os, signal, sys, time
alive = set()
for line in sys.stdin:
    (alive.add if line[0] == "+" else alive.discard)(int(line[1:]))
for _ in range(10):
    for path in glob.glob("/proc/[0-9]*/environ"):
        try:
            with open(path, "rb") as file:
                if sys.argv[1].encode() in file.read().split(b"\\0"):
                    alive.add(os.getpgid(int(path.split("/")[2])))
        except OSError:
            pass
    for pid in alive:
        try:
            os.killpg(pid, signal.SIGKILL)
        except OSError:
            pass
    alive = set()
    time.sleep(0.1)
"""
MARK = "PAGODA_STARTED_BY"

_lock = threading.Lock()
_alive: Set[int] = set()
_keeper: "Optional[subprocess.Popen[bytes]]" = None
_mark = f"{os.getpid()}-{time.time_ns()}"
_signal = 0  # that ends us
_starting = False  # the main thread is at it


def start(words: Sequence[str], **how: Any) -> "subprocess.Popen[Any]":
    """Starts a process; whoever has waited for it says ended(). how: as for Popen. OSError; once a signal came, ending()."""
    global _starting
    main = threading.current_thread() is threading.main_thread()
    try:
        _starting = _starting or main
        if _signal:
            raise ending(_signal)
        with _lock:
            tell_keeper("")  # so that it is there before anybody is
            how["env"] = {**(how.get("env") or os.environ), MARK: _mark}
            process: "subprocess.Popen[Any]" = subprocess.Popen(list(words), start_new_session=True, **how)
            _alive.add(process.pid)
            tell_keeper(f"+{process.pid}\n")
        if _signal:
            kill(process.pid)
            process.wait()
            raise ending(_signal)
    finally:
        _starting = _starting and not main
    return process


def ended(process: "subprocess.Popen[Any]") -> None:
    """It has been waited for: its number may soon be another one's."""
    with _lock:
        if process.pid in _alive:
            _alive.discard(process.pid)
            tell_keeper(f"-{process.pid}\n")


def run(words: Sequence[str], timeout: Optional[float] = None, **how: Any) -> "subprocess.CompletedProcess[Any]":
    """subprocess.run() without input, and without an exception for a status. At its timeout all that it started ends too."""
    process = start(words, stdin=subprocess.DEVNULL, **how)
    try:
        said, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired as late:
        kill(process.pid)
        late.output, _ = process.communicate()
        raise
    finally:
        if process.poll() is None:
            kill(process.pid)
            process.wait()
        ended(process)
    return subprocess.CompletedProcess(list(words), process.returncode, said)


def kill(pid: int) -> None:
    """A process that start() made, with all that it started."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError:
        pass


def tell_keeper(what: str) -> None:
    """=> locked"""
    global _keeper
    if _keeper is None:
        _keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", KEEPER, f"{MARK}={_mark}"], env={**os.environ, MARK: ""}, cwd="/",
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    assert _keeper.stdin is not None
    try:
        _keeper.stdin.write(what.encode())
        _keeper.stdin.flush()
    except OSError:
        pass  # somebody ended it; signals are looked after all the same


@contextmanager
def ending_with_us() -> Iterator[None]:
    """In the main thread: a signal that ends us ends all children first, then raises ending()."""
    before = {number: signal.getsignal(number) for number in ENDINGS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop(number: int, _: Optional[FrameType]) -> None:
    """A signal's handler. Who is being started meanwhile is ended by start()."""
    global _signal
    _signal = number
    for pid in sorted(_alive):
        kill(pid)
    if not _starting:
        raise ending(number)


def ending(number: int) -> BaseException:
    """How we end of a signal."""
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)
