/*
 * The enumeration. A schedule is run from the beginning each time; while it runs, each
 * step notes who could have gone on instead. Its children are the schedules that depart
 * from it once more, at a later step than its last departure, so each is tried once.
 *
 * To take a thread off that could go on is a preemption, and those are counted: most
 * races need one or two. Who follows a thread that waits or has ended is free.
 *
 * Invariant: the same turns lead to the same steps, or the test's body is not repeatable.
 */
#include "schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interleave.h"

struct turn {
	unsigned step, thread;
};

struct step {
	uint8_t ran, may; /* a thread, a set */
	bool forced;      /* the thread that ran before was not in the set */
};

/* The schedule that is being tried. */
static struct turn turns[TURNS_MAX];
static unsigned turn_count;
static unsigned turn_next;            /* of turns, when the steps have come this far */
static struct step steps[STEPS_MAX];  /* what it came to */
static unsigned step_count;

static void try(void (*body)(void))
{
	turn_next = step_count = 0;
	body();
	if (turn_next != turn_count)
		host_fail(__FILE__, __LINE__, "it ends before step %u", turns[turn_next].step);
}

/* Who comes after a thread in the alphabet, of a set that is not empty. */
static unsigned successor(unsigned thread, unsigned may)
{
	do
		thread = thread + 1 < THREADS ? thread + 1 : 0;
	while (!(may >> thread & 1));
	return thread;
}

unsigned schedule_step(unsigned running, unsigned may)
{
	struct step *s = &steps[step_count];
	bool forced = !(may >> running & 1);
	unsigned next = forced ? successor(running, may) : running;

	if (step_count == STEPS_MAX)
		host_fail(__FILE__, __LINE__, "more than %u steps: the threads wait for each other in a circle", STEPS_MAX);
	if (turn_next < turn_count && turns[turn_next].step == step_count) {
		next = turns[turn_next++].thread;
		if (!(may >> next & 1))
			host_fail(__FILE__, __LINE__, "step %u: thread %c cannot go on", step_count, 'a' + next);
	}
	*s = (struct step){ .ran = next, .may = may, .forced = forced };
	step_count++;
	return next;
}

unsigned schedule_steps(void) { return step_count; }

/* ---- all of them ------------------------------------------------------------------ */

static struct count count;
static unsigned bound;

/* The schedule of turns[0 .. turn_count), which has so many preemptions, and those that begin like it. */
static void try_from(void (*body)(void), unsigned preemptions)
{
	unsigned depth = turn_count, first = depth ? turns[depth - 1].step + 1 : 0, n;
	struct step *came;

	try(body);
	count.schedules += preemptions == bound; /* with fewer it was tried before */
	count.longest = MAX(count.longest, step_count);
	if (depth == TURNS_MAX)
		return;

	n = step_count;
	came = malloc(n * sizeof(*came));
	memcpy(came, steps, n * sizeof(*came));
	for (unsigned i = first; i < n; i++) {
		unsigned cost = preemptions + !came[i].forced;

		for (unsigned t = 0; t < THREADS && cost <= bound; t++)
			if (t != came[i].ran && came[i].may >> t & 1) {
				turns[depth] = (struct turn){ i, t };
				turn_count = depth + 1;
				try_from(body, cost);
			}
	}
	free(came);
	turn_count = depth;
}

struct count schedule_all(void (*body)(void), unsigned preemptions)
{
	count = (struct count){ 0 };
	turn_count = 0;
	for (bound = 0; bound <= preemptions; bound++)
		try_from(body, 0);
	return count;
}

/* ---- one by its name ------------------------------------------------------------------ */

const char *schedule_name(void)
{
	static char name[TURNS_MAX * 8];
	size_t used = 0;

	if (turn_count == 0)
		return "-";
	for (unsigned i = 0; i < turn_count; i++)
		used += snprintf(name + used, sizeof(name) - used, "%s%u%c", i ? "," : "", turns[i].step, 'a' + turns[i].thread);
	return name;
}

bool schedule_one(void (*body)(void), const char *name)
{
	turn_count = 0;
	if (!strcmp(name, "-"))
		name = "";
	while (*name) {
		char *end;
		unsigned long step = strtoul(name, &end, 10);

		if (end == name || *end < 'a' || *end >= 'a' + THREADS || turn_count == TURNS_MAX || step >= STEPS_MAX)
			return false;
		turns[turn_count++] = (struct turn){ step, *end - 'a' };
		name = end + 1;
		if (*name == ',')
			name++;
		else if (*name)
			return false;
	}
	try(body);
	return true;
}
