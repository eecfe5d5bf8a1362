/*
 * Calls that no program means: random system calls with random and nearly
 * right arguments, from processes and threads at once. What they answer is
 * not looked at; the kernel has to live, to keep its invariants and to lose nothing.
 *
 * The judge starts workers, lets them go on for a while of guest time, kills what is
 * left, and starts the next ones: a round. What a worker does to its own text,
 * stack and heap is its own loss. A witness beside them makes no random call and looks
 * whether its memory and its answers are as if it were alone.
 *
 * Call i of a worker is a function of the run's seed, the round, the worker and i, whatever
 * the calls before it answered. So a part of a run, of which a plan says which rounds,
 * workers, calls and kinds of calls, makes the same calls as the whole: `make fuzz` runs
 * plans given in TEST_WORDS, and makes the plan of one that fails smaller.
 */
#include "fuzz.h"

#include <dirent.h>
#include <time.h>

#define ROUND_NS 12000000 /* after that the workers are killed */

struct plan plan = { .last = -1UL, .workers = 2 * WITNESS - 1, .to = OPS, .kinds = 0x7f };

static pid_t witness = -1; /* of this round */

/* It ends when it is content; that it is killed may be for want of memory. */
static void check_witness(pid_t pid, int status)
{
	if (pid > 0 && pid == witness && WIFEXITED(status) && WEXITSTATUS(status) != 0)
		FAIL("the witness has seen what cannot be");
}

/* Kills everybody but init and this process until nobody is left. */
static void end_workers(void)
{
	struct procinfo procs[16];
	int status, n;
	pid_t pid;

	for (;;) {
		kill(-1, SIGKILL);
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			check_witness(pid, status);
		n = proclist(procs, 16);
		if (n >= 0 && n <= 2)
			return;
		nanosleep(200000);
	}
}

/* The working directory. By steps, since the names in it may make paths too long for one. */
static void empty_directory(void)
{
	char records[512];
	int fd = open(".", O_RDONLY), n, removed;

	do {
		removed = 0;
		lseek(fd, 0, SEEK_SET);
		while ((n = (int)SYS(getdents, fd, records, sizeof records)) > 0)
			for (int at = 0; at < n;) {
				struct dirent *d = (struct dirent *)(records + at);

				at += d->d_reclen;
				if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
					continue;
				if (unlink(d->d_name) < 0) {
					CHECK_OK(chdir(d->d_name));
					empty_directory();
					CHECK_OK(chdir(".."));
					CHECK_OK(rmdir(d->d_name));
				}
				removed++;
			}
	} while (removed);
	close(fd);
}

/* And the directory itself, wherever it is by now: a worker knows its path, from getcwd, and may have renamed it. */
static void leave_directory(void)
{
	char path[1024];

	empty_directory();
	CHECK(getcwd(path, sizeof path) == path);
	CHECK_OK(chdir("/"));
	CHECK_OK(rmdir(path));
}

static void run_round(uint64_t round, int null)
{
	static const char script[] = "#!/bin/true  -x \n";
	uint64_t end = clock() + ROUND_NS;
	int fd, status, alive = 0;
	pid_t pid;

	witness = plan.workers & WITNESS ? (pid_t)SYS(fork) : -1;
	if (witness == 0)
		witness_main(end);
	mknod("/fuzz/zero", S_IFCHR, 0x201);
	fd = open("script", O_CREAT | O_RDWR);
	if (fd >= 0)
		write(fd, script, sizeof script - 1);
	close(fd);
	for (unsigned i = 0; i < WORKERS; i++) {
		uint64_t its = (plan.seed * 1000003 + round) * WORKERS + i + 1;

		if (!(plan.workers >> i & 1))
			continue;
		pid = (pid_t)SYS(fork);
		if (pid == 0)
			worker_main(its * 0x9e3779b97f4a7c15 | 1, null);
		alive += pid > 0;
	}
	while (SYS(clock) < end && alive > 0) {
		pid = (pid_t)SYS(waitpid, -1, &status, WNOHANG);
		check_witness(pid, status);
		if (pid > 0)
			alive -= pid != witness;
		else
			nanosleep(500000);
	}
	end_workers();
	if (audit(AUDIT_CHECK) < 0)
		FAIL("round %ld of seed %ld: an invariant is broken", (long)round, (long)plan.seed);
}

static void fuzz(void)
{
	uint64_t before = stat_now(STAT_syscalls), made = 0;
	void *shared = arena + PAGES(40); /* by all workers */
	int null;

	CHECK_OK(mkdir("/fuzz", 0));
	CHECK_OK(chdir("/fuzz"));
	CHECK_OK(mknod("null", S_IFCHR, 0x200));
	null = (int)CHECK_OK(open("null", O_RDWR));
	CHECK(mmap(shared, PAGES(8), 3, MAP_ANON | MAP_SHARED | MAP_FIXED, -1, 0) == shared);
	for (uint64_t round = plan.first; round < plan.last && made < plan.calls; round++) {
		if (plan.calls != -1UL)
			printf("round %ld: %ld calls\n", (long)round, (long)made);
		run_round(round, null);
		made = stat_now(STAT_syscalls) - before;
	}
	if (plan.calls != -1UL)
		printf("%ld calls\n", (long)made);
	CHECK_OK(munmap(shared, PAGES(8)));
	leave_directory();
	close(null);
}

static void fuzz_rounds(uint64_t seed, uint64_t rounds)
{
	plan.seed = seed;
	plan.calls = -1UL;
	plan.last = rounds;
	fuzz();
}

TEST(processes, "", "random and nearly right system calls from several processes and threads leave the kernel whole")
{
	fuzz_rounds(1, 3);
}

/* test: mem=4M */
TEST(little_memory, "", "the same where memory runs out")
{
	fuzz_rounds(2, 3);
}

/* test: seeds=1,2 */
TEST(explore, "", "the same with calls that the boot's seed decides, by way of the clock")
{
	fuzz_rounds(clock(), 3);
}

/* test: harts=3 seeds=1,2 limit=4000M audit=no */
TEST(slice, "", "the first 20,000 calls that make fuzz makes")
{
	plan.seed = 1;
	plan.calls = 20000;
	fuzz();
}

TEST(run, "", "a plan that make fuzz gives, SEED:CALLS:FIRST:LAST:WORKERS:FROM:TO:KINDS; a short one without")
{
	uint64_t *fields[] = { &plan.seed, &plan.calls, &plan.first, &plan.last, &plan.workers, &plan.from, &plan.to, &plan.kinds };
	char *words = getenv("TEST_WORDS");

	plan.seed = 3;
	plan.calls = 1000;
	for (int i = 0; words && *words && i < 8; i++) {
		*fields[i] = strtoul(words, &words, 0);
		words += *words == ':';
	}
	fuzz();
}

/* ---- ends ---- */

static uint32_t go;

static void end_body(struct worker *shared)
{
	struct worker mine = { .random = any(shared) | 1 };
	char *const argv[] = { "true", NULL };

	while (__atomic_load_n(&go, __ATOMIC_RELAXED) == 0)
		if (below(&mine, 2))
			SYS(wait_on, &go, 0, 1000);
	for (word i = below(&mine, 400); i > 0; i--)
		__asm__ volatile("");
	for (;;)
		switch (below(&mine, 10)) {
		case 0:
		case 1:
			SYS(execve, "/bin/true", argv, 0);
			break;
		case 2:
			SYS(exit, 0);
			break;
		case 3:
			SYS(kill, pid_now(), SIGKILL);
			break;
		case 4:
			*(volatile int *)(uintptr_t)below(&mine, 2) = 1;
			break;
		case 5:
			if (SYS(fork) == 0)
				SYS(execve, "/bin/true", argv, 0);
			break;
		case 6:
			SYS(munmap, 0x10000, 1UL << 28);
			break;
		case 7:
			SYS(waitpid, -1, 0, 0);
			break;
		case 8:
			SYS(thread_join, tid_now() + below(&mine, 4) - 2, 0);
			break;
		case 9:
			SYS(thread_exit, 0);
			break;
		}
}

TEST(ends, "", "threads that exec, exit, fault, fork, kill and unmap their process all at once end it, each time")
{
	static struct worker seeds = { .random = 77 };
	int status;

	for (int round = 0; round < 60; round++) {
		any(&seeds);
		if (check_fork() == 0) {
			for (int i = 0; i < 4; i++) {
				char *stack = map_pages(4);

				SYS(thread_create, end_body, &seeds, stack + PAGES(4));
				any(&seeds);
			}
			__atomic_store_n(&go, 1, __ATOMIC_RELAXED);
			SYS(wake, &go, -1);
			SYS(thread_exit, 0);
		}
		if (round % 4 == 3) {
			nanosleep(100000 + below(&seeds, 2000000));
			end_workers();
		}
	}
	CHECK(waitpid(-1, &status, 0) < 0);
	CHECK_OK(audit(AUDIT_CHECK));
}

#define TREE 400 /* processes of it, so that memory does not end first and take the judge */

/* test: limit=1500M audit=no */
TEST(everybody, "", "kill(-1) ends a tree of processes that go on forking, but not init")
{
	uint32_t *made = mmap(NULL, PAGE_SIZE, 3, MAP_ANON | MAP_SHARED, -1, 0);

	CHECK(made != MAP_FAILED);
	for (int round = 0; round < 4; round++) {
		__atomic_store_n(made, 0, __ATOMIC_RELAXED);
		for (bool child = check_fork() == 0; child;) {
			if (__atomic_add_fetch(made, 1, __ATOMIC_RELAXED) > TREE)
				sched_yield();
			else if (fork() < 0)
				_exit(0);
		}
		nanosleep(round * 300000);
		end_workers();
	}
	CHECK_EQ(kill(1, 0), 0);
	CHECK_OK(audit(AUDIT_CHECK));
}
