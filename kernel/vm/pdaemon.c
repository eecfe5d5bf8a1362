/*
 * The pagedaemon. It runs when fewer than page_free_low frames are left and works until page_free_target are free, in passes:
 *
 *	caches of higher floors    buffers and inodes that nobody uses
 *	active -> inactive         pages that were not referenced since the last look, until a third is inactive
 *	inactive -> active         pages that were referenced after all: their second chance
 *	inactive -> free           clean pages of files
 *	inactive, dirty            written, and freed when they come round again
 *	empty slabs
 *
 * A page is looked at without its owner's lock, which is then only tried. The pagedaemon never waits for memory: it may use the
 * reserve. After each pass it says what came of it, so that threads that wait for memory know when to give up.
 *
 * The last few file pages stay: they are what the programs that are left run on. Taking those would let nobody
 * wait in vain and nobody come forward either, since each page would be read in again at once.
 *
 * Floor: vm, above the pagers.
 */
#include "vm/pdaemon.h"

#include "base/kassert.h"
#include "kern/counters.h"
#include "kern/thread.h"
#include "kern/trace.h"
#include "vm/pageq.h"
#include "vm/pmap.h"
#include "vm/pool.h"
#include "vm/vnode.h"

#define ROUNDS 3          /* looks at the inactive queue in one pass; the last one gives no second chance */
#define SHRINK_COUNT 32   /* objects asked of each cache in a pass */

static struct list caches = LIST_INIT(caches); /* grows only, at boot */
static uint32_t wanted;                        /* atomic: a shortage was reported */
static uint32_t at_work;                       /* atomic: from its start or its waking on, until it rests again */

struct pass {
	size_t freed, written;
	size_t put_off; /* pages of files that could not be looked at: locked or busy in this moment */
};

void pdaemon_register(struct pdaemon_cache *cache)
{
	list_push_back(&caches, &cache->link);
}

size_t pdaemon_file_min(void)
{
	return page_reserve + 16;
}

static bool enough(void)
{
	return page_free_count() >= page_free_target;
}

static bool at_minimum(void)
{
	return gauge_read(STAT_pages_object) <= pdaemon_file_min();
}

/* The page's object, locked, if the page is on that queue and may be taken from there. NULL: leave it alone. */
static struct vm_object *page_lock(struct pass *p, struct vm_page *pg, enum page_queue queue)
{
	struct vm_object *o = object_try_lock(pg);

	COUNT(pd_scanned);
	if (o ? pg->flags & PG_BUSY : pg->owner == PO_OBJECT)
		p->put_off++;
	if (o && (pg->queue != queue || pg->flags & (PG_BUSY | PG_RELEASED) || pg->wire_count || pg->loan_count ||
		  __atomic_load_n(&pg->hold_count, __ATOMIC_RELAXED))) {
		sleeplock_release(&o->lock);
		o = NULL;
	}
	return o;
}

/* Active pages that nobody touched since they were last looked at become inactive. */
static void refill_inactive(struct pass *p)
{
	size_t active = pageq_active_count(), inactive = pageq_inactive_count();

	for (size_t n = active; n > 0 && inactive * 2 < active; n--) {
		struct vm_page *pg = pageq_oldest_active();
		struct vm_object *o = pg ? page_lock(p, pg, PQ_ACTIVE) : NULL;

		if (o == NULL)
			continue;
		if (!pmap_clear_referenced(pg)) {
			pageq_deactivate(pg);
			inactive++;
			active--;
		}
		sleeplock_release(&o->lock);
	}
}

static void scan_inactive(struct pass *p, bool second_chance)
{
	for (size_t n = pageq_inactive_count(); n > 0 && !enough(); n--) {
		struct vm_page *pg = pageq_oldest_inactive();
		struct vm_object *o = pg ? page_lock(p, pg, PQ_INACTIVE) : NULL;
		struct vnode *vn = o ? vnode_of(o) : NULL;
		size_t freed, written;

		if (vn == NULL || (second_chance && pmap_clear_referenced(pg))) {
			if (vn)
				pageq_activate(pg);
			if (o)
				sleeplock_release(&o->lock);
			continue;
		}
		if (at_minimum() && !(pg->flags & PG_DIRTY)) {
			sleeplock_release(&o->lock);
			continue;
		}
		TRACE(RECLAIM, page_pa(pg), pg->offset);
		vnode_reclaim(vn, pg, &freed, &written);
		p->freed += freed;
		p->written += written;
		COUNT_N(pd_freed, freed);
		COUNT_N(pd_written, written);
	}
}

static void pdaemon_pass(void)
{
	struct pass p = { .freed = 0 };
	size_t before;

	COUNT(pd_wakeups);
	list_for_each(link, &caches)
		p.freed += list_entry(link, struct pdaemon_cache, link)->shrink(SHRINK_COUNT);
	for (unsigned round = 1; round <= ROUNDS && !enough(); round++) {
		refill_inactive(&p);
		scan_inactive(&p, round < ROUNDS);
		if (p.written > 0)
			scan_inactive(&p, round < ROUNDS); /* what was just written is clean */
	}
	before = page_free_count();
	pool_drain_all();
	if (page_free_count() > before)
		p.freed += page_free_count() - before;
	/*
	 * Memory is not at its end when there was enough before the pass began. Nor when a thread that was preempted with a large
	 * file's lock keeps all its pages from us, for this pass and, unless it gets its turn, for the next.
	 */
	if (p.freed + p.written > 0 || enough()) {
		page_gave_up(MAX(p.freed + p.written, (size_t)1));
	} else if (p.put_off > 0 && !at_minimum()) {
		page_gave_up(p.put_off);
		thread_yield();
	} else {
		page_gave_up(0);
	}
}

/* Nothing is in hand. wanted stays set from before we are woken until we are at work: never are both 0 in between. */
static void pdaemon_rest(void)
{
	__atomic_store_n(&at_work, 0, __ATOMIC_SEQ_CST);
	sleep_commit(0);
	__atomic_store_n(&at_work, 1, __ATOMIC_SEQ_CST);
}

static void pdaemon(void *arg __unused)
{
	curthread->mem_reserve = true;
	for (;;) {
		sleep_prepare(&wanted, "pagedaemon");
		if (__atomic_exchange_n(&wanted, 0, __ATOMIC_SEQ_CST))
			sleep_cancel();
		else
			pdaemon_rest();
		pdaemon_pass();
	}
}

/* page_shortage_hook: any context, many locks held perhaps. */
static void pdaemon_wake(void)
{
	__atomic_store_n(&wanted, 1, __ATOMIC_SEQ_CST);
	thread_wakeup(&wanted);
}

void pdaemon_start(void)
{
	at_work = 1;
	if (thread_spawn("pagedaemon", pdaemon, NULL) != 0)
		panic("no memory for the pagedaemon");
	page_shortage_hook = pdaemon_wake;
}

/* ---- for leak checks ---- */

static bool resting(void)
{
	uint32_t told = __atomic_load_n(&wanted, __ATOMIC_SEQ_CST); /* first: the other one is set before this is cleared */

	return (told | __atomic_load_n(&at_work, __ATOMIC_SEQ_CST)) == 0;
}

static void wait_for_rest(void)
{
	while (!resting())
		thread_pause(100000, 0);
}

static void drain_queue(enum page_queue queue, struct vm_page *(*oldest)(void), size_t count)
{
	struct pass p = { .freed = 0 };

	while (count-- > 0) {
		struct vm_page *pg = oldest();
		struct vm_object *o = pg ? page_lock(&p, pg, queue) : NULL;

		if (o && vnode_of(o) && !(pg->flags & PG_DIRTY))
			object_page_free(o, pg);
		if (o)
			sleeplock_release(&o->lock);
	}
}

void pdaemon_drain(void)
{
	/* What a pass has in hand is in no list, and passed over here. Twice, since writing takes memory and may wake it. */
	for (unsigned turn = 0; turn < 2; turn++) {
		wait_for_rest();
		list_for_each(link, &caches)
			list_entry(link, struct pdaemon_cache, link)->drain();
	}
	drain_queue(PQ_ACTIVE, pageq_oldest_active, pageq_active_count());
	drain_queue(PQ_INACTIVE, pageq_oldest_inactive, pageq_inactive_count());
	list_for_each(link, &caches)
		list_entry(link, struct pdaemon_cache, link)->shrink(SIZE_MAX);
	pool_drain_all();
}
