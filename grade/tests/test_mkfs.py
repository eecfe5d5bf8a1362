"""mkfs --check finds what the kernel would refuse, and comes to an end whatever an image holds."""

import random
import struct
import subprocess
from pathlib import Path
from typing import Iterator, Tuple

import pytest
from pagoda.tree import Tree, find_root

ROOT = find_root()
MKFS = ROOT / "build/host/mkfs"
BLOCK, INODE = 4096, 256
DEVICE, FIFO = 0o020000, 0o010000


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mkfs") / "image"
    Tree(ROOT).make(["build/host/mkfs"])
    subprocess.run([str(MKFS), str(path), "512K", f"/file={__file__}", "/a/b/c/"], check=True)
    return path


def check(path: Path, data: bytes) -> Tuple[int, str]:
    damaged = path.with_name("damaged")
    damaged.write_bytes(data)
    done = subprocess.run(
        [str(MKFS), "--check", str(damaged)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
    return done.returncode, done.stdout.decode("latin1")


def areas(data: bytes) -> Tuple[int, int]:
    """Where inodes and data begin."""
    _, inode_start, _, _, _, data_start = struct.unpack_from("<6Q", data, 32)
    return inode_start * BLOCK, data_start * BLOCK


def devices(data: bytes) -> Iterator[int]:
    """Where the inodes of devices lie."""
    for at in range(areas(data)[0], areas(data)[1], INODE):
        if struct.unpack_from("<H", data, at)[0] & 0o170000 == DEVICE:
            yield at


@pytest.mark.parametrize("offset, form, value", [(8, "<Q", 1), (0, "<H", FIFO)])
def test_a_device_that_the_kernel_refuses(image: Path, offset: int, form: str, value: int) -> None:
    data = bytearray(image.read_bytes())
    assert check(image, data)[0] == 0
    struct.pack_into(form, data, next(devices(data)) + offset, value)
    status, said = check(image, data)
    assert status == 1 and "problem" in said


def test_any_damage_comes_to_an_end(image: Path) -> None:
    whole = image.read_bytes()
    used = [at for at in range(len(whole)) if whole[at]]
    chance = random.Random(1)
    for _ in range(200):
        data = bytearray(whole)
        for at in chance.sample(used, chance.choice((1, 2, 10))):
            data[at] ^= 1 << chance.randrange(8)
        status, said = check(image, data)
        assert status in (0, 1), said
