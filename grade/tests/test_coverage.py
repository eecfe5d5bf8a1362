"""Coverage: counters out of a guest's memory, branches against the list, and a check that fails when it should."""

import struct
import subprocess
from pathlib import Path
from typing import Dict, List

import pytest
from pagoda import coverage, gcov, run
from pagoda.coverage import NEVER, Judged, Way
from pagoda.discover import Test as Found
from pagoda.elf import Elf
from pagoda.gcov import File, GcovError, Line
from pagoda.ram import RAM_BASE, RamFile
from pagoda.tree import Tree

ROOT = Path(__file__).resolve().parents[2]
NAME = "kernel/vm/tiny.c"
SOURCE = """\
int tiny(int a, int b)
{
	KASSERT(a > 0 &&
		b > 0);
	if (a && b)
		return 1;
	return 0;
}
int unused(void)
{
	return tiny(1, 1) ? 2 : 3;
}
""".splitlines()
IF = "if (a && b)"
NEVER_CALLED = "in: unused\nways: never called\nwhy: of another day\n"
ENTRY = "in: tiny\nline: if (a && b)\nways: 1 over, 2 over\nwhy: nobody\n  ever does\n\n" + NEVER_CALLED


def counted(*ways: int) -> File:
    """tiny.c, with what line 5 counted; the assertion's second condition never failed."""
    return File({"tiny": (1, 9), "unused": (9, 0)}, {
        (1, "tiny"): Line(9, ()), (3, "tiny"): Line(9, (9, 0)), (4, "tiny"): Line(9, (9, 0)), (5, "tiny"): Line(9, ways),
        (6, "tiny"): Line(ways[2], ()), (7, "tiny"): Line(ways[1] + ways[3], ()),
        (9, "unused"): Line(0, ()), (11, "unused"): Line(0, (0, 0))})


def judged(listed: str, *ways: int) -> Judged:
    return coverage.judge(NAME, counted(*ways), SOURCE, coverage.read_list(listed, "list"))


def test_what_no_test_took_is_to_be_listed() -> None:
    one = judged("", 9, 0, 9, 0)
    assert one.open == [Way("unused", "", 1, NEVER), Way("tiny", IF, 1, "1 over"), Way("tiny", IF, 1, "2 over")]
    assert one.lines == (3, 6) and one.ways == (2, 6)
    assert not coverage.results_of([one])[0].passed
    assert "kernel/vm/tiny.c:5: tiny: 1 over of `if (a && b)`: neither taken nor listed" in one.wrong()
    good = judged(ENTRY, 9, 0, 9, 0)
    assert good.wrong() == [] and coverage.results_of([good])[0].passed
    assert good.listed[Way("tiny", IF, 1, "2 over")] == coverage.Reason("nobody ever does")


def test_a_listed_way_that_is_taken_is_an_error() -> None:
    one = judged(ENTRY, 8, 1, 8, 0)
    assert one.wrong() == ["grade/unreached/tiny.c.txt: tiny: 1 over of `if (a && b)`: it is taken"]
    assert not coverage.results_of([one])[0].passed


def test_a_race_may_be_taken_but_must_be_there() -> None:
    chance = ENTRY.replace("why: nobody", "chance: nobody")
    assert judged(chance, 8, 1, 8, 0).wrong() == [] == judged(chance, 9, 0, 9, 0).wrong()
    assert len(judged(chance.replace("a && b", "a || b"), 8, 1, 7, 1).wrong()) == 2


def test_a_listed_way_that_is_not_there_is_an_error() -> None:
    one = judged(ENTRY.replace("a && b", "a || b") + "\n" + ENTRY.replace(NEVER_CALLED, ""), 9, 0, 9, 0)
    assert [line for line in one.wrong() if line.endswith("there is no such way")] == [
        "grade/unreached/tiny.c.txt: tiny: 1 over of `if (a || b)`: there is no such way",
        "grade/unreached/tiny.c.txt: tiny: 2 over of `if (a || b)`: there is no such way"]


def test_a_condition_that_was_never_evaluated_needs_no_entry() -> None:
    one = judged(NEVER_CALLED, 0, 9, 0, 0)
    assert one.open == [Way("tiny", IF, 1, "1 on")]


def test_lines_of_the_same_text_are_counted() -> None:
    source = ["int f(int a)", "{", "\tif (a)", "\t\ta++;", "\tif (a)", "\t\ta++;", "\treturn a;", "}"]
    file = File({"f": (1, 1)}, {(3, "f"): Line(1, (1, 1)), (5, "f"): Line(1, (1, 0))})
    one = coverage.judge(NAME, file, source, coverage.read_list("in: f\nline: if (a)\nnth: 2\nways: 1 over\nwhy: so\n", "list"))
    assert one.wrong() == []


def test_targets_of_a_switch_have_numbers() -> None:
    assert coverage.way_names("switch (a) {", 2) == ["target 1", "target 2"]
    assert coverage.way_names("while (a || b)", 4) == ["1 on", "1 over", "2 on", "2 over"]


@pytest.mark.parametrize("text, says", [
    ("in: f\nline: x\nways: 1 on\n", "an entry has"), ("in: f\nline: x\nways: 1 on\nwhy: y\nchance: z\n", "an entry has"), ("in: f\nways: 1 on\nwhy: y\n", "an entry has"),
    ("in: f\nline: x\nways: never called\nwhy: y\n", "an entry has"), ("at: f\n", "expected one of"), ("in: f\nin: g\n", "twice"),
    ("in: f\nline: x\nnth: 0\nways: 1 on\nwhy: y\n", "nth"), (ENTRY + "\n" + ENTRY, "listed twice"), ("why:\n", "expected one of"),
])
def test_a_list_that_is_written_wrongly(text: str, says: str) -> None:
    with pytest.raises(GcovError, match=says):
        coverage.read_list(text, "list")


def test_assertions_are_left_out_to_their_last_line() -> None:
    assert coverage.assertions(SOURCE, NAME) == {3, 4}
    assert coverage.assertions(['good &= RULE(a, x > ")(" [0]);', "f(1);", "// KASSERT(x)", "#define KASSERT(e) (e)"], NAME) == {1}
    with pytest.raises(GcovError, match="starts a line"):
        coverage.assertions(["if (x) KASSERT(y);"], NAME)


def test_builds_add_up_and_must_agree() -> None:
    one = {NAME: counted(1, 2, 3, 4), "kernel/kern/x.h": File()}
    total = gcov.merge([one, {NAME: counted(1, 0, 0, 1)}], "kernel/vm/")
    assert list(total) == [NAME] and total[NAME].lines[5, "tiny"] == Line(18, (2, 2, 3, 5)) and total[NAME].functions["tiny"] == (1, 18)
    with pytest.raises(GcovError, match="4 branches in one build, 2 in another"):
        gcov.merge([one, {NAME: File({}, {(5, "tiny"): Line(1, (1, 0))})}], "kernel/vm/")


def test_a_list_belongs_to_a_file(tmp_path: Path) -> None:
    (tmp_path / "kernel/vm").mkdir(parents=True)
    (tmp_path / NAME).write_text("\n".join(SOURCE))
    lists = tmp_path / "grade/unreached"
    lists.mkdir(parents=True)
    (lists / "tiny.c.txt").write_text(ENTRY)
    files = {NAME: counted(9, 0, 9, 0)}
    assert [one.wrong() for one in coverage.judge_all(tmp_path, files)] == [[]]
    coverage.write_reports(tmp_path, coverage.judge_all(tmp_path, files), files)
    assert "if (a && b)" in (tmp_path / "build/coverage/tiny.c.txt").read_text()
    (lists / "gone.c.txt").write_text(ENTRY)
    with pytest.raises(GcovError, match="gone.c.txt"):
        coverage.judge_all(tmp_path, files)


def test_a_guest_runs_the_coverage_kernel() -> None:
    tree = Tree(ROOT, coverage=True)
    test = Found("user", "cow", "one", (), "", "")
    assert tree.kernel == ROOT / "build/debug-coverage/kernel.elf"
    assert f"limit={run.COVERAGE_FACTOR * run.size(test.options.limit)}" in run.guest_for(tree, test, 1, 1, "test=cow.one", run.Choice()).arguments
    assert run.host_program(tree, Found("host", "cow", "one", (), "", "")) == "build/host/coverage/t_cow"


# ---- counters of a guest

TINY = """
int tiny(int a, int b) { if (a && b) return 1; return 0; }
void _start(void) { tiny(1, 1); }
"""
SCRIPT = """
KERNEL_BASE = 0x80000000; KERNEL_PHYS = 0x80000000;
SECTIONS { . = 0x80000000; .text : { *(.text*) } .data : { *(.data* .sdata*) coverage_start = .; KEEP(*(.gcov_info)) coverage_end = .; } .bss : { *(.bss* .sbss*) } }
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that counts as the kernel does, and the memory in which it lies; it has not run."""
    folder = tmp_path_factory.mktemp("tiny")
    shown = subprocess.run(["make", "-s", "-pn", "help"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False).stdout
    cross = next(line.split(":=")[1].strip() for line in shown.splitlines() if line.startswith("CROSS :="))
    (folder / "cross").write_text(cross)
    source = folder / "kernel/vm/tiny.c"
    source.parent.mkdir(parents=True)
    source.write_text(TINY)
    (folder / "tiny.ld").write_text(SCRIPT)
    flags = ["-O0", "--param", "logical-op-non-short-circuit=0", "-fprofile-arcs", "-ftest-coverage", "-fprofile-update=atomic", "-fprofile-info-section",
             "-ffreestanding", "-fno-pic", "-march=rv64imac", "-mabi=lp64", "-mcmodel=medany"]
    subprocess.run([cross + "gcc", *flags, "-c", NAME, "-o", "kernel/vm/tiny.o"], cwd=folder, check=True)
    subprocess.run([cross + "gcc", *flags[-3:], "-nostdlib", "-static", "-no-pie", "-Wl,-T,tiny.ld", "-Wl,--defsym=__gcov_merge_add=0",
                    "kernel/vm/tiny.o", "-o", "tiny.elf"], cwd=folder, check=True)
    memory = bytearray(1 << 20)
    for segment in Elf(folder / "tiny.elf").segments:
        memory[segment.va - RAM_BASE:segment.va - RAM_BASE + len(segment.data)] = segment.data
    (folder / "ram").write_bytes(memory)
    return folder


def count(folder: Path, values: List[int]) -> Dict[str, gcov.Counted]:
    """What is read when the counters of tiny() stand so."""
    kernel, ram = Elf(folder / "tiny.elf"), RamFile(folder / "ram")
    try:
        ram.write(kernel.symbol("__gcov0.tiny"), struct.pack(f"<{len(values)}Q", *values))
        return gcov.read_counters(ram, kernel)
    finally:
        ram.close()


def test_counters_become_branches(image: Path) -> None:
    both, first = count(image, [5, 2, 3]), count(image, [0, 0, 0])
    assert list(both) == ["kernel/vm/tiny"]
    tiny = next(one for one in both["kernel/vm/tiny"].functions if one.counters == [5, 2, 3])
    both["kernel/vm/tiny"].add(first["kernel/vm/tiny"])
    assert tiny.counters == [5, 2, 3]
    collector = gcov.Collector(image, both)
    collector.write(image)
    files = gcov.merge(gcov.gcov((image / "cross").read_text() + "gcov", image, [image / "kernel/vm/tiny.gcda"]), "kernel/vm/")
    line = files[NAME].lines[2, "tiny"]
    assert files[NAME].functions["_start"][1] == 0 and files[NAME].functions["tiny"][1] > 0
    assert len(line.branches) == 4 and sum(line.branches[:2]) >= sum(line.branches[2:]) > 0


def test_another_version_of_gcc_is_named(image: Path) -> None:
    kernel, ram = Elf(image / "tiny.elf"), RamFile(image / "ram")
    try:
        info = struct.unpack("<Q", ram.read(kernel.symbol("coverage_start"), 8))[0]
        ram.write(info, struct.pack("<I", (ord("B") << 24) + (ord("9") << 16)))
        with pytest.raises(GcovError, match="gcc 19"):
            gcov.read_counters(ram, kernel)
    finally:
        ram.close()
    with pytest.raises(GcovError, match="no-such-gcov"):
        gcov.gcov("no-such-gcov", image, [image / "kernel/vm/tiny.gcda"])
