/*
 * Addresses to names. Floor: riscv.
 *
 * The table is made by mksymbols.py and linked in last; in a kernel linked without
 * it the section is empty, and backtraces show addresses only.
 */
#include "riscv/machine.h"

struct symbol_table {
	uint32_t count;
	struct {
		uint32_t address; /* from kernel_text_start, rising */
		uint32_t name;    /* offset in the strings, which follow the entries */
	} entry[];
};

extern const char kernel_symbols_start[], kernel_symbols_end[];
extern const char kernel_text_start[], kernel_text_end[];

static bool in_text(vaddr_t pc)
{
	return pc >= (vaddr_t)kernel_text_start && pc < (vaddr_t)kernel_text_end;
}

const char *symbol_name(vaddr_t pc, uint64_t *offset)
{
	const struct symbol_table *t = (const struct symbol_table *)kernel_symbols_start;
	if (offset)
		*offset = 0;
	if (!in_text(pc) || kernel_symbols_end - kernel_symbols_start == 0)
		return "?";

	/* Entries [0, low) lie at or below pc, those from high on above it. */
	uint32_t at = pc - (vaddr_t)kernel_text_start, low = 0, high = t->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (t->entry[middle].address <= at)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return "?";
	if (offset)
		*offset = at - t->entry[low - 1].address;
	return (const char *)&t->entry[t->count] + t->entry[low - 1].name;
}
