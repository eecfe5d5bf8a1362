/*
 * The audit: every invariant of the memory structures, checked together.
 * Frames, queues, anons, amaps, objects, maps, page tables and PTE lists; the last floor of vm/.
 */
#ifndef VM_AUDIT_H
#define VM_AUDIT_H

#include "base/types.h"

/* Stops the other harts' changes as far as needed, checks all, prints each broken rule. False: something is broken. */
bool audit(const char *when);

/* For leak checks: counts of what is in use, caches given back first. */
struct audit_snapshot {
	uint64_t pages, anons, amaps, chunks, entries, pmaps, inodes, files, procs, threads;
};
void audit_snapshot(struct audit_snapshot *s);
/* Prints each difference. */
bool audit_same(const struct audit_snapshot *before, const struct audit_snapshot *after);

#endif
