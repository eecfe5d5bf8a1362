"""What a fuzz boots, and the command that it prints of a failure."""

import argparse
from pathlib import Path
from typing import List

import pytest
from pagoda import fuzz, qemu
from pagoda.tree import Tree

PLAN = fuzz.Plan(7, 400)


@pytest.fixture
def booted(monkeypatch: pytest.MonkeyPatch) -> List[qemu.Guest]:
    """Every guest that was asked for; each panics."""
    guests: List[qemu.Guest] = []

    def run(guest: qemu.Guest) -> qemu.Run:
        guests.append(guest)
        return qemu.Run("round 0: x\npanic: here\n", 1, 1.0)

    monkeypatch.setattr(qemu, "run", run)
    return guests


def test_every_run_has_the_memory_that_was_asked_for(booted: List[qemu.Guest], tmp_path: Path) -> None:
    assert not fuzz.attack(Tree(tmp_path), PLAN, 3, "16M", shrinking=True)
    assert len(booted) > 2 and {guest.ram for guest in booted} == {"16M"}


def test_the_command_that_is_printed_is_the_run_that_failed(
        booted: List[qemu.Guest], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fuzz.attack(Tree(tmp_path, "release", sanitize=("address",)), PLAN, 2, "16M", shrinking=False)
    assert capsys.readouterr().out.endswith(f"again: make fuzz PLAN={PLAN.words} HARTS=2 RAM=16M CONFIG=release SAN=address\n")
    fuzz.attack(Tree(tmp_path), PLAN, 2, fuzz.RAM, shrinking=False)
    assert capsys.readouterr().out.endswith(f"again: make fuzz PLAN={PLAN.words} HARTS=2\n")


def test_seeds_and_plans_are_told_from_what_is_none() -> None:
    assert fuzz.seeds_of("1-3,7") == [1, 2, 3, 7]
    assert fuzz.parse(PLAN.words) == PLAN
    for text in ("x", "-1", "1-x", "3,,x"):
        with pytest.raises(argparse.ArgumentTypeError):
            fuzz.seeds_of(text)
    with pytest.raises(argparse.ArgumentTypeError):
        fuzz.parse("1:2")
