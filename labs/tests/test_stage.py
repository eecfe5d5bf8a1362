"""Stages: every rule about marks, and what each kind of tree holds."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import stage  # noqa: E402

LABS = {"map", "cow", "swap"}

HOLE = """int before;
//@lab cow  give the writer its copy
//| int promote(int a)
//| {
//| 	return todo("cow");
//| }
/* Says why. */
int promote(int a)
{
	return a ? '}' : f("}");
}
//@end
int after;
"""


def tree(root: Path, **changed: str) -> Path:
    files: Dict[str, str] = {
        "labs/order.toml": 'labs = ["map", "cow", "swap"]\n',
        "labs/map/before/slow.c": "int slow(void) { return 1; }\n", "labs/cow/before/eager.c": "int eager(void) { return 1; }\n",
        "labs/map/README.md": "map\n", "labs/cow/README.md": "cow\n", "labs/cow/mutants/x.mutant": "x\n", "labs/cow/answers.toml": "a\n",
        "labs/stage.py": "x\n", "grade/mutants/a.mutant": "x\n", "grade/pagoda/run.py": "x\n", ".ci/run": "x\n", "Makefile": "#: make all\n#@staff\n#: make mutants\n#@end\nall:\n#@staff\nmutants:\n#@end\n",
        "labs/cow/tests/one.script": "x\n", "labs/cow/hidden/two.script": "x\n", "labs/cow/lies/x/fault.c": "x\n", "labs/cow/notes": "x\n",
        "kernel/vm/swap.c": "int swap_only;\n",
        "kernel/vm/map.c": HOLE.replace("cow", "map").replace("promote", "insert"), "kernel/vm/fault.c": HOLE,
        "kernel/vm/late.c": "int a;\n//@from swap\nint late;\n//@end\n",
    }
    for name in ("map", "cow", "swap"):
        enters = '["kernel/vm/swap.c"]' if name == "swap" else "[]"
        kind = "open" if name == "swap" else "core"
        file = {"map": "kernel/vm/map.c", "cow": "kernel/vm/fault.c", "swap": "kernel/vm/swap.c"}[name]
        files[f"labs/{name}/lab.toml"] = f'title = "{name}"\nkind = "{kind}"\nneeds = []\nhours = 3\nfiles = ["{file}"]\nenters = {enters}\n'
    files.update(changed)
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def made(tmp_path: Path, lab: str, kind: str) -> Path:
    out = tmp_path / "out"
    stage.make_stage(tree(tmp_path / "tree"), lab, kind, out)
    return out


def solved(out: Path, name: str) -> bool:
    text = (out / "kernel/vm" / name).read_text()
    assert ("todo" in text) != ("Says why" in text)
    return "Says why" in text


@pytest.mark.parametrize("lab, kind, has_map, has_cow", [
    ("map", "start", False, False), ("cow", "start", True, False), ("cow", "lab", False, False),
    ("cow", "solved", True, True), ("map", "solved", True, False), ("swap", "start", True, True),
])
def test_which_holes_are_solved(tmp_path: Path, lab: str, kind: str, has_map: bool, has_cow: bool) -> None:
    out = made(tmp_path, lab, kind)
    assert (solved(out, "map.c"), solved(out, "fault.c")) == (has_map, has_cow)
    assert (out / "kernel/before/slow.c").exists() == (not has_map)
    assert (out / "kernel/before/eager.c").exists() == (not has_cow)


def test_holes_of_labs_to_come_leave_no_mark(tmp_path: Path) -> None:
    out = made(tmp_path, "map", "start")
    assert "//@lab map  give the writer" in (out / "kernel/vm/map.c").read_text()
    assert "//@" not in (out / "kernel/vm/fault.c").read_text()
    assert not (out / "labs/cow").exists()


def test_what_enters_later(tmp_path: Path) -> None:
    out = made(tmp_path, "cow", "solved")
    assert not (out / "kernel/vm/swap.c").exists()
    assert (out / "kernel/vm/late.c").read_text() == "int a;\n"
    late = tmp_path / "late"
    stage.make_stage(tmp_path / "tree", "swap", "start", late)
    assert (late / "kernel/vm/late.c").read_text() == "int a;\nint late;\n" and (late / "kernel/vm/swap.c").exists()


def test_a_stage_holds_no_solution_and_no_tools_of_staff(tmp_path: Path) -> None:
    out = made(tmp_path, "cow", "start")
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert {"Makefile", "grade/pagoda/run.py", "labs/cow/README.md", "labs/map/README.md"} <= names
    assert not names & {"labs/cow/mutants/x.mutant", "labs/cow/answers.toml", "labs/stage.py", "grade/mutants/a.mutant", ".ci/run", "labs/order.toml"}
    assert {name for name in names if name.startswith("labs/cow")} == {"labs/cow/README.md", "labs/cow/lab.toml", "labs/cow/tests/one.script"}
    assert (out / "Makefile").read_text() == "#: make all\nall:\n"


def test_the_manifest(tmp_path: Path) -> None:
    out = made(tmp_path, "cow", "start")
    about: Dict[str, Any] = json.loads((out / "labs/stage.json").read_text())
    assert (about["lab"], about["kind"], about["commit"], about["labs"]) == ("cow", "start", None, ["map", "cow"])
    assert about["holes"] == [
        {"lab": "cow", "file": "kernel/vm/fault.c", "function": "promote", "open": True},
        {"lab": "map", "file": "kernel/vm/map.c", "function": "insert", "open": False}]
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} - {"labs/stage.json"}
    assert about["files"] == {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in names}


def test_the_commit_is_named_only_if_the_sources_are_it(tmp_path: Path) -> None:
    root = tree(tmp_path)
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=b", "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=root, check=True)
    head = stage.commit_of(root)
    assert head and len(head) == 40
    stage.make_stage(root, "map", "start", root / "mine")
    assert stage.commit_of(root) == head, "a stage that lies in the tree is none of it"
    assert not [name for name in stage.sources(root) if name.startswith("mine/")]
    (root / "kernel/vm/new.c").write_text("int x;\n")
    assert stage.commit_of(root) is None
    (root / "kernel/vm/new.c").unlink()
    (root / "kernel/vm/late.c").unlink()
    assert stage.commit_of(root) is None


@pytest.mark.parametrize("name", ["docs/a.md", "tests/host/a.c", "kernel/test/a.c", "labs/cow/tests/a.script", "grade/pagoda/a.py"])
@pytest.mark.parametrize("line", ["    return a +  4711;", "write `return a + 4711;` there", "+\treturn a + 4711;"])
def test_nothing_quotes_an_open_hole(tmp_path: Path, name: str, line: str) -> None:
    hole = HOLE.replace("return a ?", "return a + 4711;\n\treturn a ?")
    root = tree(tmp_path / "tree", **{"kernel/vm/fault.c": hole, name: f"one\n{line}\n"})
    for kind in ("start", "lab"):
        with pytest.raises(stage.StageError, match=f"{name}:2: 'return a . 4711;', of promote"):
            stage.make_stage(root, "cow", kind, tmp_path / "out")
        assert not (tmp_path / "out").exists()
    stage.make_stage(root, "cow", "solved", tmp_path / "solved")
    (root / "kernel/vm/late.c").write_text("int f(int a)\n{\n\treturn a + 4711;\n}\n")
    stage.make_stage(root, "cow", "start", tmp_path / "out")  # a line that the kernel has elsewhere tells nothing


@pytest.mark.parametrize("text, says", [
    ("#@staff\n", "M:1: never ends"), ("#@end\n", "M:1: ends nothing"), ("#@staff\n#@staff\n#@end\n", "M:2: nested in what line 1"), ("a\n#@stuff\n", "M:2: unknown"),
])
def test_bad_marks_in_a_make_file(text: str, says: str) -> None:
    with pytest.raises(stage.StageError, match=says):
        stage.for_students(text, "M")


def test_an_existing_tree_is_left_alone(tmp_path: Path) -> None:
    out = made(tmp_path, "cow", "start")
    with pytest.raises(stage.StageError, match="not empty"):
        stage.make_stage(tmp_path / "tree", "cow", "start", out)


@pytest.mark.parametrize("lab, kind, says", [("tour", "start", "no lab is called 'tour'"), ("cow", "begin", "no kind")])
def test_unknown_names(tmp_path: Path, lab: str, kind: str, says: str) -> None:
    with pytest.raises(stage.StageError, match=says):
        stage.make_stage(tree(tmp_path / "tree"), lab, kind, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("old, new, says", [
    ("//@lab cow", "//@lab cwo", "f.c:2: no lab is called 'cwo'"),
    ("//@lab cow  give the writer its copy", "//@lab cow", "says what"),
    ("//@lab", "//@hole", "unknown mark"),
    ("//@end\n", "", "f.c:2: never ends"),
    ("int before;", "//@end", "f.c:1: ends nothing"),
    ("int before;", "//| x", "f.c:1: //|"),
    ("/* Says why. */", "//@lab map  inner", "nested in what line 2"),
    ("/* Says why. */", "//@from swap", "nested"),
    ("int after;", "//@lab map  x\n//@end", "stand-in is not one whole function: no whole function"),
    ("/* Says why. */", "int x;", "no function's head"),
    ("/* Says why. */", "#if 1", "preprocessor"),
    ("//@end", "int tail;\n//@end", "something follows"),
    ("//@end", "int g(void) { return 1; }\n//@end", "more than one"),
    ("int promote(int a)\n{", "int premote(int a)\n{", "the stand-in is promote, the reference premote"),
    ("//| }\n", "", "stand-in is not one whole function"),
    ("\treturn a ?", "}\n\treturn a ?", "something follows|closes"),
    ("//| {", "int x;\n//| {", "belongs at the start"),
    ("/* Says why. */\nint promote(int a)\n{", "int promote(int a)\n{\n\tTRACE(UP, a, 0);", "the reference has a TRACE"),
    ("//| {", "//| {\n//| 	COUNT_N (x, 2);", "the stand-in has a COUNT_N"),
])
def test_bad_marks(old: str, new: str, says: str) -> None:
    assert old in HOLE
    with pytest.raises(stage.StageError, match=says):
        stage.parse(HOLE.replace(old, new, 1), "f.c", LABS)


def test_a_good_hole() -> None:
    hole = next(part for part in stage.parse(HOLE, "f.c", LABS) if isinstance(part, stage.Hole))
    assert (hole.function, hole.where, hole.file, hole.stub[2]) == ("promote", "f.c:2", "f.c", '\treturn todo("cow");')


@pytest.mark.parametrize("text, says", [
    ('labs = "map"\n', "one line"), ('labs = ["map", "map"]\n', "each once"), ("labs = [1]\n", "no text"), ('labs = ["map"]\nlabs = ["map"]\n', "twice"),
    ("labs\n", "expected"), ('labs = ["map",\n"cow"\n', "no text"), ('labs = ["map",\n]x\n', "no text"), ('labs = ["none"]\n', "labs/none/lab.toml is not there"),
])
def test_bad_order(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(stage.StageError, match=says):
        stage.read_order(tree(tmp_path, **{"labs/order.toml": text}))


def test_bad_lab(tmp_path: Path) -> None:
    good = (tree(tmp_path) / "labs/cow/lab.toml").read_text()
    for old, new, says in (
            ("needs = []", 'needs = ["swap"]', "does not come before"), ("hours = 3", 'hours = "3"', "hours must be given"),
            ("enters = []", "enters = []\nmore = 1", "unknown key"), ("enters = []", 'enters = []\nstart = "1"', "start must be given as int"),
            ("enters = []", 'enters = []\nholes = ["promote"]', "not 'promote'"), ("enters = []", 'enters = []\nholes = ["promote:"]', "not 'promote:'"), ("core", "corps", "kind is"), ("vm/fault.c", "vm/gone.c", "there is no")):
        with pytest.raises(stage.StageError, match=says):
            stage.read_order(tree(tmp_path, **{"labs/cow/lab.toml": good.replace(old, new)}))


def test_a_lab_with_tests_says_scores_and_tests_of_holes(tmp_path: Path) -> None:
    good = (tree(tmp_path) / "labs/cow/lab.toml").read_text() + 'start = 4\nlab = 0\nholes = [\n\t"promote: cow.one",  \n]\n'
    for name in ("map", "swap"):
        (tmp_path / f"labs/{name}/tests").mkdir()
    (tmp_path / "labs/cow/lab.toml").write_text(good)
    assert stage.check(tmp_path) == []
    lab = stage.read_lab(tmp_path, "cow")
    assert (lab.start, lab.lab, lab.holes) == (4, 0, (("promote", ("cow.one",)),))
    for old, new, says in (
            ("start = 4\n", "", "no `start = N`"), ("lab = 0\n", "", "no `lab = N`"), ("promote", "insert", "no test of promote"),
            ("promote", "insert", "insert, which is no hole"), ("cow.one", "cow.two", "there is no test cow.two"),
            ('cow.one"', 'cow.one", "promote: cow.one"', "promote is in holes twice")):
        (tmp_path / "labs/cow/lab.toml").write_text(good.replace(old, new))
        assert any(says in problem for problem in stage.check(tmp_path)), says


def test_the_real_tree_is_in_order() -> None:
    root = Path(__file__).resolve().parents[2]
    if (root / "labs/order.toml").is_file():
        assert stage.check(root) == []
