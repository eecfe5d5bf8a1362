"""The book's ties to the code, checked by each build.

{sym}`name` names a function, structure, macro or constant of the sources and
is an error when there is none. `lockranks` and `faultsteps` are tables made
from kern/lockrank.h and abi/trace.h, so that they cannot go stale.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Tuple

from docutils import nodes
from docutils.parsers.rst import Directive

FOLDERS = ("kernel", "user/lib", "user/include")
DEFINITIONS: Tuple[str, ...] = (
    r"^[A-Za-z_][\w\s*]*?\b(\w+)\s*\([^;]*$",  # a function, its head at the line's start
    r"^[A-Za-z_][\w\s*]*?\b(\w+)\s*\([^)]*\)\s*\{",  # a function on one line
    r"^(?:typedef )?(?:struct|enum|union) (\w+)\s*\{",
    r"^#define (\w+)",
    r"^\t(\w+)\s*(?:=[^,]*)?,",  # an enumerator
    r"^\t(?:RANK|STEP|STAT|ROW)\((\w+),",  # a row of a table
    r"^(?:extern )?[A-Za-z_][\w\s*]*?\b(\w+)\s*(?:\[[^\]]*\])?(?:\s*=.*)?;",  # a variable
    r"^[A-Za-z_][\w\s*]*?\b(\w+)\s*\(.*\)[^;{]*;",  # a prototype
)


def symbols(root: Path) -> Dict[str, str]:
    """Every name that the sources define -> where, as file:line; definitions before prototypes."""
    patterns = [re.compile(pattern) for pattern in DEFINITIONS]
    found: Dict[str, Tuple[int, str]] = {}
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.[chS]")):
            name = path.relative_to(root).as_posix()
            for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
                for place, pattern in enumerate(patterns):
                    match = pattern.match(line)
                    if match and (match.group(1) not in found or place < found[match.group(1)][0]):
                        found[match.group(1)] = (place, f"{name}:{number}")
    return {name: where for name, (_, where) in found.items()}


def sym_role(name: str, rawtext: str, text: str, lineno: int, inliner: Any, options: Any = None, content: Sequence[str] = ()) -> Tuple[List[nodes.Node], List[nodes.Node]]:
    """{sym}`fault_upper_promote`: the name, with where it is defined."""
    known: Dict[str, str] = inliner.document.settings.env.app.pagoda_symbols
    where = known.get(text)
    if where is None:
        problem = inliner.reporter.error(f"the sources define no {text!r}", line=lineno)
        return [inliner.problematic(rawtext, rawtext, problem)], [problem]
    return [nodes.literal(rawtext, text), nodes.Text(" "), nodes.emphasis("", f"({where.partition(':')[0]})", classes=["where"])], []


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> nodes.table:
    group = nodes.tgroup(cols=len(heads))
    for _ in heads:
        group += nodes.colspec(colwidth=1)
    group += nodes.thead("", row_of(heads))
    group += nodes.tbody("", *[row_of(row) for row in rows])
    return nodes.table("", group)


def row_of(cells: Sequence[str]) -> nodes.row:
    return nodes.row("", *[nodes.entry("", nodes.paragraph("", cell)) for cell in cells])


def macro_rows(path: Path, macro: str) -> Iterator[List[str]]:
    """The arguments of each MACRO(...) line of a table in a header."""
    for match in re.finditer(r"^\s*" + macro + r"\((.*?)\)\s*\\?$", path.read_text(), re.MULTILINE):
        parts = re.findall(r'"([^"]*)"|([^,\s][^,]*)', match.group(1))
        yield [quoted or plain.strip() for quoted, plain in parts]


class LockRanks(Directive):
    def run(self) -> List[nodes.Node]:
        path = source_root(self) / "kernel/kern/lockrank.h"
        rows = [[str(place), name, kind.replace("_pair", ", two in order"), why] for place, (name, kind, why) in enumerate(macro_rows(path, "RANK"), 1)]
        if not rows:
            raise self.error("kern/lockrank.h has no ranks")
        return [table(["", "rank", "kind", "what it protects"], rows)]


class FaultSteps(Directive):
    def run(self) -> List[nodes.Node]:
        path = source_root(self) / "kernel/abi/trace.h"
        rows = [row[:2] + ["; ".join(cell for cell in row[2:] if cell)] for row in macro_rows(path, "STEP")]
        if not rows:
            raise self.error("abi/trace.h has no steps")
        return [table(["step", "what happens", "what it records"], rows)]


def source_root(directive: Directive) -> Path:
    env = directive.state.document.settings.env
    env.note_reread()
    return Path(env.app.srcdir).parent


def read_symbols(app: Any) -> None:
    app.pagoda_symbols = symbols(Path(app.srcdir).parent)


def setup(app: Any) -> Dict[str, Any]:
    app.connect("builder-inited", read_symbols)
    app.add_role("sym", sym_role)
    app.add_directive("lockranks", LockRanks)
    app.add_directive("faultsteps", FaultSteps)
    return {"version": "1", "parallel_read_safe": True}
