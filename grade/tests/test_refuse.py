"""What a hole may hold, and what not."""

import re
import signal
import subprocess
from pathlib import Path

import pytest

from pagoda import overlay
from pagoda.elf import Elf
from pagoda.refuse import PROBLEMS_MAX, SPELLED, file_problems, fill_problems, functions_of, object_problems

GOOD = """\
/* Helpers come first; "quotes" and # in a comment are no matter. */
static const char *const names[] = { "a#b", "//", "/*", "'" };
static int helper(int a, int (*f)(void));

static int helper(int a, int (*f)(void))
{
	return a + f() + names[0][0] + '"';
}

int
wanted(struct thing *t)  // the one
{
	int numbers[] = { 1, 2, };
	if (t) { return helper(numbers[0], 0); }
	return 0;
}
"""


def why(code: str, function: str = "wanted") -> str:
    return "; ".join(map(str, fill_problems(code, function, "kernel/vm/fault.c", 10)))


def test_functions_are_taken() -> None:
    assert why(GOOD) == ""
    assert functions_of(GOOD) == ["helper", "wanted"]


def test_the_line_is_that_of_the_file() -> None:
    assert why("int wanted(void)\n{\n\tasm(\"nop\");\n}\n").startswith("kernel/vm/fault.c:12: assembler")


@pytest.mark.parametrize("code, said", [
    ("#define X\nint wanted(void) { return 0; }\n", "preprocessor"),
    ("int wanted(void) { return 0; }\n  #include \"secret\"\n", "preprocessor"),
    ("int wanted(void) { return 0; }\n%:define X\n", "preprocessor"),
    ("int wanted(void) { _Pragma(\"weak x\") return 0; }\n", "pragma"),
    ("int wanted(void) { __asm__(\".incbin\"); return 0; }\n", "assembler"),
    ("int wanted(void) { a\\\nsm(\"nop\"); return 0; }\n", "assembler"),
    ("int wanted(void) { a\\  \nsm(\"nop\"); return 0; }\n", "assembler"),
    ("__attribute__((section(\".text.start\"))) int wanted(void) { return 0; }\n", "attribute"),
    ("[[gnu::weak]] int wanted(void) { return 0; }\n", "attribute"),
    ("int wanted(void) { return 0; }\n/* and on\n", "never ends"),
    ("int wanted(void) { return 0; }\nchar c = \"x;\n", "never ends"),
    ("int wanted(void) { return 0; }\n// on \\\n", "backslash"),
    ("int wanted(void) { return 0; } }\nint other(void) {\n", "closes what is not open"),
    ("int wanted(void) { return 0;\n", "never closed"),
    ("int wanted(void) { return 0; }\nint x\n", "at the end"),
    ("static const char *r = (R\"(\" )\"); __asm__(\"nop\"); static const char *q = (\"\" R\"(\")\");\nint wanted(void) { return 0; }\n", "raw"),
    ("int wanted(void) { return csr_read(sscratch; .incbin \"/secret\"); }\n", "first argument of csr_read"),
    ("int wanted(void) { TRACE(K1: .incbin \"/secret\", 0, 0); return 0; }\n", "first argument of TRACE"),
    ("int other(void) { return 0; }\n", "no function wanted"),
    ("int wanted(void) { return 0; }\nint wanted(void) { return 1; }\n", "more than once"),
    ("int wanted(void);\n", "no function wanted"),
    ("", "no function wanted"),
    ("int wanted(void) { return 0; }\r\x1b[2J\n", "control character"),
    ("int wanted(void) { return 0; }\n" + "/* */\n" * 20000, "KiB"),
])
def test_what_reaches_out_is_refused(code: str, said: str) -> None:
    assert said in why(code)


def test_whole_files_include_headers_of_the_course_only() -> None:
    headers = {"vm/fault.h"}
    assert file_problems('#include "vm/fault.h"  // ours\n#define A \\\n\t1\n', "f.c", headers) == []
    for line in ('#include "/etc/passwd"', '#include "../../x"', "#include <stdio.h>", "#include NAME", '# include "vm/other.h"',
                 '#inc\\\nlude "/etc/passwd"', '/* */ #include "x"', '%:include "x"', '??'):
        expected = 0 if line == "??" else 1
        assert len(file_problems(line + "\n", "f.c", headers)) == expected, line
    assert file_problems('#if __has_include("/x")\n#endif\nasm(".incbin");\n', "f.c", headers) != []


def compiled(folder: Path, name: str, code: str) -> Elf:
    source = folder / f"{name}.c"
    source.write_text(code)
    subprocess.run(["cc", "-c", "-fno-common", "-o", str(folder / f"{name}.o"), str(source)], check=True)
    return Elf(folder / f"{name}.o")


def test_objects_define_what_the_course_defines(tmp_path: Path) -> None:
    course = compiled(tmp_path, "course", "int wanted(void) { return 0; }\n")
    fine = compiled(tmp_path, "fine", "static int h(void) { return 1; }\nint wanted(void) { return h(); }\n")
    assert object_problems(fine, course, "f.c") == []
    more = compiled(tmp_path, "more", "int audit(void) { return 0; }\nint wanted(void) { return 0; }\n")
    assert "`audit`" in str(object_problems(more, course, "f.c")[0])
    section = compiled(tmp_path, "section", '__attribute__((section(".symbols"))) int wanted(void) { return 0; }\n')
    assert ".symbols" in str(object_problems(section, course, "f.c")[0])
    first = compiled(tmp_path, "first", '__attribute__((section(".text.start"))) int wanted(void) { return 0; }\n')
    assert ".text.start" in str(object_problems(first, course, "f.c")[0])
    early = compiled(tmp_path, "early", "__attribute__((constructor)) static void f(void) { }\nint wanted(void) { return 0; }\n")
    assert ".init_array" in str(object_problems(early, course, "f.c")[0])


@pytest.mark.parametrize("code", [
    "#import \"/secret\"\n", "#embed \"/secret\"\n", "#pragma GCC dependency \"/secret\"\n", "#define A(a, b) a##b\n", "#define T(x) #x\n",
    "#define C csr_read\n", "#define C(x) csr_read(x)\n", "#define K1 x: .incbin\nvoid f(void) { TRACE(K1, 0, 0); }\n", "int x = csr_read(a; b);\n",
    "#define S \".x\"\n__attribute__((section(S))) int x;\n", "[[gnu::section(\".x\")]] int x;\n", "const char *x = R\"(\")\";\n",
    "#\rinclude \"/secret\"\n"])
def test_whole_files_reach_no_assembler_and_no_file(code: str) -> None:
    assert file_problems(code, "f.c", set()) != []


def test_whole_files_may_hold_what_the_course_wrote() -> None:
    code = "#define RULE(e) ((e) ? 1 : kprintf(#e))\n#define N 1\nvoid f(void) { TRACE(K1, 0, 0); }\n__attribute__((unused)) static int x;\n"
    assert file_problems(code, "f.c", set(), code) == []
    assert "makes words" in str(file_problems(code, "f.c", set()))


def test_the_macros_that_reach_the_assembler_are_known() -> None:
    """Any other header macro that spells its arguments in assembler would have to be added to SPELLED."""
    for path in Path("kernel").rglob("*.h"):
        for name, body in re.findall(r"^#[ \t]*define[ \t]+(\w+)\(((?:[^\n\\]|\\\n|\\.)*)", path.read_text(), re.MULTILINE):
            if re.search(r"\basm\b|__asm", body) and re.search(r"(?<!#)#[ \t]*\w", body) or re.search(r"\b(TRACE|csr_\w+)\(", body):
                assert SPELLED.fullmatch(name), f"{path}: {name}"


@pytest.mark.parametrize("text", ["/* ", '\\"', "() {} ", "__attribute__ ( ", "(", "{}", "[[", "#define a #\n", "//@lab cow\n"])
def test_no_text_takes_longer_than_its_length(text: str) -> None:
    """Looked for from each of its places, an end that never comes would take minutes of this process's own time; right is a second."""

    def late(*_: object) -> None:
        raise AssertionError("takes far longer than its length")

    long = text * (300_000 // len(text))
    before = signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, 15)
    try:
        assert file_problems(long, "x.c", set()) or text in ("{}", "() {} ", "(", "//@lab cow\n")
        broken = overlay.regions(f"//@lab cow  it\n{long}\n//@end\n", "cow", "x.c")
        assert overlay.fills_for("x.c", ("it", "other"), [overlay.Region("cow", "it", 0, ())] * 2, *broken)[1]
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def test_of_very_many_problems_the_first_are_told(tmp_path: Path) -> None:
    for name in ("base", "theirs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.c").write_text("//@lab cow  it\nint it(void) { return 0; }\n//@end\n")
    (tmp_path / "theirs" / "x.c").write_text("//@lab cow  it\n" * 1000)
    problems = overlay.fair(tmp_path / "base", tmp_path / "theirs", "cow", {"x.c": ("it",)}).problems
    assert len(problems) == PROBLEMS_MAX + 1 and str(problems[-1]) == "and: 950 more"
