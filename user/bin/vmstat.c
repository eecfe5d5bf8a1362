/*
 * vmstat: memory at a glance, since boot; vmstat INTERVAL [COUNT]: a line each
 * INTERVAL seconds; vmstat -s: every counter and gauge by name.
 */
#include <pagoda.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "number.h"

#define NAME_AND_TEXT(name, text) { #name, text },
#define WAIT_AND_TEXT(name, kind, why) { "wait_" #name, "waits for a lock: " why },
static const struct { const char *name, *text; } stats[STAT_MAX] = {
	COUNTERS(NAME_AND_TEXT) LOCKRANKS(WAIT_AND_TEXT) GAUGES(NAME_AND_TEXT)
};

static uint64_t now[STAT_MAX], before[STAT_MAX];

static unsigned long long delta(int which) { return now[which] - before[which]; }

static void show_all(void)
{
	for (int i = 0; i < STAT_MAX; i++)
		printf("%12llu %-18s %s\n", (unsigned long long)now[i], stats[i].name, stats[i].text);
}

static void show_line(void)
{
	printf("%5llu %7llu %7llu %7llu %6llu %6llu %6llu %6llu %6llu %6llu %6llu %7llu\n",
		(unsigned long long)now[STAT_procs], (unsigned long long)now[STAT_pages_free],
		(unsigned long long)now[STAT_pages_anon], (unsigned long long)now[STAT_pages_object],
		delta(STAT_faults), delta(STAT_fault_1b), delta(STAT_fault_2b_zero), delta(STAT_fault_object_io),
		delta(STAT_pd_freed), delta(STAT_interrupts), delta(STAT_switches), delta(STAT_syscalls));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	long interval = 0, count = 0;

	if (argc == 2 && strcmp(argv[1], "-s") == 0) {
		if (vmstat(now, STAT_MAX) < 0) {
			perror("vmstat");
			return 1;
		}
		show_all();
		return 0;
	}
	if ((argc > 1 && (!parse_number(argv[1], &interval) || interval <= 0)) ||
	    (argc > 2 && (!parse_number(argv[2], &count) || count <= 0)) || argc > 3) {
		fprintf(stderr, "usage: vmstat [-s | INTERVAL [COUNT]]\n");
		return 2;
	}
	printf("procs    free   anons objects faults    cow   zero     io  freed  intrs   ctxt  syscalls\n");
	for (long i = 0;; i++) {
		if (vmstat(now, STAT_MAX) < 0) {
			perror("vmstat");
			return 1;
		}
		show_line();
		memcpy(before, now, sizeof now);
		if (interval == 0 || (count > 0 && i + 1 == count))
			return 0;
		sleep((unsigned)interval);
	}
}
