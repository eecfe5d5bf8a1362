/*
 * Claims to frames: how many are free, and who may take some. For the frame allocator only; what everybody
 * may ask (page_free_count, page_wait_free, the marks) stands in vm/page.h.
 */
#ifndef VM_PAGE_CLAIM_H
#define VM_PAGE_CLAIM_H

#include "base/param.h"
#include "base/types.h"

extern size_t page_available; /* atomic: free frames that nobody has a claim to */
extern size_t page_plenty;    /* atomic: with more of them it does not matter who asks */

#define PAGE_MARGIN 16UL /* frames, at least, between page_reserve and page_free_low */

/* Takes count from the frames that are available. flags: PAGE_RESERVE. False: not so many; the pagedaemon has been woken. Never sleeps. */
bool page_claim(size_t count, unsigned flags);

/*
 * The same for one frame, when there are plenty. False: nothing is said, ask page_claim(). => interrupts off
 * Each other hart may count one down between our look and our count, no more, and the margin is wider than that.
 */
static inline bool page_claim_plenty(void)
{
	if (__atomic_load_n(&page_available, __ATOMIC_RELAXED) <= __atomic_load_n(&page_plenty, __ATOMIC_RELAXED))
		return false;
	__atomic_fetch_sub(&page_available, 1, __ATOMIC_RELAXED);
	return true;
}
_Static_assert(HART_MAX < PAGE_MARGIN, "the margin is for a frame a hart");

/* So many frames are free, or were not to be found: wakes who waits for them. */
void page_unclaim(size_t count);

#endif
