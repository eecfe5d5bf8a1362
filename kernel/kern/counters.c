/*
 * Event counters and gauges: what they come to. Floor: kern, the lowest of its .c files.
 */
#include "kern/counters.h"

#include "base/kassert.h"

uint64_t gauges[STAT_MAX - STAT_COUNTERS];

uint64_t counter_read(unsigned which)
{
	uint64_t sum = 0;

	KASSERT(which < STAT_COUNTERS);
	for (unsigned i = 0; i < HART_MAX; i++)
		sum += __atomic_load_n(&cpus[i].counts[which], __ATOMIC_RELAXED);
	return sum;
}

uint64_t gauge_read(unsigned which)
{
	KASSERT(which >= STAT_COUNTERS && which < STAT_MAX);
	return __atomic_load_n(&gauges[which - STAT_COUNTERS], __ATOMIC_RELAXED);
}
