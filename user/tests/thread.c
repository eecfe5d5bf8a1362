/* Threads that share an address space. */
#include "test.h"

static struct mutex lock = MUTEX_INIT;
static struct cond changed = COND_INIT;
static volatile int value;

static void *add(void *arg)
{
	for (int i = 0; i < 500; i++) {
		mutex_lock(&lock);
		value++;
		mutex_unlock(&lock);
		if (i % 50 == 0)
			sched_yield();
	}
	errno = (int)(intptr_t)arg;
	sched_yield();
	return (void *)(intptr_t)errno;
}

TEST(join, "B1", "threads run with the argument given, share memory, have their own errno, and hand their value to who joins")
{
	thread_t t[4];
	void *result;

	for (int i = 0; i < 4; i++)
		CHECK_EQ(thread_start(&t[i], add, (void *)(intptr_t)(i + 10)), 0);
	errno = 5;
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(thread_wait(t[i], &result), 0);
		CHECK_EQ((intptr_t)result, i + 10);
	}
	CHECK_EQ(errno, 5);
	CHECK_EQ(value, 2000);
}

struct start {
	int number;
	volatile int ran;
};

static void *count_even(void *arg)
{
	struct start *s = arg;

	s->ran += s->number % 2 == 0 ? 1 : 100;
	return s;
}

static void *count_odd(void *arg)
{
	struct start *s = arg;

	s->ran += s->number % 2 == 1 ? 1 : 100;
	return s;
}

/* test: seeds=1,2,3 */
TEST(starts, "B1", "each new thread starts once, at the function that it was given and with its argument, whichever hart takes it")
{
	static struct start starts[60];
	thread_t t[6];
	void *result;

	for (int i = 0; i < 60; i += 6) {
		for (int j = 0; j < 6; j++) {
			starts[i + j].number = i + j;
			CHECK_EQ(thread_start(&t[j], (i + j) % 2 ? count_odd : count_even, &starts[i + j]), 0);
		}
		for (int j = 0; j < 6; j++) {
			CHECK_EQ(thread_wait(t[j], &result), 0);
			CHECK(result == &starts[i + j]);
			CHECK_EQ(starts[i + j].ran, 1);
		}
	}
}

static void *wait_turns(void *arg)
{
	int mine = (int)(intptr_t)arg;

	mutex_lock(&lock);
	for (int i = 0; i < 20; i++) {
		while (value % 3 != mine)
			cond_wait(&changed, &lock);
		value++;
		cond_broadcast(&changed);
	}
	mutex_unlock(&lock);
	return NULL;
}

TEST(turns, "", "waits on a condition lose no wake-up: threads take turns to the end")
{
	thread_t t[3];

	for (int i = 0; i < 3; i++)
		CHECK_EQ(thread_start(&t[i], wait_turns, (void *)(intptr_t)i), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(thread_wait(t[i], NULL), 0);
	CHECK_EQ(value, 60);
}

TEST(wait_on, "", "wait_on: another value is EAGAIN, a time limit ETIMEDOUT; wake counts who it woke")
{
	static uint32_t word = 3;
	uint64_t before;

	CHECK_ERROR(wait_on(&word, 4, 0), EAGAIN);
	before = (uint64_t)CHECK_OK(vmtrace(TRACE_OP_OFF, NULL, 0));
	CHECK_ERROR(wait_on(&word, 3, 3000000), ETIMEDOUT);
	CHECK_EQ(wake(&word, 10), 0);
	CHECK_ERROR(wait_on((uint32_t *)((char *)&word + 1), 3, 1), EINVAL);
	(void)before;
}

static volatile uint32_t round_now;
static volatile int wait_result; /* of this round's wait: 0, or errno; -1: it goes on */

static void ignore(int sig) { (void)sig; }

static void *wait_rounds(void *rounds)
{
	for (uint32_t round = 0; round < (uintptr_t)rounds; round++) {
		int result = wait_on((uint32_t *)&round_now, round, 0) == 0 ? 0 : errno;

		wait_result = result;
		while (round_now == round)
			sched_yield();
	}
	return NULL;
}

/* test: seeds=1,2,3 */
TEST(wake_counted, "", "a wake-up that meets a signal is not lost: whom wake has counted is told of the wake-up, nobody else is")
{
	const uint32_t rounds = 40;
	sigset_t mask = 1u << (SIGUSR1 - 1);
	thread_t t;

	CHECK(signal(SIGUSR1, ignore) == SIG_DFL);
	wait_result = -1;
	CHECK_EQ(thread_start(&t, wait_rounds, (void *)(uintptr_t)rounds), 0);
	CHECK_OK(sigprocmask(SIG_BLOCK, &mask, NULL)); /* the other one takes it */
	for (uint32_t round = 0; round < rounds; round++) {
		int woken = 0;

		nanosleep(100000); /* it waits by now */
		CHECK_OK(kill(getpid(), SIGUSR1));
		while (woken == 0 && wait_result == -1)
			woken = (int)CHECK_OK(wake((uint32_t *)&round_now, 1));
		while (wait_result == -1)
			sched_yield();
		CHECK_EQ(wait_result, woken ? 0 : EINTR);
		wait_result = -1;
		round_now++;
	}
	CHECK_EQ(thread_wait(t, NULL), 0);
}

/* A page that one thread writes to all the time, until that faults. */
static volatile uint64_t *page;
static volatile uint32_t started, stopped;
static volatile int stop_code;
static sigjmp_buf out;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	stop_code = info->si_code;
	siglongjmp(out, 1);
}

static void *write_on(void *arg)
{
	(void)arg;
	if (sigsetjmp(out, 1) == 0)
		for (;;) {
			(*page)++;
			started = 1;
		}
	stopped = 1;
	return NULL;
}

static void start_writer(thread_t *t)
{
	struct sigaction act = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	CHECK_OK(sigaction(SIGSEGV, &act, NULL));
	started = stopped = 0;
	CHECK_EQ(thread_start(t, write_on, NULL), 0);
	while (!started)
		sched_yield();
}

TEST(protect_seen, "A26 A6", "when mprotect returns no thread on any hart can write any more; the writer gets ACCERR")
{
	for (int round = 0; round < 10; round++) {
		uint64_t seen;
		thread_t t;

		page = (uint64_t *)map_pages(1);
		start_writer(&t);
		CHECK_OK(mprotect((void *)page, PAGE_SIZE, PROT_READ));
		seen = *page;
		for (int i = 0; i < 3; i++) {
			nanosleep(200000);
			CHECK_EQ(*page, seen);
		}
		CHECK_EQ(thread_wait(t, NULL), 0);
		CHECK_EQ(stopped, 1);
		CHECK_EQ(stop_code, SEGV_ACCERR);
		CHECK_OK(munmap((void *)page, PAGE_SIZE));
	}
}

TEST(unmap_seen, "A26 A1", "when munmap returns no thread reaches the page any more: its frame can be another's; the writer gets MAPERR")
{
	for (int round = 0; round < 10; round++) {
		char *other;
		thread_t t;

		page = (uint64_t *)map_pages(1);
		start_writer(&t);
		CHECK_OK(munmap((void *)page, PAGE_SIZE));
		other = mmap((void *)0x10000000, PAGES(64), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON | MAP_FIXED, -1, 0);
		CHECK(other != MAP_FAILED);
		for (size_t i = 0; i < PAGES(64); i += PAGE_SIZE)
			other[i + 8] = 1;
		for (size_t i = 0; i < PAGES(64); i += PAGE_SIZE)
			CHECK_EQ(*(uint64_t *)(other + i), 0);
		CHECK_EQ(thread_wait(t, NULL), 0);
		CHECK_EQ(stop_code, SEGV_MAPERR);
		CHECK_OK(munmap(other, PAGES(64)));
	}
}

static void *copy_seen_reader(void *arg)
{
	volatile uint32_t *word = arg;

	while (*word != 2) {
		started = 1;
		sched_yield();
	}
	return NULL;
}

TEST(copy_seen, "A26 A3", "when a write copies a page that fork shares, the other threads see the copy")
{
	volatile uint32_t *word = (volatile uint32_t *)map_pages(1);
	struct gate end;
	thread_t t;
	pid_t pid;

	gate_init(&end);
	*word = 1;
	started = 0;
	CHECK_EQ(thread_start(&t, copy_seen_reader, (void *)word), 0);
	while (!started)
		sched_yield();
	pid = check_fork();
	if (pid == 0) {
		gate_wait(&end);
		CHECK_EQ(*word, 1);
		exit(0);
	}
	started = 0;
	while (!started) /* it has read the shared page again */
		sched_yield();
	*word = 2;
	CHECK_EQ(thread_wait(t, NULL), 0);
	gate_open(&end);
	check_child(pid);
}

static volatile uint32_t run_on;

static void *spin(void *arg)
{
	volatile char *p = arg;

	while (!run_on) {
		started = 1;
		(void)*p;
	}
	return NULL;
}

TEST(batched, "A26", "unmapping many pages costs the other harts a few interruptions, not one a page")
{
	char *p = map_pages(256), *keep = map_pages(1);
	thread_t t;

	memset(p, 'x', PAGES(256));
	*keep = 1;
	started = run_on = 0;
	CHECK_EQ(thread_start(&t, spin, keep), 0);
	while (!started)
		sched_yield();
	count_start();
	CHECK_OK(munmap(p, PAGES(256)));
	CHECK_COUNT_MOST(STAT_tlb_shootdowns, 8);
	CHECK_COUNT_MOST(STAT_tlb_ipis, 16);
	run_on = 1;
	CHECK_EQ(thread_wait(t, NULL), 0);
}

static char *area;
static volatile uint32_t finished;

static void *touch_area(void *arg)
{
	volatile unsigned state = (unsigned)(intptr_t)arg;

	while (!finished) {
		state = state * 1103515245 + 12345;
		if (sigsetjmp(out, 1) == 0)
			area[PAGES(state >> 16 & 15)] = (char)state;
	}
	return NULL;
}

TEST(entry_gone, "A34", "a thread's first writes after forks race with unmaps and new maps of the same range: each write lands or is SIGSEGV, nothing is lost")
{
	struct sigaction act = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	thread_t t;

	area = map_pages(16);
	finished = 0;
	CHECK_OK(sigaction(SIGSEGV, &act, NULL));
	CHECK_EQ(thread_start(&t, touch_area, (void *)1L), 0);
	for (int i = 0; i < 40; i++) {
		pid_t pid = check_fork();

		if (pid == 0)
			_exit(0);
		CHECK_OK(munmap(area + PAGES(i % 8), PAGES(8)));
		check_child(pid);
		CHECK(mmap(area + PAGES(i % 8), PAGES(8), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON | MAP_FIXED, -1, 0) != MAP_FAILED);
		sched_yield();
	}
	finished = 1;
	CHECK_EQ(thread_wait(t, NULL), 0);
	CHECK_OK(munmap(area, PAGES(16)));
	CHECK_OK(audit(AUDIT_CHECK));
}

/* Pages of the program file that nobody has read yet. */
FILE_CONST cold[32 * PAGE_SIZE] __attribute__((aligned(4096))) = {
	[0 ... 32 * PAGE_SIZE - 1] = 7, /* zeroes would be a hole in the file */
};
static volatile uint32_t reading, outcome_code;

static void *read_cold(void *arg)
{
	reading = 1;
	if (sigsetjmp(out, 1) == 0) {
		(void)*(volatile char *)arg;
		outcome_code = 1;
	} else
		outcome_code = 2;
	return NULL;
}

/* test: args="ramdelay=2000" */
TEST(unmapped_in_io, "A29 A24", "race-unmap: a page is unmapped while it is read from the disk; the reader finds the map changed, starts over and gets MAPERR")
{
	struct sigaction act = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	char *at = (char *)(uintptr_t)&cold[16 * PAGE_SIZE];
	thread_t t;

	CHECK_OK(sigaction(SIGSEGV, &act, NULL));
	reading = outcome_code = 0;
	count_start();
	CHECK_EQ(thread_start(&t, read_cold, at), 0);
	for (int i = 0; count_since(STAT_fault_object_io) == 0 && i < 10000; i++)
		sched_yield();
	CHECK_EQ(outcome_code, 0);
	CHECK_OK(munmap(at, PAGE_SIZE));
	CHECK_EQ(thread_wait(t, NULL), 0);
	CHECK_EQ(outcome_code, 2);
	CHECK_EQ(stop_code, SEGV_MAPERR);
	CHECK_COUNT(STAT_fault_relock_fail, 1);
	CHECK_OK(audit(AUDIT_CHECK));
}

/* test: args="ramdelay=2000" */
TEST(mapped_beside_io, "A29 A24", "an unmap elsewhere during the page-in changes the map's version: the reader starts over and gets its page; a second reader waits for the same I/O")
{
	/* The first turn is a rehearsal: it brings in the pages of code that the second one runs through. */
	for (int turn = 0; turn < 2; turn++) {
		char *elsewhere = map_pages(4), *at = (char *)(uintptr_t)&cold[(20 + 4 * turn) * PAGE_SIZE];
		thread_t t, u;

		*elsewhere = 1;
		reading = outcome_code = 0;
		count_start();
		CHECK_EQ(thread_start(&t, read_cold, at), 0);
		for (int i = 0; count_since(STAT_fault_object_io) == 0 && i < 10000; i++)
			sched_yield();
		CHECK_EQ(outcome_code, 0);
		CHECK_EQ(thread_start(&u, read_cold, at), 0); /* its stack changes the map as well */
		CHECK_OK(munmap(elsewhere, PAGES(4)));
		CHECK_EQ(thread_wait(t, NULL), 0);
		CHECK_EQ(thread_wait(u, NULL), 0);
		CHECK_EQ(outcome_code, 1);
		if (turn == 0)
			continue;
		CHECK_COUNT(STAT_fault_relock_fail, 1);
		CHECK_COUNT(STAT_fault_object_io, 1);
		CHECK(count_since(STAT_fault_restarts) >= 1);
	}
}

static void *exit_process(void *arg) { _exit((int)(intptr_t)arg); }

TEST(exit_together, "B3", "_exit in one thread ends the others, wherever they sleep or run")
{
	for (int round = 0; round < 5; round++) {
		pid_t pid = check_fork();
		int status;

		if (pid == 0) {
			static uint32_t never;
			thread_t t;

			started = run_on = 0;
			thread_start(&t, spin, map_pages(1));
			thread_start(&t, exit_process, (void *)42L);
			wait_on(&never, 0, 0);
			for (;;)
				nanosleep(1000000);
		}
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EXIT(status, 42);
	}
}
