"""Plans, results kept on disk, and QEMU's command line; with a false QEMU in place of the real one."""

import os
import stat
from pathlib import Path
from typing import List

import pytest
from pagoda import qemu, run, verdict
from pagoda.discover import Options
from pagoda.discover import Test as Found
from pagoda.tree import Tree


def found(name: str, **options: object) -> Found:
    kind, group, case = name.split(".")
    return Found(kind, group, case, ("A1",), "x", "f.c:1", Options(**options))  # type: ignore[arg-type]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A QEMU that is a shell script; what it does is written into tmp_path/script."""
    path = tmp_path / "qemu"
    path.write_text(f'#!/bin/sh\n. {tmp_path}/script\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("QEMU", str(path))
    return tmp_path


def execute(root: Path, tests: List[Found], choice: run.Choice = run.Choice()) -> List[run.Result]:
    return run.execute(run.plan(Tree(root), tests, choice), lambda _: None)


def test_a_run_is_pinned() -> None:
    words = qemu.command(qemu.Guest(Path("k"), Path("i"), "test=a.b", harts=3, seed=7))
    for want in (["-icount", "shift=0,sleep=off"], ["-seed", "7"], ["-smp", "3"], ["-initrd", "i"], ["-monitor", "none"], ["-cpu", "rv64"]):
        assert any(words[i:i + len(want)] == want for i in range(len(words)))


def test_each_user_test_boots_on_each_machine(fake: Path) -> None:
    (fake / "script").write_text("echo ok user.cow.one\n")
    results = execute(fake, [found("user.cow.one"), found("user.cow.two", harts=(3,), seeds=(1, 2))])
    assert sorted((r.name, r.harts, r.seed, r.verdict) for r in results) == [
        ("user.cow.one", 1, 1, "pass"), ("user.cow.one", 3, 1, "pass"),
        ("user.cow.two", 3, 1, "not run"), ("user.cow.two", 3, 2, "not run")]


def test_kernel_tests_share_a_boot_and_run_again_after_a_panic(fake: Path) -> None:
    (fake / "script").write_text(
        'echo x >> ' + str(fake) + '/boots\ncase "$*" in\n*ktest=page.\\**) echo ok ktest.page.one; echo panic: two; exit 1;;\n'
        "*ktest=page.one*) echo ok ktest.page.one;;\n*ktest=page.two*) echo panic: two; exit 1;;\n*) echo ok ktest.page.three;;\nesac\n")
    results = execute(fake, [found(f"ktest.page.{case}") for case in ("one", "two", "three")], run.Choice(harts=1))
    assert sorted((r.name, r.verdict) for r in results) == [
        ("ktest.page.one", "pass"), ("ktest.page.three", "pass"), ("ktest.page.two", "panic")]
    assert len((fake / "boots").read_text().splitlines()) == 4


def test_a_stuck_guest_is_hung_and_ended(fake: Path) -> None:
    (fake / "script").write_text("exec sleep 60\n")
    results = execute(fake, [found("user.cow.one")], run.Choice(harts=1, cap=1))
    assert results[0].verdict == verdict.HUNG and results[0].seconds < 20


def test_a_guest_that_prints_without_end_is_ended(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qemu, "OUTPUT_MAX", 1 << 16)
    (fake / "script").write_text("exec yes\n")
    results = execute(fake, [found("user.cow.one")], run.Choice(harts=1, cap=30))
    assert results[0].verdict == verdict.HUNG and "without end" in results[0].why


def test_a_failure_says_how_to_run_it_again(fake: Path) -> None:
    (fake / "script").write_text("echo first; echo not ok user.cow.one: 3 frames lost; exit 1\n")
    one = execute(fake, [found("user.cow.one")], run.Choice(seed=9, harts=3))[0]
    assert (one.verdict, one.why) == ("fail", "3 frames lost")
    assert one.replay == "make test ONLY=user.cow.one HARTS=3 SEED=9" and "first" in one.tail


def test_a_sanitized_tree_has_its_own_place_tests_and_limits() -> None:
    plain, both = Tree(Path("/t")), Tree(Path("/t"), sanitize=("address", "undefined"))
    only = Tree(Path("/t"), sanitize=("undefined",))
    assert [tree.build.name for tree in (plain, both, only)] == ["debug", "debug-address-undefined", "debug-undefined"]
    any_, address, no = found("ktest.a.b"), found("ktest.a.b", sanitize="address"), found("ktest.a.b", sanitize="no")
    assert [[run.fits(tree, test, run.Choice()) for test in (any_, address, no)] for tree in (plain, both, only)] == [
        [True, False, True], [True, True, False], [True, False, False]]
    guest = run.guest_for(both, found("user.a.b", limit="200M"), 1, 1, "test=a.b", run.Choice())
    assert f"limit={200 * run.SANITIZE_FACTOR << 20}" in guest.arguments
    assert run.replay(any_, 3, 7, both) == "make test ONLY=ktest.a.b HARTS=3 SEED=7 SAN=address,undefined"


def test_results_are_of_one_state(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    one = run.Result("user.a.b", ("A1",), 1, 1, "fail", "x", 0.1, "make", "tail")
    run.save(path, "s1", [one])
    assert run.load(path, "s1") == [one] and run.load(path, "s2") == []
    run.save(path, "s1", [run.Result("user.a.b", ("A1",), 1, 1, "pass", "", 0.1, "make"), run.Result("user.a.c", (), 0, 0, "pass", "", 0, "make")])
    assert [r.verdict for r in run.load(path, "s1")] == ["pass", "pass"]
    path.write_text("not json")
    assert run.load(path, "s1") == []


def test_state_follows_the_sources(tmp_path: Path) -> None:
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel/a.c").write_text("1")
    first = run.state(Tree(tmp_path))
    (tmp_path / "build").mkdir()
    (tmp_path / "build/x").write_text("x")
    assert run.state(Tree(tmp_path)) == first
    (tmp_path / "kernel/a.c").write_text("2")
    assert run.state(Tree(tmp_path)) != first


def test_guest_text_cannot_steer_a_terminal() -> None:
    assert run.printable("a\x1b[2Jb\tc") == "a\\x1b[2Jb\tc"


def test_no_child_is_left(fake: Path) -> None:
    (fake / "script").write_text("echo ok user.cow.one; sleep 0\n")
    before = set(os.listdir("/proc"))
    execute(fake, [found("user.cow.one")], run.Choice(harts=1))
    assert not [p for p in set(os.listdir("/proc")) - before if p.isdigit() and str(fake) in cmdline(p)]


def cmdline(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
