/* Radix trees against a model: every subset of indices at the edges of nodes and levels. */
#include "abi/errno.h"
#include "base/types.h"
#include "kern/failpoint.h"
#include "test/test.h"
#include "vm/radix.h"

static const uint64_t at[] = { 0, 1, 63, 64, 4095, 4096, 1UL << 30, ~0UL };
#define COUNT ARRAY_COUNT(at)

static void *value(unsigned i) { return (void *)(uintptr_t)(0x1000 + i); }

/* The tree holds exactly the indices whose bit is set. */
static void check_holds(const struct radix *r, unsigned set)
{
	uint64_t index = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < COUNT; i++) {
		CHECK(radix_lookup(r, at[i]) == (set & 1u << i ? value(i) : NULL));
		n += set >> i & 1;
	}
	CHECK(r->count == n && radix_check(r));
	CHECK(radix_lookup(r, 2) == NULL && radix_lookup(r, 1UL << 40) == NULL);
	for (unsigned i = 0; i < COUNT; i++) {
		if (!(set & 1u << i))
			continue;
		CHECK(radix_next(r, &index) == value(i) && index == at[i]);
		if (++index == 0)
			return;
	}
	CHECK(radix_next(r, &index) == NULL);
}

KTEST(subsets, "D9", "every set of indices is found, walked in order, and removed in any turn") {
	struct radix r;

	for (unsigned set = 0; set < 1u << COUNT && !ktest_has_failed(); set++) {
		unsigned turn = set % COUNT;

		radix_init(&r);
		for (unsigned i = 0; i < COUNT; i++)
			if (set & 1u << (i + turn) % COUNT)
				CHECK(radix_insert(&r, at[(i + turn) % COUNT], value((i + turn) % COUNT)) == 0);
		check_holds(&r, set);
		for (unsigned i = 0, left = set; i < COUNT; i++) {
			unsigned out = (i * 3 + turn) % COUNT;

			CHECK(radix_remove(&r, at[out]) == (left & 1u << out ? value(out) : NULL));
			left &= ~(1u << out);
			if (set % 7 == 0)
				check_holds(&r, left);
		}
		CHECK(r.root == NULL && r.height == 0);
	}
}

KTEST(replace, "D9", "replacing is one step, inserting where something is fails") {
	struct radix r;

	radix_init(&r);
	CHECK(radix_insert(&r, 77, value(1)) == 0);
	CHECK(radix_insert(&r, 77, value(2)) == EEXIST);
	CHECK(radix_lookup(&r, 77) == value(1));
	CHECK(radix_replace(&r, 77, value(2)) == value(1));
	CHECK(radix_remove(&r, 77) == value(2));
	CHECK(radix_check(&r));
}

/* The n-th node is not to be had, for every n: nothing changes; then it works. */
KTEST(fails, "D9", "an insertion that gets no memory half-way changes nothing") {
	for (unsigned first = 0; first < COUNT && !ktest_has_failed(); first++)
		for (unsigned second = 0; second < COUNT; second++) {
			struct radix r;
			unsigned n = 1;

			if (first == second)
				continue;
			radix_init(&r);
			CHECK(radix_insert(&r, at[first], value(first)) == 0);
			for (; n < 30; n++) {
				uint64_t fired = fail_fired();

				CHECK(fail_arm("radix.node", n, 0) == 0);
				int error = radix_insert(&r, at[second], value(second));

				fail_arm("radix.node", 0, 0);
				if (error == 0) {
					CHECK(fail_fired() == fired);
					break;
				}
				CHECK(error == ENOMEM);
				check_holds(&r, 1u << first);
			}
			check_holds(&r, 1u << first | 1u << second);
			radix_remove(&r, at[first]);
			radix_remove(&r, at[second]);
		}
}

KTEST(lowered, "C12", "a tree is no higher than what is in it needs, so that taking a thing out leaves what there was before") {
	struct radix r;
	int value;

	radix_init(&r);
	CHECK(radix_insert(&r, 5, &value) == 0);
	CHECK(radix_insert(&r, 1UL << 40, &value) == 0);
	CHECK(r.height == 7);
	CHECK(radix_insert(&r, 70, &value) == 0);
	CHECK(radix_remove(&r, 1UL << 40) == &value);
	CHECK(r.height == 2);
	CHECK(radix_lookup(&r, 5) == &value && radix_lookup(&r, 70) == &value && radix_lookup(&r, 1UL << 40) == NULL);
	CHECK(radix_remove(&r, 5) == &value);
	CHECK(r.height == 2); /* 70 needs it */
	CHECK(radix_remove(&r, 70) == &value);
	CHECK(r.height == 0);
}

KTEST(last, "D9", "a walk that begins behind the last pointer of the highest tree ends, though no index comes after") {
	struct radix r;
	uint64_t index = (1UL << 63) + 1;
	int value;

	radix_init(&r);
	CHECK(radix_insert(&r, 1UL << 63, &value) == 0);
	CHECK(radix_next(&r, &index) == NULL);
	index = 0;
	CHECK(radix_next(&r, &index) == &value && index == 1UL << 63);
	CHECK(radix_remove(&r, index) == &value && r.root == NULL);
}
