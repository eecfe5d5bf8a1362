"""A guest's console, drained by a thread so that no amount of printing fills memory or holds the guest up."""

from __future__ import annotations

import os
import threading
from typing import IO, Optional

HEAD = 64 << 10  # bytes kept of the beginning
TAIL = 64 << 10  # and of the end
FLOOD = 1 << 20  # bytes after which a guest is said to print without end
LINE = 4 << 10  # bytes of a line that are looked at
SETTLE_SECONDS = 0.1  # without a byte: nothing more is on its way
SETTLE_LOOKS = 20
PROBE = b"probe: "
PANIC = b"panic: "


class Console:
    """What a guest printed: its beginning, its end, how much, and whether a line of probe or panic was among it."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.total = 0
        self.panic: Optional[str] = None  # why, of the first panic
        self._head = bytearray()
        self._tail = bytearray()
        self._line = b""
        self.lines = 0  # of the probe, or of a panic
        self._known = 0  # of them when wait() last came back
        self._closed = False
        self._changed = threading.Condition()
        self._pipe = pipe
        self._thread = threading.Thread(target=self._drain, name="console", daemon=True)
        self._thread.start()

    @property
    def flooded(self) -> bool:
        return self.total > FLOOD

    @property
    def closed(self) -> bool:
        return self._closed

    def text(self) -> str:
        """What is kept, with a line about what is not; not made safe for showing."""
        with self._changed:
            lost = self.total - len(self._head) - len(self._tail)
            middle = b"\n[... %d bytes ...]\n" % lost if lost else b""
            data = bytes(self._head) + middle + bytes(self._tail)
        return data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")

    def settled(self) -> str:
        """The text, once what a guest that stands still has printed is in: it comes here by way of QEMU, a pipe and a thread."""
        with self._changed:
            total = -1
            for _ in range(SETTLE_LOOKS):
                if total == self.total or self._closed:
                    break
                total = self.total
                self._changed.wait_for(lambda: self._closed, SETTLE_SECONDS)
        return self.text()

    def wait(self, seconds: float) -> bool:
        """Until a line of the probe or a panic came since the last call, a flood, the end, or the time is over. True: such a line."""
        with self._changed:
            self._changed.wait_for(lambda: self.lines > self._known or self._closed or self.flooded, seconds)
            woken, self._known = self.lines > self._known, self.lines
            return woken

    def finish(self, seconds: float) -> None:
        """Takes in the rest of a guest that ended."""
        self._thread.join(seconds)

    def _drain(self) -> None:
        while True:
            try:
                chunk = os.read(self._pipe.fileno(), 65536)
            except (OSError, ValueError):
                chunk = b""
            with self._changed:
                if chunk:
                    self._take(chunk)
                else:
                    self._closed = True
                self._changed.notify_all()
            if not chunk:
                return

    def _take(self, chunk: bytes) -> None:
        if not self.flooded:
            self._scan(chunk)
        self.total += len(chunk)
        room = HEAD - len(self._head)
        self._head += chunk[:room]
        self._tail += chunk[room:] if room < len(chunk) else b""
        del self._tail[:-TAIL]

    def _scan(self, chunk: bytes) -> None:
        lines = (self._line + chunk).split(b"\n")
        self._line = lines.pop()[:LINE]
        for line in lines:
            if line.startswith(PROBE):
                self.lines += 1
            elif line.startswith(PANIC) and self.panic is None:
                self.panic = line[len(PANIC):LINE].decode("utf-8", "replace").strip()
                self.lines += 1
