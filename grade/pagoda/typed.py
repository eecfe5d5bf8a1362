"""Numbers on the command line: each says what it may be."""

from __future__ import annotations

import argparse
from typing import Callable

SEED_MAX = (1 << 32) - 1  # QEMU's -seed takes no more


def number(least: int, most: int) -> Callable[[str], int]:
    """For argparse: a whole number from least to most."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 20 and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"a number from {least} to {most}, not {text!r}")
        return int(text)

    return parse


seed, harts = number(0, SEED_MAX), number(1, 8)
