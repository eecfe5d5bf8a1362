/*
 * The kernel's own map: kernel stacks in mapped slots, each above a guard page
 * that is never mapped, so that an overflow faults at once.
 */
#ifndef VM_KMAP_H
#define VM_KMAP_H

#include "base/types.h"

/* A stack of KSTACK_PAGES pages; *base is its lowest address. ENOMEM (fail site kstack.alloc). No spinlock held. */
int kstack_alloc(vaddr_t *base);
/* => no hart runs on it. It goes to a cache, or its frames are given back. No spinlock held */
void kstack_free(vaddr_t base);
void kstack_drain(void);         /* cached stacks are given back: for audits, and when frames run low */
size_t kstack_cached(void);      /* stacks in the cache */

#endif
