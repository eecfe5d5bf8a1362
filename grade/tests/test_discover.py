"""Discovery: names, rows, options, and errors that say where."""

from pathlib import Path

import pytest
from pagoda.discover import BadTest, Options, discover, picked


def tree(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        path = tmp_path / {"user": "user/tests/t_cow.c", "kernel": "kernel/test/page.c", "host": "tests/host/map.c",
                           "interleave": "tests/interleave/faults.c"}[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_finds_each_kind(tmp_path: Path) -> None:
    root = tree(
        tmp_path, user='TEST(promote, "A3 A7", "a writer gets its copy")\n{\n}\n', kernel='KTEST(alloc, "", "a frame") {\n}\n',
        host='HTEST(clip, "B12", "says \\"split\\"") {\n}\n', interleave='ITEST(zero, "A5", "once") {\n}\n')
    found = {test.name: test for test in discover(root)}
    assert sorted(found) == ["host.map.clip", "interleave.faults.zero", "ktest.page.alloc", "user.cow.promote"]
    assert found["user.cow.promote"].rows == ("A3", "A7")
    assert found["ktest.page.alloc"].rows == ()
    assert found["user.cow.promote"].where == "user/tests/t_cow.c:1"


def test_options_belong_to_the_next_test_only(tmp_path: Path) -> None:
    root = tree(tmp_path, user='/* test: harts=3 seeds=1,2 mem=8M args="fail=page.alloc:3 x=1" */\nTEST(a, "A1", "x") {\n}\nTEST(b, "A1", "x") {\n}\n')
    first, second = discover(root)
    assert first.options == Options(harts=(3,), seeds=(1, 2), mem="8M", args="fail=page.alloc:3 x=1")
    assert second.options == Options()


def test_the_macro_itself_is_no_test(tmp_path: Path) -> None:
    assert discover(tree(tmp_path, user="#define TEST(name, rows, shows) static void name(void)\n")) == []


@pytest.mark.parametrize("text, says", [
    ('TEST(a, "Z9", "x") {', "t_cow.c:1: 'Z9' is no row"),
    ('/* test: speed=3 */\nTEST(a, "A1", "x") {', "t_cow.c:1: unknown option"),
    ('/* test: harts=many */\nTEST(a, "A1", "x") {', "t_cow.c:1"),
    ('/* test: sanitize=some */\nTEST(a, "A1", "x") {', "sanitize is no, address or undefined"),
    ('TEST(a, "A1",\n"x") {', "on one line"),
    ('TEST(a, "A1", "x") {\nTEST(a, "A1", "x") {', "is there already"),
])
def test_mistakes_are_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadTest, match=says):
        discover(tree(tmp_path, user=text + "\n"))


def test_patterns() -> None:
    names = ["ktest.page.one", "user.cow.one", "user.cow.two"]
    assert picked(names, "cow.*") == set()
    assert picked(names, "user.*") == {"user.cow.one", "user.cow.two"}
    assert picked(names, "two page") == {"ktest.page.one", "user.cow.two"}
    assert picked(names, "") == set(names)


@pytest.mark.parametrize("only, picks", [
    ("user", "user.copy.fork user.cow.user"),
    ("cow", "user.cow.user host.cow.cow"),
    ("user.cow", "user.cow.user"),
    ("copyuser", "ktest.machine.copyuser"),
    ("copyu", "ktest.machine.copyuser"),
    ("er.cow.us", "user.cow.user"),
    ("nothing", ""),
])
def test_a_word_is_a_component_before_it_is_a_part(only: str, picks: str) -> None:
    names = ["ktest.machine.copyuser", "user.copy.fork", "user.cow.user", "host.cow.cow"]
    assert picked(names, only) == set(picks.split())
