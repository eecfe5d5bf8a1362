"""Tiny supervisor programs in place of a kernel, so that each way a guest can end has a test that no kernel spoils."""

import shutil
import subprocess
from pathlib import Path
from typing import Optional

PREFIXES = ("riscv64-unknown-elf-", "riscv64-elf-", "riscv-none-elf-", "riscv64-none-elf-", "riscv64-linux-gnu-")
FLAGS = ("-mabi=lp64", "-mno-relax", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none", "-Wl,-N", "-Wl,--no-warn-rwx-segments")

SPIN = "1: j 1b"
SLEEP = "1: wfi\n j 1b"
SLEEP_TICKING = """
    li t0, 0x20
    csrs sie, t0
    la t2, text
1:  rdtime a0
    sd a0, 0(t2)
    li t1, 10000
    add a0, a0, t1
    li a7, 0x54494d45
    li a6, 0
    ecall
    wfi
    j 1b
"""
FLOOD = """
    li t0, 0x10000000
    li t1, 'A'
1:  sb t1, 0(t0)
    j 1b
"""
SHUTDOWN = """
    li a7, 0x53525354
    li a6, 0
    li a0, 0
    li a1, 0
    ecall
1:  j 1b
"""
RESTART = SHUTDOWN.replace("li a0, 0", "li a0, 1")
TEST_DEVICE = """
    li t0, 0x100000
    li t1, 0x33333
    sw t1, 0(t0)
1:  j 1b
"""
SAY = """
    la t2, text
    li t0, 0x10000000
2:  lbu t1, 0(t2)
    beqz t1, 3f
    sb t1, 0(t0)
    addi t2, t2, 1
    j 2b
3:
"""

# Runs at 0x10000 in user mode: three checkpoints, s1 = 0 to 2, then a system call, which ends it. Once released it stays
# in the spin for LINGER instructions.
LINGER = 20_000_000
PROBE = """
    .globl _start, probe_spin, probe_spin_end, probe_go
_start:
    li s1, 0
    li s2, 0
    li s3, 7
    li s4, 8
    li s5, 0x12345
next:
    la t0, probe_go
    sd zero, 0(t0)
    rdtime s6
probe_spin:
    ld t1, 0(t0)
    beqz t1, probe_spin
    li t1, 10000000
linger:
    addi t1, t1, -1
    bnez t1, linger
probe_spin_end:
    addi s1, s1, 1
    li t1, 3
    blt s1, t1, next
    ecall
    .equ probe_go, 0x11000
"""

# Page tables at 0x80300000: itself by a 1 GiB leaf, the probe's page, and a page of data at 0x11000.
USER = """
    li a0, 0x80303000
    la a1, probe
    li a2, 0x80304000
1:  ld t0, 0(a1)
    sd t0, 0(a0)
    addi a0, a0, 8
    addi a1, a1, 8
    bltu a0, a2, 1b
    %(change)s
    li t0, 0x80300000
    li t1, 0x200000cf
    sd t1, 16(t0)
    li t1, 0x200c0401
    sd t1, 0(t0)
    li t0, 0x80301000
    li t1, 0x200c0801
    sd t1, 0(t0)
    li t0, 0x80302000
    li t1, 0x200c0c00 + %(code)s
    sd t1, 0x80(t0)
    li t1, 0x200c1000 + %(data)s
    sd t1, 0x88(t0)
    li t0, (8 << 60) | 0x80300
    csrw satp, t0
    sfence.vma
    li t0, 7
    csrw scounteren, t0
    la t0, trap
    csrw stvec, t0
    li t0, 0x10000
    csrw sepc, t0
    li t0, 0x100
    %(mode)s sstatus, t0
    sret
    .balign 4
trap:
""" + SHUTDOWN + """
    .balign 8
probe:
    .incbin "%(probe)s"
    .fill 4096
"""


def compiler() -> Optional[str]:
    return next((found for found in (shutil.which(prefix + "gcc") for prefix in PREFIXES) if found), None)


def assemble(text: str, out: Path, address: int = 0x80200000, said: str = "") -> Path:
    """An ELF that is loaded and entered at address; said: what SAY prints."""
    gcc = compiler()
    assert gcc is not None
    head = "" if "_start:" in text else ".globl _start\n_start:\n"
    source = out.with_suffix(".S")
    escaped = said.replace("\n", "\\n")
    source.write_text(f'{head}{text}\n.balign 8\ntext: .asciz "{escaped}"\n.fill 8\n')
    for march in ("rv64imac_zicsr_zifencei", "rv64imac"):
        done = subprocess.run(
            [gcc, f"-march={march}", *FLAGS, f"-Wl,-Ttext={address:#x}", str(source), "-o", str(out)],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode == 0:
            return out
    raise AssertionError(done.stderr)


def user_guest(probe: Path, out: Path, change: str = "", user: bool = True, data: int = 0xD7) -> Path:
    """A supervisor that runs the probe; change: what it does to the copy at 0x80303000 first; user: in user mode on a user's page."""
    code = out.with_suffix(".bin")
    from pagoda.elf import Elf
    code.write_bytes(Elf(probe).segments[0].data)
    values = {
        "probe": code, "change": change, "code": "0xdb" if user else "0xcb", "data": f"{data:#x}", "mode": "csrc" if user else "csrs"}
    return assemble(USER % values, out)
