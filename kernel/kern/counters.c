/*
 * Event counters and gauges.
 *
 * A thread may move to another hart between finding its row and adding to it;
 * the addition is atomic, so the row is then merely somebody else's.
 * Floor: kern, the lowest of its .c files.
 */
#include "kern/counters.h"

#include "base/kassert.h"
#include "kern/thread.h"

static uint64_t counts[HART_MAX][STAT_COUNTERS] __attribute__((aligned(64)));
static uint64_t gauges[STAT_MAX - STAT_COUNTERS];

void counter_add(unsigned which, uint64_t n)
{
	DASSERT(which < STAT_COUNTERS);
	__atomic_fetch_add(&counts[curthread->cpu->index][which], n, __ATOMIC_RELAXED);
}

uint64_t counter_read(unsigned which)
{
	uint64_t sum = 0;

	KASSERT(which < STAT_COUNTERS);
	for (unsigned i = 0; i < HART_MAX; i++)
		sum += __atomic_load_n(&counts[i][which], __ATOMIC_RELAXED);
	return sum;
}

void gauge_add(unsigned which, int64_t n)
{
	DASSERT(which >= STAT_COUNTERS && which < STAT_MAX);
	__atomic_fetch_add(&gauges[which - STAT_COUNTERS], (uint64_t)n, __ATOMIC_RELAXED);
}

uint64_t gauge_read(unsigned which)
{
	KASSERT(which >= STAT_COUNTERS && which < STAT_MAX);
	return __atomic_load_n(&gauges[which - STAT_COUNTERS], __ATOMIC_RELAXED);
}
