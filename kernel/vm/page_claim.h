/*
 * Claims to frames: how many are free, and who may take some. For the frame allocator only; what everybody
 * may ask (page_free_count, page_wait_free, the marks) stands in vm/page.h.
 */
#ifndef VM_PAGE_CLAIM_H
#define VM_PAGE_CLAIM_H

#include "base/atomic.h"
#include "base/types.h"

extern size_t page_available; /* atomic: free frames that nobody has a claim to */
extern size_t page_plenty;    /* atomic: with more of them it does not matter who asks */

/* Takes count from the frames that are available. flags: PAGE_RESERVE. False: not so many; the pagedaemon has been woken. Never sleeps. */
bool page_claim(size_t count, unsigned flags);

/* The same for one frame, when there are plenty. False: nothing is said, ask page_claim(). */
static inline bool page_claim_plenty(void)
{
	return atomic_take_above(&page_available, __atomic_load_n(&page_plenty, __ATOMIC_RELAXED));
}
/* So many frames are free, or were not to be found: wakes who waits for them. */
void page_unclaim(size_t count);

#endif
