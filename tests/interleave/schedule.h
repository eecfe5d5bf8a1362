/*
 * Schedules. The threads of a test meet at numbered steps; at each one a schedule says
 * who goes on. Left to itself a thread goes on until it waits or ends, and then the next
 * one in the alphabet does, so a schedule is named by where it departs from that:
 *
 *	12b,30a    at step 12 thread b goes on, at step 30 thread a
 *	-          nowhere
 */
#ifndef TESTS_INTERLEAVE_SCHEDULE_H
#define TESTS_INTERLEAVE_SCHEDULE_H

#include "base/types.h"

#define THREADS 3    /* a, b, c; bit n of a set stands for thread n */
#define STEPS_MAX 4000
#define TURNS_MAX 64 /* departures in one schedule */

struct count {
	uint64_t schedules; /* different ones that were tried */
	unsigned longest;   /* steps of the longest */
};

/* Runs body under every schedule with at most so many preemptions, fewest first. */
struct count schedule_all(void (*body)(void), unsigned preemptions);
/* Runs it under the one named. False: that is no name of a schedule. */
bool schedule_one(void (*body)(void), const char *name);

/* The one that runs now. */
const char *schedule_name(void);

/* For threads.c. The next step: who goes on, of a set? running is in the set unless it waits, has ended or makes way. */
unsigned schedule_step(unsigned running, unsigned may);
unsigned schedule_steps(void); /* so far */

#endif
