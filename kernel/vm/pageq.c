/*
 * The active and inactive queues, oldest first.
 *
 * Invariant: a page is on the queue that its `queue` names, and a wired page on
 * none. The counts say how long the queues are.
 * Floor: vm/pageq, above vm/pmap. page_free() calls down to here for a page that is still queued.
 */
#include "vm/pageq.h"

#include "base/kassert.h"
#include "kern/counters.h"
#include "kern/spinlock.h"

static struct spinlock pageq_lock = SPINLOCK_INIT(RANK_PAGEQ, "page queues");
static struct list active = LIST_INIT(active), inactive = LIST_INIT(inactive); /* pageq_lock */

static struct list *queue_list(enum page_queue q) { return q == PQ_ACTIVE ? &active : &inactive; }

/* How long a queue is, is a gauge. => pageq_lock held */
static void queue_count(enum page_queue q, int n) { gauge_add(q == PQ_ACTIVE ? STAT_pages_active : STAT_pages_inactive, n); }

/* The one transition between queues: off the one, to the tail of the other. => pageq_lock held */
static inline void move(struct vm_page *pg, enum page_queue to)
{
	KASSERT(spinlock_held(&pageq_lock));
	if (pg->queue != PQ_NONE) {
		list_remove(&pg->link);
		queue_count(pg->queue, -1);
	}
	pg->queue = to;
	if (to != PQ_NONE) {
		list_push_back(queue_list(to), &pg->link);
		queue_count(to, 1);
	}
}

static inline void move_unless_wired(struct vm_page *pg, enum page_queue to)
{
	uint64_t irqs;

	KASSERT(page_is_user(pg));
	irqs = spinlock_enter(&pageq_lock);
	if (pg->wire_count == 0)
		move(pg, to);
	spinlock_leave(&pageq_lock, irqs);
}

void pageq_make_active(struct vm_page *pg) { move_unless_wired(pg, PQ_ACTIVE); }

void pageq_deactivate(struct vm_page *pg) { move_unless_wired(pg, PQ_INACTIVE); }

void pageq_remove(struct vm_page *pg)
{
	spinlock_acquire(&pageq_lock);
	move(pg, PQ_NONE);
	spinlock_release(&pageq_lock);
}

void pageq_wire(struct vm_page *pg)
{
	KASSERT(page_is_user(pg));
	spinlock_acquire(&pageq_lock);
	KASSERT(pg->wire_count < UINT16_MAX);
	if (pg->wire_count++ == 0) {
		move(pg, PQ_NONE);
		GAUGE_ADD(pages_wired, 1);
	}
	spinlock_release(&pageq_lock);
}

void pageq_unwire(struct vm_page *pg)
{
	spinlock_acquire(&pageq_lock);
	KASSERT(pg->wire_count > 0);
	if (--pg->wire_count == 0) {
		move(pg, PQ_ACTIVE);
		GAUGE_ADD(pages_wired, -1);
	}
	spinlock_release(&pageq_lock);
}

void pageq_freeze(void) { spinlock_acquire(&pageq_lock); }
void pageq_thaw(void) { spinlock_release(&pageq_lock); }

size_t pageq_active_count(void) { return gauge_read(STAT_pages_active); }
size_t pageq_inactive_count(void) { return gauge_read(STAT_pages_inactive); }

static struct vm_page *oldest(enum page_queue q)
{
	struct vm_page *pg = NULL;
	struct list *node;

	spinlock_acquire(&pageq_lock);
	node = list_first(queue_list(q));
	if (node) {
		pg = list_entry(node, struct vm_page, link);
		move(pg, q); /* to the tail: who asks again gets the next one */
	}
	spinlock_release(&pageq_lock);
	return pg;
}

struct vm_page *pageq_oldest_inactive(void) { return oldest(PQ_INACTIVE); }
struct vm_page *pageq_oldest_active(void) { return oldest(PQ_ACTIVE); }

static size_t check_queue(enum page_queue q, bool *ok)
{
	size_t n = 0;

	list_for_each(node, queue_list(q)) {
		struct vm_page *pg = list_entry(node, struct vm_page, link);

		*ok = *ok && pg->queue == q && pg->wire_count == 0 && page_is_user(pg);
		n++;
	}
	return n;
}

bool pageq_check(void)
{
	bool ok = true;

	spinlock_acquire(&pageq_lock);
	ok = check_queue(PQ_ACTIVE, &ok) == pageq_active_count() && ok;
	ok = check_queue(PQ_INACTIVE, &ok) == pageq_inactive_count() && ok;
	spinlock_release(&pageq_lock);
	return ok;
}
