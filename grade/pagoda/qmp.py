"""A client of QEMU's monitor protocol: stop, go on, registers, the guest's clock.

QEMU answers at once or not at all: every call has a deadline, and a QEMU that
lets one pass is Deaf, one that hung up is Gone; neither is asked again.
"""

from __future__ import annotations

import json
import re
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Tuple

ANSWER_SECONDS = 10.0  # an answer takes a millisecond; this is for a machine that is very busy
LINE_MAX = 4 << 20
MTIME = 0x200BFF8  # the CLINT's clock on virt
INSTRUCTIONS_PER_TICK = 100  # 10 MHz, and with -icount shift=0 an instruction takes 1 ns


class QmpError(Exception):
    """QEMU refused a command, or its answer is not what this version is known to say."""


class Deaf(QmpError):
    """QEMU does not answer."""


class Gone(QmpError):
    """QEMU has closed the connection: it ended."""


@dataclass(frozen=True)
class Registers:
    """One hart's. The privilege is not among what QEMU tells: who needs it asks the page table who may run at pc."""

    pc: int
    satp: int
    x: Tuple[int, ...]  # x0 to x31
    csr: Dict[str, int]  # what else is shown


class Qmp:
    """A connection. alive() tells while connecting whether there is still a QEMU to wait for."""

    def __init__(self, path: Path, alive: Callable[[], bool], seconds: float = ANSWER_SECONDS) -> None:
        self.seconds = seconds
        self.dead: Optional[QmpError] = None
        self._buffer = b""
        self._socket = connect(path, alive, seconds)
        if "QMP" not in self._message(time.monotonic() + seconds):
            raise QmpError(f"{path} is no monitor")
        self.execute("qmp_capabilities")

    def close(self) -> None:
        self._socket.close()
        self.dead = self.dead or Gone("closed")

    def execute(self, command: str, **arguments: object) -> Any:
        """What QEMU returns. Events that come meanwhile say nothing that is not known, and do not always come."""
        if self.dead:
            raise self.dead
        request: Dict[str, object] = {"execute": command}
        if arguments:
            request["arguments"] = arguments
        deadline = time.monotonic() + self.seconds
        try:
            self._socket.settimeout(self.seconds)
            self._socket.sendall(json.dumps(request).encode() + b"\n")
            while True:
                message = self._message(deadline)
                if "return" in message:
                    return message["return"]
                if "error" in message:
                    raise QmpError(f"{command}: {message['error'].get('desc', message['error'])}")
        except OSError as error:
            self.dead = Deaf(f"no answer to {command}") if isinstance(error, socket.timeout) else Gone(f"{command}: {error}")
        except (Deaf, Gone) as error:
            self.dead = error
        raise self.dead

    def human(self, line: str, hart: int = 0) -> str:
        """What the monitor for people prints."""
        return str(self.execute("human-monitor-command", **{"command-line": line, "cpu-index": hart}))

    def stop(self) -> None:
        self.execute("stop")

    def cont(self) -> None:
        self.execute("cont")

    def registers(self, hart: int = 0) -> Registers:
        """=> QEMU is stopped, or the answer is of no one moment"""
        return parse_registers(self.human("info registers", hart))

    def clock(self) -> int:
        """Guest instructions since power-on, idle time as if it were instructions. Running or stopped."""
        answer = self.human(f"xp /1gx {MTIME:#x}")
        found = re.search(r": 0x([0-9a-f]{16})", answer)
        if not found:
            raise QmpError(f"no clock in {answer!r}")
        return int(found.group(1), 16) * INSTRUCTIONS_PER_TICK

    def _message(self, deadline: float) -> Dict[str, Any]:
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Deaf("no answer")
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(65536)
            except socket.timeout:
                raise Deaf("no answer") from None
            if not data:
                raise Gone("QEMU closed the connection")
            self._buffer += data
            if len(self._buffer) > LINE_MAX:
                raise QmpError("an answer without end")
        line, _, self._buffer = self._buffer.partition(b"\n")
        message = json.loads(line)
        if not isinstance(message, dict):
            raise QmpError(f"not an answer: {line[:100]!r}")
        return message


def connect(path: Path, alive: Callable[[], bool], seconds: float) -> socket.socket:
    """QEMU makes its socket a little after it started."""
    deadline = time.monotonic() + seconds
    while True:
        attempt = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            attempt.settimeout(seconds)
            attempt.connect(str(path))
            return attempt
        except (FileNotFoundError, ConnectionRefusedError):
            attempt.close()
        if not alive():
            raise Gone("QEMU did not start")
        if time.monotonic() > deadline:
            raise Deaf("QEMU opened no monitor")
        time.sleep(0.002)


def parse_registers(text: str) -> Registers:
    """Of `info registers`: lines of one CSR each, then four x registers a line."""
    text = text.replace("\r", "")
    x: Dict[int, int] = {int(n): int(value, 16) for n, value in re.findall(r"\bx(\d+)/\w+ +([0-9a-f]+)", text)}
    csr = {name: int(value, 16) for name, value in re.findall(r"^ (\w+) +([0-9a-f]{16})$", text, re.MULTILINE)}
    if "pc" not in csr or "satp" not in csr or sorted(x) != list(range(32)):
        raise QmpError(f"registers are not as known: {text[:200]!r}")
    return Registers(csr["pc"], csr["satp"], tuple(x[n] for n in range(32)), csr)
