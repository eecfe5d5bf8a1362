/*
 * Faults of 1 to 8 workers at once, each on memory of its own, all on one piece of shared
 * memory, or as threads of one process, and how often they waited for locks of each rank:
 *
 *	throughput KIND WORKERS FAULTS INSTRUCTIONS TIME RANK=WAITS...
 *
 * INSTRUCTIONS are those of all harts together, under -icount; without it TIME tells, in ticks of the clock.
 */
#include <pagoda.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define WORKERS 8
#define PAGES 64UL        /* of a worker */
#define PASSES 64UL
#define SIZE (PAGES * PAGE_SIZE)

/* Seen by all workers. */
static volatile struct meeting {
	uint32_t ready, go;
	uint64_t begin, end;  /* time, of the first to begin and the last to end */
	uint64_t instructions;
} *meeting;

static char *common; /* shared memory for WORKERS * PAGES pages */

static uint64_t now(void)
{
	uint64_t n;

	__asm__ volatile("rdtime %0" : "=r"(n) : : "memory");
	return n;
}

static void touch(volatile char *p, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		p[i * PAGE_SIZE] = 1;
}

/* New pages, filled with zeroes, in a mapping that goes away after. */
static void work_own(long unused __attribute__((unused)))
{
	for (size_t pass = 0; pass < PASSES; pass++) {
		char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);

		CHECK(p != MAP_FAILED);
		touch(p, PAGES);
		munmap(p, SIZE);
	}
}

/* Pages that are there and that every worker maps, each beginning elsewhere; their one amap has one lock. */
static void work_shared(long worker)
{
	for (size_t pass = 0; pass < PASSES; pass++) {
		char *p = common + ((size_t)worker + pass) % WORKERS * SIZE;

		CHECK(mprotect(p, SIZE, PROT_NONE) == 0);
		CHECK(mprotect(p, SIZE, PROT_READ | PROT_WRITE) == 0);
		touch(p, PAGES);
	}
}

/* To meet, so that all are at it at once; then the work. */
static void meet(void (*work)(long), long worker, uint32_t workers)
{
	if (__atomic_add_fetch(&meeting->ready, 1, __ATOMIC_SEQ_CST) == workers) {
		meeting->begin = now();
		meeting->instructions = instructions();
		__atomic_store_n(&meeting->go, 1, __ATOMIC_SEQ_CST);
	}
	while (!__atomic_load_n(&meeting->go, __ATOMIC_SEQ_CST))
		sched_yield();
	work(worker);
	if (__atomic_sub_fetch(&meeting->ready, 1, __ATOMIC_SEQ_CST) == 0) {
		meeting->end = now();
		meeting->instructions = instructions() - meeting->instructions;
	}
}

static uint32_t workers_now;

static void *thread_body(void *worker)
{
	meet(work_own, (long)worker, workers_now);
	return NULL;
}

static void run_threads(void (*work)(long) __attribute__((unused)), uint32_t workers)
{
	thread_t t[WORKERS];

	workers_now = workers;
	for (uint32_t i = 0; i < workers; i++)
		CHECK(thread_start(&t[i], thread_body, (void *)(long)i) == 0);
	for (uint32_t i = 0; i < workers; i++)
		CHECK(thread_wait(t[i], NULL) == 0);
}

static void run_processes(void (*work)(long), uint32_t workers)
{
	for (uint32_t i = 0; i < workers; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			meet(work, i, workers);
			_exit(0);
		}
	}
	for (uint32_t i = 0; i < workers; i++)
		CHECK(wait(NULL) > 0);
}

static const struct kind {
	const char *name;
	void (*run)(void (*work)(long), uint32_t workers);
	void (*work)(long);
} kinds[] = {
	{ "own", run_processes, work_own }, { "shared", run_processes, work_shared }, { "threads", run_threads, work_own },
};

#define RANK_NAME(name, kind, why) #name,
static const char *const ranks[] = { LOCKRANKS(RANK_NAME) };

static void measure(const struct kind *kind, uint32_t workers)
{
	static uint64_t before[STAT_MAX], after[STAT_MAX];

	*meeting = (struct meeting){ 0 };
	CHECK(vmstat(before, STAT_MAX) == STAT_MAX);
	kind->run(kind->work, workers);
	CHECK(vmstat(after, STAT_MAX) == STAT_MAX);
	printf("throughput %s %u %lu %lu %lu", kind->name, workers, workers * PASSES * PAGES, meeting->instructions,
		meeting->end - meeting->begin);
	for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++)
		if (after[STAT_WAITS + i] != before[STAT_WAITS + i])
			printf(" %s=%lu", ranks[i], after[STAT_WAITS + i] - before[STAT_WAITS + i]);
	printf("\n");
	fflush(stdout);
}

/* The tables, the pools and the caches come in. */
static void warm_up(const struct kind *kind)
{
	*meeting = (struct meeting){ 0 };
	kind->run(kind->work, 2);
}

void throughput(void)
{
	meeting = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANON, -1, 0);
	common = mmap(NULL, WORKERS * SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANON, -1, 0);
	CHECK(meeting != MAP_FAILED && common != MAP_FAILED);
	touch(common, WORKERS * PAGES);
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		warm_up(&kinds[k]);
		for (uint32_t workers = 1; workers <= WORKERS; workers++)
			measure(&kinds[k], workers);
	}
}
