/* A reader for flattened device trees (Devicetree specification 0.4, chapter 5). Believes no offset that it did not check. */
#ifndef RISCV_FDT_H
#define RISCV_FDT_H

#include "base/types.h"

struct fdt {
	const uint8_t *base;
	uint32_t size;
	uint32_t structs, structs_end; /* offsets from base */
	uint32_t strings, strings_end;
	uint32_t reservations;
};

struct fdt_value {
	const uint8_t *data; /* NULL: the property is not there */
	uint32_t size;
};

enum fdt_token { FDT_NODE, FDT_NODE_END, FDT_PROPERTY, FDT_FINISH };

bool fdt_open(struct fdt *f, const void *base); /* false: no device tree, or a broken one */

/* The token at *at, which then points behind it: a node's or property's name, and the property's value. FDT_FINISH when anything is wrong. */
enum fdt_token fdt_next(const struct fdt *f, uint32_t *at, const char **name, struct fdt_value *value);

/* Entry i of the memory reservation block; false behind the last. */
bool fdt_reservation(const struct fdt *f, uint32_t i, uint64_t *start, uint64_t *size);

/* The i-th big-endian cell of a value; 0 when it is shorter. */
uint32_t fdt_cell(const struct fdt_value *v, uint32_t i);
/* A number of `cells` cells (0 to 2) from the i-th on. */
uint64_t fdt_number(const struct fdt_value *v, uint32_t i, uint32_t cells);
/* Does the list of strings hold this one? */
bool fdt_has_string(const struct fdt_value *v, const char *s);

#endif
