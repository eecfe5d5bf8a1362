"""The model against a second one that shares nothing with it: whole byte arrays, copied at each fork."""

from typing import Dict, List, Optional, Tuple

import pytest
from pagoda import model, pattern, random_script
from pagoda.model import Piece, Prediction, overlay, render
from pagoda.pattern import PAGE, Draw
from pagoda.script import Concrete, Operation, ScriptError, expand, parse

HEAD = "title: T\n---\n"


def predict(body: str, seed: int = 1) -> Prediction:
    return model.run(expand(parse(HEAD + body), seed))


def byte_of(key: int, position: int) -> int:
    """One byte of a stream, straight from the definition in user/probe/memory.c."""
    x = (key + position // 8 * 0x9E3779B97F4A7C15) % 2**64
    x ^= x >> 29
    x = x * 0xD6E8FEB86659FD93 % 2**64
    x ^= x >> 32
    return x >> position % 8 * 8 & 255 if key else 0


class Naive:
    """A process: bytes by region, and which pages are mapped. Its children run whole at their fork, which private memory allows."""

    def __init__(self, concrete: Concrete, number: int, bytes_: Dict[str, bytearray], mapped: Dict[str, List[bool]], shared: Dict[str, bytearray]) -> None:
        self.concrete, self.number = concrete, number
        self.bytes = {name: shared[name] if name in shared else bytearray(data) for name, data in bytes_.items()}
        self.mapped = {name: list(pages) for name, pages in mapped.items()}
        self.shared = dict(shared)
        self.seen: Dict[int, Dict[str, Tuple[bytes, List[bool]]]] = {}
        self.end: Dict[int, Tuple[str, int]] = {}
        self.checked: Dict[int, bytes] = {}

    def run(self) -> None:
        for index, operation in enumerate(self.concrete.operations):
            if operation.process == self.number:
                self.operation(index, operation)

    def operation(self, index: int, o: Operation) -> None:
        data = self.bytes.get(o.region, bytearray())
        if o.kind in ("map", "heap", "stack", "image"):
            fill = {"data": 0xDA, "const": 0xC0}.get(o.how, 0)
            self.bytes[o.region] = bytearray([fill]) * o.size
            self.mapped[o.region] = [True] * (o.size // PAGE)
            if o.how == "shared":
                self.shared[o.region] = self.bytes[o.region]
        elif o.kind == "unmap" and o.size == 0:
            del self.bytes[o.region], self.mapped[o.region]
            self.shared.pop(o.region, None)
        elif o.kind == "unmap":
            for page in range(o.offset // PAGE, (o.offset + o.size) // PAGE):
                self.mapped[o.region][page] = False
        elif o.kind in ("fill", "zero", "write", "read"):
            assert o.key is not None
            start = o.position
            assert o.kind == "read" or start == o.offset
            part = bytes(byte_of(o.key, start + at) for at in range(o.size)) if o.key else bytes(o.size)
            data[o.offset:o.offset + o.size] = part
        elif o.kind == "poke":
            data[o.offset] = o.value
        elif o.kind == "check":
            self.checked[index] = bytes(data[o.offset:o.offset + o.size])
        elif o.kind == "at":
            self.seen[o.number] = {name: (bytes(content), list(self.mapped[name])) for name, content in self.bytes.items()}
        elif o.kind == "fork":
            child = Naive(self.concrete, o.number, self.bytes, self.mapped, self.shared)
            child.run()
            self.seen.update(child.seen)
            self.end.update(child.end)
            self.checked.update(child.checked)
        elif o.kind in ("exit", "fault"):
            self.end[self.number] = ("exit", o.value) if o.kind == "exit" else ("signal", 11)


@pytest.mark.parametrize("seed", range(1, 26))
def test_bytes_and_ends_are_those_of_byte_arrays(seed: int) -> None:
    concrete = expand(parse(random_script.random_script(seed, claims=False)), seed)
    prediction = model.run(concrete)
    naive = Naive(concrete, 0, {}, {}, {})
    naive.run()
    assert {number: (end.how, end.number) for number, end in prediction.ends.items()} == naive.end
    assert set(prediction.views) == set(naive.seen)
    for number, view in prediction.views.items():
        assert set(view.regions) == set(naive.seen[number])
        for name, region in view.regions.items():
            content, mapped = naive.seen[number][name]
            assert [page.mapped for page in region.pages] == mapped
            for index, page in enumerate(region.pages):
                assert not page.mapped or page.bytes() == content[index * PAGE:][:PAGE]
    assert {index: render([piece for _, piece in pieces]) for index, pieces in prediction.checks.items()} == naive.checked


def test_streams_are_those_of_their_definition() -> None:
    draw = Draw(5)
    for _ in range(40):
        key, position, size = pattern.mix(draw.number(1, 1 << 60)), draw.number(0, 3 * PAGE), draw.number(0, 700)
        assert pattern.stream(key, position, size) == bytes(byte_of(key, position + at) for at in range(size))
    assert pattern.stream(0, 5, 9000) == bytes(9000)
    assert pattern.key(1, 0) == 0 and len({pattern.key(run, seed) for run in range(20) for seed in range(1, 20)}) == 380


def test_overlays_of_pieces_are_those_of_bytes() -> None:
    draw = Draw(6)
    for _ in range(60):
        content: Tuple[Piece, ...] = (Piece(PAGE, 0, 0),)
        naive = bytearray(PAGE)
        for _ in range(12):
            at = draw.number(0, PAGE - 1)
            size = draw.number(1, PAGE - at)
            piece = (Piece(size, model.BYTE, draw.number(0, 255)), Piece(size, 99, draw.number(0, 5000)), Piece(size, 0, 0))[draw.number(0, 2)]
            content = overlay(content, at, piece)
            naive[at:at + size] = render((piece,))
            assert sum(part.size for part in content) == PAGE and all(part.size > 0 for part in content)
        assert render(content) == naive


# ---- who shares what

def frames(prediction: Prediction, label: str, region: str = "a") -> List[Optional[int]]:
    return [page.frame for page in prediction.views[prediction.concrete.checkpoint(label).number].regions[region].pages]


def test_fork_shares_and_a_write_takes_a_frame_and_the_last_owner_keeps_it() -> None:
    prediction = predict(
        "map a 4 rw\nfill a 0 3 1\nat before\nfork p\ncheck a 0 2\nat shared\npoke a 0 0 1\nat written\nend\nwait p exit 0\nfill a 0 1 2\nat after")
    before, shared, written, after = (frames(prediction, label) for label in ("before", "shared", "written", "after"))
    assert len(set(before[:3])) == 3 and before[3] is None
    assert shared == before
    assert written[1:] == before[1:] and written[0] not in before
    assert after == before
    view = prediction.views[2].regions["a"]
    assert [page.sharers for page in view.pages] == [2, 2, 2, 0]
    assert [page.mine for page in view.pages] == [True, True, False, False]
    assert [[page.written for page in prediction.views[number].regions["a"].pages] for number in (1, 2, 3, 4)] == [
        [True, True, True, False], [False] * 4, [True, False, False, False], [True, False, False, False]]
    assert [prediction.views[number].frames for number in (1, 2, 3, 4)] == [3, 3, 4, 3]


def test_pages_of_the_file_are_shared_with_it() -> None:
    prediction = predict("image a data\nimage b bss\nimage c const\ntouch a 0 4\ntouch c 0 1\nat x\npoke a 1 5 7\nat y")
    x, y = frames(prediction, "x"), frames(prediction, "y")
    assert [here == there for here, there in zip(x, y)] == [True, False, True, True]
    assert prediction.views[1].regions["a"].pages[0].sharers == 2 and prediction.views[1].frames == 0
    assert prediction.views[2].regions["a"].pages[1].sharers == 1 and prediction.views[2].frames == 1
    assert prediction.page(2, "a", 1).bytes() == b"\xda" * 5 + b"\x07" + b"\xda" * 4090
    assert prediction.page(1, "c", 3).bytes() == b"\xc0" * PAGE and prediction.page(1, "b", 0).bytes() == bytes(PAGE)


def test_shared_memory_stays_one_and_is_written_in_place() -> None:
    prediction = predict("map a 2 rw shared\nfill a 0 1 1\nat x\nfork p\nfill a 0 2 2\nat y\nend\nwait p exit 0\ncheck a 0 2 2\nat z")
    assert frames(prediction, "x")[0] == frames(prediction, "y")[0] == frames(prediction, "z")[0]
    assert prediction.page(2, "a", 0).sharers == 1 and frames(prediction, "y")[1] == frames(prediction, "z")[1]


def test_what_was_unmapped_or_protected() -> None:
    prediction = predict("map a 4 rw\nfill a 0 4 1\nunmap a 1 1\nprotect a 2 1 none\nprotect a 3 1 r\nat x\nmap b 1 rw\nat y")
    pages = prediction.views[1].regions["a"].pages
    assert [page.mapped for page in pages] == [True, False, True, True]
    assert [page.rights for page in pages] == [3, 0, 0, 1]
    assert [page.mine for page in pages] == [True, False, False, False]
    assert not pages[1].reused and prediction.views[2].regions["a"].pages[1].reused
    assert prediction.views[1].frames == 3


# ---- what is ordered

def quiet(prediction: Prediction) -> Dict[str, bool]:
    return {view.checkpoint.label: view.quiet for view in prediction.views.values()}


def test_a_checkpoint_is_quiet_when_everybody_else_must_wait() -> None:
    alone = predict("map a 1 rw\nfork p\nat x\nend\nwait p exit 0\nat y")
    assert alone.sequential and quiet(alone) == {"x": True, "y": True}
    both = predict("map a 1 rw\nfork p\nat x\nend\nat y\nwait p exit 0\nat z")
    assert not both.sequential and quiet(both) == {"x": False, "y": False, "z": True}
    told = predict("map a 1 rw\nfork p\nawait e\nat x\nend\nat y\ntell e\nwait p exit 0\nat z")
    assert told.sequential and quiet(told) == {"x": True, "y": True, "z": True}


def test_an_orphan_is_waited_for_by_nobody() -> None:
    prediction = predict("fork p\nfork q\nawait e\nat x\ntell f\nend\nend\nwait p exit 0\ntell e\nawait f\nat y")
    assert {number: end.how for number, end in prediction.ends.items()} == {1: "exit", 2: "exit"}
    assert quiet(prediction) == {"x": True, "y": False}  # its exit and `y` are not ordered


# ---- words for a report

def test_wrong_bytes_are_named() -> None:
    prediction = predict("map a 3 rw\nfill a 0 3 17\nfork p\nfill a 0 1 99\nread a 1 0 4096 from 4096\npoke a 2 8 1\nat x\nend\nwait p exit 0\nat y")
    view = prediction.views[2].regions["a"]
    child = prediction.views[1].regions["a"].pages
    assert model.name(prediction, child[0].bytes()) == "page 0 of seed 99"
    assert model.name(prediction, child[1].bytes()) == "page 1 of /data"
    assert model.name(prediction, view.pages[1].bytes()) == "page 1 of seed 17"
    assert model.name(prediction, child[2].bytes()) == "page 2 of seed 17 but for 1 byte"
    assert model.name(prediction, bytes(PAGE)) == "zeroes"
    assert model.name(prediction, b"\x5a" * PAGE) == "bytes that this script has nowhere"


def test_what_a_check_looks_for_is_named_without_a_checkpoint() -> None:
    prediction = predict("map a 900 rw\nfill a 0 900 17\npoke a 500 8 1\ncheck a 490 40")
    pieces = next(iter(prediction.checks.values()))
    for page, named in ((491, "page 491 of seed 17"), (500, "page 500 of seed 17 but for 1 byte")):
        wanted = model.part(pieces, page * PAGE)
        assert sum(piece.size for piece in wanted) == PAGE
        assert model.name(prediction, model.render(wanted), wanted) == named


def test_what_is_run_begins_with_a_return() -> None:
    code = "map a 1 rw\npoke a 0 0 130\npoke a 0 1 128\n"
    predict(code + "protect a 0 1 rx\nrun a 0\n")
    with pytest.raises(ScriptError, match="cannot be executed"):
        predict(code + "run a 0\n")
    with pytest.raises(ScriptError, match="a return"):
        predict("map a 1 rwx\nrun a 0\n")
