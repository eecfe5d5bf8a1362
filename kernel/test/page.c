/* Frames: the buddy system, caches, claims, holds, the wait for memory, busy pages. */
#include "abi/errno.h"
#include "abi/stats.h"
#include "base/param.h"
#include "kern/counters.h"
#include "kern/failpoint.h"
#include "kern/sleeplock.h"
#include "kern/thread.h"
#include "test/test.h"
#include "vm/page.h"

KTEST(owners, "", "a frame counts as its owner's, then as free again") {
	static const int gauges[PO_COUNT] = { 0, STAT_pages_kernel, STAT_pages_table, STAT_pages_anon, STAT_pages_object };

	for (int owner = PO_KERNEL; owner < PO_COUNT; owner++) {
		uint64_t had = gauge_read(gauges[owner]), free = page_free_count();
		struct vm_page *pg = page_alloc(owner, PAGE_ZERO);
		bool zero = true;

		CHECK(pg);
		if (pg == NULL)
			return;
		CHECK(pg->owner == owner && pg->wire_count == 0 && pg->flags == 0 && pg->queue == PQ_NONE);
		for (size_t i = 0; i < PAGE_SIZE / sizeof(uint64_t); i++)
			zero = zero && ((uint64_t *)page_kva(pg))[i] == 0;
		CHECK(zero);
		CHECK(gauge_read(gauges[owner]) == had + 1 && page_free_count() == free - 1);
		page_free(pg);
		CHECK(gauge_read(gauges[owner]) == had && page_free_count() == free);
	}
}

/* ---- the buddy system on eight frames in a row, whole --------------------------- */

#define FRAMES 8

/* Which frames of the eight are free, as a model; what block would frame i begin? */
static int model_order(unsigned free, unsigned i)
{
	for (int order = 2; order >= 0; order--) {
		unsigned size = 1u << order, mask = ((1u << size) - 1) << i;

		if (i % size == 0 && (free & mask) == mask)
			return order;
	}
	return -1;
}

static void check_orders(struct vm_page *first, unsigned free)
{
	for (unsigned i = 0; i < FRAMES;) {
		int order = model_order(free, i);

		CHECK(first[i].order == (order < 0 ? PAGE_NO_ORDER : order));
		CHECK(first[i].owner == (order < 0 ? PO_KERNEL : PO_FREE));
		i += order < 0 ? 1 : 1u << order;
	}
}

/* Frees eight frames as the blocks of sizes[] (orders), in the given order of the blocks. */
static void free_blocks(const uint8_t *start, const uint8_t *order, const uint8_t *turn, unsigned blocks)
{
	struct vm_page *first = page_alloc_block(3, 0);
	unsigned free = 0;

	CHECK(first);
	for (unsigned n = 0; first && n < blocks; n++) {
		unsigned b = turn[n];

		page_free_block(first + start[b], order[b]);
		free |= ((1u << (1u << order[b])) - 1) << start[b];
		if (free != (1u << FRAMES) - 1) /* whole, it may become part of something larger */
			check_orders(first, free);
	}
}

static void permute(const uint8_t *start, const uint8_t *order, uint8_t *turn, unsigned blocks, unsigned fixed, unsigned *budget)
{
	if (*budget == 0 || ktest_has_failed())
		return;
	if (fixed == blocks) {
		(*budget)--;
		free_blocks(start, order, turn, blocks);
		return;
	}
	for (unsigned i = fixed; i < blocks; i++) {
		uint8_t other = turn[i];

		turn[i] = turn[fixed];
		turn[fixed] = other;
		permute(start, order, turn, blocks, fixed + 1, budget);
		turn[fixed] = turn[i];
		turn[i] = other;
	}
}

/* Every way to cut [at, 8) into aligned blocks, `blocks` of which are made. */
static void partitions(uint8_t *start, uint8_t *order, unsigned blocks, unsigned at, unsigned *count)
{
	if (at == FRAMES) {
		uint8_t turn[FRAMES] = { 0, 1, 2, 3, 4, 5, 6, 7 };
		unsigned budget = 720; /* all orders of up to six blocks */

		(*count)++;
		permute(start, order, turn, blocks, 0, &budget);
		return;
	}
	for (unsigned o = 0; o <= 3 && at % (1u << o) == 0 && at + (1u << o) <= FRAMES; o++) {
		start[blocks] = at;
		order[blocks] = o;
		partitions(start, order, blocks + 1, at + (1u << o), count);
	}
}

/* test: harts=1 */
KTEST(buddy_whole, "", "eight frames cut into blocks in every way and freed in every order always coalesce") {
	uint8_t start[FRAMES], order[FRAMES];
	unsigned count = 0;

	partitions(start, order, 0, 0, &count);
	CHECK(count == 26);
	CHECK(page_check());
}

KTEST(blocks, "", "blocks are aligned, disjoint, and given back") {
	struct vm_page *b[PAGE_ORDER_MAX + 1];

	for (unsigned o = 0; o <= PAGE_ORDER_MAX; o++) {
		b[o] = page_alloc_block(o, 0);
		CHECK(b[o] && page_pa(b[o]) % (PAGE_SIZE << o) == 0);
		for (unsigned i = 0; b[o] && i < o; i++)
			CHECK(b[o] + (1UL << o) <= b[i] || b[i] + (1UL << i) <= b[o]);
	}
	CHECK(page_alloc_block(PAGE_ORDER_MAX + 1, 0) == NULL);
	for (unsigned o = 0; o <= PAGE_ORDER_MAX; o++)
		if (b[o])
			page_free_block(b[o], o);
	CHECK(page_check());
}

/* ---- shortage ------------------------------------------------------------------------ */

static void no_hook(void) {}

/* All that can be had, linked through their first words. */
static struct vm_page *take_all(unsigned flags, size_t *count)
{
	struct vm_page *all = NULL, *pg;

	for (*count = 0; (pg = page_alloc(PO_KERNEL, flags)) != NULL; (*count)++) {
		*(struct vm_page **)page_kva(pg) = all;
		all = pg;
	}
	return all;
}

static void free_all(struct vm_page *all)
{
	while (all) {
		struct vm_page *next = *(struct vm_page **)page_kva(all);

		page_free(all);
		all = next;
	}
}

KTEST(exhaust, "", "the last frames are for who may use the reserve; nothing is lost when there is none") {
	void (*hook)(void) = page_shortage_hook;
	struct vm_page *all, *rest;
	size_t count, more;

	page_shortage_hook = no_hook;
	all = take_all(0, &count);
	CHECK(count > 100);
	CHECK(page_free_count() == page_reserve);
	rest = take_all(PAGE_RESERVE, &more);
	CHECK(more == page_reserve && page_free_count() == 0);
	free_all(rest);
	free_all(all);
	CHECK(page_check());
	page_shortage_hook = hook;
	page_gave_up(1);
}

struct waiter {
	struct vm_page *all;
	int error;
	bool asking, answered; /* atomic */
	bool give_up;
};

static void wait_for_frames(void *arg, unsigned index)
{
	struct waiter *w = arg;
	size_t count;

	if (index == 0) {
		w->all = take_all(0, &count); /* both threads have their stacks by now */
		__atomic_store_n(&w->asking, true, __ATOMIC_SEQ_CST);
		w->error = page_wait_free("test");
		__atomic_store_n(&w->answered, true, __ATOMIC_SEQ_CST);
		return;
	}
	while (!__atomic_load_n(&w->asking, __ATOMIC_SEQ_CST))
		thread_yield();
	thread_pause(1000000, 0);
	CHECK(!__atomic_load_n(&w->answered, __ATOMIC_SEQ_CST));
	if (!w->give_up) {
		page_gave_up(0); /* one empty pass is not enough: it may have begun before */
		thread_pause(1000000, 0);
		CHECK(!__atomic_load_n(&w->answered, __ATOMIC_SEQ_CST));
		for (unsigned i = 0; i < PAGE_WAIT_FRAMES; i++) {
			struct vm_page *pg = w->all;

			CHECK(!__atomic_load_n(&w->answered, __ATOMIC_SEQ_CST));
			w->all = *(struct vm_page **)page_kva(pg);
			page_free(pg);
		}
	} else {
		page_gave_up(0);
		page_gave_up(0);
	}
}

static void wait_test(bool give_up, int error)
{
	void (*hook)(void) = page_shortage_hook;
	struct waiter w = { .give_up = give_up, .error = -1 };

	page_shortage_hook = no_hook;
	CHECK(ktest_threads(2, wait_for_frames, &w));
	CHECK(w.error == error);
	free_all(w.all);
	page_shortage_hook = hook;
	page_gave_up(1);
}

KTEST(wait_freed, "A15 A34", "who waits for memory goes on when there is enough for a page and the tables that lead to it") { wait_test(false, 0); }
KTEST(wait_given_up, "A15 A34", "who waits for memory is told when the pagedaemon finds nothing twice") { wait_test(true, ENOMEM); }

KTEST(fail_point, "", "page.alloc fails when it is told to, once") {
	struct vm_page *pg;
	size_t free = page_free_count();

	CHECK(fail_arm("page.alloc", 2, 0) == 0);
	pg = page_alloc(PO_KERNEL, 0);
	CHECK(pg);
	CHECK(page_alloc(PO_KERNEL, 0) == NULL);
	CHECK(page_free_count() == free - 1);
	if (pg)
		page_free(pg);
}

/* ---- holds and busy pages ---------------------------------------------------------------- */

KTEST(hold, "", "a held page is not used again before it is let go") {
	struct vm_page *pg = page_alloc(PO_KERNEL, 0);

	CHECK(pg);
	if (pg == NULL)
		return;
	page_hold(pg);
	page_hold(pg);
	page_free(pg);
	CHECK(pg->owner != PO_FREE);
	page_unhold(pg);
	CHECK(pg->owner != PO_FREE);
	page_unhold(pg);
	CHECK(pg->owner == PO_FREE);
	CHECK(page_check());
}

struct busy {
	struct sleeplock lock;
	struct vm_page *pg;
	unsigned waiting; /* atomic */
	unsigned seen;    /* lock: waiters that found it not busy */
};

static void wait_for_busy(void *arg, unsigned index)
{
	struct busy *b = arg;

	sleeplock_acquire(&b->lock);
	if (index == 0) {
		while (__atomic_load_n(&b->waiting, __ATOMIC_SEQ_CST) < 3 || !(b->pg->flags & PG_WANTED)) {
			sleeplock_release(&b->lock);
			thread_yield();
			sleeplock_acquire(&b->lock);
		}
		page_unbusy(b->pg);
	} else {
		__atomic_add_fetch(&b->waiting, 1, __ATOMIC_SEQ_CST);
		while (b->pg->flags & PG_BUSY) {
			page_wait_busy(b->pg, &b->lock, "test busy");
			CHECK(!sleeplock_held(&b->lock));
			sleeplock_acquire(&b->lock);
		}
		b->seen++;
	}
	sleeplock_release(&b->lock);
}

KTEST(busy, "A12", "all that wait for a busy page are woken when it is not any more") {
	struct busy b = { 0 };

	sleeplock_init(&b.lock, RANK_OBJECT, "test");
	b.pg = page_alloc(PO_OBJECT, 0);
	CHECK(b.pg);
	if (b.pg == NULL)
		return;
	page_busy(b.pg);
	CHECK(ktest_threads(4, wait_for_busy, &b));
	CHECK(b.seen == 3 && b.pg->flags == 0);
	page_free(b.pg);
}

/* ---- several harts --------------------------------------------------------------------------- */

#define CHURN_HELD 40

static void churn(void *arg __unused, unsigned index)
{
	struct { struct vm_page *pg; unsigned order; } held[CHURN_HELD] = { 0 };
	uint32_t state = index + 1;

	for (unsigned n = 0; n < 2000 && !ktest_has_failed(); n++) {
		unsigned i = ktest_random(&state) % CHURN_HELD;

		if (held[i].pg) {
			CHECK(*(uint64_t *)page_kva(held[i].pg) == (uint64_t)held[i].pg + index);
			if (held[i].order)
				page_free_block(held[i].pg, held[i].order);
			else
				page_free(held[i].pg);
			held[i].pg = NULL;
			continue;
		}
		held[i].order = ktest_random(&state) % 8 ? 0 : 1 + ktest_random(&state) % 4;
		held[i].pg = held[i].order ? page_alloc_block(held[i].order, 0) : page_alloc(PO_KERNEL, 0);
		CHECK(held[i].pg);
		if (held[i].pg)
			*(uint64_t *)page_kva(held[i].pg) = (uint64_t)held[i].pg + index;
	}
	for (unsigned i = 0; i < CHURN_HELD; i++) {
		if (held[i].pg && held[i].order)
			page_free_block(held[i].pg, held[i].order);
		else if (held[i].pg)
			page_free(held[i].pg);
	}
}

KTEST(churn, "", "threads on all harts that allocate and free share no frame and lose none") {
	size_t free = page_free_count();

	CHECK(ktest_threads(4, churn, NULL));
	page_drain();
	CHECK(page_check());
	CHECK(page_free_count() + 64 > free); /* cached kernel stacks may keep some */
}
