#!/usr/bin/env python3
"""`make models`: has Spin search every run of each model in this folder.

A model says in its head how it is to be checked:

    check: safety (SCENE ...)        every state: no assertion fails, and nothing stops but where it may
    check: ltl NAME (SCENE ...)      every run, with weak fairness, is as the formula says
    mutation NAME (SCENE ...): what is wrong then -> assertion | invalid end

NAME and SCENE are macros that the model looks at. A check passes when Spin has
been everywhere and found nothing; a mutation when Spin finds that kind of error.
Mutations are how a model shows that it can fail.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Dict, Iterator, List, Sequence, Tuple

HERE = Path(__file__).resolve().parent
WORK = HERE.parent / "build" / "models"
SECONDS = 600  # far more than any takes: ends a search that has got out of hand
DEPTH = 1000000
MEMORY = 2000  # MiB
ERRORS = {"assertion": "assertion violated", "invalid end": "invalid end state"}

CHECK = re.compile(r"^ \* check: (safety|ltl (\w+))(?: \(([A-Z_ ]+)\))?$")
MUTATION = re.compile(r"^ \* mutation ([A-Z_]+)(?: \(([A-Z_ ]+)\))?: .* -> (assertion|invalid end)$")


class Broken(Exception):
    """A model that is not written as it must be, or a tool that failed."""


@dataclass(frozen=True)
class Search:
    model: Path
    macros: Tuple[str, ...]
    formula: str = ""  # empty: safety
    mutation: str = ""
    expected: str = ""  # the error, for a mutation

    @property
    def name(self) -> str:
        return ".".join((self.model.stem, *self.macros, *([self.formula] if self.formula else [])))

    @property
    def defines(self) -> List[str]:
        return ["-D" + macro for macro in self.macros]


def searches(model: Path) -> Iterator[Search]:
    """What the head of a model asks for; every macro that it looks at must be there."""
    text = model.read_text()
    named: List[str] = []
    for number, line in enumerate(text.split("*/")[0].splitlines(), 1):
        check, mutation = CHECK.match(line), MUTATION.match(line)
        if check:
            scenes = tuple((check.group(3) or "").split())
            named.extend(scenes)
            yield Search(model, scenes, formula=check.group(2) or "")
        elif mutation:
            scenes = tuple((mutation.group(2) or "").split())
            named.extend((mutation.group(1), *scenes))
            yield Search(model, (mutation.group(1), *scenes), mutation=mutation.group(1), expected=mutation.group(3))
        elif line.startswith((" * check", " * mutation")):
            raise Broken(f"{model.name}:{number}: neither a check nor a mutation as they are written")
    asked = set(re.findall(r"^#ifn?def (\w+)$", text, re.MULTILINE))
    if asked != set(named):
        raise Broken(f"{model.name}: its head and its text differ in {', '.join(sorted(asked ^ set(named)))}")


def run(command: Sequence[str], place: Path) -> str:
    """What the command prints, whatever its status: pan has the same one for several things."""
    try:
        done = subprocess.run(command, cwd=place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise Broken(f"{command[0]} was not done in {SECONDS} seconds") from None
    return done.stdout.decode(errors="replace")


def look(search: Search) -> Dict[str, str]:
    """Runs Spin; what it found: states, errors, and the first error's text."""
    place = WORK / search.name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    said = run(["spin", "-a", *search.defines, str(search.model)], place)
    if "rror:" in said or not (place / "pan.c").is_file():
        raise Broken(said.strip())
    kind = ["-DNFAIR=4"] if search.formula else ["-DSAFETY", "-DNOCLAIM"]
    # Not optimised: that takes longer than the search does.
    said = run(["cc", "-w", "-O0", f"-DMEMLIM={MEMORY}", *kind, "-o", "pan", "pan.c"], place)
    if not (place / "pan").is_file():
        raise Broken(said.strip())
    said = run(["./pan", f"-m{DEPTH}", *(["-a", "-f"] if search.formula else [])], place)
    found = {key: match.group(1) for key, match in (
        ("errors", re.search(r"errors: (\d+)", said)),
        ("states", re.search(r"(\d+) states, stored", said)),
        ("error", re.search(r"^pan:1: (.*?)(?: \(at depth \d+\))?$", said, re.MULTILINE)),
        ("depth", re.search(r"^pan:1: .*\(at depth (\d+)\)$", said, re.MULTILINE)),
    ) if match}
    if "errors" not in found or "states" not in found:
        raise Broken(said.strip())
    if "error: max search depth too small" in said or ("Search not completed" in said and found["errors"] == "0"):
        raise Broken("the search was not complete")
    return found


def judge(search: Search, found: Dict[str, str]) -> Tuple[bool, str]:
    """Passed? And a few words."""
    states = f"{int(found['states']):,} states"
    if found["errors"] == "0":
        return not search.mutation, states + (", and no error: the mutation is not noticed" if search.mutation else "")
    error = found.get("error", "an error")
    if search.mutation and error.startswith(ERRORS[search.expected]):
        return True, f"{search.expected}, after {found.get('depth', '?')} steps"
    replay = f"cd build/models/{search.name}; spin -k {search.model.name}.trail -p -g {' '.join(search.defines)} {search.model}"
    return False, f"{error[:200]}; the run: {replay}"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Checks the models of this folder with Spin.")
    parser.add_argument("--only", default="", help="names, as they are printed; shell patterns")
    only = parser.parse_args(arguments).only.split()
    counts = {True: 0, False: 0}
    try:
        wanted = [search for model in sorted(HERE.glob("*.pml")) for search in searches(model)]
    except Broken as broken:
        print(f"not ok  {broken}")
        print("0 passed, 1 failed")
        return 1
    if only:
        wanted = [search for search in wanted
                  if any(fnmatch(search.name, pattern) or search.name.startswith(pattern + ".") for pattern in only)]
        if not wanted:
            print(f"models: none matches {' '.join(only)!r}", file=sys.stderr)
            return 2
    for search in wanted:
        try:
            good, words = judge(search, look(search))
        except Broken as broken:
            good, words = False, str(broken)
        counts[good] += 1
        print(f"{'ok' if good else 'not ok':7} {search.name:34} {words}", flush=True)
    print(f"{counts[True]} passed, {counts[False]} failed")
    return 0 if counts[True] and not counts[False] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
