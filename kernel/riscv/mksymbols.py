#!/usr/bin/env python3
"""Makes the kernel's table of its own functions, for backtraces.

usage: nm -n kernel.elf | mksymbols.py > symbols.S

The kernel is linked twice: once without the table, whose text addresses this
reads, and once with it. The table stands behind all text, so no address that
it holds moves. Its layout is that of struct symbol_table in riscv/symbols.c.
"""

import sys


def read_functions(lines: "list[str]") -> "list[tuple[int, str]]":
    """Address and name of each text symbol, by address, one name an address."""
    found: "dict[int, str]" = {}
    for line in lines:
        parts = line.split()
        if len(parts) != 3 or parts[1] not in "tTwW":
            continue
        address, name = int(parts[0], 16), parts[2]
        # Local labels and the mapping symbols of the psABI are no functions; step labels lie inside one.
        if name.startswith((".", "$", "step_", "kernel_text_")):
            continue
        found.setdefault(address, name)
    return sorted(found.items())


def write_table(functions: "list[tuple[int, str]]") -> None:
    print('\t.section .symbols, "a"')
    print("\t.balign 8")
    print("\t.word %d" % len(functions))
    offset = 0
    base = functions[0][0] if functions else 0
    for address, name in functions:
        print("\t.word %d, %d" % (address - base, offset))
        offset += len(name) + 1
    for _, name in functions:
        print('\t.asciz "%s"' % name)


def main() -> int:
    functions = read_functions(sys.stdin.readlines())
    if functions and functions[0][1] != "_start":
        print("mksymbols: the text does not begin with _start but with %s" % functions[0][1], file=sys.stderr)
        return 1
    write_table(functions)
    return 0


if __name__ == "__main__":
    sys.exit(main())
