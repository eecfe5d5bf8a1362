"""Each outcome of a guest, with a few instructions in place of a kernel; and that looking changes nothing."""

import os
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Callable

import payload
import pytest
from pagoda import guest as guests
from pagoda import qemu, walk
from pagoda.elf import Elf
from pagoda.guest import Arrived, Ended, Flooded, Guest, GuestError, Hung, Limit, Panicked, Tampered, TooSlow
from pagoda.ram import Unreadable

pytestmark = pytest.mark.skipif(
    payload.compiler() is None or shutil.which("qemu-system-riscv64") is None, reason="no compiler or QEMU for RISC-V")
MILLION = 1_000_000


def session(kernel: Path, probe: "Elf | None" = None, harts: int = 1, cap: int = 60, icount: bool = True) -> Guest:
    return Guest(qemu.Guest(kernel, None, "x", harts=harts, cap=cap, icount=icount), probe)


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return payload.assemble(payload.PROBE, tmp_path_factory.mktemp("probe") / "probe", 0x10000)


def outcome(tmp_path: Path, text: str, limit: "int | None" = 1000 * MILLION, said: str = "", cap: int = 60) -> guests.Outcome:
    with session(payload.assemble(text, tmp_path / "kernel", said=said), cap=cap) as guest:
        return guest.wait(limit)


# ---- outcomes

def test_a_guest_that_never_returns_meets_its_limit(tmp_path: Path) -> None:
    assert outcome(tmp_path, payload.SPIN, 100 * MILLION) == Limit(100 * MILLION)


def test_harts_that_all_sleep_without_a_timer_are_hung(tmp_path: Path) -> None:
    assert outcome(tmp_path, payload.SLEEP) == Hung(())


def test_a_timer_that_goes_on_waking_a_hart_meets_the_limit(tmp_path: Path) -> None:
    """Wherever a look finds it: there is no kernel whose threads could be seen to sleep."""
    for _ in range(5):
        assert outcome(tmp_path, payload.SLEEP_TICKING) == Limit(1000 * MILLION)


def test_a_flood_is_one_and_memory_stays_small(tmp_path: Path) -> None:
    with session(payload.assemble(payload.FLOOD, tmp_path / "kernel")) as guest:
        assert guest.wait(10000 * MILLION) == Flooded()
        assert guest.wait(10000 * MILLION) == Flooded()
        assert len(guest.console.text()) < 1 << 18


def test_who_prints_when_the_limit_comes_is_flooding_all_the_same(tmp_path: Path) -> None:
    """So which of the two is noticed first does not matter."""
    with session(payload.assemble(payload.FLOOD, tmp_path / "kernel")) as guest:
        guest.cont()
        patiently(lambda: guest.console.total > guests.CHATTY)
        assert guest.wait(1) == Flooded()


def test_a_panic_that_goes_on_without_end_is_a_panic(tmp_path: Path) -> None:
    assert outcome(tmp_path, payload.SAY + payload.FLOOD, 10000 * MILLION, said="panic: first\n") == Panicked("first")
    with session(payload.assemble(payload.SAY + payload.FLOOD, tmp_path / "kernel", said="panic: first\n")) as guest:
        guest.cont()
        patiently(lambda: guest.console.total > guests.CHATTY)
        assert guest.wait(1) == Panicked("first")


@pytest.mark.parametrize("status", [1, 124, 137, 143])
def test_a_guest_cannot_choose_a_status_that_means_a_slow_machine(tmp_path: Path, status: int) -> None:
    assert outcome(tmp_path, payload.TEST_DEVICE.replace("0x33333", hex(status << 16 | 0x3333))) == Ended(status)


def test_shutdown_and_restart_are_ends(tmp_path: Path) -> None:
    assert outcome(tmp_path, payload.SHUTDOWN) == Ended(0)
    for _ in range(10):  # without the heartbeat one in six is deaf
        assert outcome(tmp_path, payload.RESTART) == Ended(0)
    assert outcome(tmp_path, payload.TEST_DEVICE) == Ended(3)


def test_a_panic_says_why(tmp_path: Path) -> None:
    panic = "\npanic: two \x01 owners\n"
    assert outcome(tmp_path, payload.SAY + payload.TEST_DEVICE, said=panic) == Panicked("two \x01 owners")
    assert outcome(tmp_path, payload.SAY + payload.SPIN, 100 * MILLION, said=panic) == Panicked("two \x01 owners")
    assert outcome(tmp_path, payload.SAY + payload.SPIN, 100 * MILLION, said="no panic: here\n") == Limit(100 * MILLION)


def test_a_slow_machine_is_no_verdict(tmp_path: Path) -> None:
    assert isinstance(outcome(tmp_path, payload.SPIN, None, cap=1), TooSlow)


def test_a_qemu_that_somebody_ended_is_no_verdict(tmp_path: Path) -> None:
    with session(payload.assemble(payload.SPIN, tmp_path / "kernel")) as guest:
        os.kill(guest.pid, signal.SIGKILL)
        assert isinstance(guest.wait(10000 * MILLION), TooSlow)


def test_a_deaf_qemu_that_sleeps_is_hung_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guests, "DEAF_SECONDS", 0.2)
    with session(payload.assemble(payload.SLEEP, tmp_path / "kernel")) as guest:
        guest.cont()
        patiently(lambda: guest.clock() > 100 * MILLION)
        guest.stop()
        guest.qmp.dead = guests.Deaf("made so")
        assert guest.wait(1000 * MILLION) == Hung(())
        assert guest.process.poll() is not None
        assert guest.ram.read(0x80200000, 4) != bytes(4)  # memory is there still


def test_a_deaf_qemu_that_works_is_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guests, "DEAF_SECONDS", 0.2)
    with session(payload.assemble(payload.SPIN, tmp_path / "kernel"), cap=2) as guest:
        guest.cont()
        guest.qmp.dead = guests.Deaf("made so")
        assert isinstance(guest.wait(1000 * MILLION), TooSlow)


def test_a_qemu_that_cannot_start_is_an_error(tmp_path: Path) -> None:
    kernel = payload.assemble(payload.SPIN, tmp_path / "kernel")
    with pytest.raises(GuestError, match="-initrd|no-such"):
        Guest(qemu.Guest(kernel, tmp_path / "no-such-image", "x"))


def test_nothing_is_left(tmp_path: Path) -> None:
    with session(payload.assemble(payload.FLOOD, tmp_path / "kernel")) as guest:
        pid, folder = guest.pid, guest._folder
        assert Path(f"/proc/{pid}").exists() and not folder.exists()  # nor while it runs: whoever kills us leaves no memory behind
    assert not Path(f"/proc/{pid}").exists()


def patiently(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# ---- checkpoints

def test_checkpoints_come_one_by_one(tmp_path: Path, probe: Path) -> None:
    with session(payload.user_guest(probe, tmp_path / "kernel"), Elf(probe)) as guest:
        for number in range(3):
            arrived = guest.wait(1000 * MILLION)
            assert isinstance(arrived, Arrived)
            assert (arrived.number, arrived.process, arrived.failed, arrived.detail, arrived.regions) == (number, 0, 7, 8, 0x12345)
            leaf = walk.translate(guest.ram, arrived.satp, 0x11000)
            assert isinstance(leaf, walk.Leaf) and leaf.pa == 0x80304000 and leaf.writable and leaf.user and not leaf.executable
            # From release to arrival, however long the host took in between; the first has the boot's.
            assert 0 <= arrived.elapsed - (payload.LINGER if number else 0) < (1000 if number else 100 * MILLION)
            time.sleep(0.02)
            guest.release(arrived)
        assert guest.wait(1000 * MILLION) == Ended(0)


@pytest.mark.parametrize("harts", [1, 3])
def test_the_time_of_arrival_does_not_depend_on_the_host(tmp_path: Path, probe: Path, harts: int) -> None:
    kernel = payload.user_guest(probe, tmp_path / "kernel")
    seen = set()
    for _ in range(3):
        with session(kernel, Elf(probe), harts=harts) as guest:
            arrived = guest.wait(1000 * MILLION)
            assert isinstance(arrived, Arrived)
            seen.add(arrived.elapsed)
    assert len(seen) == 1


def test_an_arrival_after_the_limit_is_none(tmp_path: Path, probe: Path) -> None:
    with session(payload.user_guest(probe, tmp_path / "kernel"), Elf(probe)) as guest:
        assert guest.wait(1000) == Limit(1000)


def test_a_supervisor_in_the_spin_has_not_arrived(tmp_path: Path, probe: Path) -> None:
    with session(payload.user_guest(probe, tmp_path / "kernel", user=False, data=0xC7), Elf(probe)) as guest:
        assert guest.wait(100 * MILLION) == Limit(100 * MILLION)


def test_other_code_in_the_probes_place_is_seen(tmp_path: Path, probe: Path) -> None:
    change = "li t0, 0x80303ff0\n sb t0, 0(t0)" if len(Elf(probe).segments[0].data) > 0xFF0 else "lbu t0, 0(a0)\n li t0, 0x80303000\n li t1, 0x1\n sb t1, 6(t0)"
    with session(payload.user_guest(probe, tmp_path / "kernel", change=change), Elf(probe)) as guest:
        assert isinstance(guest.wait(100 * MILLION), Tampered)


def test_a_release_needs_the_probes_page(tmp_path: Path, probe: Path) -> None:
    with session(payload.user_guest(probe, tmp_path / "kernel"), Elf(probe)) as guest:
        arrived = guest.wait(1000 * MILLION)
        assert isinstance(arrived, Arrived)
        guest.ram.write(0x80302088, bytes(8))
        with pytest.raises(Unreadable, match="probe's own page"):
            guest.release(arrived)


def test_with_three_harts_each_arrival_is_found(tmp_path: Path, probe: Path) -> None:
    """Without a line of the probe that says when to look; in real time as well."""
    for icount in (True, False):
        with session(payload.user_guest(probe, tmp_path / "kernel"), Elf(probe), harts=3, icount=icount) as guest:
            for number in range(3):
                arrived = guest.wait(5000 * MILLION if icount else None)
                assert isinstance(arrived, Arrived) and arrived.number == number
                guest.release(arrived)
            assert guest.wait(5000 * MILLION if icount else None) == Ended(0)


def test_stops_do_not_show_in_the_guest(tmp_path: Path) -> None:
    """The guest prints the time again and again: the same with a hundred stops in between as without."""
    digits = """
        li s0, 1500
    1:  li t0, 20000
    2:  addi t0, t0, -1
        bnez t0, 2b
        rdtime s1
        li t0, 0x10000000
        li t2, 64
    3:  addi t2, t2, -4
        srl t1, s1, t2
        andi t1, t1, 15
        addi t1, t1, 'A'
        sb t1, 0(t0)
        bnez t2, 3b
        li t1, 10
        sb t1, 0(t0)
        addi s0, s0, -1
        bnez s0, 1b
    """
    kernel = payload.assemble(digits + payload.SHUTDOWN, tmp_path / "kernel")
    texts = []
    for stops in (0, 100):
        with session(kernel) as guest:
            for _ in range(stops):
                if guest.process.poll() is None:
                    try:
                        guest.qmp.stop()
                        guest.qmp.registers()
                        guest.qmp.cont()
                    except guests.Gone:
                        break
            assert guest.wait(10000 * MILLION) == Ended(0)
            texts.append(re.findall(r"^[A-P]{16}$", guest.console.text(), re.MULTILINE))
    assert len(texts[0]) == 1500 and texts[0] == texts[1]
