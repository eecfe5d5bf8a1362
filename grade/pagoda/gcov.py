"""What gcc's counters say of kernel/vm: read out of a guest's memory, handed to gcov, and merged.

The coverage kernel (COVERAGE=1) counts in its own memory and knows nothing of files. Its image holds a table
of pointers, coverage_start to coverage_end, to a structure that gcc makes for each object; from these and the
RAM file of a guest that has ended come the .gcda files that gcov wants. Host programs write theirs as they exit.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

from . import qemu
from .elf import Elf, ElfError
from .ram import RamFile

# struct gcov_info and gcov_fn_info as gcc 12 and 13 lay them out for 64 bits; of the counters only those of arcs are in use.
INFO = struct.Struct("<I4xQIIQ64xI4xQ")  # version, next, stamp, checksum, file, merge functions, count and array of functions
FUNCTION = struct.Struct("<QIII4xI4xQ")  # key, id, sum of lines, sum of the graph, number of counters, counters
KNOWN = (12, 13)
PATH_MAX = 4096
TAG_FUNCTION, TAG_ARCS = 0x01000000, 0x01A10000
MAGIC = 0x67636461  # "gcda"


class GcovError(Exception):
    """The counters cannot be read; the message says why."""


# ---- counters of guests


@dataclass
class Function:
    """Of one object. ident and sums are what gcov knows it by."""

    ident: int
    lines: int
    graph: int
    counters: List[int]


@dataclass
class Counted:
    """One object's counters, of all the guests so far."""

    version: int
    stamp: int
    checksum: int
    functions: List[Function]

    def add(self, other: "Counted") -> None:
        for mine, more in zip(self.functions, other.functions):
            mine.counters = [a + b for a, b in zip(mine.counters, more.counters)]

    def gcda(self) -> bytes:
        """The file that the object would have written itself."""
        out = struct.pack("<4I", MAGIC, self.version, self.stamp, self.checksum)
        for one in self.functions:
            out += struct.pack("<5I", TAG_FUNCTION, 12, one.ident, one.lines, one.graph)
            out += struct.pack(f"<2I{len(one.counters)}Q", TAG_ARCS, 8 * len(one.counters), *one.counters)
        return out + bytes(4)


def major(version: int) -> int:
    """gcc's version of a version word: "B22*" is 12."""
    return 10 * ((version >> 24) - ord("A")) + (version >> 16 & 255) - ord("0")


def read_counters(ram: RamFile, kernel: Elf) -> Dict[str, Counted]:
    """By object, kernel/vm/fault. GcovError, ElfError, Unreadable."""
    shift = kernel.symbol("KERNEL_PHYS") - kernel.symbol("KERNEL_BASE")

    def read(va: int, size: int) -> bytes:
        return ram.read(va + shift, size)

    start, end = kernel.symbol("coverage_start"), kernel.symbol("coverage_end")
    found: Dict[str, Counted] = {}
    for (at,) in struct.iter_unpack("<Q", read(start, end - start)):
        version, _, stamp, checksum, file, count, functions = INFO.unpack(read(at, INFO.size))
        if major(version) not in KNOWN:
            raise GcovError(f"gcc {major(version)} keeps its counters in another way than {' and '.join(map(str, KNOWN))}, which pagoda/gcov.py knows")
        counted = Counted(version, stamp, checksum, [])
        for (function,) in struct.iter_unpack("<Q", read(functions, 8 * count)):
            _, ident, lines, graph, number, values = FUNCTION.unpack(read(function, FUNCTION.size))
            counters = list(struct.unpack(f"<{number}Q", read(values, 8 * number)))
            counted.functions.append(Function(ident, lines, graph, counters))
        name = read(file, PATH_MAX).split(b"\0")[0].decode()
        found["kernel/vm/" + Path(name).stem] = counted
    if not found:
        raise GcovError(f"{kernel.path.name} has no counters: it was not built with COVERAGE=1")
    return found


@dataclass
class Collector:
    """Boots guests, and keeps what they counted."""

    folder: Path  # where RAM files may lie
    counted: Dict[str, Counted] = field(default_factory=dict)
    guests: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def boot(self, guest: qemu.Guest) -> qemu.Run:
        """qemu.run, with the guest's memory in a file. Several threads may call it."""
        path = self.folder / f"ram-{os.urandom(8).hex()}"
        try:
            ran = qemu.run(replace(guest, ram_file=path))
            ram = RamFile(path)
            try:
                counted = read_counters(ram, Elf(guest.kernel))
            finally:
                ram.close()
        except FileNotFoundError:
            raise GcovError(f"QEMU kept its memory in no file:\n{ran.output[-1000:]}") from None
        except ElfError as error:
            raise GcovError(str(error)) from None
        finally:
            path.unlink(missing_ok=True)
        with self.lock:
            self.guests += 1
            for name, one in counted.items():
                if name in self.counted:
                    self.counted[name].add(one)
                else:
                    self.counted[name] = one
        return ran

    def write(self, objects: Path) -> None:
        """A .gcda beside each object that was compiled."""
        for name, one in self.counted.items():
            (objects / f"{name}.gcda").write_bytes(one.gcda())


# ---- gcov's answer, and several of them as one


@dataclass(frozen=True)
class Line:
    count: int
    branches: Tuple[int, ...]  # how often each way was taken, in the order of the conditions, a condition's next block in the text first


@dataclass
class File:
    """A source file: its functions by name with (first line, times called), its lines by (number, function)."""

    functions: Dict[str, Tuple[int, int]] = field(default_factory=dict)
    lines: Dict[Tuple[int, str], Line] = field(default_factory=dict)


Files = Dict[str, File]


def gcov(tool: str, root: Path, counters: Sequence[Path]) -> List[Files]:
    """What gcov says of each .gcda."""
    if not counters:
        return []
    try:
        done = subprocess.run(
            [tool, "--json-format", "--stdout", "--branch-probabilities", *map(str, counters)], cwd=root,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    except OSError as error:
        raise GcovError(f"{tool}: {error}") from None
    # gcov complains of what does not fit together, and goes on.
    if done.returncode != 0 or done.stderr.strip():
        raise GcovError(f"{tool}: {done.stderr.strip()[-1000:] or done.returncode}")
    return [parse(json.loads(line)) for line in done.stdout.splitlines() if line.strip()]


def parse(report: Dict[str, Any]) -> Files:
    files: Files = {}
    for source in report["files"]:
        one = files.setdefault(os.path.normpath(source["file"]), File())
        for function in source["functions"]:
            one.functions[function["name"]] = (function["start_line"], function["execution_count"])
        for line in source["lines"]:
            if "function_name" in line:
                key = (line["line_number"], line["function_name"])
                one.lines[key] = Line(line["count"], tuple(branch["count"] for branch in line["branches"]))
    return files


def merge(reports: Sequence[Files], under: str) -> Files:
    """The sum over all reports, of the files in a folder. Every compiler must see the same branches."""
    total: Files = {}
    for report in reports:
        for name, one in report.items():
            if not name.startswith(under):
                continue
            into = total.setdefault(name, File())
            for function, (start, calls) in one.functions.items():
                into.functions[function] = (start, into.functions.get(function, (start, 0))[1] + calls)
            for key, line in one.lines.items():
                known = into.lines.get(key, Line(0, (0,) * len(line.branches)))
                if len(known.branches) != len(line.branches):
                    raise GcovError(f"{name}:{key[0]}: {len(known.branches)} branches in one build, {len(line.branches)} in another")
                into.lines[key] = Line(known.count + line.count, tuple(a + b for a, b in zip(known.branches, line.branches)))
    return total
