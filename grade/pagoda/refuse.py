"""What a submission may not contain: whatever reaches out of the functions that it was asked for.

A fill, the text between the marks of a hole, is C functions, their declarations
and static data. No preprocessor, no assembler, no attributes: those would reach
files, sections and names that are the course's. What the compiler made of a
changed source is looked at too: it defines the symbols that the course's own
object defines, and its bytes lie in the usual sections. None of this makes
supervisor code harmless; it keeps the rest of the kernel the course's own.

=> every function here only reads; a Problem says where and why, for the student.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterator, List, Optional, Sequence, Set, Tuple

from .elf import Elf

FILL_MAX = 64 << 10  # bytes of one fill
PROBLEMS_MAX = 50  # that are told
ATTRIBUTE_MAX = 200  # tokens of one attribute


@dataclass(frozen=True)
class Problem:
    where: str  # file:line, or an object
    why: str

    def __str__(self) -> str:
        return f"{self.where}: {self.why}"


def told(problems: Sequence[Problem]) -> Tuple[Problem, ...]:
    """Of very many the first ones: nobody reads the rest."""
    if len(problems) <= PROBLEMS_MAX:
        return tuple(problems)
    return (*problems[:PROBLEMS_MAX], Problem("and", f"{len(problems) - PROBLEMS_MAX} more"))


# ---- C, as far as its outermost level goes

TOKEN = re.compile(
    r"(?P<space>[ \t\f\v]+)|(?P<newline>\n)"
    r"|(?P<comment>//[^\n]*|/\*.*?\*/)"
    r"|(?P<text>(?:u8|[LuU])?\"(?:\\.|[^\"\\\n])*\")|(?P<char>[LuU]?'(?:\\.|[^'\\\n])*')"
    r"|(?P<open>/\*|\"|')"  # a comment or text that never ends
    r"|(?P<word>[A-Za-z_$][\w$]*)|(?P<number>\.?\d[\w.]*)|(?P<mark>%:|<:|:>|<%|%>|\S)", re.DOTALL)


@dataclass(frozen=True)
class Token:
    kind: str  # word, number, text, char, mark, open
    text: str
    line: int
    first: bool  # of its line


def tokens(code: str) -> Iterator[Token]:
    """The tokens of code, with lines joined where a backslash ends one."""
    line, first = 1, True
    for match in TOKEN.finditer(joined(code)):
        kind, text = str(match.lastgroup), match.group(0)
        if kind == "newline":
            first = True
        elif kind not in ("space", "comment"):
            yield Token(kind, text, line, first)
            first = False
            if kind == "open":
                return  # what follows is inside of it; and looking for its end at each later one takes for ever
        line += text.count("\n")


def joined(code: str) -> str:
    """code as the compiler sees it: a backslash at the end of a line joins the next one to it. Lines keep their numbers."""
    lines: List[str] = []
    begun: List[str] = []
    for line in code.split("\n"):
        whole = line.rstrip(" \t\f\v")
        if whole.endswith("\\"):
            begun.append(whole[:-1])
        else:
            lines += ["".join(begun) + line, *([""] * len(begun))]
            begun = []
    return "\n".join(lines + (["".join(begun)] if begun else []))


CLOSES = {")": "(", "]": "[", "}": "{"}
DIGRAPHS = {"<:": "[", ":>": "]", "<%": "{", "%>": "}"}
# Macros of the kernel's headers that write their first argument into assembler, as it stands.
SPELLED = re.compile(r"csr_\w+|TRACE(_LABEL)?|ASIDE_ARG")
RAW = {"R", "LR", "uR", "UR", "u8R"}  # before a text whose end only the compiler would find
FORBIDDEN_WORDS = {
    "asm": "assembler", "__asm": "assembler", "__asm__": "assembler", "_Pragma": "a pragma", "__pragma": "a pragma",
    "__attribute__": "an attribute", "__attribute": "an attribute", "__declspec": "an attribute",
}


def fill_problems(code: str, function: str, where: str, first_line: int = 1) -> List[Problem]:
    """What is wrong with a fill that is to define `function`, whose first line is first_line of the file `where`."""
    def at(line: int) -> str:
        return f"{where}:{first_line + line - 1}"

    if len(code.encode("utf-8", "replace")) > FILL_MAX:
        return [Problem(at(1), f"this hole holds more than {FILL_MAX >> 10} KiB of text")]
    odd = re.search(r"[\x00-\x08\x0d-\x1f]", code)
    if odd:
        return [Problem(at(code.count("\n", 0, odd.start()) + 1), "a control character stands in the text")]
    problems: List[Problem] = []
    if re.search(r"\\[ \t]*\n?\Z", code):
        problems.append(Problem(at(code.rstrip("\n").count("\n") + 1), "a backslash at the end would join the line after the hole"))
    found = list(tokens(code))
    problems += [Problem(at(line), why) for line, why in token_problems(found)]
    if not problems:
        problems += [Problem(at(line), why) for line, why in shape_problems(found, function)]
    return problems


def token_problems(found: Sequence[Token]) -> List[Tuple[int, str]]:
    """Words and lines that may stand in no fill."""
    problems: List[Tuple[int, str]] = []
    problems += spelled_problems(found)
    for before, token in zip([None, *found], found):
        if token.kind == "open":
            what = "comment" if token.text == "/*" else "text"
            problems.append((token.line, f"a {what} begins here and never ends"))
        elif token.text in ("#", "%:"):
            problems.append((token.line, "a preprocessor line: a hole holds functions only"))
        elif token.kind == "word" and token.text in FORBIDDEN_WORDS:
            problems.append((token.line, f"{FORBIDDEN_WORDS[token.text]} ({token.text}): a hole holds plain C functions only"))
        elif token.text == "[" and before is not None and before.text == "[":
            problems.append((token.line, "an attribute ([[): a hole holds plain C functions only"))
    return problems


def spelled_problems(found: Sequence[Token], defined: Sequence[str] = ()) -> List[Tuple[int, str]]:
    """Texts that are not what they seem here, and what would reach the assembler by a macro of the course's. defined: names of macros."""
    problems: List[Tuple[int, str]] = []
    for place, token in enumerate(found):
        following = [other.text for other in found[place + 1:place + 4]] + [""] * 3
        if token.text in RAW and (following[0][:1] == '"'):
            problems.append((token.line, "a raw text (R\"): write a plain one"))
        elif token.kind == "word" and SPELLED.fullmatch(token.text):
            one = re.fullmatch(r"\w+", following[1]) and following[1] not in defined and following[2] in (",", ")")
            if following[0] != "(" or not one:
                problems.append((token.line, f"the first argument of {token.text} must be one plain name"))
    return problems


def shape_problems(found: Sequence[Token], function: str) -> List[Tuple[int, str]]:
    """Is it whole functions and declarations, `function` once among them?"""
    defined, wrong = outermost(found)
    if wrong:
        return [wrong]
    if defined.count(function) == 1:
        return []
    last = found[-1].line if found else 1
    return [(last, f"the function {function} is defined more than once" if function in defined else f"no function {function} is defined here")]


def functions_of(code: str) -> List[str]:
    """The functions that code defines on its outermost level, as far as they can be told; none of what is too long for a fill."""
    return outermost(list(tokens(code)))[0] if len(code) <= FILL_MAX else []


def outermost(found: Sequence[Token]) -> Tuple[List[str], Optional[Tuple[int, str]]]:
    """The functions defined on the outermost level, and what is wrong there: a line and why."""
    stack: List[Token] = []
    defined: List[str] = []
    head: List[Token] = []  # of what stands on the outermost level now
    body = equals = False
    for token in found:
        mark = DIGRAPHS.get(token.text, token.text) if token.kind == "mark" else ""
        if mark in ("(", "[", "{"):
            if not stack and mark == "{":
                name = "" if equals else head_of_function(head)
                body = bool(name)
                defined += [name] if name else []
            stack.append(token)
        elif mark in CLOSES:
            if not stack or DIGRAPHS.get(stack[-1].text, stack[-1].text) != CLOSES[mark]:
                return defined, (token.line, f"`{token.text}` closes what is not open")
            stack.pop()
        head.append(token)
        equals = equals or token.text == "="
        if not stack and (mark == ";" or (mark == "}" and body)):
            head, body, equals = [], False, False
    if stack:
        return defined, (stack[-1].line, f"`{stack[-1].text}` is never closed")
    if head:
        return defined, (head[0].line, "something that is no whole function or declaration stands at the end")
    return defined, None


def head_of_function(head: Sequence[Token]) -> str:
    """The name in `type name(arguments)`, where no = stands, or nothing when these tokens are no function's head."""
    end = len(head)
    while end and head[end - 1].kind == "word" and head[end - 1].text.startswith("__"):
        end -= 1
    if end == 0 or head[end - 1].text != ")":
        return ""
    depth = 0
    for place in range(end - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(head[place].text, 0)
        if depth == 0:
            return head[place - 1].text if place >= 2 and head[place - 1].kind == "word" else ""
    return ""


# ---- a whole file of a student's own tree

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([\w/.-]+)"[ \t]*(?://.*|/\*.*\*/[ \t]*)?$')
DIRECTIVES = {"include", "define", "undef", "if", "ifdef", "ifndef", "elif", "else", "endif", "error", "warning"}
# Others take a text that goes into the assembler's input, or replace what is not the student's.
ATTRIBUTES = {
    "unused", "noreturn", "cold", "hot", "noinline", "always_inline", "packed", "aligned", "const", "pure", "format", "printf",
    "warn_unused_result", "fallthrough", "may_alias", "nonnull"}


def file_problems(code: str, where: str, headers: Set[str], course: str = "") -> List[Problem]:
    """What is wrong with a file that is compiled as a whole. headers: what it may include; course: the course's file of that name."""
    odd = re.search(r"[\x00-\x08\r\x0e-\x1f]", code)
    if odd:
        return [Problem(f"{where}:{code.count(chr(10), 0, odd.start()) + 1}", "a control character stands in the text")]
    found, lines, given = list(tokens(code)), joined(code).split("\n"), {" ".join(words) for words in directives(list(tokens(course)))}
    own = {line: words for line, words in zip(directive_lines(found), directives(found)) if " ".join(words) not in given}
    defined = [words[2] for words in own.values() if words[1:2] == ["define"] and len(words) > 2]
    problems = spelled_problems(found, defined)
    for line, words in own.items():
        problems += [(line, why) for why in directive_problems(words, lines[line - 1], headers)]
    for place, token in enumerate(found):
        if len(problems) > PROBLEMS_MAX:
            break
        if token.kind == "open":
            problems.append((token.line, "a comment or text begins here and never ends"))
        elif token.kind == "word" and token.text in ("asm", "__asm", "__asm__", "_Pragma", "__pragma", "__declspec"):
            problems.append((token.line, f"{FORBIDDEN_WORDS[token.text]} ({token.text})"))
        elif token.kind == "word" and token.text.startswith(("__has_include", "__has_embed", "include_next")):
            problems.append((token.line, f"{token.text} looks for files"))
        elif token.text in ("__attribute__", "__attribute"):
            names = attributes_of(found, place + 1)
            problems += [(token.line, f"an attribute ({name})") for name in names if name.strip("_") not in ATTRIBUTES]
        elif [other.text for other in found[place:place + 2]] == ["[", "["]:
            problems.append((token.line, "an attribute ([[)"))
    return [Problem(f"{where}:{line}", why) for line, why in problems]


def directive_lines(found: Sequence[Token]) -> List[int]:
    return [token.line for token in found if token.first and token.text in ("#", "%:")]


def directives(found: Sequence[Token]) -> List[List[str]]:
    """The preprocessor lines: their tokens, # among them."""
    lines: List[List[str]] = []
    inside = False
    for token in found:
        if token.first:
            inside = token.text in ("#", "%:")
            lines += [[]] if inside else []
        if inside:
            lines[-1].append(token.text)
    return lines


def directive_problems(words: Sequence[str], line: str, headers: Set[str]) -> List[str]:
    """What is wrong with a preprocessor line."""
    what = words[1] if len(words) > 1 else "define"
    if what not in DIRECTIVES:
        return [f"a preprocessor line that is not needed here (#{what})"]
    if what == "include":
        match = INCLUDE.match(line)
        return [] if match and match.group(1) in headers else ["includes what is no header of the course's kernel"]
    if what == "define" and any(word in ("#", "%:") or SPELLED.fullmatch(word) for word in words[2:]):
        return ["a macro that makes words, texts or assembler of its arguments"]
    return []


def attributes_of(found: Sequence[Token], start: int) -> List[str]:
    """The names and texts in the brackets that follow; `...` when there are too many."""
    depth, names = 0, []
    for token in found[start:start + ATTRIBUTE_MAX]:
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0:
            break
        if token.kind in ("word", "text"):
            names.append(token.text)
    return names if depth == 0 else [*names, "..."]


# ---- what the compiler made of it

USUAL = re.compile(r"^\.(text|rodata|srodata|data|sdata|bss|sbss|debug_\w+|comment|riscv\.attributes|note\.GNU-stack|symtab|strtab|shstrtab)(\..*)?$")
RESERVED = re.compile(r"^\.text\.start")  # goes before all other text: where the machine begins


def object_problems(mine: Elf, course: Elf, where: str) -> List[Problem]:
    """How an object made from a submission differs, in sections and symbols, from the course's."""
    problems: List[Problem] = []
    for name in sorted({section.name for section in mine.sections} - {section.name for section in course.sections}):
        plain = re.sub(r"^\.rela?(?=\.)", "", name)
        if plain and (not USUAL.match(plain) or RESERVED.match(plain)):
            problems.append(Problem(where, f"it has a section {name} that the course's object has not"))
    for symbol in sorted(globals_of(mine) - globals_of(course)):
        problems.append(Problem(where, f"it defines `{symbol}` for the whole kernel; a helper of yours must be static"))
    return problems


def globals_of(elf: Elf) -> Set[str]:
    """Names that an object defines for others."""
    return {symbol.name for symbol in elf.symbols if not symbol.file}
