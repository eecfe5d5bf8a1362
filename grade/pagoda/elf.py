"""Reads ELF files of 64 bits, little-endian: symbols, sections and what is loaded where."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Tuple


class ElfError(Exception):
    """Not such a file, or it lacks what was asked for."""


@dataclass(frozen=True)
class Symbol:
    name: str
    value: int
    size: int
    file: str  # the source it is local to; "" when it is global


@dataclass(frozen=True)
class Segment:
    va: int
    flags: int  # 1 execute, 2 write, 4 read
    data: bytes  # what the file gives
    size: int  # in memory; zeroes after data


@dataclass(frozen=True)
class Section:
    name: str
    kind: int
    offset: int
    size: int
    link: int


SYMTAB = 2
FILE_SYMBOL = 4
PT_LOAD = 1


class Elf:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = path.read_bytes()
        if self.data[:6] != b"\x7fELF\x02\x01" or len(self.data) < 64:
            raise ElfError(f"{path} is no 64-bit little-endian ELF file")
        try:
            (self.entry, program_offset, section_offset, _, _, program_size, programs, section_size, sections,
             names) = struct.unpack_from("<QQQIHHHHHH", self.data, 24)
            self.segments = self._segments(program_offset, program_size, programs)
            self.sections = self._sections(section_offset, section_size, sections, names)
            self.symbols = self._symbols()
        except (struct.error, IndexError, ValueError) as error:
            raise ElfError(f"{path} is cut short or damaged: {error}") from None
        self._by_name: Dict[str, List[Symbol]] = {}
        for symbol in self.symbols:
            self._by_name.setdefault(symbol.name, []).append(symbol)

    def symbol(self, name: str, file: Optional[str] = None) -> int:
        """The value of the one symbol of that name; file: of the one local to a source whose path ends so."""
        found = [s for s in self._by_name.get(name, []) if file is None or s.file.split("/")[-1] == file]
        values = {s.value for s in found}
        if len(values) != 1:
            raise ElfError(f"{self.path.name} has {len(values) or 'no'} symbols {name}{f' of {file}' if file else ''}")
        return values.pop()

    def has(self, name: str) -> bool:
        """Is there a symbol of that name?"""
        return name in self._by_name

    def section(self, name: str) -> bytes:
        for section in self.sections:
            if section.name == name:
                return self.data[section.offset:section.offset + section.size]
        raise ElfError(f"{self.path.name} has no section {name}")

    def name_of(self, value: int) -> str:
        """function+offset, for a report; "" when no symbol is near."""
        best = max((s for s in self.symbols if s.value <= value < s.value + max(s.size, 1)), key=lambda s: s.value, default=None)
        return f"{best.name}+{value - best.value:#x}" if best else ""

    def _segments(self, offset: int, size: int, count: int) -> Tuple[Segment, ...]:
        found = []
        for i in range(count):
            kind, flags, at, va, _, in_file, in_memory, _ = struct.unpack_from("<IIQQQQQQ", self.data, offset + i * size)
            if kind == PT_LOAD:
                found.append(Segment(va, flags, self.data[at:at + in_file], in_memory))
        return tuple(found)

    def _sections(self, offset: int, size: int, count: int, names: int) -> Tuple[Section, ...]:
        raw = [struct.unpack_from("<IIQQQQIIQQ", self.data, offset + i * size) for i in range(count)]
        return tuple(
            Section(self._string(raw[names][4] + name), kind, at, length, link)
            for name, kind, _, _, at, length, link, _, _, _ in raw)

    def _symbols(self) -> Tuple[Symbol, ...]:
        found = []
        for section in self.sections:
            if section.kind != SYMTAB:
                continue
            strings = self.sections[section.link].offset
            file = ""
            for at in range(section.offset, section.offset + section.size - 23, 24):
                name, info, _, place, value, size = struct.unpack_from("<IBBHQQ", self.data, at)
                text = self._string(strings + name)
                if info & 15 == FILE_SYMBOL:
                    file = text
                elif text and place:
                    found.append(Symbol(text, value, size, file if info >> 4 == 0 else ""))
        return tuple(found)

    def _string(self, offset: int) -> str:
        return self.data[offset:self.data.index(b"\0", offset)].decode("utf-8", "replace")
