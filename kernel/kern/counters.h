/* Counters of events, one array a hart so that counting needs no lock; summed when read. */
#ifndef KERN_COUNTERS_H
#define KERN_COUNTERS_H

#include "abi/stats.h"
#include "base/param.h"
#include "base/types.h"

void counter_add(unsigned which, uint64_t n);  /* any context */
uint64_t counter_read(unsigned which);
#define COUNT(name) counter_add(STAT_##name, 1)
#define COUNT_N(name, n) counter_add(STAT_##name, (n))

/* Gauges: atomic, one a name. */
void gauge_add(unsigned which, int64_t n);
uint64_t gauge_read(unsigned which);
#define GAUGE_ADD(name, n) gauge_add(STAT_##name, (n))

#endif
