"""A test's script: read, and made concrete for a seed. docs/scripts.md describes the language.

A script comes to its run in three steps, and nonsense is refused in each with
the number of its line (ScriptError):

    parse(text)           header, statements, nesting
    expand(script, seed)  numbers drawn, loops unrolled, names resolved
    model.run(concrete)   would a right kernel do this? what is then where?
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Sequence, Set, Tuple

from . import expression, pattern
from .expression import ScriptError as ScriptError

TEXT_MAX = 64 << 10
LINES_MAX = 2000  # of the concrete script
STEPS_MAX = 20000  # statements that are looked at to make it
REGIONS_MAX = 16  # these four are the probe's tables
PROCESSES_MAX = 64
EVENTS_MAX = 8
NAME_MAX = 31
REGION_PAGES_MAX = 4096
SCRIPT_PAGES_MAX = 8192  # of all regions that a script maps
STACK_PAGES_MAX = 256
IMAGE_PAGES = 4  # of each of the probe's own arrays
DATA_SIZE = 64 << 10  # of /data
SEED_MAX = (1 << 32) - 1
DEPTH_MAX = 16

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*\Z")
RIGHTS = {"none": 0, "r": 1, "rw": 3, "rx": 5, "rwx": 7}
ACCESSES = {"read": 0, "write": 1, "exec": 2}
IMAGES = {"data": 0, "bss": 1, "const": 2}
# What a fault may find nothing of, and begins again.
POOLS = {"amap": "pool.amap", "anon": "pool.anon", "chunk": "pool.amap_chunk", "radix": "pool.radix"}
SIGSEGV = 11


# ---- as it is written ------------------------------------------------------------


@dataclass(frozen=True)
class Statement:
    """One line. body: what stands up to the `end` of a fork or repeat. claims: the `?` lines of an `at`."""

    line: int
    word: str
    rest: str
    body: Tuple["Statement", ...] = ()
    claims: Tuple["Statement", ...] = ()
    why: str = ""  # of a claim
    end: int = 0  # the line of the body's `end`


@dataclass(frozen=True)
class Script:
    title: str
    points: int
    seeds: int
    harts: int
    needs: str
    limit: int  # guest instructions, as a multiple of the calibration
    mem: str
    body: Tuple[Statement, ...]
    text: str = field(repr=False, compare=False, default="")


# ---- made concrete ----------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """What the host looks for at a checkpoint. labels: numbers of other checkpoints."""

    line: int
    kind: str
    region: str
    slot: int
    first: int
    count: int
    checkpoints: Tuple[int, ...]
    factor: int  # of `cost`; frames of `spent`
    why: str
    text: str


@dataclass(frozen=True)
class Checkpoint:
    number: int  # from 1; 0 is `ready`
    label: str
    process: int
    process_name: str
    line: int
    claims: Tuple[Claim, ...] = ()


@dataclass(frozen=True)
class Operation:
    """One line of the concrete script. Which fields say something is up to `kind`."""

    line: int
    process: int
    kind: str
    text: str
    region: str = ""
    slot: int = -1
    offset: int = 0  # bytes from the region's start
    size: int = 0
    key: Optional[int] = None  # of a stream
    position: int = 0  # in the stream
    value: int = 0  # byte, rights, access, status, count, number of an event: by kind
    how: str = ""  # exit or signal; shared; which image
    number: int = 0  # of a checkpoint, or of a child


@dataclass(frozen=True)
class Concrete:
    script: Script
    seed: int
    operations: Tuple[Operation, ...]
    checkpoints: Tuple[Checkpoint, ...]  # checkpoints[n - 1] has number n
    processes: Tuple[str, ...]  # names by number
    regions: Tuple[str, ...]  # names by slot
    events: Tuple[str, ...]
    seeds: Tuple[int, ...]  # all that fill something
    data_key: int  # of /data

    def checkpoint(self, label: str) -> Checkpoint:
        """The last one with this label."""
        return next(found for found in reversed(self.checkpoints) if found.label == label)


# ---- reading ----------------------------------------------------------------------

HEADER = {"title", "points", "seeds", "harts", "needs", "limit", "mem"}
BLOCKS = {"fork", "repeat"}
SIZE = re.compile(r"[1-9][0-9]{0,5}M\Z")
HEADER_NUMBERS: Dict[str, Tuple[int, int, int]] = {  # smallest, largest, without it
    "points": (0, 1000, 0), "seeds": (1, 100, 1), "harts": (1, 8, 1), "limit": (1, 100000, 20)}


def parse(text: str) -> Script:
    """A script from its text."""
    if len(text) > TEXT_MAX:
        raise ScriptError(1, f"longer than {TEXT_MAX} characters")
    lines = text.replace("\r\n", "\n").split("\n")
    divider = next((at for at, line in enumerate(lines) if line.strip() == "---"), None)
    if divider is None:
        raise ScriptError(len(lines), "no line `---` divides the header from the operations")
    found = parse_header(lines[:divider])
    body, _ = parse_block(numbered(lines, divider + 1), 0, None, 0)
    numbers = {name: header_number(found, name) for name in HEADER_NUMBERS}
    mem, mem_line = found.get("mem", ("", 0))
    if mem and not SIZE.match(mem):
        raise ScriptError(mem_line, f"mem: {mem!a} is not a size such as 8M")
    needs, needs_line = found.get("needs", ("", 0))
    if needs and not NAME.match(needs):
        raise ScriptError(needs_line, f"needs: {needs!a} is no name of a test")
    if "title" not in found:
        raise ScriptError(1, "the header has no title")
    return Script(
        found["title"][0], numbers["points"], numbers["seeds"], numbers["harts"], needs, numbers["limit"], mem, body, text)


def parse_header(lines: Sequence[str]) -> Dict[str, Tuple[str, int]]:
    found: Dict[str, Tuple[str, int]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, colon, value = line.partition(":")
        name, value = name.strip(), value.strip()
        if not colon or name not in HEADER:
            raise ScriptError(number, f"{line.strip()[:60]!a} is not NAME: VALUE with a name of {', '.join(sorted(HEADER))}")
        if name in found:
            raise ScriptError(number, f"{name} is given twice")
        if name != "title":
            value = value.partition("#")[0].strip()
        if not value or not value.isprintable():
            raise ScriptError(number, f"{name}: a value is missing, or cannot be printed")
        found[name] = (value, number)
    return found


def header_number(found: Dict[str, Tuple[str, int]], name: str) -> int:
    low, high, otherwise = HEADER_NUMBERS[name]
    if name not in found:
        return otherwise
    value, line = found[name]
    if not re.match(r"[0-9]{1,6}\Z", value, re.ASCII) or not low <= int(value) <= high:
        raise ScriptError(line, f"{name}: {value!a} is not a number from {low} to {high}")
    return int(value)


def numbered(lines: Sequence[str], first: int) -> List[Tuple[int, str]]:
    """The lines that say something, with their numbers, without comments. A claim's reason may hold a #."""
    found: List[Tuple[int, str]] = []
    for number, line in enumerate(lines[first:], first + 1):
        line = line.strip() if line.lstrip().startswith("?") else line.partition("#")[0].strip()
        if not line:
            continue
        if not line.isascii() or not line.replace("\t", " ").isprintable():
            raise ScriptError(number, "a character that is not plain ASCII")
        found.append((number, line.replace("\t", " ")))
    return found


def parse_block(
        lines: Sequence[Tuple[int, str]], at: int, opener: Optional[Tuple[int, str]], depth: int) -> Tuple[Tuple[Statement, ...], int]:
    """Statements up to the opener's `end`, or of the whole script; and where that is."""
    if depth > DEPTH_MAX and opener:
        raise ScriptError(opener[0], f"more than {DEPTH_MAX} blocks in one another")
    found: List[Statement] = []
    while at < len(lines):
        number, line = lines[at]
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        if word == "end":
            if opener is None:
                raise ScriptError(number, "`end` without fork or repeat")
            if rest:
                raise ScriptError(number, "`end` takes no argument")
            return tuple(found), at
        if word.startswith("?"):
            found[-1:] = [with_claim(found, number, line[1:].strip())]
        elif word in BLOCKS:
            body, at = parse_block(lines, at + 1, (number, word), depth + 1)
            found.append(Statement(number, word, rest, body, end=lines[at][0]))
        elif word in OPERATIONS or word == "let":
            found.append(Statement(number, word, rest))
        else:
            raise ScriptError(number, f"no operation is called {word[:40]!a}; there are {', '.join(sorted({*OPERATIONS, *BLOCKS, 'let'}))}")
        at += 1
    if opener:
        raise ScriptError(opener[0], f"`{opener[1]}` has no `end`")
    return tuple(found), at


def with_claim(found: Sequence[Statement], line: int, text: str) -> Statement:
    """The last statement, an `at`, with one claim more."""
    if not found or found[-1].word != "at":
        raise ScriptError(line, "a claim stands behind an `at`")
    text, dashes, why = text.partition("--")
    word, _, rest = text.strip().partition(" ")
    if word not in CLAIMS:
        raise ScriptError(line, f"no claim is called {word[:40]!a}; there are {', '.join(sorted(CLAIMS))}")
    if not why.strip():
        raise ScriptError(line, "a claim ends with `--` and what it means when it fails")
    at = found[-1]
    claim = Statement(line, word, rest.strip(), why=why.strip())
    return Statement(at.line, at.word, at.rest, claims=(*at.claims, claim))


# ---- shapes of statements ----------------------------------------------------------

# Words in capitals are arguments, others stand for themselves; [...] may be left out, all that is in it at once.
OPERATIONS: Dict[str, str] = {
    "map": "REGION PAGES RIGHTS [shared]", "heap": "REGION PAGES", "stack": "REGION PAGES", "image": "REGION IMAGE",
    "unmap": "REGION [FROM COUNT]", "protect": "REGION FROM COUNT RIGHTS",
    "fill": "REGION FROM COUNT SEED", "zero": "REGION FROM COUNT", "write": "REGION PAGE OFFSET LENGTH SEED",
    "poke": "REGION PAGE OFFSET VALUE", "read": "REGION PAGE OFFSET LENGTH [from POSITION]", "refuse": "REGION PAGE OFFSET LENGTH",
    "check": "REGION FROM COUNT [SEED]", "touch": "REGION FROM COUNT [write]", "run": "REGION PAGE",
    "fault": "REGION PAGE ACCESS [signal SIGNAL]",
    "wait": "PROCESS HOW STATUS", "exit": "STATUS", "at": "LABEL", "tell": "EVENT", "await": "EVENT",
    "yield": "[TIMES]", "sleep": "[TIMES]", "starve": "POOL TIMES",
}
CLAIMS: Dict[str, str] = {
    "same": "REGION FROM COUNT as LABEL", "apart": "REGION FROM COUNT from LABEL",
    "readonly": "REGION FROM COUNT", "writable": "REGION FROM COUNT", "absent": "REGION FROM COUNT", "present": "REGION FROM COUNT",
    "deferred": "REGION FROM COUNT", "settled": "REGION FROM COUNT",
    "free": "LABEL", "spent": "LABEL <= FRAMES", "cost": "LABEL LABEL2 <= FACTOR LABEL3 LABEL4",
}
NUMBERS: Dict[str, Tuple[int, int]] = {
    "PAGES": (1, REGION_PAGES_MAX), "FROM": (0, REGION_PAGES_MAX - 1), "COUNT": (1, REGION_PAGES_MAX), "SEED": (0, SEED_MAX),
    "PAGE": (0, REGION_PAGES_MAX - 1), "OFFSET": (0, pattern.PAGE - 1), "LENGTH": (1, REGION_PAGES_MAX * pattern.PAGE),
    "VALUE": (0, 255), "POSITION": (0, DATA_SIZE - 1), "SIGNAL": (1, 31), "STATUS": (0, 255), "TIMES": (0, 1000), "FACTOR": (1, 1000), "FRAMES": (0, 100000),
}
CHOICES: Dict[str, Sequence[str]] = {
    "RIGHTS": list(RIGHTS), "ACCESS": list(ACCESSES), "IMAGE": list(IMAGES), "HOW": ["exit", "signal"], "POOL": list(POOLS)}


def bind(line: int, word: str, shape: str, words: Sequence[str]) -> Dict[str, str]:
    """The arguments of a statement by the names that its shape gives them."""
    need, _, optional = shape.partition("[")
    names = need.split()
    more = optional.rstrip("]").split()
    if len(words) == len(names) + len(more):
        names += more
    if len(words) != len(names) or any(name.islower() and name != word_ for name, word_ in zip(names, words)):
        raise ScriptError(line, f"written as: {word} {shape}")
    return {name: value for name, value in zip(names, words)}


# ---- making it concrete -------------------------------------------------------------


def expand(script: Script, seed: int) -> Concrete:
    """What the script is with this seed: numbers drawn, loops unrolled, names resolved."""
    if not 0 <= seed <= SEED_MAX:
        raise ScriptError(1, f"the seed {seed} is not one of 0 to {SEED_MAX}")
    return Expansion(script, seed).whole()


class Expansion:
    """The state of one expansion."""

    def __init__(self, script: Script, seed: int) -> None:
        self.script, self.seed = script, seed
        self.draw = pattern.Draw(seed)
        self.variables: Dict[str, int] = {}
        self.operations: List[Operation] = []
        self.checkpoints: List[Checkpoint] = []
        self.processes: List[str] = ["main"]
        self.regions: List[str] = []
        self.events: List[str] = []
        self.seeds: Set[int] = set()
        self.pages = self.steps = 0
        self.labels: Dict[str, Tuple[int, int]] = {}  # as written: the line, the latest number
        self.children: Dict[str, Tuple[int, int]] = {}
        self.times: Dict[str, int] = {}  # how often a name was given

    def whole(self) -> Concrete:
        self.block(self.script.body, 0)
        last = self.script.body[-1] if self.script.body else None
        if last is None or last.word != "at":
            label = "end"
            while label in self.labels:
                label += "_"
            self.statement(Statement(max(last.line, last.end) if last else 1, "at", label), 0)
        return Concrete(
            self.script, self.seed, tuple(self.operations), tuple(self.checkpoints), tuple(self.processes), tuple(self.regions),
            tuple(self.events), tuple(sorted(self.seeds)), pattern.key(self.seed, SEED_MAX + 1))

    def block(self, body: Sequence[Statement], process: int) -> None:
        for statement in body:
            self.statement(statement, process)

    def statement(self, statement: Statement, process: int) -> None:
        self.steps += 1
        if len(self.operations) >= LINES_MAX or self.steps > STEPS_MAX:
            raise ScriptError(statement.line, f"more than {LINES_MAX} operations, with loops unrolled")
        rest = expression.substitute(statement.line, statement.rest, self.variables)
        words = rest.split()
        if statement.word == "let":
            self.let(statement)
        elif statement.word == "repeat":
            self.repeat(statement, words, process)
        elif statement.word == "fork":
            self.fork(statement, words, process)
        elif statement.word == "at":
            self.at(statement, words, process)
        else:
            found = bind(statement.line, statement.word, OPERATIONS[statement.word], words)
            self.operations.append(self.operation(statement, found, process, f"{statement.word} {rest}".strip()))

    # -- statements for the host

    def let(self, statement: Statement) -> None:
        name, equals, value = statement.rest.partition("=")
        name = name.strip()
        if not equals or not NAME.match(name) or not expression.VARIABLE.match(name):
            raise ScriptError(statement.line, "written as: let NAME = VALUE, or let NAME = LOW..HIGH")
        value = expression.substitute(statement.line, value, self.variables)
        low, dots, high = value.partition("..")
        least = expression.value(statement.line, low, self.variables)
        most = expression.value(statement.line, high, self.variables) if dots else least
        if most < least:
            raise ScriptError(statement.line, f"{name}: nothing lies between {least} and {most}")
        self.variables[name] = self.draw.number(least, most) if dots else least

    def repeat(self, statement: Statement, words: Sequence[str], process: int) -> None:
        names = list(words[:-1])
        if len(words) not in (1, 2) or (names and not expression.VARIABLE.match(names[0])):
            raise ScriptError(statement.line, "written as: repeat COUNT, or repeat VARIABLE COUNT")
        times = number(statement.line, "COUNT", words[-1]) if statement.body else 0
        for turn in range(times):
            if names:
                self.variables[names[0]] = turn
            self.block(statement.body, process)

    # -- processes and checkpoints

    def fork(self, statement: Statement, words: Sequence[str], process: int) -> None:
        if len(words) != 1:
            raise ScriptError(statement.line, "written as: fork NAME")
        child = len(self.processes)
        if child >= PROCESSES_MAX:
            raise ScriptError(statement.line, f"more than {PROCESSES_MAX} processes")
        self.processes.append(self.give(statement.line, self.children, words[0], child))
        self.operations.append(Operation(statement.line, process, "fork", f"fork {words[0]}", number=child))
        self.block(statement.body, child)
        if not statement.body or statement.body[-1].word not in ("exit", "fault"):
            self.operations.append(Operation(statement.end, child, "exit", "exit 0"))
        self.operations.append(Operation(statement.end, child, "end", "end", number=child))

    def give(self, line: int, names: Dict[str, Tuple[int, int]], name: str, number_: int) -> str:
        """A name for a process or a checkpoint. The same line, again in a loop: NAME.2."""
        check_name(line, name)
        if name == "main" or name == "ready" or (name in names and names[name][0] != line):
            raise ScriptError(line, f"{name} is taken already")
        names[name] = (line, number_)
        kind = "label" if names is self.labels else "process"
        turn = self.times[f"{kind} {name}"] = self.times.get(f"{kind} {name}", 0) + 1
        full = name if turn == 1 else f"{name}.{turn}"
        check_name(line, full)
        return full

    def at(self, statement: Statement, words: Sequence[str], process: int) -> None:
        found = bind(statement.line, "at", OPERATIONS["at"], words)
        number_ = len(self.checkpoints) + 1
        label = self.give(statement.line, self.labels, found["LABEL"], number_)
        claims = tuple(self.claim(claim, number_) for claim in statement.claims)
        self.checkpoints.append(Checkpoint(number_, label, process, self.processes[process], statement.line, claims))
        self.operations.append(Operation(statement.line, process, "at", f"at {label}", number=number_))

    def claim(self, claim: Statement, here: int) -> Claim:
        rest = expression.substitute(claim.line, claim.rest, self.variables)
        found = bind(claim.line, f"? {claim.word}", CLAIMS[claim.word], rest.split())
        region = found.get("REGION", "")
        slot = self.slot(claim.line, region, new=False) if region else -1
        first = number(claim.line, "FROM", found["FROM"]) if region else 0
        count = number(claim.line, "COUNT", found["COUNT"]) if region else 0
        labels = [found[name] for name in ("LABEL", "LABEL2", "LABEL3", "LABEL4") if name in found]
        factor = sum(number(claim.line, name, found[name]) for name in ("FACTOR", "FRAMES") if name in found)
        numbers = tuple(self.label(claim.line, name) for name in labels)
        if here in numbers and claim.word != "cost":
            raise ScriptError(claim.line, "the checkpoint is compared with itself")
        return Claim(
            claim.line, claim.word, region, slot, first, count, numbers, factor, claim.why, f"{claim.word} {rest}")

    def label(self, line: int, name: str) -> int:
        if name == "ready":
            return 0
        if name not in self.labels:
            raise ScriptError(line, f"no checkpoint before this line is called {name[:40]!a}")
        return self.labels[name][1]

    # -- operations of the probe

    def slot(self, line: int, name: str, new: bool) -> int:
        check_name(line, name)
        if name not in self.regions:
            if not new:
                raise ScriptError(line, f"no region is called {name!a}")
            if len(self.regions) >= REGIONS_MAX:
                raise ScriptError(line, f"more than {REGIONS_MAX} names of regions")
            self.regions.append(name)
        return self.regions.index(name)

    def event(self, line: int, name: str) -> int:
        check_name(line, name)
        if name not in self.events:
            if len(self.events) >= EVENTS_MAX:
                raise ScriptError(line, f"more than {EVENTS_MAX} names of events")
            self.events.append(name)
        return self.events.index(name)

    def operation(self, statement: Statement, found: Dict[str, str], process: int, text: str) -> Operation:
        """One line for the probe, from the arguments as they are written."""
        line, kind = statement.line, statement.word
        new = kind in ("map", "heap", "stack", "image")
        numbers = {name: number(line, name, value) for name, value in found.items() if name in NUMBERS and (name, value) != ("SEED", "zero")}
        for name, value in found.items():
            if name in CHOICES and value not in CHOICES[name]:
                raise ScriptError(line, f"{value[:40]!a} is none of {', '.join(CHOICES[name])}")
        slot = self.slot(line, found["REGION"], new) if "REGION" in found else -1
        offset, size = extent(numbers)
        if new:
            size = self.new_pages(line, kind, numbers.get("PAGES", IMAGE_PAGES)) * pattern.PAGE
        key: Optional[int] = None
        position = offset
        if "SEED" in found or kind == "zero":
            seed = numbers.get("SEED", 0)
            self.seeds.add(seed)
            key = pattern.key(self.seed, seed)
        if kind == "read":
            key, position = pattern.key(self.seed, SEED_MAX + 1), numbers.get("POSITION", 0)
            if position + size > DATA_SIZE:
                raise ScriptError(line, f"/data has no {size} bytes from {position} on, it has {DATA_SIZE}")
        return Operation(
            line, process, kind, text, found.get("REGION", ""), slot, offset, size, key, position, self.argument(line, found, numbers),
            how_of(kind, found), self.child(line, found["PROCESS"]) if "PROCESS" in found else 0)

    def new_pages(self, line: int, kind: str, pages: int) -> int:
        self.pages += pages
        if self.pages > SCRIPT_PAGES_MAX:
            raise ScriptError(line, f"more than {SCRIPT_PAGES_MAX} pages in all regions")
        if kind == "stack" and pages > STACK_PAGES_MAX:
            raise ScriptError(line, f"more than {STACK_PAGES_MAX} pages of stack")
        return pages

    def argument(self, line: int, found: Dict[str, str], numbers: Dict[str, int]) -> int:
        """Operation.value."""
        if "RIGHTS" in found:
            return RIGHTS[found["RIGHTS"]]
        if "ACCESS" in found:
            if numbers.get("SIGNAL", SIGSEGV) != SIGSEGV:
                raise ScriptError(line, f"a refused access is signal {SIGSEGV}")
            return ACCESSES[found["ACCESS"]]
        if "EVENT" in found:
            return self.event(line, found["EVENT"])
        for name in ("VALUE", "STATUS", "TIMES"):
            if name in numbers:
                return numbers[name]
        return 1

    def child(self, line: int, name: str) -> int:
        if name not in self.children:
            raise ScriptError(line, f"no process before this line is called {name[:40]!a}")
        return self.children[name][1]


def extent(numbers: Dict[str, int]) -> Tuple[int, int]:
    """Offset and size in bytes of the part of a region that a statement names."""
    if "FROM" in numbers:
        return numbers["FROM"] * pattern.PAGE, numbers["COUNT"] * pattern.PAGE
    if "PAGE" in numbers:
        return numbers["PAGE"] * pattern.PAGE + numbers.get("OFFSET", 0), numbers.get("LENGTH", 1)
    return 0, 0


def how_of(kind: str, found: Dict[str, str]) -> str:
    for word in ("shared", "write"):
        if word in found:
            return word
    return found.get("HOW", found.get("IMAGE", found.get("POOL", "")))


def number(line: int, name: str, text: str) -> int:
    low, high = NUMBERS[name]
    value = expression.literal(text)
    if value is None or not low <= value <= high:
        raise ScriptError(line, f"{name}: {text[:40]!a} is not a number from {low} to {high}")
    return value


def check_name(line: int, name: str) -> None:
    if not NAME.match(name) or len(name) > NAME_MAX:
        raise ScriptError(line, f"{name[:40]!a} is no name: a letter, then letters, digits, `_`, `.`, `-`, at most {NAME_MAX}")
