/* The pagedaemon: a leak check waits for it. */
#include "vm/pdaemon.h"

#include "kern/thread.h"
#include "test/test.h"
#include "vm/page.h"

static enum { OFF, ARMED, IN_HAND, DONE } stage; /* atomic */

/* Has something in hand for a while, once. */
static size_t slow_shrink(size_t count __unused)
{
	if (__atomic_load_n(&stage, __ATOMIC_SEQ_CST) == ARMED) {
		__atomic_store_n(&stage, IN_HAND, __ATOMIC_SEQ_CST);
		thread_pause(5000000, 0);
		__atomic_store_n(&stage, DONE, __ATOMIC_SEQ_CST);
	}
	return 0;
}

static void no_drain(void) {}

static struct pdaemon_cache slow = { .shrink = slow_shrink, .drain = no_drain };

KTEST(drain_waits, "", "a leak check counts when the pagedaemon rests, not while a pass has something in hand") {
	pdaemon_register(&slow); /* the pagedaemon rests, since the count before this test */
	stage = ARMED;
	page_shortage_hook();
	while (__atomic_load_n(&stage, __ATOMIC_SEQ_CST) == ARMED)
		thread_pause(100000, 0);
	pdaemon_drain();
	CHECK(__atomic_load_n(&stage, __ATOMIC_SEQ_CST) == DONE);
	pdaemon_drain();
	list_remove(&slow.link);
}
