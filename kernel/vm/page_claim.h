/*
 * Claims to frames: how many are free, and who may take some. For the frame allocator only; what everybody
 * may ask (page_free_count, page_wait_free, the marks) stands in vm/page.h.
 */
#ifndef VM_PAGE_CLAIM_H
#define VM_PAGE_CLAIM_H

#include "base/types.h"
#include "kern/thread.h"
#include "riscv/aside.h"
#include "vm/page.h"

extern size_t page_available; /* atomic: free frames that nobody has a claim to */
extern size_t page_waiters;   /* atomic: threads in page_wait_free */
bool page_claim_scarce(size_t count, unsigned flags) __cold; /* page_claim, when it matters who asks */

/* Takes count from the frames that are available. flags: PAGE_RESERVE. False: not so many; the pagedaemon has been woken. Never sleeps. */
static inline bool page_claim(size_t count, unsigned flags)
{
	size_t have = __atomic_load_n(&page_available, __ATOMIC_RELAXED);

	/* More than the mark below which it matters who asks, and nobody waits. */
	if (__builtin_expect(have >= count + page_free_low && curthread->mem_turn == 0 && __atomic_load_n(&page_waiters, __ATOMIC_RELAXED) == 0 &&
	    __atomic_compare_exchange_n(&page_available, &have, have - count, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED), 1))
		return true;
	return ASIDE2(page_claim_scarce, count, flags);
}
/* So many frames are free, or were not to be found: wakes who waits for them. */
void page_unclaim(size_t count);

#endif
