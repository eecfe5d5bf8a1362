"""The monitor's client against a false QEMU, the registers' text, and the console."""

import json
import os
import socket
import threading
import time
from pathlib import Path
from typing import Callable, Iterator, List

import pytest
from pagoda import console as consoles
from pagoda.console import Console
from pagoda.qmp import Deaf, Gone, Qmp, QmpError, parse_registers

GREETING = b'{"QMP": {"version": {}}}\r\n'
REGISTERS = "\r\nCPU#0\r\n V      =   0\r\n pc       0000000000010380\r\n mhartid  0000000000000000\r\n satp     8000000000087e41\r\n" + "".join(
    f" x{n}/n{n} {n:016x}" + ("\r\n" if n % 4 == 3 else "") for n in range(32)) + " f0/ft0   0000000000000001\r\n"


class FalseQemu:
    """Says the greeting, then for each command what answer() gives; None: nothing, b"": hangs up."""

    def __init__(self, folder: Path, answer: Callable[[str], "bytes | None"]) -> None:
        self.path = folder / "qmp"
        self.answer = answer
        self.asked: List[str] = []
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(self.path))
        self.server.listen(1)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        connection, _ = self.server.accept()
        with connection:
            connection.sendall(GREETING)
            for line in connection.makefile("rb"):
                command = json.loads(line)["execute"]
                self.asked.append(command)
                said = b'{"return": {}}\n' if command == "qmp_capabilities" else self.answer(command)
                if said == b"":
                    return
                if said:
                    connection.sendall(said)


def connect(false: FalseQemu) -> Qmp:
    return Qmp(false.path, lambda: True, seconds=0.3)


def test_answers_among_events_and_in_pieces(tmp_path: Path) -> None:
    qmp = connect(FalseQemu(tmp_path, lambda _: b'{"event": "STOP", "timestamp": {}}\n{"return": 7}\n'))
    assert qmp.execute("query") == 7 and qmp.execute("query") == 7


def test_a_refused_command_is_an_error_and_the_next_one_works(tmp_path: Path) -> None:
    qmp = connect(FalseQemu(tmp_path, lambda c: b'{"error": {"class": "GenericError", "desc": "no such thing"}}\n' if c == "bad" else b'{"return": 1}\n'))
    with pytest.raises(QmpError, match="bad: no such thing"):
        qmp.execute("bad")
    assert qmp.execute("good") == 1


def test_no_answer_is_deaf_and_not_asked_again(tmp_path: Path) -> None:
    false = FalseQemu(tmp_path, lambda _: None)
    qmp = connect(false)
    begin = time.monotonic()
    with pytest.raises(Deaf):
        qmp.execute("stop")
    assert time.monotonic() - begin < 5
    with pytest.raises(Deaf):
        qmp.execute("stop")
    assert false.asked.count("stop") == 1


def test_an_answer_that_never_ends_is_deaf(tmp_path: Path) -> None:
    with pytest.raises(Deaf):
        connect(FalseQemu(tmp_path, lambda _: b'{"return": ')).execute("stop")


def test_events_alone_do_not_hold_off_the_deadline(tmp_path: Path) -> None:
    with pytest.raises(Deaf):
        connect(FalseQemu(tmp_path, lambda _: b'{"event": "STOP"}\n' * 100)).execute("stop")


def test_a_closed_connection_is_gone(tmp_path: Path) -> None:
    qmp = connect(FalseQemu(tmp_path, lambda _: b""))
    for _ in range(2):
        with pytest.raises(Gone):
            qmp.stop()


def test_a_qemu_that_never_opened_its_monitor(tmp_path: Path) -> None:
    with pytest.raises(Gone, match="did not start"):
        Qmp(tmp_path / "nothing", lambda: False, seconds=5)
    with pytest.raises(Deaf, match="no monitor"):
        Qmp(tmp_path / "nothing", lambda: True, seconds=0.1)


def test_registers_are_read_and_other_text_is_refused() -> None:
    registers = parse_registers(REGISTERS)
    assert (registers.pc, registers.satp, registers.csr["mhartid"]) == (0x10380, 0x8000000000087E41, 0)
    assert registers.x == tuple(range(32))
    for bad in ("", REGISTERS.replace(" pc ", " pq "), REGISTERS.replace("x31/", "x30/"), REGISTERS.replace(" satp ", " atp ")):
        with pytest.raises(QmpError):
            parse_registers(bad)


def test_the_clock_is_in_instructions(tmp_path: Path) -> None:
    answers = iter([b'{"return": "000000000200bff8: 0x0000000001cb4799\\r\\n"}\n', b'{"return": "Cannot access memory\\r\\n"}\n'])
    qmp = connect(FalseQemu(tmp_path, lambda _: next(answers)))
    assert qmp.clock() == 0x1CB4799 * 100
    with pytest.raises(QmpError, match="no clock"):
        qmp.clock()


# ---- the console

@pytest.fixture
def pipe() -> "Iterator[tuple[int, Console]]":
    out, into = os.pipe()
    with os.fdopen(out, "rb", buffering=0) as reader:
        console = Console(reader)
        yield into, console
        try:
            os.close(into)
        except OSError:
            pass
        console.finish(5)


def say(into: int, text: bytes) -> None:
    while text:
        text = text[os.write(into, text):]


def settled(console: Console, total: int) -> None:
    deadline = time.monotonic() + 10
    while console.total < total:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_lines_of_the_probe_wake(pipe: "tuple[int, Console]") -> None:
    into, console = pipe
    say(into, b"hello\r\nprobe: at o")
    assert not console.wait(0.05)
    say(into, b"ne\r\n no probe: here\nprobe: at two\nprobe: at")
    assert console.wait(5) and console.lines == 2 and not console.wait(0.05)
    assert console.text() == "hello\nprobe: at one\n no probe: here\nprobe: at two\nprobe: at"


def test_the_first_panic_is_kept(pipe: "tuple[int, Console]") -> None:
    into, console = pipe
    say(into, b"not a panic: no\npanic: first \xff\r\npanic: second\n")
    assert console.wait(5)
    settled(console, 40)
    assert console.panic == "first \ufffd"


def test_a_flood_is_drained_and_its_ends_kept(pipe: "tuple[int, Console]") -> None:
    into, console = pipe
    say(into, b"begin " + b"x" * (3 * consoles.FLOOD) + b"\npanic: late\n end")
    settled(console, 3 * consoles.FLOOD + 23)
    assert console.flooded and console.panic is None
    text = console.text()
    assert text.startswith("begin xxx") and text.endswith("panic: late\n end") and len(text) < consoles.HEAD + consoles.TAIL + 100


def test_a_line_without_end_takes_no_memory(pipe: "tuple[int, Console]") -> None:
    into, console = pipe
    say(into, b"y" * (consoles.FLOOD - 10))
    settled(console, consoles.FLOOD - 10)
    assert len(console._line) <= consoles.LINE
    os.close(into)
    console.finish(5)
    assert console.closed
