"""Scripts: what is read, what is refused and on which line, and that a seed decides everything."""

import time

import pytest
from pagoda import image, model, random_script
from pagoda.pattern import Draw
from pagoda.script import LINES_MAX, Concrete, ScriptError, expand, parse

HEAD = "title: T\n---\n"


def concrete(body: str, seed: int = 1) -> Concrete:
    return expand(parse(HEAD + body), seed)


def refused(text: str) -> ScriptError:
    """The error of a script, wherever it is found."""
    with pytest.raises(ScriptError) as error:
        image.image_text(model.run(expand(parse(text), 1)))
    return error.value


def test_the_header_and_what_stands_for_what_it_leaves_out() -> None:
    script = parse("# a comment\n\ntitle: A claim: with a colon\npoints: 6 # worth it\nseeds: 3\nharts: 3\nneeds: fork\nlimit: 7\nmem: 8M\n---\nat x\n")
    assert (script.title, script.points, script.seeds, script.harts) == ("A claim: with a colon", 6, 3, 3)
    assert (script.needs, script.limit, script.mem) == ("fork", 7, "8M")
    script = parse(HEAD)
    assert (script.points, script.seeds, script.harts, script.needs, script.limit, script.mem) == (0, 1, 1, "", 20, "")


@pytest.mark.parametrize("text, line, why", [
    ("title: T\n", 2, "no line `---`"),
    ("---\n", 1, "no title"),
    ("title: T\ntitle: U\n---\n", 2, "twice"),
    ("title: T\ncolour: red\n---\n", 2, "NAME: VALUE"),
    ("title: T\npoints: many\n---\n", 2, "points"),
    ("title: T\npoints: -1\n---\n", 2, "points"),
    ("title: T\nharts: 9\n---\n", 2, "harts"),
    ("title: T\nseeds: 0\n---\n", 2, "seeds"),
    ("title: T\nmem: 8 GB\n---\n", 2, "mem"),
    ("title: T\nneeds: ../x\n---\n", 2, "needs"),
    ("title:\n---\n", 1, "missing"),
    ("title: \x1b[31m\n---\n", 1, "printed"),
])
def test_headers_that_are_refused(text: str, line: int, why: str) -> None:
    error = refused(text)
    assert error.line == line and why in str(error)


@pytest.mark.parametrize("body, line, why", [
    ("explode a 1", 3, "no operation is called 'explode'"),
    ("map a", 3, "written as: map REGION PAGES RIGHTS"),
    ("map a 3 rw private", 3, "written as"),
    ("map a 3 wo", 3, "none of none, r, rw"),
    ("map a 0 rw", 3, "PAGES"),
    ("map a 99999999999999999999999 rw", 3, "PAGES"),
    ("map a 4097 rw", 3, "PAGES"),
    ("map a -3 rw", 3, "PAGES"),
    ("map a 1e3 rw", 3, "PAGES"),
    ("map a \u0663 rw", 3, "ASCII"),
    ("map 3 3 rw", 3, "no name"),
    ("map a/b 3 rw", 3, "no name"),
    ("map " + "a" * 32 + " 3 rw", 3, "no name"),
    ("map a 3 rw\nmap a 3 rw", 4, "there is a region"),
    ("fill a 0 1 1", 3, "no region is called 'a'"),
    ("map a 3 rw\nfill a 0 4 1", 4, "has 3 pages"),
    ("map a 3 rw\nfill a zero 1 1", 4, "FROM"),
    ("map a 3 rw\nfill a 3 1 1", 4, "has 3 pages"),
    ("map a 3 rw\nfill a 0 0 1", 4, "COUNT"),
    ("map a 3 rw\nwrite a 2 4000 97 1", 4, "has 3 pages"),
    ("map a 3 rw\nwrite a 0 4096 1 1", 4, "OFFSET"),
    ("map a 3 rw\npoke a 0 0 256", 4, "VALUE"),
    ("map a 3 rw\nread a 0 0 100 from 65500", 4, "/data"),
    ("map a 3 r\nfill a 1 1 1", 4, "has not the right"),
    ("map a 3 none\ntouch a 1 1", 4, "has not the right"),
    ("map a 3 rw\nunmap a 1 1\ncheck a 0 3", 5, "page 1 is not mapped"),
    ("map a 3 rw\nunmap a\ncheck a 0 3", 5, "has no region a"),
    ("map a 3 rw\nunmap a 1 1\nunmap a", 5, "a part of it"),
    ("heap a 3\nunmap a", 4, "only what `map` made"),
    ("stack a 3\nprotect a 0 1 r", 4, "the stack keeps"),
    ("stack a 257", 3, "pages of stack"),
    ("image a data\nimage b data", 4, "has a name already"),
    ("map a 3 rw\nfill a 0 3 7\ncheck a 0 3 8", 5, "holds something else"),
    ("map a 3 rw\nrefuse a 0 0 5", 4, "can be written"),
    ("map a 3 rw\nfork p\nfault a 0 write\nend\nwait p signal 11", 5, "allows it"),
    ("map a 3 rw\nunmap a 0 1\nmap b 1 rw\nfork p\nfault a 0 read\nend\nwait p signal 11", 7, "something else may lie there"),
    ("map a 3 r\nfork p\nfault a 0 write signal 7\nend\nwait p signal 7", 5, "signal 11"),
    ("map a 3 r\nfault a 0 write", 4, "main is the first process"),
    ("exit 0", 3, "main is the first process"),
    ("end", 3, "`end` without"),
    ("yield\nend", 4, "`end` without"),
    ("fork p\nexit 0", 3, "has no `end`"),
    ("fork p\nend now", 4, "takes no argument"),
    ("fork\nend", 3, "written as: fork NAME"),
    ("fork main\nend\nwait main exit 0", 3, "taken"),
    ("fork p\nend\nfork p\nend", 5, "taken"),
    ("fork p\nexit 0\nyield\nend\nwait p exit 0", 5, "has ended"),
    ("fork p\nend", 4, "without having waited for p"),
    ("fork p\nexit 3\nend\nwait p exit 4", 6, "ends on line 4 with exit 3"),
    ("fork p\nexit 3\nend\nwait p signal 3", 6, "ends on line 4 with exit 3"),
    ("fork p\nexit 3\nend\nwait p died 3", 6, "none of exit, signal"),
    ("fork p\nend\nwait q exit 0", 5, "no process before"),
    ("fork p\nend\nwait p exit 0\nwait p exit 0", 6, "no child"),
    ("fork p\nfork q\nend\nwait q exit 0\nend\nwait q exit 0\nwait p exit 0", 8, "no child"),
    ("fork p\nwait p exit 0\nend\nwait p exit 0", 4, "no child"),
    ("await e", 3, "waits here for ever"),
    ("fork p\nawait e\nend\nwait p exit 0\ntell e", 4, "waits here for ever"),
    ("tell e\ntell e", 4, "told already"),
    ("at x\nat x", 4, "taken"),
    ("at ready", 3, "taken"),
    ("at x y", 3, "written as"),
    ("? free x -- w", 3, "stands behind an `at`"),
    ("map a 1 rw\n? free x -- w", 4, "stands behind an `at`"),
    ("at x\n? free ready", 4, "ends with `--`"),
    ("at x\n? free ready --", 4, "ends with `--`"),
    ("at x\n? lost a 0 1 -- w", 4, "no claim is called 'lost'"),
    ("at x\n? free y -- w\nat y", 4, "no checkpoint before this line"),
    ("at x\n? same a 0 1 as x -- w", 4, "no region"),
    ("map a 1 rw\nat x\n? same a 0 1 as x -- w", 5, "with itself"),
    ("map a 1 rw\nat x\nat y\n? present a 0 2 -- w", 6, "may be absent"),
    ("map a 1 rw\nfill a 0 1 1\nat x\nat y\n? same a 0 2 as x -- w", 7, "no page 1"),
    ("let n = 9..2", 3, "nothing lies between"),
    ("let n", 3, "written as: let"),
    ("let 3 = 4", 3, "written as: let"),
    ("let n = m+1", 3, "nothing before this line says what m is"),
    ("let n = 1/0", 3, "division by zero"),
    ("let n = 1%(2-2)", 3, "division by zero"),
    ("let n = (1", 3, "not closed"),
    ("let n = 1 2", 3, "not expected"),
    ("let n = ", 3, "ends too early"),
    ("let n = " + "9" * 60, 3, "too large"),
    ("let n = 999999999999*999999999999", 3, "too large"),
    ("let n = __import__", 3, "no part of an expression"),
    ("map a $n rw", 3, "says what n is"),
    ("map a $ rw", 3, "`$` stands before"),
    ("map a $(1 rw", 3, "not closed"),
    ("repeat\nend", 3, "written as: repeat"),
    ("repeat 5000\nyield\nend", 3, "COUNT"),
    ("at caf\u00e9", 3, "ASCII"),
    ("at x\x00y", 3, "ASCII"),
])
def test_bodies_that_are_refused(body: str, line: int, why: str) -> None:
    error = refused(HEAD + body)
    assert why in str(error)
    assert str(error).startswith(f"line {line}: ")


@pytest.mark.parametrize("body, why", [
    ("map a 3 rw\nat x\nat y\n? apart a 0 1 from x -- w", "has not accessed it"),
    ("map a 3 rw\nfill a 0 3 1\nat x\nat y\n? apart a 0 1 from x -- w", "the same frame"),
    ("map a 3 rw\nfill a 0 3 1\nat x\nfork p\nfill a 0 1 2\nat y\n? same a 0 1 as x -- w\nend\nwait p exit 0", "another frame"),
    ("map a 3 rw\nfill a 0 3 1\nat x\n? readonly a 0 1 -- w", "no other owner"),
    ("map a 3 r\ntouch a 0 3\nat x\n? writable a 0 1 -- w", "rights forbid it"),
    ("map a 3 rw\nfill a 0 3 1\nat x\n? absent a 0 1 -- w", "was accessed"),
    ("map a 3 rw\nat x\n? present a 0 1 -- w", "has not accessed it"),
    ("at x\nmap a 3 rw\nfill a 0 3 1\nat y\n? free x -- w", "0 frames there, 3 here"),
    ("map a 3 rw\nat x\nfill a 0 3 1\nat y\n? spent x <= 2 -- w", "0 frames there, 3 here"),
    ("fork p\nat x\nend\nat y\n? free x -- w\nwait p exit 0", "does not always come before"),
    ("map a 1 rw\nfork p\nfill a 0 1 1\nat x\nend\nwait p exit 0\nfill a 0 1 2\nat y\n? apart a 0 1 from x -- w", "by chance"),
])
def test_claims_that_a_right_kernel_would_break_are_refused(body: str, why: str) -> None:
    assert why in str(refused(HEAD + body))


def test_with_several_harts_only_the_last_checkpoint_has_claims() -> None:
    head = "title: T\nharts: 3\n---\nmap a 1 rw\nfill a 0 1 1\nat x\n"
    assert "only the last checkpoint" in str(refused(head + "? present a 0 1 -- w\nat y"))
    assert "only the last checkpoint" in str(refused(head + "at y\n? same a 0 1 as x -- w"))
    model.run(expand(parse(head + "at y\n? present a 0 1 -- w\n? spent ready <= 9 -- w"), 1))


def test_races_for_shared_memory_are_refused_and_ordered_ones_are_not() -> None:
    race = "map a 2 rw shared\nfork p\nfill a 0 1 1\nend\n{}\nwait p exit 0\ncheck a 0 2"
    assert "at the same time, on line 5" in str(refused(HEAD + race.format("fill a 0 1 2")))
    assert "at the same time" in str(refused(HEAD + race.format("touch a 0 1")))
    model.run(concrete(race.format("fill a 1 1 2")))
    told = "map a 2 rw shared\nfork p\nawait go\nfill a 0 1 1\nend\nfill a 0 1 2\ntell go\nwait p exit 0\ncheck a 0 1 1"
    model.run(concrete(told))


def test_numbers_are_drawn_by_the_seed_alone() -> None:
    text = HEAD + "let n = 2..9\nlet m = $(2*n)..$(2*n+3)\nmap a $(m*(1+1)) rw\nfill a 0 $n 0x11\nat x$n\n"
    texts = [image.image_text(model.run(expand(parse(text), seed))) for seed in range(1, 30)]
    assert texts == [image.image_text(model.run(expand(parse(text), seed))) for seed in range(1, 30)]
    assert len(set(texts)) == 29  # the bytes differ even where the numbers do not
    sizes = {expand(parse(text), seed).operations[1].size // 4096 for seed in range(1, 60)}
    assert sizes == set(range(2, 10))


def test_the_probes_lines_stay_what_they_are() -> None:
    """This text and its keys are what other versions of Python must come to as well."""
    text = image.image_text(model.run(concrete("let n = 1..1000000\nlet m = $(n%5+1)\nmap a $m rw\nwrite a 0 9 5 3\npoke a 0 10 255\ncheck a 0 1")))
    assert text == PINNED


PINNED = """\
events 0
5 map 0 4 3 0
6 fill 0 9 5 562743198071382775 9
7 poke 0 10 1 255
8 check 0 0 9 0 0
8 check 0 9 1 562743198071382775 9
8 peek 0 10 1 255
8 check 0 11 3 562743198071382775 11
8 check 0 14 4082 0 0
8 at 1 end
"""


def test_loops_are_unrolled_and_names_in_them_are_told_apart() -> None:
    body = "map a 8 rw\nrepeat i 3\nfork p\nfill a $i 1 5\nat done\nend\nwait p exit 0\nend\nat last\n? cost done last <= 2 ready done -- w\n"
    found = concrete(body)
    assert [checkpoint.label for checkpoint in found.checkpoints] == ["done", "done.2", "done.3", "last"]
    assert found.processes == ("main", "p", "p.2", "p.3")
    assert [operation.offset // 4096 for operation in found.operations if operation.kind == "fill"] == [0, 1, 2]
    assert found.checkpoints[3].claims[0].checkpoints == (3, 4, 0, 3)


def test_mains_last_line_is_a_checkpoint() -> None:
    assert [checkpoint.label for checkpoint in concrete("").checkpoints] == ["end"]
    assert [checkpoint.label for checkpoint in concrete("at x").checkpoints] == ["x"]
    assert [checkpoint.label for checkpoint in concrete("fork p\nat end\nend\nwait p exit 0").checkpoints] == ["end", "end_"]


def test_comments_and_blanks_say_nothing_and_reasons_may_hold_anything() -> None:
    found = concrete("  # nothing\r\n\tmap   a\t3   rw # three\n\nfill a 0 3 1\nat x\n# between\n? present a 0 1 -- page #0 -- is gone")
    assert [operation.kind for operation in found.operations] == ["map", "fill", "at"]
    assert found.checkpoints[0].claims[0].why == "page #0 -- is gone"


@pytest.mark.parametrize("body", [
    "repeat 4000\n" * 15 + "let a = 1\n" + "end\n" * 15,
    "repeat 4000\nrepeat 4000\nyield\nend\nend\n",
    "repeat 63\nfork p\nrepeat 40\nyield\nend\nend\nwait p exit 0\nend\n",
    "fork p\n" * 17 + "end\n" * 17,
    "".join(f"map r{i} 1 rw\n" for i in range(17)),
    "".join(f"tell e{i}\n" for i in range(9)),
    "map a 4096 rw\nmap b 4096 rw\nmap c 1 rw\n",
    "map a 4096 rw\nrepeat 100\nfill a 0 4096 1\nend\n",
    "map a 4096 rw\nrepeat 60\nfork p\nend\nwait p exit 0\nend\n",
    "map a 4096 rw\nrepeat 60\nat x\nend\n",
    "let n = " + "(" * 3000 + "1" + ")" * 3000 + "\n",
    "let n = " + "-" * 150 + "1\nmap a $n rw\n" * 2,
    "map a 1 rw\n" + "write a 0 0 1 1\n" * (LINES_MAX + 1),
    "at x\n" + "? free ready -- w\n" * 3000 + "exit 1\n",
    "$" * 60000,
    "#" * 70000,
])
def test_what_is_huge_is_refused_soon(body: str) -> None:
    begin = time.process_time()
    refused(HEAD + body)
    assert time.process_time() - begin < 5


def test_the_largest_scripts_are_run_soon() -> None:
    begin = time.process_time()
    prediction = model.run(concrete("map a 4000 rw\nfill a 0 4000 1\nrepeat 15\nfork p\npoke a 3 0 1\nend\nwait p exit 0\nend\nat x\n"))
    image.image_text(prediction)
    assert time.process_time() - begin < 5


def test_nonsense_is_refused_and_never_more_than_that() -> None:
    """Valid scripts, spoiled by chance: each is run, or refused with a line that it has."""
    words = ["map", "fork", "end", "at", "?", "--", "$n", "$(", "zero", "-1", "0x", "9" * 30, "a", "repeat", "3", "\x00", "\u00e9", "let", "=", "..", "shared", "same"]
    kept = 0
    for seed in range(250):
        draw = Draw(seed, 77)
        lines = random_script.random_script(seed % 50).split("\n")
        for _ in range(draw.number(1, 4)):
            lines = lines or [""]
            at = draw.number(0, len(lines) - 1)
            parts = lines[at].split(" ")
            what = draw.number(0, 5)
            if what == 0:
                del lines[at]
            elif what == 1:
                lines.insert(at, lines[draw.number(0, len(lines) - 1)])
            elif what == 2 and parts:
                parts[draw.number(0, len(parts) - 1)] = words[draw.number(0, len(words) - 1)]
                lines[at] = " ".join(parts)
            elif what == 3:
                parts.insert(draw.number(0, len(parts)), words[draw.number(0, len(words) - 1)])
                lines[at] = " ".join(parts)
            elif what == 4:
                lines[at] = lines[at][:draw.number(0, len(lines[at]))]
            else:
                lines = lines[:at] or [""]
        try:
            image.image_text(model.run(expand(parse("\n".join(lines)), seed)))
            kept += 1
        except ScriptError as error:
            assert 1 <= error.line <= max(len(lines), 1) and str(error).isascii()
    assert 5 < kept < 240


def test_a_process_can_be_refused_memory() -> None:
    lines = image.image_text(model.run(concrete("map a 1 rw\nstarve chunk 2\nfill a 0 1 3\nstarve chunk 0"))).splitlines()
    assert [line.split()[1:] for line in lines if " starve " in line] == [["starve", "pool.amap_chunk", "2"], ["starve", "pool.amap_chunk", "0"]]
    assert "is none of amap, anon, chunk, radix" in str(refused(HEAD + "starve file 1"))
