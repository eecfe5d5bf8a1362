"""The book's symbols, tests and mutants: found where they are defined, linked to there, and an error where they are not."""

import subprocess
import sys
from pathlib import Path

import pytest

docs = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(docs / "_ext"))
symbols = pytest.importorskip("symbols", reason="needs docutils")


def test_definitions(tmp_path: Path) -> None:
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel/a.h").write_text("int early(int a);\nstruct box {\n\tint a;\n};\nenum e {\n\tRED,\n};\n#define LIMIT 3\nextern int count;\nstatic inline int tiny(void) { return 1; }\n")
    (tmp_path / "kernel/b.c").write_text("#include \"a.h\"\nint early(int a)\n{\n\treturn other(a);\n}\nstatic struct box *make_box(int a,\n\tint b)\n{\n}\n")
    found = symbols.symbols(tmp_path)
    assert found["early"] == "kernel/b.c:2"
    assert {name: found.get(name) for name in ("box", "RED", "LIMIT", "count", "tiny", "make_box")} == {
        "box": "kernel/a.h:2", "RED": "kernel/a.h:6", "LIMIT": "kernel/a.h:8", "count": "kernel/a.h:9", "tiny": "kernel/a.h:10",
        "make_box": "kernel/b.c:6"}
    assert "other" not in found


def test_tables_of_the_real_tree() -> None:
    ranks = list(symbols.macro_rows(docs.parent / "kernel/abi/lockrank.h", "RANK"))
    steps = list(symbols.macro_rows(docs.parent / "kernel/abi/trace.h", "STEP"))
    assert ["MAP", "AMAP", "OBJECT", "PAGEQ"] == [row[0] for row in ranks if row[0] in ("MAP", "AMAP", "OBJECT", "PAGEQ")]
    assert all(len(row) == 3 for row in ranks)
    assert {"K1", "UP", "LP", "RESTART"} <= {row[0] for row in steps} and all(len(row) >= 2 for row in steps)


def test_an_unknown_symbol_fails_the_build(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="needs Sphinx")
    source = tmp_path / "docs"
    source.mkdir()
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel/a.c").write_text("int known(void)\n{\n}\n")
    (source / "conf.py").write_text(f"import sys\nsys.path.insert(0, {str(docs / '_ext')!r})\nextensions = ['symbols']\n")
    for name, good in (("known", True), ("gone", False)):
        (source / "index.rst").write_text(f"Book\n====\n\nSee :sym:`{name}`.\n")
        done = subprocess.run(
            [sys.executable, "-m", "sphinx", "-q", "-W", str(source), str(tmp_path / "html")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, check=False)
        assert (done.returncode == 0) == good, done.stdout
        if good:
            assert 'href="code/kernel/a.c.html#L-1"' in (tmp_path / "html/index.html").read_text()
            assert 'name="L-1"' in (tmp_path / "html/code/kernel/a.c.html").read_text()
        assert good or "the sources define no symbol 'gone'" in done.stdout


def test_tests_and_mutants_of_the_real_tree() -> None:
    found = symbols.proofs(docs.parent)
    assert found["user.cow.steps"].startswith("user/tests/cow.c:")
    if (docs.parent / "grade/mutants").is_dir():  # not in a student's tree
        assert found["relock_no_slot"] == "grade/mutants/relock_no_slot.mutant:1"
    assert found["host.race.slot"].startswith("tests/host/race.c:") and found["ktest.page.busy"].startswith("kernel/test/page.c:")
