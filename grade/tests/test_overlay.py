"""What is taken from a submission, and what is left out."""

import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from pagoda import overlay

COURSE = """\
#include "vm/x.h"
//@lab cow  first: do this
static int first(void)
{
	return 0;
}
//@end
int between;
//@lab map  not ours
int other(void) { return 0; }
//@end
//@lab cow  second: do that
int second(void) { return 0; }
//@end
int after;
"""
FILE = "kernel/vm/x.c"


def trees(tmp_path: Path, theirs: str) -> "tuple[Path, Path]":
    base, submission = tmp_path / "base", tmp_path / "theirs"
    for root, text in ((base, COURSE), (submission, theirs)):
        (root / "kernel/vm").mkdir(parents=True)
        (root / FILE).write_text(text)
        (root / "kernel/vm/x.h").write_text("int second(void);\n")
        (root / "Makefile").write_text("all:\n")
    return base, submission


def fair(tmp_path: Path, theirs: str) -> overlay.Overlay:
    base, submission = trees(tmp_path, theirs)
    return overlay.fair(base, submission, "cow", {FILE: ("first", "second")})


def test_only_the_fills_are_taken(tmp_path: Path) -> None:
    theirs = COURSE.replace("return 0;\n}\n//@end", "return helper();\n}\n//@end").replace(
        "static int first", "static int helper(void) { return 7; }\nstatic int first").replace(
        "int between;", "int between = 5;").replace("int other(void) { return 0; }", "int other(void) { return 9; }")
    made = fair(tmp_path, theirs)
    assert made.problems == ()
    assert "helper(void) { return 7; }\nstatic int first(void)\n{\n\treturn helper();" in made.files[FILE]
    assert "int between;" in made.files[FILE] and "return 9" not in made.files[FILE]
    assert made.files[FILE].startswith(COURSE.split("static")[0]) and made.files[FILE].endswith(COURSE[COURSE.index("int after"):])


def test_an_unchanged_submission_is_the_base(tmp_path: Path) -> None:
    assert fair(tmp_path, COURSE).files == {FILE: COURSE}


def test_holes_are_found_by_their_function(tmp_path: Path) -> None:
    first, second = COURSE.split("int between;")[0], COURSE[COURSE.index("//@lab cow  second"):]
    swapped = second.replace("do that", "my own words") + first
    made = fair(tmp_path, swapped.replace("return 0;", "return 3;"))
    assert made.problems == () and made.files[FILE].count("return 3;") == 2
    assert made.files[FILE].index("first(void)") < made.files[FILE].index("second(void)")


def test_lines_from_windows_are_lines(tmp_path: Path) -> None:
    base, submission = trees(tmp_path, COURSE)
    (submission / FILE).write_bytes(b"\xef\xbb\xbf" + COURSE.replace("\n", "\r\n").encode())
    assert overlay.fair(base, submission, "cow", {FILE: ("first", "second")}).files == {FILE: COURSE}


@pytest.mark.parametrize("theirs, said", [
    (COURSE.replace("//@lab cow  second: do that\n", ""), "the hole for second is not there"),
    (COURSE.replace("//@end\nint between;", "int between;"), "//@end is missing"),
    (COURSE[:COURSE.rindex("//@end")], "no //@end"),
    (COURSE.replace("int second(void) { return 0; }", "int second(void) { return 0; }\n#include \"x\""), "preprocessor"),
    (COURSE.replace("int second(void)", "int third(void)"), "no function second"),
    (COURSE + "//@lab cow  one more\nint third(void) { return 0; }\n//@end\n", "does not have"),
    (COURSE + "//@lab cow  one more\nint second(void) { return 0; }\n//@end\n", "two holes"),
    ("", "not there"),
])
def test_what_is_wrong_is_named(tmp_path: Path, theirs: str, said: str) -> None:
    made = fair(tmp_path, theirs)
    assert said in "; ".join(map(str, made.problems))
    assert made.files == {}


def test_links_and_large_files_are_not_read(tmp_path: Path) -> None:
    base, submission = trees(tmp_path, COURSE)
    (tmp_path / "secret").write_text(COURSE)
    (submission / FILE).unlink()
    (submission / FILE).symlink_to(tmp_path / "secret")
    assert "link" in str(overlay.fair(base, submission, "cow", {FILE: ("first", "second")}).problems)
    (submission / FILE).unlink()
    os.rename(submission / "kernel", submission / "real")
    (submission / "kernel").symlink_to("real")
    (submission / "real/vm/x.c").write_text(COURSE)
    assert "link" in str(overlay.fair(base, submission, "cow", {FILE: ("first", "second")}).problems)
    (submission / "big").write_bytes(b"x" * (overlay.FILE_MAX + 1))
    with pytest.raises(overlay.Unreadable, match="larger"):
        overlay.safe_bytes(submission, "big")
    os.mkfifo(submission / "pipe")
    with pytest.raises(overlay.Unreadable, match="plain"):
        overlay.safe_bytes(submission, "pipe")
    (submission / "bytes").write_bytes("text".encode("utf-16"))
    with pytest.raises(overlay.Unreadable, match="UTF-8"):
        overlay.safe_text(submission, "bytes")


def test_ignored_files_are_listed(tmp_path: Path) -> None:
    base, submission = trees(tmp_path, COURSE)
    (submission / "Makefile").write_text("all: cheat\n")
    (submission / "kernel/vm/new.c").write_text("int x;\n")
    (submission / "kernel/vm/x.h").write_text("an older version of the course\n")
    (submission / "build").mkdir()
    (submission / "build/kernel.elf").write_text("")
    (submission / "labs").mkdir()
    given = {"Makefile": hashlib.sha256(b"all:\n").hexdigest(), "kernel/vm/gone.c": "0",
             "kernel/vm/x.h": hashlib.sha256(b"an older version of the course\n").hexdigest()}
    (submission / overlay.MANIFEST).write_text(json.dumps({"files": given}))
    assert overlay.ignored(base, submission, {FILE}) == ["Makefile", "kernel/vm/new.c", "kernel/vm/gone.c"]
    assert overlay.changed_files(submission, {FILE}) == ["Makefile", "kernel/vm/gone.c", "kernel/vm/new.c"]


def test_a_manifest_that_lies_names_nothing_more(tmp_path: Path) -> None:
    base, submission = trees(tmp_path, COURSE)
    (submission / "labs").mkdir()
    for text in ("", "[]", '{"files": 3}', "\x00", '{"files": {"a": 1}'):
        (submission / overlay.MANIFEST).write_text(text)
        assert overlay.ignored(base, submission, {FILE}) == []


def test_the_whole_tree_takes_allowed_files_only(tmp_path: Path) -> None:
    base, submission = trees(tmp_path, COURSE.replace("int between;", "int between = 5;"))
    made = overlay.own(base, submission, [FILE])
    assert made.problems == () and "int between = 5;" in made.files[FILE]
    (submission / FILE).write_text(COURSE + '#include "/etc/passwd"\n')
    assert overlay.own(base, submission, [FILE]).problems != ()


def test_lines_outside_of_holes_are_found() -> None:
    theirs = COURSE.replace("int between;", "int between;\nint mine;").replace("return 0;\n}", "return 8;\n}")
    assert overlay.outside(COURSE, theirs, "cow", FILE) == [9]


def test_a_folder_as_deep_as_can_be_and_a_manifest_of_brackets_are_read(tmp_path: Path) -> None:
    base, submission = trees(tmp_path, COURSE)
    here = os.open(submission, os.O_RDONLY)
    for _ in range(1500):  # by descriptors: the whole path is longer than a system call takes
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    (submission / "labs").mkdir()
    (submission / overlay.MANIFEST).write_text("[" * 100000)
    try:
        assert overlay.ignored(base, submission, {FILE}) == []
    finally:
        subprocess.run(["rm", "-rf", str(submission / "d")], check=True)  # pytest itself goes as deep as folders do


def test_bytes_of_another_alphabet_stay_what_they_are(tmp_path: Path) -> None:
    base, submission = trees(tmp_path, COURSE)
    (submission / FILE).write_bytes(COURSE.replace("return 0", "/* f%r */ return 0").encode().replace(b"%", b"\xfc"))
    made = overlay.fair(base, submission, "cow", {FILE: ("first", "second")})
    assert made.problems == () and b"f\xfcr" in made.files[FILE].encode("utf-8", "surrogateescape")
    (submission / FILE).write_bytes(COURSE.encode() + b"\0")
    assert "not text" in str(overlay.fair(base, submission, "cow", {FILE: ("first", "second")}).problems)


def test_a_student_is_told_at_home_what_would_be_refused(tmp_path: Path) -> None:
    _, mine = trees(tmp_path, COURSE)
    (mine / "labs").mkdir()
    (mine / overlay.MANIFEST).write_text(json.dumps({"files": {}, "beside": {FILE: overlay.beside(COURSE)}}))

    def told(text: str) -> str:
        (mine / FILE).write_text(text)
        return "; ".join(overlay.warnings(mine, "cow", {FILE: ("first", "second")}))

    assert told(COURSE.replace("return 0;", "return 3;  ").replace("int between;", "int between;  ").replace("\n", "\r\n")) == ""
    assert "outside of the holes" in told(COURSE.replace("int between", "#define N 3\nint between"))
    assert "preprocessor" in told(COURSE.replace("static int first", "#define N 3\nstatic int first"))
    assert "no //@end" in told(COURSE.replace("//@end\nint after", "int after"))
    assert "first is not there" in told(COURSE.replace("static int first", "static int one"))
