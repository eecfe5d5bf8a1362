/*
 * Claims to frames: how many are free, and who may take some. For the frame allocator only; what everybody
 * may ask (page_free_count, page_wait_free, the marks) stands in vm/page.h.
 */
#ifndef VM_PAGE_CLAIM_H
#define VM_PAGE_CLAIM_H

#include "base/types.h"

/* Takes count from the frames that are available. flags: PAGE_RESERVE. False: not so many; the pagedaemon has been woken. Never sleeps. */
bool page_claim(size_t count, unsigned flags);
/* So many frames are free, or were not to be found: wakes who waits for them. */
void page_unclaim(size_t count);

#endif
