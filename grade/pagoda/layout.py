"""Where the kernel's structures keep their fields: made from an object compiled with the course's headers.

    python3 -m pagoda.layout layout.o layout.json

The object's section .layout is a table (grade/layout/layout.c); nothing of it is run. What a
Layout says comes from the course's own headers, never from a submission.
"""

from __future__ import annotations

import json
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Tuple

from .elf import Elf, ElfError

FORMAT = 1
ITEM = struct.Struct("<I44s80sQQ")
SIZE, UNSIGNED, SIGNED, VALUE, TEXT = range(1, 6)


class LayoutError(Exception):
    """Not a layout, or it lacks what was asked for: made for another version of the tools."""


@dataclass(frozen=True)
class Field:
    offset: int
    size: int
    signed: bool


@dataclass(frozen=True)
class Layout:
    sizes: Dict[str, int]
    fields: Dict[str, Field]  # by "struct.member"
    values: Dict[str, int]  # constants and enumerators
    texts: Dict[str, str]

    def size(self, kind: str) -> int:
        try:
            return self.sizes[kind]
        except KeyError:
            raise LayoutError(f"the layout has no struct {kind}") from None

    def field(self, kind: str, member: str) -> Field:
        try:
            return self.fields[f"{kind}.{member}"]
        except KeyError:
            raise LayoutError(f"the layout has no field {kind}.{member}") from None

    def value(self, name: str) -> int:
        try:
            return self.values[name]
        except KeyError:
            raise LayoutError(f"the layout has no constant {name}") from None

    def name(self, prefix: str, value: int) -> str:
        """The enumerator with that prefix and value, without the prefix: name("PO_", 3) is "ANON"."""
        return next((name[len(prefix):] for name, v in self.values.items() if v == value and name.startswith(prefix)), f"{value}?")

    def steps(self) -> Dict[int, Tuple[str, str, str, str]]:
        """Of the trace, by number: id, what it is, what its two arguments are."""
        found = {}
        for name, text in self.texts.items():
            what, a, b = (text.split("|") + ["", ""])[:3]
            found[self.value(name)] = (name[len("TRACE_"):], what, a, b)
        return found


def from_object(path: Path) -> Layout:
    layout = Layout({}, {}, {}, {})
    table = Elf(path).section(".layout")
    if not table or len(table) % ITEM.size:
        raise LayoutError(f"{path}: the table is {len(table)} bytes, not items of {ITEM.size}")
    for at in range(0, len(table), ITEM.size):
        kind, raw_name, raw_text, value, size = ITEM.unpack_from(table, at)
        name, text = (raw.rstrip(b"\0").decode("ascii") for raw in (raw_name, raw_text))
        if kind == SIZE:
            layout.sizes[name] = value
        elif kind in (UNSIGNED, SIGNED):
            layout.fields[name] = Field(value, size, kind == SIGNED)
        elif kind == VALUE:
            layout.values[name] = value
        elif kind == TEXT:
            layout.texts[name] = text
        else:
            raise LayoutError(f"{path}: an item of kind {kind}")
    return layout


def dumps(layout: Layout) -> str:
    fields = {name: [f.offset, f.size, f.signed] for name, f in layout.fields.items()}
    return json.dumps({"format": FORMAT, "sizes": layout.sizes, "fields": fields, "values": layout.values, "texts": layout.texts}, indent=1) + "\n"


def loads(text: str) -> Layout:
    try:
        data: Dict[str, Any] = json.loads(text)
        if data["format"] != FORMAT:
            raise LayoutError(f"the layout has format {data['format']}, not {FORMAT}: build it again")
        fields = {name: Field(int(o), int(s), bool(g)) for name, (o, s, g) in data["fields"].items()}
        return Layout(dict(data["sizes"]), fields, dict(data["values"]), dict(data["texts"]))
    except (ValueError, KeyError, TypeError) as error:
        raise LayoutError(f"not a layout: {error}") from None


def load(path: Path) -> Layout:
    return loads(path.read_text())


def main() -> int:
    if len(sys.argv) != 3:
        print("usage: python3 -m pagoda.layout OBJECT JSON", file=sys.stderr)
        return 2
    try:
        Path(sys.argv[2]).write_text(dumps(from_object(Path(sys.argv[1]))))
    except (ElfError, LayoutError, OSError) as error:
        print(f"layout: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
