/* Pools and kmalloc. */
#include "abi/errno.h"
#include "base/string.h"
#include "kern/failpoint.h"
#include "test/test.h"
#include "vm/page.h"
#include "vm/pool.h"

static struct pool quarter; /* four objects a slab; pools are for ever, so it is made once */

static void quarter_make(void)
{
	if (!quarter.ready)
		pool_init(&quarter, "test", 1000);
}

/* Allocates four objects, frees them in the order of perm, each filled meanwhile. */
static void four(const uint8_t *perm)
{
	void *o[4];

	for (unsigned i = 0; i < 4; i++) {
		o[i] = pool_alloc(&quarter, 0);
		CHECK(o[i]);
		if (o[i] == NULL)
			return;
		memset(o[i], i + 1, 1000);
		for (unsigned j = 0; j < i; j++)
			CHECK((char *)o[i] + quarter.size <= (char *)o[j] || (char *)o[j] + quarter.size <= (char *)o[i]);
	}
	for (unsigned i = 0; i < 4; i++) {
		CHECK(*(char *)o[perm[i]] == perm[i] + 1 && ((char *)o[perm[i]])[999] == perm[i] + 1);
		pool_free(&quarter, o[perm[i]]);
	}
}

KTEST(orders, "C12", "four objects freed in every order, again and again: books and poison stay right") {
	quarter_make();
	for (unsigned n = 0; n < 256 && !ktest_has_failed(); n++) {
		uint8_t perm[4] = { n & 3, n >> 2 & 3, n >> 4 & 3, n >> 6 };

		if (perm[0] == perm[1] || perm[0] == perm[2] || perm[0] == perm[3] || perm[1] == perm[2] || perm[1] == perm[3] ||
		    perm[2] == perm[3])
			continue;
		four(perm);
		CHECK(pool_check(&quarter));
		CHECK(quarter.live == 0);
	}
	pool_drain_all();
	CHECK(quarter.slabs == 0);
}

KTEST(poison, "C12", "an object comes zeroed when asked for, and is poisoned once freed") {
	uint64_t *o;

	quarter_make();
	o = pool_alloc(&quarter, POOL_ZERO);
	CHECK(o);
	if (o == NULL)
		return;
	CHECK(o[1] == 0 && o[124] == 0);
	pool_free(&quarter, o);
	o = pool_alloc(&quarter, 0);
	CHECK(o && o[1] != 0xdfdfdfdfdfdfdfdfu && o[1] != 0);
	pool_free(&quarter, o); /* never written: still not taken for freed twice */
	uint64_t left = ktest_peek(&o[1]);

	CHECK(left == 0xdfdfdfdfdfdfdfdfu && ktest_peek(&o[100]) == left);
	CHECK(pool_freed(left) && pool_freed(left + 64) && !pool_freed((uintptr_t)o)); /* what a trap says of such a pointer */
	pool_drain_all();
}

KTEST(kmalloc, "", "every size from 1 to three frames: zeroed, aligned, all of it usable, all given back") {
	size_t free;

	pool_drain_all();
	free = page_free_count();
	for (size_t size = 1; size <= 3 * PAGE_SIZE && !ktest_has_failed(); size += size < 300 ? 1 : 119) {
		unsigned char *p = kmalloc(size, POOL_ZERO), *q = kmalloc(size, 0);

		CHECK(p && q && ((uint64_t)p & 15) == 0);
		if (!p || !q)
			return;
		CHECK(p[0] == 0 && p[size / 2] == 0 && p[size - 1] == 0);
		memset(p, 1, size);
		memset(q, 2, size);
		CHECK(p[0] == 1 && p[size - 1] == 1);
		kfree(p, size);
		kfree(q, size);
	}
	kfree(NULL, 100);
	pool_drain_all();
	CHECK(page_free_count() == free);
}

KTEST(fails, "", "an allocation that is made to fail changes nothing") {
	size_t live;

	quarter_make();
	pool_drain_all();
	live = quarter.live;
	CHECK(fail_arm("pool.test", 1, 0) == 0);
	CHECK(pool_alloc(&quarter, 0) == NULL);
	CHECK(fail_arm("page.alloc", 1, 0) == 0);
	CHECK(pool_alloc(&quarter, 0) == NULL);
	CHECK(quarter.live == live && pool_check(&quarter));
}

static void churn(void *arg __unused, unsigned index)
{
	uint64_t *held[30] = { NULL };
	uint32_t state = index + 7;

	for (unsigned n = 0; n < 3000 && !ktest_has_failed(); n++) {
		unsigned i = ktest_random(&state) % 30;

		if (held[i]) {
			CHECK(held[i][50] == (uint64_t)held[i] + index);
			pool_free(&quarter, held[i]);
			held[i] = NULL;
		} else if ((held[i] = pool_alloc(&quarter, 0)) != NULL) {
			held[i][50] = (uint64_t)held[i] + index;
		}
		if (n % 500 == 0)
			pool_drain_all();
	}
	for (unsigned i = 0; i < 30; i++)
		if (held[i])
			pool_free(&quarter, held[i]);
}

KTEST(churn, "C12", "threads on all harts share a pool; draining it meanwhile takes nothing that is in use") {
	quarter_make();
	CHECK(ktest_threads(4, churn, NULL));
	CHECK(pool_check(&quarter) && quarter.live == 0);
	pool_drain_all();
	CHECK(quarter.slabs == 0);
}

KTEST(kmalloc_huge, "", "what is larger than the largest block is refused") {
	CHECK(kmalloc((PAGE_SIZE << PAGE_ORDER_MAX) + 1, 0) == NULL);
}
