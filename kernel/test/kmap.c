/* Kernel stacks. */
#include "abi/errno.h"
#include "base/param.h"
#include "kern/failpoint.h"
#include "san/san.h"
#include "test/test.h"
#include "vm/kmap.h"
#include "vm/page.h"
#include "vm/pmap.h"

#define STACKS 20 /* more than the cache holds */

KTEST(stacks, "B4", "each stack is mapped, its guard page is not, and cached ones come back first") {
	vaddr_t base[STACKS], again;

	for (unsigned i = 0; i < STACKS; i++) {
		CHECK(kstack_alloc(&base[i]) == 0);
		CHECK(!pmap_extract(pmap_kernel, base[i] - 1, NULL, NULL));
		for (unsigned p = 0; p < KSTACK_PAGES; p++)
			CHECK(pmap_extract(pmap_kernel, base[i] + p * PAGE_SIZE, NULL, NULL));
		CHECK(!pmap_extract(pmap_kernel, base[i] + KSTACK_PAGES * PAGE_SIZE, NULL, NULL));
		*(uint64_t *)base[i] = i;
		*(uint64_t *)(base[i] + KSTACK_PAGES * PAGE_SIZE - 8) = i;
	}
	for (unsigned i = 0; i < STACKS; i++)
		CHECK(*(uint64_t *)base[i] == i && *(uint64_t *)(base[i] + KSTACK_PAGES * PAGE_SIZE - 8) == i);
	for (unsigned i = STACKS; i-- > 0;)
		kstack_free(base[i]);
	size_t cached = kstack_cached(), free = page_free_count();

	CHECK(cached > 0 && kstack_alloc(&again) == 0);
	CHECK(kstack_cached() == cached - 1 && page_free_count() == free);
	kstack_free(again);
	kstack_drain();
	CHECK(kstack_cached() == 0);
	CHECK(!pmap_extract(pmap_kernel, again, NULL, NULL));
}

KTEST(fails, "B4", "a stack that gets no memory half-way leaves nothing behind") {
	vaddr_t base;
	size_t free;
	int error;

	kstack_drain();
	free = page_free_count();
	for (unsigned n = 1; n < 12; n++) {
		CHECK(fail_arm("page.alloc", n, 0) == 0);
		error = kstack_alloc(&base);
		fail_arm("page.alloc", 0, 0);
		if (error == 0)
			break;
		CHECK(error == ENOMEM && n <= KSTACK_PAGES + 1 + 2 * SAN_STACK_PAGES); /* for the shadow a frame and a table more */
		CHECK(page_free_count() == free);
	}
	CHECK(error == 0);
	kstack_free(base);
	kstack_drain();
	CHECK(page_free_count() == free);
	CHECK(pmap_check(pmap_kernel));
}

/* More than a word of the bitmap's summary stands for, linked by their first words. */
#define MANY (64 * 64 + 10)

KTEST(many, "B4", "thousands of stacks at a time: full words of the bitmap are passed over, and every slot comes back") {
	size_t free, n;
	vaddr_t all = 0, base;

	kstack_drain();
	free = page_free_count();
	for (n = 0; n < MANY && kstack_alloc(&base) == 0; n++) {
		*(vaddr_t *)base = all;
		all = base;
	}
	CHECK(n == MANY);
	for (; all; all = base) {
		base = *(vaddr_t *)all;
		kstack_free(all);
	}
	kstack_drain();
	CHECK(page_free_count() >= free - MANY / 256 - 8); /* but for page tables */
	CHECK(pmap_check(pmap_kernel));
}

/* As many as lead over the end of a page table, wherever the first one lies. */
#define OVER_A_TABLE (512 / (KSTACK_PAGES + 1) + STACKS)

KTEST(no_table, "B4", "a stack that gets its frames but no page table for them leaves nothing behind") {
	vaddr_t all = 0, base;

	kstack_drain();
	for (unsigned n = 0; n < OVER_A_TABLE && !ktest_has_failed(); n++) {
		int error = ENOMEM;

		for (unsigned at = 1; error; at++) {
			CHECK(at <= KSTACK_PAGES + 2 + 2 * SAN_STACK_PAGES && fail_arm("page.alloc", at, 0) == 0);
			error = kstack_alloc(&base);
			fail_arm("page.alloc", 0, 0);
			CHECK(error == 0 || error == ENOMEM);
			if (ktest_has_failed())
				return;
		}
		*(vaddr_t *)base = all;
		all = base;
	}
	for (; all; all = base) {
		base = *(vaddr_t *)all;
		kstack_free(all);
	}
	kstack_drain();
	CHECK(pmap_check(pmap_kernel));
}
