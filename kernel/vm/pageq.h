/*
 * The active and inactive queues: every page that may be reclaimed is on one
 * of them; wired, busy-for-ever and kernel pages on none. One spinlock.
 */
#ifndef VM_PAGEQ_H
#define VM_PAGEQ_H

#include "vm/page.h"

/* => the owner's lock of pg held, in each. */
void pageq_make_active(struct vm_page *pg);
/* A page that is active stays where it is: that it was used its referenced bit says. Without the lock: the pagedaemon may just put it off, and finds the bit. */
static inline void pageq_activate(struct vm_page *pg)
{
	if (__atomic_load_n(&pg->queue, __ATOMIC_RELAXED) != PQ_ACTIVE)
		pageq_make_active(pg);
}
void pageq_deactivate(struct vm_page *pg);
void pageq_remove(struct vm_page *pg);   /* off the queues, when freed */
void pageq_wire(struct vm_page *pg);     /* +1; the first takes it off the queues */
void pageq_unwire(struct vm_page *pg);   /* -1; the last puts it on the active queue */

size_t pageq_active_count(void);
size_t pageq_inactive_count(void);
/* The oldest inactive page, moved to the tail, or NULL. No owner's lock: the answer may be stale, try its owner's lock and recheck. */
struct vm_page *pageq_oldest_inactive(void);
struct vm_page *pageq_oldest_active(void);
/* Between the two no page joins or leaves a queue, so one that is on a queue keeps its owner. A spinlock is held: only try sleeping locks. */
void pageq_freeze(void);
void pageq_thaw(void);
bool pageq_check(void);

#endif
