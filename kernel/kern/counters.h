/* Counters of events, one array a hart so that counting needs no lock; summed when read. */
#ifndef KERN_COUNTERS_H
#define KERN_COUNTERS_H

#include "abi/stats.h"
#include "base/param.h"
#include "base/types.h"
#ifdef __riscv
#include "riscv/cpu.h"
#endif

/*
 * In any context. A thread may move to another hart between finding its row and adding to it;
 * the addition is atomic, so the row is then merely somebody else's.
 */
#ifdef __riscv
static inline void counter_add(unsigned which, uint64_t n)
{
	__atomic_fetch_add(&mycpu()->counts[which], n, __ATOMIC_RELAXED);
}
#else
void counter_add(unsigned which, uint64_t n);
#endif
uint64_t counter_read(unsigned which);
#define COUNT(name) counter_add(STAT_##name, 1)
#define COUNT_WAIT(rank) counter_add(STAT_WAITS + (rank) - 1, 1) /* a lock of that rank was another's; ranks begin with 1 */
#define COUNT_N(name, n) counter_add(STAT_##name, (n))

/* Gauges: atomic, one a name. */
#ifdef __riscv
extern uint64_t gauges[STAT_MAX - STAT_COUNTERS]; /* atomic */
static inline void gauge_add(unsigned which, int64_t n)
{
	__atomic_fetch_add(&gauges[which - STAT_COUNTERS], (uint64_t)n, __ATOMIC_RELAXED);
}
#else
void gauge_add(unsigned which, int64_t n);
#endif
uint64_t gauge_read(unsigned which);
#define GAUGE_ADD(name, n) gauge_add(STAT_##name, (n))

#endif
