"""Scripts drawn by a seed: valid, bounded, and no two seeds alike.

The writer keeps a rough state of each process, pages mapped and their rights, so
that each line can be done; the model then has the last word on what the pages
hold. With claims, what the model knows of frames is written behind the checkpoints:
who shares a frame by fork, who was given one of its own.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Callable, Dict, FrozenSet, List, Optional, Sequence, Tuple

from . import model
from .pattern import PAGE, Draw
from .script import DATA_SIZE, RIGHTS, expand, parse

PAGES_MAX, PAGES_MANY = 40, 200  # of a region; of one in five, for chunks of amaps
DEPTH_MAX = 3  # of forks
PROCESSES_MAX = 12
LOOKED_BACK = 5  # checkpoints that a claim may compare with
FRAMES_SPARE = 40  # that the kernel may need for itself meanwhile: page tables, amaps


@dataclass
class Region:
    kind: str
    rights: List[Optional[str]]  # of each page; None: unmapped
    whole: bool = True  # nothing of it was ever unmapped


@dataclass
class State:
    """What a process has, as far as the writer must know."""

    regions: Dict[str, Region] = field(default_factory=dict)

    def copy(self) -> "State":
        return State({name: Region(region.kind, list(region.rights), region.whole) for name, region in self.regions.items()})


def random_script(seed: int, harts: int = 1, claims: bool = True) -> str:
    """A script's text. It is meant to be run with this seed."""
    text = Writer(seed, harts).whole()
    return with_claims(text, seed) if claims and harts == 1 else text


class Writer:
    """The state of one drawing."""

    def __init__(self, seed: int, harts: int) -> None:
        self.draw = Draw(seed, harts)
        self.seed, self.harts = seed, harts
        self.lines: List[str] = []
        self.names: Dict[str, int] = {}
        self.budget = self.draw.number(15, 60)
        self.alone = True  # no other process can run now

    def whole(self) -> str:
        state = State()
        self.lines = [f"title: Drawn by seed {self.seed}", "points: 1", f"harts: {self.harts}", "---"]
        self.new_region(state, "map")
        self.lines += ["fork warm", "  fill r1 0 1 1", "end", "wait warm exit 0", "at first"]  # the kernel has its pools now
        self.block(state, 0)
        self.say("at last", 0)
        for name in sorted(state.regions):
            self.check_all(state, name, 0)
        return "\n".join(self.lines) + "\n"

    def say(self, text: str, depth: int) -> None:
        self.lines.append("  " * depth + text)

    def name(self, kind: str) -> str:
        self.names[kind] = self.names.get(kind, 0) + 1
        return f"{kind}{self.names[kind]}"

    def chance(self, percent: int) -> bool:
        return self.draw.number(1, 100) <= percent

    def block(self, state: State, depth: int) -> None:
        """Some operations of one process."""
        actions: List[Tuple[int, Callable[[State, int], None]]] = [
            (6, self.map), (3, self.unmap), (4, self.protect), (20, self.store), (12, self.load), (10, self.at),
            (14 if depth < DEPTH_MAX else 0, self.fork), (3 if depth < DEPTH_MAX else 0, self.fork_many)]
        for _ in range(self.draw.number(2, 12)):
            if self.budget <= 0:
                return
            self.budget -= 1
            choice = self.draw.number(1, sum(weight for weight, _ in actions))
            for weight, action in actions:
                choice -= weight
                if choice <= 0:
                    action(state, depth)
                    break

    # -- regions

    def new_region(self, state: State, kind: str, depth: int = 0) -> None:
        if self.names.get("r", 0) >= 12:
            return
        name, pages = self.name("r"), self.draw.number(1, PAGES_MANY if self.chance(20) else PAGES_MAX)
        rights = "rw" if kind != "map" or not state.regions or self.chance(85) else ("r", "none", "rwx")[self.draw.number(0, 2)]
        if kind in ("data", "bss", "const"):
            pages, rights = 4, "r" if kind == "const" else "rw"
            if any(region.kind == kind for region in state.regions.values()):
                return
            self.say(f"image {name} {kind}", depth)
        elif kind in ("heap", "stack"):
            self.say(f"{kind} {name} {pages}", depth)
        else:
            self.say(f"map {name} {pages} {rights}{' shared' if kind == 'shared' else ''}", depth)
        state.regions[name] = Region(kind, [rights] * pages)

    def map(self, state: State, depth: int) -> None:
        kinds = ("map", "map", "map", "heap", "stack", "data", "bss", "const", "shared")
        self.new_region(state, kinds[self.draw.number(0, len(kinds) - 1)], depth)

    def part(self, state: State, right: int, kinds: Tuple[str, ...] = ()) -> Optional[Tuple[str, int, int]]:
        """Some pages in a row with this right: region, first, count."""
        names = sorted(
            name for name, region in state.regions.items()
            if (not kinds or region.kind in kinds) and (region.kind != "shared" or self.alone))
        for _ in range(4):
            if not names:
                return None
            name = names[self.draw.number(0, len(names) - 1)]
            rights = state.regions[name].rights
            first = end = self.draw.number(0, len(rights) - 1)
            most = first + (1 if self.chance(30) else len(rights))
            while end < min(most, len(rights)):
                here = rights[end]
                if here is None or RIGHTS[here] & right != right:
                    break
                end += 1
            if end > first:
                return name, first, self.draw.number(1, end - first)
        return None

    def unmap(self, state: State, depth: int) -> None:
        part = self.part(state, 0, ("map", "shared"))
        if part is None:
            return
        name, first, count = part
        region = state.regions[name]
        if region.whole and self.chance(25):
            self.say(f"unmap {name}", depth)
            del state.regions[name]
            return
        self.say(f"unmap {name} {first} {count}", depth)
        region.whole = False
        region.rights[first:first + count] = [None] * count

    def protect(self, state: State, depth: int) -> None:
        part = self.part(state, 0, ("map", "heap", "data", "bss"))
        if part is None:
            return
        name, first, count = part
        rights = ("rw", "rw", "rw", "r", "r", "none", "rx", "rwx")[self.draw.number(0, 7)]
        self.say(f"protect {name} {first} {count} {rights}", depth)
        state.regions[name].rights[first:first + count] = [rights] * count
        if RIGHTS[rights] & 1 and self.chance(50):
            self.say(f"touch {name} {first} {count}", depth)
            self.at(state, depth)

    # -- bytes

    def store(self, state: State, depth: int) -> None:
        part = self.part(state, 2)
        if part is None:
            return
        name, first, count = part
        offset = self.draw.number(0, PAGE - 1)
        room = count * PAGE - offset
        choice, seed = self.draw.number(1, 8), self.draw.number(1, 1 << 20)
        if choice <= 3:
            self.say(f"fill {name} {first} {count} {seed}", depth)
        elif choice == 4:
            self.say(f"write {name} {first} {offset} {self.draw.number(1, room)} {seed}", depth)
        elif choice == 5:
            self.say(f"poke {name} {first} {offset} {self.draw.number(0, 255)}", depth)
        elif choice == 6:
            size = self.draw.number(1, min(room, DATA_SIZE // 2))
            self.say(f"read {name} {first} {offset} {size} from {self.draw.number(0, DATA_SIZE - size)}", depth)
        elif choice == 7:
            self.say(f"zero {name} {first} {count}", depth)
        else:
            self.say(f"touch {name} {first} {count} write", depth)

    def load(self, state: State, depth: int) -> None:
        part = self.part(state, 1)
        if part is not None:
            name, first, count = part
            self.say(f"{'check' if self.chance(75) else 'touch'} {name} {first} {count}", depth)

    def check_all(self, state: State, name: str, depth: int) -> None:
        """All that can be read of a region."""
        rights = state.regions[name].rights
        first = 0
        while first < len(rights):
            end = first
            while end < len(rights) and (rights[end] or "none") != "none":
                end += 1
            if end > first:
                self.say(f"check {name} {first} {end - first}", depth)
            first = end + 1

    def at(self, state: State, depth: int) -> None:
        if state.regions and self.chance(60):
            names = sorted(name for name, region in state.regions.items() if region.kind != "shared" or self.alone)
            if names:
                self.check_all(state, names[self.draw.number(0, len(names) - 1)], depth)
        self.say(f"at {self.name('l')}", depth)

    # -- processes

    def child(self, state: State, depth: int, awaited: str = "") -> str:
        """A process, and how it must be waited for."""
        name = self.name("p")
        mine = state.copy()
        self.say(f"fork {name}", depth)
        if awaited:
            self.say(f"await {awaited}", depth + 1)
        self.block(mine, depth + 1)
        end = self.last_line(mine, depth + 1)
        self.say("end", depth)
        return f"wait {name} {end}"

    def last_line(self, state: State, depth: int) -> str:
        refused = [
            (name, page, access) for name, region in sorted(state.regions.items()) if region.kind == "map" and region.whole
            for page, rights in enumerate(region.rights) for access, right in (("read", 1), ("write", 2), ("exec", 4))
            if rights is not None and not RIGHTS[rights] & right]
        if refused and self.chance(25):
            name, page, access = refused[self.draw.number(0, len(refused) - 1)]
            self.say(f"fault {name} {page} {access}", depth)
            return "signal 11"
        status = self.draw.number(0, 255)
        if status or self.chance(50):
            self.say(f"exit {status}", depth)
        return f"exit {status}"

    def fork(self, state: State, depth: int) -> None:
        """A child that runs while its parent waits; or goes on when its parent has written."""
        if self.names.get("p", 0) >= PROCESSES_MAX:
            return
        if self.chance(40):
            self.fork_between(state, depth)
            return
        if self.chance(70) or self.names.get("e", 0) >= 8:
            self.say(self.child(state, depth), depth)
            return
        alone, self.alone = self.alone, False
        event = self.name("e")
        wait = self.child(state, depth, event)
        self.store(state, depth)
        self.load(state, depth)
        self.say(f"tell {event}", depth)
        self.say(wait, depth)
        self.alone = alone

    def fork_between(self, state: State, depth: int) -> None:
        """Pages before a fork and after it: whose are they then?"""
        part = self.part(state, 2, ("map", "heap", "stack", "bss"))
        if part is None:
            return
        name, first, count = part
        self.say(f"touch {name} {first} {count} write", depth)
        self.at(state, depth)
        self.say(self.child(state, depth), depth)
        self.say(f"fill {name} {first} {count} {self.draw.number(1, 1 << 20)}", depth)
        self.at(state, depth)

    def fork_many(self, state: State, depth: int) -> None:
        """Children that run at once."""
        if self.names.get("p", 0) + 3 > PROCESSES_MAX:
            return
        alone, self.alone = self.alone, False
        waits = []
        for _ in range(self.draw.number(2, 3)):
            waits.append(self.child(state, depth))
            self.store(state, depth)
        for wait in waits:
            self.say(wait, depth)
        self.alone = alone


# ---- claims -------------------------------------------------------------------------

RIGHTS_WRONG = {"readonly": "it is shared, and can be written", "writable": "it was just written, and cannot be written again without a fault"}
FRAMES_WRONG = {"same": "nobody wrote to it while others shared it, and it has another frame", "apart": "a write to a shared page went into the frame that others see"}


def with_claims(text: str, seed: int) -> str:
    """The same with what the model knows of frames, where the order of processes does not matter for it."""
    prediction = model.run(expand(parse(text), seed))
    if not prediction.sequential:
        return text
    after: Dict[int, List[str]] = {}
    for checkpoint in prediction.concrete.checkpoints:
        if not text.split("\n")[checkpoint.line - 1].lstrip().startswith("at "):
            continue
        found = after.setdefault(checkpoint.line, [])
        live = prediction.views[checkpoint.number].live
        for name, region in prediction.views[checkpoint.number].regions.items():
            for kind, first, count in runs([rights_claim(page) for page in region.pages]):
                found.append(f"? {kind} {name} {first} {count} -- {RIGHTS_WRONG[kind]}")
            for then in prediction.concrete.checkpoints[:checkpoint.number - 1][-LOOKED_BACK:]:
                old = prediction.views[then.number].regions.get(name)
                if old is None or len(old.pages) != len(region.pages):
                    continue
                for kind, first, count in runs([frame_claim(now, before, live) for now, before in zip(region.pages, old.pages)]):
                    word = {"same": "as", "apart": "from"}[kind]
                    found.append(f"? {kind} {name} {first} {count} {word} {then.label} -- {FRAMES_WRONG[kind]}")
        if checkpoint.label == "last":
            more = prediction.views[checkpoint.number].frames - prediction.views[prediction.concrete.checkpoint("first").number].frames
            found.append(f"? spent first <= {max(more, 0) + FRAMES_SPARE} -- more frames are gone than the script holds")
    lines: List[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        lines.append(line)
        lines += after.get(number, [])
    return "\n".join(lines)


def rights_claim(page: model.PageView) -> str:
    if not (page.mapped and page.mine and page.rights & 2):
        return ""
    return "readonly" if page.sharers > 1 else "writable" if page.written else ""


def frame_claim(now: model.PageView, then: model.PageView, live: FrozenSet[int]) -> str:
    if not (now.mapped and then.mapped and now.mine and then.mine):
        return ""
    if now.frame == then.frame:
        return "same"
    return "apart" if then.frame in live else ""


def runs(kinds: Sequence[str]) -> List[Tuple[str, int, int]]:
    """Neighbours of the same kind, where there is one: kind, first, count."""
    found: List[Tuple[str, int, int]] = []
    for index, kind in enumerate(kinds):
        if found and found[-1][0] == kind:
            found[-1] = (kind, found[-1][1], found[-1][2] + 1)
        else:
            found.append((kind, index, 1))
    return [run for run in found if run[0]]


if __name__ == "__main__":
    print(random_script(int(sys.argv[1])), end="")
