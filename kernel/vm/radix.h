/*
 * A radix tree from a 64-bit index to a pointer: 64 slots a node, as high as
 * the largest index needs. Locked by its owner. An insertion may need memory
 * (fail site radix.node) and then changes nothing when it gets none.
 */
#ifndef VM_RADIX_H
#define VM_RADIX_H

#include "base/types.h"

struct radix_node;

struct radix {
	struct radix_node *root;
	unsigned height; /* levels: 0 when empty */
	size_t count;    /* pointers stored */
};

void radix_boot(void); /* makes the pool of nodes */
void radix_init(struct radix *r);
/* EEXIST: the slot is taken. ENOMEM: nothing changed. value is not NULL. */
int radix_insert(struct radix *r, uint64_t index, void *value);
void *radix_lookup(const struct radix *r, uint64_t index);
/* Puts value where something is already; returns what was there. One step: no look-up finds the slot empty. */
void *radix_replace(struct radix *r, uint64_t index, void *value);
void *radix_remove(struct radix *r, uint64_t index); /* what was there, or NULL; frees empty nodes */
/* The first stored index at or after *index; sets *index to it. NULL: none. */
void *radix_next(const struct radix *r, uint64_t *index);
bool radix_check(const struct radix *r);

#endif
