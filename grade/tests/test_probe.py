"""The probe on the kernel of this tree: what a checkpoint is, that failures are told, that the model is right."""

import shutil
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Set, Tuple

import payload
import pytest
from pagoda import grade_build, grade_judge, image, model, qemu, random_script, readers, walk
from pagoda.elf import Elf
from pagoda.grade_judge import Machine, Trial
from pagoda.guest import Arrived, Ended, Guest, Outcome
from pagoda.layout import load
from pagoda.script import expand, parse
from pagoda.tree import STAGE_FILE, Tree, find_root

ROOT = find_root()
pytestmark = [
    pytest.mark.skipif(payload.compiler() is None or shutil.which("qemu-system-riscv64") is None, reason="no compiler or QEMU for RISC-V"),
    pytest.mark.skipif((ROOT / STAGE_FILE).exists(), reason="a stage's kernel need not be right")]
LIMIT = 2_000_000_000
HEAD = "title: T\n---\n"
ALL_ONES = (1 << 64) - 1
SEVERAL_TICKS = 10_000_000  # guest instructions


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Kernel and probe, safe from the next build."""
    tree = Tree(ROOT)
    tree.make([tree.relative(path) for path in (tree.kernel, grade_build.probe_of(tree), grade_build.layout_of(tree), ROOT / "build/host/mkfs")])
    place = tmp_path_factory.mktemp("machine")
    for name, path in (("kernel", tree.kernel), ("probe", grade_build.probe_of(tree)), ("symbols", grade_build.probe_symbols_of(tree)),
                       ("layout", grade_build.layout_of(tree)), ("mkfs", ROOT / "build/host/mkfs")):
        shutil.copy2(path, place / name)
    return Machine(
        place / "kernel", Elf(place / "kernel"), place / "probe", Elf(place / "symbols"), load(place / "layout"), place / "mkfs")


def boot(machine: Machine, folder: Path, script: str, harts: int = 1) -> Guest:
    """A guest whose probe reads this text: lines as it knows them."""
    (folder / "script").write_text(script)
    (folder / "data").write_bytes(bytes(100))
    items = [f"/bin/probe={machine.probe}", f"/data={folder / 'data'}"] + ([f"/script={folder / 'script'}"] if script else [])
    subprocess.run([str(machine.mkfs), str(folder / "image"), image.IMAGE_SIZE, *items], check=True)
    words = qemu.Guest(machine.kernel, folder / "image", "root=ram0 init=/bin/probe seed=1", harts=harts)
    return Guest(words, machine.probe_elf, machine.layout, machine.elf)


def text_of(body: str, seed: int = 1) -> str:
    return image.image_text(model.run(expand(parse(HEAD + body), seed)))


def outcomes(guest: Guest) -> Iterator[Outcome]:
    """Each checkpoint, released when the next one is asked for; then what ended the guest."""
    while True:
        outcome = guest.wait(LIMIT)
        yield outcome
        if not isinstance(outcome, Arrived):
            return
        guest.release(outcome)


# ---- a checkpoint

def test_a_checkpoint_spins_in_user_mode_with_its_registers(machine: Machine, tmp_path: Path) -> None:
    body = "map a 3 rw\nfill a 0 2 9\nat one\nfork p\nheap h 2\nat two\nexit 4\nend\nwait p exit 4\nat three"
    spin, go = machine.probe_elf.symbol("probe_spin"), machine.probe_elf.symbol("probe_go")
    found: List[Tuple[int, int, int, int, List[int]]] = []
    with boot(machine, tmp_path, text_of(body)) as guest:
        for outcome in outcomes(guest):
            if not isinstance(outcome, Arrived):
                assert isinstance(outcome, Ended) and outcome.status == 0
                break
            registers = outcome.registers
            leaf = walk.translate(guest.ram, outcome.satp, registers.pc)
            assert isinstance(leaf, walk.Leaf) and leaf.user and leaf.executable and not leaf.writable
            assert spin <= registers.pc < machine.probe_elf.symbol("probe_spin_end") and outcome.regions == go + 16
            table = struct.unpack("<32Q", walk.read(guest.ram, outcome.satp, outcome.regions, 256))
            found.append((outcome.number, outcome.process, outcome.failed, outcome.detail, list(table[1::2][:3])))
            before = guest.clock()
            assert kept(let_spin(guest)) == kept(registers.x)
            assert guest.clock() > before + SEVERAL_TICKS
    assert found == [(0, 0, 0, 0, [0, 0, 0]), (1, 0, 0, 0, [3, 0, 0]), (2, 1, 0, 0, [3, 2, 0]), (3, 0, 0, 0, [3, 0, 0])]


def kept(x: Tuple[int, ...]) -> Tuple[int, ...]:
    """All registers but those that the spin itself uses: t1 to t3 and s7."""
    return tuple(value for number, value in enumerate(x) if number not in (6, 7, 28, 23))


def let_spin(guest: Guest) -> Tuple[int, ...]:
    """Runs on without a release until it spins again after some ticks of the timer: the registers then."""
    assert guest.probe is not None
    low, high = guest.probe.symbol("probe_spin"), guest.probe.symbol("probe_spin_end")
    enough = guest.clock() + SEVERAL_TICKS
    while True:
        guest.qmp.cont()
        time.sleep(0.005)
        guest.qmp.stop()
        registers = guest.qmp.registers(0)
        if guest.clock() > enough and low <= registers.pc < high:
            return registers.x


def test_the_page_of_a_checkpoint_is_in_a_frame_of_its_own(machine: Machine, tmp_path: Path) -> None:
    frames: Set[int] = set()
    with boot(machine, tmp_path, text_of("at one\nfork p\nat two\nfork q\nat three\nend\nwait q exit 0\nend\nwait p exit 0")) as guest:
        for outcome in outcomes(guest):
            if isinstance(outcome, Arrived) and outcome.number in (1, 2, 3):
                leaf = walk.translate(guest.ram, outcome.satp, machine.probe_elf.symbol("probe_go"))
                assert isinstance(leaf, walk.Leaf) and leaf.writable
                frames.add(leaf.frame)
    assert len(frames) == 3


def test_what_the_probe_does_takes_no_frame_for_itself(machine: Machine, tmp_path: Path) -> None:
    """
    After a first fork has filled the kernel's pools, everything leaves as many frames as it found; but each event is a pipe,
    and an open pipe that was used keeps a page.
    """
    body = "".join(EVERYTHING.format(turn) for turn in range(4))
    owners: List[Dict[str, int]] = []
    prediction = model.run(expand(parse(HEAD + body), 1))
    image.make(prediction, machine.mkfs, machine.probe, tmp_path / "image")
    words = qemu.Guest(machine.kernel, tmp_path / "image", "root=ram0 init=/bin/probe seed=1")
    with Guest(words, machine.probe_elf, machine.layout, machine.elf) as guest:
        for outcome in outcomes(guest):
            if isinstance(outcome, Arrived):
                assert outcome.failed == 0
                owners.append(readers.Frames(guest.kernel()).owners())
    assert len(owners) == 5
    for turn, found in enumerate(owners[1:]):
        assert found == {**owners[1], "KERNEL": owners[1]["KERNEL"] + turn, "FREE": owners[1]["FREE"] - turn}


EVERYTHING = """
fork p{0}
  map b{0} 3 rw
  fill b{0} 0 3 5
  check b{0} 0 3
  read b{0} 0 5 4000 from 9
  protect b{0} 1 1 r
  refuse b{0} 1 0 9
  stack s{0} 3
  fill s{0} 0 3 6
  heap h{0} 2
  fill h{0} 0 2 6
  sleep 2
  yield 3
  tell e{0}
  exit 7
end
await e{0}
wait p{0} exit 7
at l{0}
"""


# ---- failures are told

@dataclass(frozen=True)
class Failure:
    script: str
    line: int
    detail: int
    said: str


FAILURES: Tuple[Failure, ...] = (
    Failure("", ALL_ONES, 2, "before the first line: no /script"),
    Failure("\n", ALL_ONES, 0, "a word is missing"),
    Failure("events x\n", ALL_ONES, 0, "a number is missing"),
    Failure("events 9\n", ALL_ONES, 9, "more events"),
    Failure("events 0\n" + "#" * 70000, ALL_ONES, 0, "is too long"),
    Failure("events 0\nx\n", ALL_ONES, 0, "a number is missing"),
    Failure("events 0\n3 fly 1\n", 3, 0, "line 3: no operation is called fly"),
    Failure("events 0\n3 " + "a" * 40 + "\n", 3, 0, "a word is missing, or too long"),
    Failure("events 0\n3 map 0 1\n", 3, 0, "a number is missing"),
    Failure("events 0\n3 map 0 1 3 0 7\n", 3, 0, "more arguments"),
    Failure("events 0\n3 map 16 1 3 0\n", 3, 16, "no region has the number 16"),
    Failure("events 0\n3 map 0 0 3 0\n", 3, 22, "mmap of 0 pages"),
    Failure("events 0\n3 map 0 99999999999 3 0\n", 3, 12, "mmap of 99999999999 pages"),
    Failure("events 0\n3 heap 0 99999999\n", 3, 12, "sbrk"),
    Failure("events 0\n3 fill 0 0 1 5 0\n", 3, 0, "region 0 has no bytes 0 to 1"),
    Failure("events 0\n3 map 0 2 3 0\n4 fill 0 18446744073709551615 2 5 0\n", 4, ALL_ONES, "has no bytes"),
    Failure("events 0\n3 map 0 2 3 0\n4 fill 0 8192 18446744073709551615 5 0\n", 4, 8192, "has no bytes"),
    Failure("events 0\n3 map 0 2 3 0\n4 poke 0 4101 1 7\n5 check 0 4096 9 0 0\n", 5, 4101 | 7 << 32, "region 0 page 1 byte 5: expected 0, seen 7"),
    Failure("events 0\n3 map 0 2 3 0\n4 peek 0 4101 1 7\n", 4, 4101 | 7 << 40, "region 0 page 1 byte 5: expected 7, seen 0"),
    Failure("events 0\n3 map 0 2 3 0\n4 refuse 0 0 9\n", 4, 0, "expected the error EFAULT, seen none"),
    Failure("events 0\n3 map 0 2 3 0\n4 read 0 0 101 0\n", 4, 100, "expected 101 bytes, seen 100"),
    Failure("events 0\n3 map 0 2 1 0\n4 read 0 0 9 0\n", 4, 14, "pread"),
    Failure("events 0\n3 map 0 2 3 0\n4 fault 0 0 1\n", 4, 1, "should have died"),
    Failure("events 0\n3 image 0 3\n", 3, 3, "no array"),
    Failure("events 0\n3 unmap_all 0\n", 3, 22, "munmap"),
    Failure("events 0\n3 fork 64\n", 3, 64, "no process"),
    Failure("events 0\n3 fork 1\n", 3, 0, "no end of process 1"),
    Failure("events 0\n3 end 5\n", 3, 0, "another one's lines"),
    Failure("events 0\n3 wait 1 exit 0\n", 3, 10, "wait for process 1"),
    Failure("events 0\n3 fork 1\n4 exit 9\n5 end 1\n6 wait 1 exit 8\n", 6, 9 << 8, "process 1: expected exit 8, seen exit 9"),
    Failure("events 0\n3 map 0 1 1 0\n4 fork 1\n5 fault 0 0 1\n6 end 1\n7 wait 1 exit 0\n", 7, 11, "process 1: expected exit 0, seen signal 11"),
    Failure("events 1\n3 tell 1 1\n", 3, 1, "no event has the number 1"),
)


@pytest.mark.parametrize("failure", FAILURES, ids=[str(number) for number in range(len(FAILURES))])
def test_a_failure_is_printed_and_stays_at_a_checkpoint(machine: Machine, tmp_path: Path, failure: Failure) -> None:
    with boot(machine, tmp_path, failure.script) as guest:
        arrived = [outcome for outcome in outcomes(guest)]
        last = arrived[-2]
        assert isinstance(last, Arrived) and (last.failed, last.detail, last.process) == (failure.line, failure.detail, 0)
        ended = arrived[-1]
        assert isinstance(ended, Ended) and ended.status != 0
        assert failure.said in next(line for line in guest.console.text().split("\n") if line.startswith("probe: ") and not line.startswith("probe: at"))


def test_a_child_that_fails_is_told_apart_from_its_parent(machine: Machine, tmp_path: Path) -> None:
    with boot(machine, tmp_path, "events 0\n3 map 0 1 3 0\n4 fork 1\n5 peek 0 3 1 8\n6 end 1\n7 wait 1 exit 0\n8 at 1 x\n") as guest:
        ready, child, parent, _ = outcomes(guest)
        assert isinstance(ready, Arrived) and isinstance(child, Arrived) and isinstance(parent, Arrived)
        assert (child.process, child.failed) == (1, 5)
        assert (parent.process, parent.failed, parent.detail) == (0, 7, 125 << 8)


# ---- the model

def judged(machine: Machine, seed: int, harts: int) -> str:
    text = random_script.random_script(seed, harts)
    found = grade_judge.judge(machine, Trial(f"seed {seed}", model.run(expand(parse(text), seed)), seed))
    return "pass" if found.verdict == "pass" else f"{found}\n{text}"


@pytest.mark.parametrize("seed", range(1, 17))
def test_what_random_scripts_do_is_what_the_model_says(machine: Machine, seed: int) -> None:
    assert judged(machine, seed, 1) == "pass"


@pytest.mark.parametrize("seed", range(101, 107))
def test_random_scripts_on_three_harts(machine: Machine, seed: int) -> None:
    assert judged(machine, seed, 3) == "pass"


def test_every_operation_is_seen_by_the_host(machine: Machine) -> None:
    """A model that is wrong in one byte, one right, one end is found out."""
    body = "map a 3 rw\nfill a 0 3 1\nfork p\nexit 3\nend\nwait p exit 3\nfill a 0 3 1\nat x"
    script = parse(HEAD + body)

    def verdict(spoiled: str) -> Tuple[str, str]:
        prediction = model.run(expand(parse(HEAD + spoiled), 1))
        right = model.run(expand(script, 1))
        trial = Trial("x", model.Prediction(right.concrete, prediction.views, right.ends, True, right.checks), 1)
        found = grade_judge.judge(machine, trial)
        return found.verdict, found.reason

    assert verdict(body)[0] == "pass"
    assert verdict(body.replace("at x", "poke a 2 4095 0\nat x")) == ("fail", "a page holds wrong bytes")
    assert verdict(body.replace("at x", "protect a 0 1 r\nat x"))[1] == "a page may be used in a way that the program forbade"
    assert verdict(body.replace("at x", "unmap a 1 1\nat x"))[1] == "memory that was unmapped is still there"
