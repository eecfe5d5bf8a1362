"""The book's ties to the code, checked by each build.

{sym}`name` names a function, structure, macro or constant of the sources and
{proof}`user.cow.steps` a test, or {proof}`relock_no_slot` a mutant; each is a
link to its line in a listing that the book brings along, and an error when
there is none. `lockranks`, `faultsteps` and `faultcases` are tables made from
abi/lockrank.h, abi/trace.h and cases.toml, so that they cannot go stale.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Tuple

from docutils import nodes
from docutils.parsers.rst import Directive
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_for_filename
from pygments.lexers.special import TextLexer
from pygments.util import ClassNotFound

TESTS = (("host", "HTEST", "tests/host"), ("interleave", "ITEST", "tests/interleave"), ("ktest", "KTEST", "kernel/test"), ("user", "TEST", "user/tests"))
FOLDERS = ("kernel", "user/lib", "user/include")
DEFINITIONS: Tuple[str, ...] = (
    r"^[A-Za-z_][\w\s*]*?\b(\w+)\s*\([^;]*$",  # a function, its head at the line's start
    r"^[A-Za-z_][\w\s*]*?\b(\w+)\s*\([^)]*\)\s*\{",  # a function on one line
    r"^(?:typedef )?(?:struct|enum|union) (\w+)\s*\{",
    r"^#define (\w+)",
    r"^\t([A-Z]\w*)\s*(?:=[^,]*)?,",  # an enumerator
    r"^\t(?:RANK|STEP|STAT|ROW)\((\w+),",  # a row of a table
    r"^(?:extern )?[A-Za-z_][\w\s*]*?\b(\w+)\s*(?:\[[^\]]*\])?(?:\s*=.*)?;",  # a variable
    r"^[A-Za-z_][\w\s*]*?\b(\w+)\s*\(.*\)[^;{]*;",  # a prototype
    r"^\s*\.globl (\w+)",  # a label of an assembler file
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


def proofs(root: Path) -> Dict[str, str]:
    """Every test and mutant by its name -> where, as file:line."""
    found: Dict[str, str] = {}
    for kind, macro, folder in TESTS:
        for path in sorted((root / folder).rglob("*.c")):
            for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
                match = re.match(macro + r"\((\w+),", line)
                if match:
                    found[f"{kind}.{path.stem}.{match.group(1)}"] = f"{path.relative_to(root).as_posix()}:{number}"
    for path in sorted((root / "grade/mutants").glob("*.mutant")):
        found[path.stem] = f"{path.relative_to(root).as_posix()}:1"
    return found


def listing(path: str) -> str:
    """The page of a source file: relative to the book's root, without .html."""
    return "code/" + path


def role(table: str, what: str) -> Any:
    """A role whose text is a name that must be in the app's table of that name."""

    def run(name: str, rawtext: str, text: str, lineno: int, inliner: Any, options: Any = None, content: Sequence[str] = ()) -> Tuple[List[nodes.Node], List[nodes.Node]]:
        env = inliner.document.settings.env
        where: str = getattr(env.app, table).get(text, "")
        if not where and "." not in text and not env.app.pagoda_mutants and table == "pagoda_proofs":
            return [nodes.literal(rawtext, text)], []  # a student's tree, which has no mutants
        if not where:
            problem = inliner.reporter.error(f"the sources define no {what} {text!r}", line=lineno)
            return [inliner.problematic(rawtext, rawtext, problem)], [problem]
        path, _, line = where.partition(":")
        up = "../" * env.docname.count("/")
        return [nodes.reference("", "", nodes.literal(rawtext, text), refuri=f"{up}{listing(path)}.html#L-{line}", reftitle=where)], []

    return run


def code_pages(app: Any) -> Iterator[Tuple[str, Dict[str, str], str]]:
    """A page for each source file that there is a link to."""
    root = Path(app.srcdir).parent
    for path in sorted({where.partition(":")[0] for names in (app.pagoda_symbols, app.pagoda_proofs) for where in names.values()}):
        try:
            lexer = get_lexer_for_filename(path)
        except ClassNotFound:
            lexer = TextLexer()
        code = highlight((root / path).read_text(errors="replace").expandtabs(8), lexer, HtmlFormatter(linenos="inline", lineanchors="L", anchorlinenos=True))
        yield listing(path), {"title": path, "body": f"<h1>{path}</h1>\n<div class=\"listing\">{code}</div>"}, "page.html"


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
        path = source_root(self) / "kernel/abi/lockrank.h"
        rows = [[str(place), name, kind.replace("_pair", ", two in order").replace("_tree", ", several in order"), why] for place, (name, kind, why) in enumerate(macro_rows(path, "RANK"), 1)]
        if not rows:
            raise self.error("abi/lockrank.h has no ranks")
        return [table(["", "rank", "kind", "what it protects"], rows)]


class FaultSteps(Directive):
    def run(self) -> List[nodes.Node]:
        path = source_root(self) / "kernel/abi/trace.h"
        rows = [row[:2] + ["; ".join(cell for cell in row[2:] if cell)] for row in macro_rows(path, "STEP")]
        if not rows:
            raise self.error("abi/trace.h has no steps")
        return [table(["step", "what happens", "what it records"], rows)]


def read_cases(path: Path) -> List[Dict[str, str]]:
    """The catalogue: [[case]] and `key = "text"` lines are all that it is made of."""
    cases: List[Dict[str, str]] = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'(\w+) = "([^"]*)"$', line)
        if line == "[[case]]":
            cases.append({})
        elif match and cases:
            cases[-1][match.group(1)] = match.group(2)
        elif line and not line.startswith("#"):
            raise ValueError(f"{path}:{number}: neither a case nor a field of one")
    return cases


class FaultCases(Directive):
    def run(self) -> List[nodes.Node]:
        cases = read_cases(source_root(self) / "docs/cases.toml")
        rows = [[case["id"], case["what"], case["steps"], case.get("outcome", ""), case.get("test", "") or f"needs {case['needs']}"] for case in cases]
        return [table(["case", "what happens", "steps", "ends in", "shown by"], rows)]


def source_root(directive: Directive) -> Path:
    env = directive.state.document.settings.env
    env.note_reread()
    return Path(env.app.srcdir).parent


def read_symbols(app: Any) -> None:
    app.pagoda_symbols = symbols(Path(app.srcdir).parent)
    app.pagoda_proofs = proofs(Path(app.srcdir).parent)
    app.pagoda_mutants = any("." not in name for name in app.pagoda_proofs)


def everything(app: Any, env: Any, added: Any, changed: Any, removed: Any) -> List[str]:
    """All pages, at each build: a link names a line, and the code moves."""
    return sorted(env.found_docs)


def setup(app: Any) -> Dict[str, Any]:
    app.connect("builder-inited", read_symbols)
    app.connect("env-get-outdated", everything)
    app.connect("html-collect-pages", code_pages)
    app.add_role("sym", role("pagoda_symbols", "symbol"))
    app.add_role("proof", role("pagoda_proofs", "test or mutant"))
    app.add_directive("lockranks", LockRanks)
    app.add_directive("faultsteps", FaultSteps)
    app.add_directive("faultcases", FaultCases)
    return {"version": "1", "parallel_read_safe": True}
