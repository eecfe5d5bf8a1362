/*
 * Anons: one page of anonymous memory each.
 *
 * an_ref counts the amap chunks that hold the anon. Its lock is the counted
 * lock of the amaps that can reach it.
 */
#ifndef VM_ANON_H
#define VM_ANON_H

#include "kern/sleeplock.h"
#include "vm/page.h"

/* The lock that amaps copied from one another share, with all their anons. Counted: amaps and anons in the making hold it. */
struct vm_lock {
	struct sleeplock lock; /* RANK_AMAP */
	uint32_t refs;         /* atomic */
};

int vm_lock_new(struct vm_lock **out); /* ENOMEM; one reference */
void vm_lock_reference(struct vm_lock *l);
void vm_lock_release(struct vm_lock *l);

struct vm_anon {
	struct vm_lock *lock; /* fixed while an_ref > 0; NULL until the anon joins an amap. Not counted: the amap counts it */
	struct vm_page *page; /* lock: NULL when the data is in swap only */
	uint32_t ref;         /* lock */
	int32_t slot;         /* lock: swap slot, or 0 */
};

void anon_boot(void);
/* An anon with ref 1 and a page of its own; nobody else knows it until it is in an amap. NULL: no memory (fail sites pool.anon, page.alloc). flags: PAGE_ZERO. */
struct vm_anon *anon_new(unsigned flags);
void anon_free(struct vm_anon *an); /* what the last anon_unref() does: page and slot are freed, mappings of the page removed */

/* => lock held, or the anon is in no amap */
static inline void anon_unref(struct vm_anon *an)
{
	KASSERT((an->lock == NULL || sleeplock_held(&an->lock->lock)) && an->ref > 0);
	if (--an->ref == 0)
		anon_free(an);
}

#endif
