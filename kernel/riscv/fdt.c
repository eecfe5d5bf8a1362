/*
 * Device trees, token by token. Floor: riscv.
 *
 * Invariant: no byte is read that lies outside [base, base + size), and size is
 * at most FDT_SIZE_MAX; a tree with an offset that leads outside ends there.
 */
#include "riscv/fdt.h"
#include "base/string.h"

#define FDT_MAGIC 0xd00dfeed
#define FDT_SIZE_MAX (1u << 20)

#define TOKEN_NODE 1
#define TOKEN_NODE_END 2
#define TOKEN_PROPERTY 3
#define TOKEN_NOP 4

static uint32_t read32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* [start, start + size) as offsets, within the tree? */
static bool inside(const struct fdt *f, uint64_t start, uint64_t size)
{
	return start <= f->size && size <= f->size - start;
}

bool fdt_open(struct fdt *f, const void *base)
{
	const uint8_t *b = base;
	if (read32(b) != FDT_MAGIC)
		return false;
	f->base = b;
	f->size = read32(b + 4);
	f->structs = read32(b + 8);
	f->strings = read32(b + 12);
	f->reservations = read32(b + 16);
	uint32_t version = read32(b + 20);
	uint32_t strings_size = read32(b + 32), structs_size = read32(b + 36);
	if (version < 17 || f->size < 40 || f->size > FDT_SIZE_MAX)
		return false;
	if (!inside(f, f->structs, structs_size) || !inside(f, f->strings, strings_size))
		return false;
	f->structs_end = f->structs + structs_size;
	f->strings_end = f->strings + strings_size;
	return true;
}

/* The string at offset `at`, or NULL when it does not end before `end`. */
static const char *string_at(const struct fdt *f, uint64_t at, uint32_t end)
{
	if (at >= end)
		return NULL;
	const char *s = (const char *)f->base + at;
	return strnlen(s, end - at) < end - at ? s : NULL;
}

enum fdt_token fdt_next(const struct fdt *f, uint32_t *at, const char **name, struct fdt_value *value)
{
	uint64_t p = *at;
	uint32_t token = TOKEN_NOP;
	while (token == TOKEN_NOP) {
		if (p + 4 > f->structs_end)
			return FDT_FINISH;
		token = read32(f->base + p);
		p += 4;
	}

	enum fdt_token kind;
	if (token == TOKEN_NODE) {
		*name = string_at(f, p, f->structs_end);
		if (!*name)
			return FDT_FINISH;
		p += strlen(*name) + 1;
		kind = FDT_NODE;
	} else if (token == TOKEN_NODE_END) {
		kind = FDT_NODE_END;
	} else if (token == TOKEN_PROPERTY) {
		if (p + 8 > f->structs_end)
			return FDT_FINISH;
		value->size = read32(f->base + p);
		*name = string_at(f, (uint64_t)f->strings + read32(f->base + p + 4), f->strings_end);
		value->data = f->base + p + 8;
		p += 8 + (uint64_t)value->size;
		if (!*name || p > f->structs_end)
			return FDT_FINISH;
		kind = FDT_PROPERTY;
	} else {
		return FDT_FINISH;
	}
	*at = ROUND_UP(p, 4);
	return kind;
}

bool fdt_reservation(const struct fdt *f, uint32_t i, uint64_t *start, uint64_t *size)
{
	uint64_t at = f->reservations + 16UL * i;
	if (!inside(f, at, 16))
		return false;
	struct fdt_value v = { f->base + at, 16 };
	*start = fdt_number(&v, 0, 2);
	*size = fdt_number(&v, 2, 2);
	return *start || *size;
}

uint32_t fdt_cell(const struct fdt_value *v, uint32_t i)
{
	return v->data && 4UL * i + 4 <= v->size ? read32(v->data + 4UL * i) : 0;
}

uint64_t fdt_number(const struct fdt_value *v, uint32_t i, uint32_t cells)
{
	uint64_t n = 0;
	for (; cells; cells--, i++)
		n = n << 32 | fdt_cell(v, i);
	return n;
}

bool fdt_has_string(const struct fdt_value *v, const char *s)
{
	size_t length = strlen(s) + 1;
	for (uint32_t at = 0; at + length <= v->size;) {
		const char *here = (const char *)v->data + at;
		if (memcmp(here, s, length) == 0)
			return true;
		at += strnlen(here, v->size - at) + 1;
	}
	return false;
}
