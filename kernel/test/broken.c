/* Memory whose books are wrong: what the checks of pools say, and what panics at once. */
#include "kern/thread.h"
#include "riscv/layout.h"
#include "test/test.h"
#include "vm/page.h"
#include "vm/pool.h"

static struct pool quarter; /* four objects a slab; pools are for ever, so it is made once */

static void quarter_make(void)
{
	if (!quarter.ready)
		pool_init(&quarter, "broken", 1000);
	pool_drain_all();
}

/* With something else in place of what ought to be there, the pool is not in order. */
#define BREAK(place, wrong)                         \
	do {                                        \
		__typeof__(place) right_ = (place); \
		(place) = (wrong);                  \
		CHECK(!pool_check(&quarter));       \
		(place) = right_;                   \
		CHECK(pool_check(&quarter));        \
	} while (0)

/* test: sanitize=no */
KTEST(pools, "B12", "the check of a pool finds what is wrong with its books, its slabs and its free objects") {
	struct vm_page *slab;
	char *o[5], *free;

	quarter_make();
	o[0] = pool_alloc(&quarter, 0);
	CHECK(o[0]);
	if (o[0] == NULL)
		return;
	pool_drain_all(); /* the others of the slab are on its own list */
	slab = page_of(virt_to_phys(o[0]));
	free = slab->slab_free;
	CHECK(free != NULL && quarter.slabs == 1 && slab->live == 1);
	BREAK(quarter.live, 2);
	BREAK(quarter.slabs, 2);
	BREAK(slab->live, 2);
	BREAK(slab->owner, PO_FREE);
	BREAK(slab->pool, NULL);
	BREAK(slab->slab_free, (char *)page_kva(slab) - 1000);
	BREAK(slab->slab_free, (char *)page_kva(slab) + PAGE_SIZE);
	BREAK(slab->slab_free, free + 8);
	BREAK(*(void **)free, free); /* a circle */
	BREAK(free[100], 1);         /* written after it was freed */
	for (unsigned i = 1; i < 5; i++) {
		o[i] = pool_alloc(&quarter, 0);
		CHECK(o[i]);
	}
	pool_drain_all();
	CHECK(quarter.slabs == 2);
	BREAK(slab->live, 3); /* of two slabs, with the other in order */
	BREAK(page_of(virt_to_phys(o[4]))->live, 3);
	for (unsigned i = 0; i < 5; i++)
		pool_free(&quarter, o[i]);
	pool_drain_all();
}

static void *twice;

static void free_twice(void)
{
	pool_free(&quarter, twice);
	pool_free(&quarter, twice);
}

/* test: sanitize=no */
KTEST(freed_twice, "", "an object that is freed twice panics") {
	quarter_make();
	twice = pool_alloc(&quarter, 0);
	CHECK(twice && ktest_said(ktest_panic(free_twice), "freed twice"));
	pool_drain_all();
}

static void place_too_much(void) { page_place(0, PAGE_SIZE, NULL, 0, 2 * PAGE_SIZE); }

/* test: sanitize=no */
KTEST(no_place, "", "memory that has no room for what describes it panics") {
	CHECK(ktest_said(ktest_panic(place_too_much), "do not fit into memory"));
}

static struct vm_page *frame;

static void free_it(void) { page_free(frame); }

/* test: sanitize=no */
KTEST(no_step, "B12", "a frame that makes a step which is none panics") {
	frame = page_alloc(PO_ANON, 0);
	CHECK(frame);
	if (frame == NULL)
		return;
	frame->flags = PG_WANTED; /* by nobody's work */
	CHECK(ktest_said(ktest_panic(free_it), "no step leads"));
	frame->flags = 0;
	free_it();
}

/* test: sanitize=no */
KTEST(pending, "B1", "a frame that is freed while a hart may still use an old translation to it panics") {
	uint64_t batch = page_batch_open();

	frame = page_alloc(PO_KERNEL, 0);
	CHECK(frame && page_batch_name(frame, batch));
	if (frame == NULL)
		return;
	CHECK(ktest_said(ktest_panic(free_it), "TLB invalidation"));
	page_batch_close(batch);
	free_it();
}
