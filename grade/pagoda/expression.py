"""Numbers in scripts: $n, $(n-1), and what stands behind `let NAME =`."""

from __future__ import annotations

import re
from typing import Dict, List, Optional

LIMIT = 1 << 48  # of each value on the way
LENGTH_MAX = 200  # characters of an expression, and so its depth
VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z", re.ASCII)
NUMBER = re.compile(r"(0x[0-9a-fA-F]{1,12}|[0-9]{1,15})\Z", re.ASCII)
TOKEN = re.compile(r"\s*(0x[0-9a-fA-F]+|[0-9]+|[A-Za-z][A-Za-z0-9_]*|[-+*/%()])", re.ASCII)
REFERENCE = re.compile(r"\$([A-Za-z][A-Za-z0-9_]*|\()", re.ASCII)



class ScriptError(Exception):
    """A script that cannot be run; says where."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")
        self.line = line
        self.why = why


def literal(text: str) -> Optional[int]:
    """A number as it is written, decimal or 0x."""
    return int(text, 16 if text.startswith("0x") else 10) if NUMBER.match(text) else None


def substitute(line: int, text: str, variables: Dict[str, int]) -> str:
    """text with each $NAME and $(EXPRESSION) replaced by its value."""
    found: List[str] = []
    at = 0
    while at < len(text):
        dollar = text.find("$", at)
        if dollar < 0:
            dollar = len(text)
        found.append(text[at:dollar])
        at = dollar
        if at == len(text):
            break
        match = REFERENCE.match(text, at)
        if not match:
            raise ScriptError(line, "`$` stands before a name or before `(`")
        if match.group(1) != "(":
            found.append(str(variable(line, match.group(1), variables)))
            at = match.end()
        else:
            end = closing(line, text, match.end())
            found.append(str(value(line, text[match.end():end], variables)))
            at = end + 1
    return "".join(found)


def closing(line: int, text: str, at: int) -> int:
    """Where the bracket closes that opened before at."""
    depth = 1
    for index in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[index], 0)
        if depth == 0:
            return index
    raise ScriptError(line, "a bracket is not closed")


def value(line: int, text: str, variables: Dict[str, int]) -> int:
    """The value of an expression: numbers, names, + - * / % and brackets."""
    if len(text) > LENGTH_MAX:
        raise ScriptError(line, f"an expression of more than {LENGTH_MAX} characters")
    tokens: List[str] = []
    at = 0
    text = text.strip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise ScriptError(line, f"{text[at:at + 20]!a} is no part of an expression")
        tokens.append(match.group(1))
        at = match.end()
    parser = Parser(line, tokens, variables)
    found = parser.sum()
    if parser.at != len(tokens):
        raise ScriptError(line, f"{tokens[parser.at]!a} is not expected in {text[:40]!a}")
    return found


class Parser:
    """sum: product {+- product}; product: part {*/% part}; part: number, name, - part, ( sum )."""

    def __init__(self, line: int, tokens: List[str], variables: Dict[str, int]) -> None:
        self.line, self.tokens, self.variables, self.at = line, tokens, variables, 0

    def next_is(self, choices: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at] in choices

    def take(self) -> str:
        if self.at == len(self.tokens):
            raise ScriptError(self.line, "an expression ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def bounded(self, found: int) -> int:
        if abs(found) > LIMIT:
            raise ScriptError(self.line, "a number is too large")
        return found

    def sum(self) -> int:
        found = self.product()
        while self.next_is("+-"):
            found = found + self.product() if self.take() == "+" else found - self.product()
            found = self.bounded(found)
        return found

    def product(self) -> int:
        found = self.part()
        while self.next_is("*/%"):
            operator, other = self.take(), self.part()
            if operator != "*" and other == 0:
                raise ScriptError(self.line, "a division by zero")
            found = self.bounded(found * other if operator == "*" else found // other if operator == "/" else found % other)
        return found

    def part(self) -> int:
        token = self.take()
        if token == "-":
            return -self.part()
        if token == "(":
            found = self.sum()
            if not self.next_is(")"):
                raise ScriptError(self.line, "a bracket is not closed")
            self.at += 1
            return found
        if token[0].isdigit():
            number = literal(token)
            if number is None:
                raise ScriptError(self.line, "a number is too large")
            return self.bounded(number)
        return variable(self.line, token, self.variables)


def variable(line: int, name: str, variables: Dict[str, int]) -> int:
    if name not in variables:
        raise ScriptError(line, f"nothing before this line says what {name[:40]} is")
    return variables[name]
