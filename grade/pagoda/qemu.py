"""Runs one guest under QEMU so that the run is a function of kernel, image and seed.

What makes it one: icount with idle time skipped, the seed of the device tree,
the clock and the CPU pinned, the image in memory. Judged by guest instructions;
the wall-clock cap only ends a QEMU that is stuck.
"""

from __future__ import annotations

import os
import select
import shlex
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Tuple

from . import children

OUTPUT_MAX = 4 << 20  # bytes kept of a guest that prints without end
CAP_SECONDS = 300  # of a run of a second or two, or of a minute with an audit after each fault: only a QEMU that is stuck, or a machine that is very slow, needs as many
KILL_SECONDS = 2  # between asking QEMU to end and making it


@dataclass(frozen=True)
class Guest:
    """What to boot, and how."""

    kernel: Path
    image: Optional[Path]
    arguments: str
    harts: int = 1
    ram: str = "128M"
    seed: int = 1
    icount: bool = True
    disk: bool = False  # the image is a virtio disk, not in memory; writes are thrown away
    cap: int = CAP_SECONDS
    ram_file: Optional[Path] = None  # where its memory lies, to be read when it has ended
    extra: Tuple[str, ...] = ()  # more of QEMU's options


@dataclass(frozen=True)
class Run:
    """What came of it. status is QEMU's, None when the cap or the limit of output ended it."""

    output: str
    status: Optional[int]
    seconds: float
    overflow: bool = False


def command(guest: Guest) -> List[str]:
    """QEMU's command line."""
    words = [
        os.environ.get("QEMU", "qemu-system-riscv64"), "-machine", "virt", "-cpu", "rv64", "-smp", str(guest.harts), "-m", guest.ram,
        "-nodefaults", "-display", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot",
        "-global", "virtio-mmio.force-legacy=false", "-seed", str(guest.seed), "-rtc", "base=2026-01-01T00:00:00,clock=vm"]
    if guest.icount:
        words += ["-icount", "shift=0,sleep=off"]
    if guest.ram_file is not None:
        words += ["-machine", "memory-backend=ram", "-object", f"memory-backend-file,id=ram,size={guest.ram},mem-path={guest.ram_file},share=on"]
    words += ["-kernel", str(guest.kernel), "-append", guest.arguments]
    if guest.image is not None and guest.disk:
        words += ["-drive", f"file={guest.image},if=none,format=raw,id=vd0,snapshot=on",
                  "-device", "virtio-blk-device,drive=vd0,bus=virtio-mmio-bus.0"]
    elif guest.image is not None:
        words += ["-initrd", str(guest.image)]
    return [*words, *guest.extra]


def shell_command(guest: Guest) -> str:
    return " ".join(shlex.quote(word) for word in command(guest))


def run(guest: Guest) -> Run:
    """Boots the guest and waits for its end."""
    begin = time.monotonic()
    words = ["timeout", "-k", str(KILL_SECONDS), str(guest.cap), *command(guest)]
    collected = bytearray()
    overflow = False
    with children.start(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        while True:
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                break
            collected += chunk
            if len(collected) > OUTPUT_MAX and not overflow:
                overflow = True
                process.terminate()  # timeout passes it on to QEMU
            if overflow:
                del collected[OUTPUT_MAX:]
        status: Optional[int] = process.wait()
        children.ended(process)
    if overflow or status in (124, 137):
        status = None
    text = collected.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return Run(text, status, time.monotonic() - begin, overflow)


class Console:
    """A guest that somebody types at. Judged by what it prints, with a deadline for each answer."""

    def __init__(self, guest: Guest) -> None:
        self.seen = self.before = ""
        self.process = children.start(
            ["timeout", "-k", str(KILL_SECONDS), str(guest.cap), *command(guest)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def __enter__(self) -> "Console":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate()
        children.ended(self.process)

    def expect(self, text: str, seconds: float) -> bool:
        """Waits until the guest has printed text since the last call; what came before it is `before` then."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                return False
            chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                return False
            self.seen = (self.seen + chunk.decode("utf-8", "replace").replace("\r", ""))[-131072:]
        self.before, _, self.seen = self.seen.partition(text)
        return True

    def type(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait(self, seconds: float) -> Optional[int]:
        """The status that QEMU ends with, None when it does not."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
