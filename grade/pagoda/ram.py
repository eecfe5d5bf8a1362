"""Guest memory, seen from outside: one protocol to read it, and the file that QEMU keeps it in.

Everything that looks into a guest reads through Physical, so that it works as
well through a debugger. What is read was written by code that nobody vouches
for: readers bound their loops, and raise Unreadable for what makes no sense.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Protocol

RAM_BASE = 0x80000000  # of QEMU's virt machine
CHUNK = 1 << 20


class Unreadable(Exception):
    """The guest's memory does not say what was asked; the message says where and why."""


class Physical(Protocol):
    """Physical memory by address."""

    def read(self, address: int, length: int) -> bytes:
        """Exactly length bytes, or Unreadable."""


class RamFile:
    """The file behind QEMU's memory-backend-file with share=on. Good while QEMU is stopped, and after it ended."""

    def __init__(self, path: Path, base: int = RAM_BASE) -> None:
        self.base = base
        self.file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self.size = os.fstat(self.file).st_size

    def close(self) -> None:
        if self.file >= 0:
            os.close(self.file)
            self.file = -1

    def _offset(self, address: int, length: int) -> int:
        offset = address - self.base
        if self.file < 0:
            raise Unreadable("the guest's memory is gone")
        if length < 0 or offset < 0 or offset + length > self.size:
            raise Unreadable(f"{length} bytes at physical {address:#x} are not all RAM")
        return offset

    def read(self, address: int, length: int) -> bytes:
        offset = self._offset(address, length)
        data = os.pread(self.file, length, offset)
        if len(data) != length:
            raise Unreadable(f"the RAM file ends at {self.base + offset + len(data):#x}")
        return data

    def digest(self) -> bytes:
        """The same for the same contents; holes of the file are skipped."""
        total = hashlib.sha1()
        at = 0
        while at < self.size:
            try:
                start = os.lseek(self.file, at, os.SEEK_DATA)
            except OSError:
                break  # nothing but a hole from here on
            at = os.lseek(self.file, start, os.SEEK_HOLE)
            for offset in range(start, at, CHUNK):
                data = os.pread(self.file, min(CHUNK, at - offset), offset)
                if data.strip(b"\0"):
                    total.update(offset.to_bytes(8, "little") + data)
        return total.digest()

    def write(self, address: int, data: bytes) -> None:
        """=> QEMU is stopped, and data is not code that has run"""
        offset = self._offset(address, len(data))
        if os.pwrite(self.file, data, offset) != len(data):
            raise OSError("the RAM file could not be written")
