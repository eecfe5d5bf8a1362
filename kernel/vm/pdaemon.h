/* The pagedaemon: a thread that gives pages back when frames run low: clean file pages at once, dirty ones once written. */
#ifndef VM_PDAEMON_H
#define VM_PDAEMON_H

#include "base/list.h"
#include "base/types.h"

void pdaemon_start(void);
/* File pages that stay, however short memory is. */
size_t pdaemon_file_min(void);
/* Gives back every page that can be, and empty slabs, when the pagedaemon rests: for audits and leak checks. No lock held. */
void pdaemon_drain(void);

/*
 * A cache of a higher floor. shrink: gives at most count objects back and says how many frames it thinks that was; never waits for
 * memory, nor for a lock that is held over a wait for memory. drain: gives all back that nobody uses; may do I/O.
 */
struct pdaemon_cache {
	size_t (*shrink)(size_t count);
	void (*drain)(void);
	struct list link;
};
void pdaemon_register(struct pdaemon_cache *cache); /* at boot */

#endif
