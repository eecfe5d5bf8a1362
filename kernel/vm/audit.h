/*
 * The audit: every invariant of the memory structures, checked together.
 * Frames, queues, anons, amaps, objects, maps, page tables and PTE lists; the last floor of vm/.
 */
#ifndef VM_AUDIT_H
#define VM_AUDIT_H

#include "base/types.h"

/*
 * Waits for a moment when no thread is changing memory, holds the other harts
 * there, checks all, prints each broken rule. False: something is broken, or that
 * moment never came. => no lock held; sleeps
 */
bool audit(const char *when);
/* The same if this happens to be such a moment; true when it is not. For builds that audit after each fault. */
bool audit_try(const char *when);

/* AUDIT=1 builds audit after each fault. */
#ifdef AUDIT
#define AUDIT_FAULTS true
#else
#define AUDIT_FAULTS false
#endif

/* The same at once, whatever is going on: a change under way may show as a broken rule. For the panic: takes no sleeping lock. */
bool audit_now(const char *when);

/*
 * For leak checks: counts of what is in use, caches given back first. pages: of anons and page tables; kernel: frames of the
 * kernel that are no pool's; live: objects handed out, pool by pool.
 */
#define AUDIT_POOLS 40
struct audit_snapshot {
	uint64_t pages, kernel, anons, amaps, chunks, entries, pmaps, inodes, files, procs, threads;
	uint64_t live[AUDIT_POOLS];
};
void audit_snapshot(struct audit_snapshot *s);
/* False, and prints of what, when there is more of something than before. */
bool audit_same(const struct audit_snapshot *before, struct audit_snapshot *after);

#endif
