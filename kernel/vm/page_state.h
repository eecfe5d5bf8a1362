/*
 * The states of a frame, and the steps between them that are legal. One table for three: the kernel, which in debug builds
 * looks at each step that it takes (vm/page.c); the audit; and models/page.pml. So nothing but preprocessor lines stands here.
 *
 *	FREE              the allocator's
 *	FIXED             the kernel's, or a page table
 *	IDLE              an anon's or an object's, and nobody is at work on it
 *	BUSY              somebody is
 *	WANTED            ... and another waits for the end of that
 *	RELEASED          ... and is to free it in the end
 *	RELEASED_WANTED   ... both
 *	LEAVING           released, and no longer busy: freed before its owner's lock is let go
 *	ENDED             its owner has let it go; free when nobody holds it any more (page_hold)
 *
 * Floor: vm/page_state.
 */
#ifndef VM_PAGE_STATE_H
#define VM_PAGE_STATE_H

#define PAGE_STATES(STATE) \
	STATE(FREE) STATE(FIXED) STATE(IDLE) STATE(BUSY) STATE(WANTED) STATE(RELEASED) STATE(RELEASED_WANTED) STATE(LEAVING) STATE(ENDED)

#define PAGE_STEPS(STEP) \
	STEP(FREE, FIXED)                           /* page_alloc, page_alloc_block */ \
	STEP(FREE, IDLE)                            /* page_alloc */ \
	STEP(IDLE, BUSY)                            /* page_busy */ \
	STEP(BUSY, WANTED)                          /* page_wait_busy */ \
	STEP(WANTED, WANTED)                        /* ... one more waits */ \
	STEP(RELEASED, RELEASED_WANTED) \
	STEP(RELEASED_WANTED, RELEASED_WANTED) \
	STEP(BUSY, RELEASED)                        /* who wants it gone and does not wait */ \
	STEP(WANTED, RELEASED_WANTED) \
	STEP(BUSY, IDLE)                            /* page_unbusy */ \
	STEP(WANTED, IDLE) \
	STEP(RELEASED, LEAVING) \
	STEP(RELEASED_WANTED, LEAVING) \
	STEP(IDLE, ENDED)                           /* page_free */ \
	STEP(FIXED, ENDED) \
	STEP(LEAVING, ENDED) \
	STEP(ENDED, FREE)                           /* page_free, or the last page_unhold */ \
	STEP(FIXED, FREE)                           /* page_free_block */

#endif
