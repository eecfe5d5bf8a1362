/*
 * The operations that are measured, and how. Each is done many times and the sum
 * divided: what only every 64th or 512th pays for, a chunk or a table, is in it,
 * and so are the timer's ticks. The loop itself is measured empty and taken off.
 */
#include <fcntl.h>
#include <pagoda.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <abi/syscall.h>

#include "bench.h"

#define MIB (1UL << 20)
#define FILE_SIZE MIB
#define FILE_NAME "/tmp/bench.data"

static inline long null_call(void)
{
	register long number __asm__("a7") = SYS_getpid;
	register long result __asm__("a0");

	__asm__ volatile("ecall" : "=r"(result) : "r"(number) : "memory");
	return result;
}

/* ---- help ---- */

static char *memory(size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static __attribute__((noinline)) uint64_t write_pages(volatile char *p, size_t pages)
{
	uint64_t before = instructions();

	for (size_t i = 0; i < pages; i++)
		p[i * PAGE_SIZE] = 1;
	return instructions() - before;
}

static __attribute__((noinline)) uint64_t read_pages(volatile const char *p, size_t pages)
{
	uint64_t before = instructions();

	for (size_t i = 0; i < pages; i++)
		(void)p[i * PAGE_SIZE];
	return instructions() - before;
}

/* What the faults of one pass over the pages cost: a second pass has none. */
static struct took write_faults(char *p, size_t pages)
{
	uint64_t first = write_pages(p, pages);

	return (struct took){ first - write_pages(p, pages), pages };
}

static struct took read_faults(const char *p, size_t pages)
{
	uint64_t first = read_pages(p, pages);

	return (struct took){ first - read_pages(p, pages), pages };
}

/* A file whose pages are all in memory. */
static int cached_file(void)
{
	static char block[PAGE_SIZE];
	int fd = open(FILE_NAME, O_RDWR | O_CREAT);

	CHECK(fd >= 0);
	for (size_t at = 0; at < FILE_SIZE; at += sizeof block)
		CHECK(pwrite(fd, block, sizeof block, (off_t)at) == (ssize_t)sizeof block);
	sync();
	return fd;
}

/* A child that stays until release() lets it go. */
struct child {
	pid_t pid;
	int rope; /* the child reads at the other end */
};

static struct child held_child(void)
{
	struct child c;
	int fds[2];
	char byte;

	CHECK(pipe(fds) == 0);
	c.pid = fork();
	CHECK(c.pid >= 0);
	if (c.pid == 0) {
		close(fds[1]);
		read(fds[0], &byte, 1);
		_exit(0);
	}
	close(fds[0]);
	c.rope = fds[1];
	sched_yield(); /* it comes to its read */
	return c;
}

static void release(struct child c)
{
	close(c.rope);
	CHECK(waitpid(c.pid, NULL, 0) == c.pid);
}

/* ---- calls ---- */

#define CALLS 2000

static struct took null_syscall(long unused __attribute__((unused)))
{
	uint64_t before, loop;

	null_call();
	before = instructions();
	for (int i = 0; i < CALLS; i++)
		__asm__ volatile("li a7, 0" : : : "a7", "memory");
	loop = instructions() - before;
	before = instructions();
	for (int i = 0; i < CALLS; i++)
		null_call();
	return (struct took){ instructions() - before - loop, CALLS };
}

static struct took open_close(long unused __attribute__((unused)))
{
	uint64_t before;

	close(cached_file());
	close(open(FILE_NAME, O_RDONLY));
	before = instructions();
	for (int i = 0; i < 200; i++)
		close(open(FILE_NAME, O_RDONLY));
	return (struct took){ instructions() - before, 200 };
}

static struct took read_cached(long unused __attribute__((unused)))
{
	static char buf[PAGE_SIZE];
	int fd = cached_file();
	uint64_t before, sum = 0;

	CHECK(read(fd, buf, sizeof buf) == (ssize_t)sizeof buf);
	for (int i = 0; i < 4; i++) {
		CHECK(lseek(fd, 0, SEEK_SET) == 0);
		before = instructions();
		while (read(fd, buf, sizeof buf) == (ssize_t)sizeof buf)
			continue;
		sum += instructions() - before;
	}
	close(fd);
	return (struct took){ sum, 4 * FILE_SIZE };
}

/* ---- processes ---- */

#define FORKS 20

/* argument: MiB that the parent has written since the fork before, and does not touch until the child is collected. */
static struct took fork_exit_wait(long mib)
{
	size_t size = (size_t)mib * MIB;
	char *p = size ? memory(size) : NULL;
	uint64_t before, sum = 0;

	for (int i = -1; i < FORKS; i++) {
		pid_t pid;

		if (p)
			write_pages(p, size / PAGE_SIZE);
		before = instructions();
		pid = fork();
		if (pid == 0)
			_exit(0);
		CHECK(waitpid(pid, NULL, 0) == pid);
		if (i >= 0)
			sum += instructions() - before;
		else
			(void)instructions(); /* to warm up */
	}
	if (p)
		munmap(p, size);
	return (struct took){ sum, FORKS };
}

static struct took first_write(long mib)
{
	size_t size = (size_t)mib * MIB;
	char *p = memory(size);
	uint64_t before, sum = 0;

	for (int i = 0; i < FORKS; i++) {
		struct child c;

		write_pages(p, size / PAGE_SIZE);
		c = held_child();
		before = instructions();
		*(volatile char *)(p + size / 2) = 1;
		sum += instructions() - before;
		release(c);
	}
	munmap(p, size);
	return (struct took){ sum, FORKS };
}

static struct took fork_exec_wait(long unused __attribute__((unused)))
{
	static char *const argv[] = { "true", NULL }, *const envp[] = { NULL };
	uint64_t before, sum = 0;
	int status;

	for (int i = -1; i < FORKS; i++) {
		pid_t pid;

		before = instructions();
		pid = fork();
		if (pid == 0) {
			execve("/bin/true", argv, envp);
			_exit(1);
		}
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
		if (i >= 0)
			sum += instructions() - before;
		else
			(void)instructions(); /* to warm up */
	}
	return (struct took){ sum, FORKS };
}

/* Two processes that do nothing but yield to each other. */
static struct took context_switch(long unused __attribute__((unused)))
{
	uint64_t before, sum;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0)
		for (;;)
			sched_yield();
	for (int i = 0; i < 10; i++)
		sched_yield();
	before = instructions();
	for (int i = 0; i < 1000; i++)
		sched_yield();
	sum = instructions() - before;
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, NULL, 0) == pid);
	return (struct took){ sum, 2000 };
}

/* ---- pipes ---- */

static struct took pipe_round_trip(long unused __attribute__((unused)))
{
	int there[2], back[2];
	uint64_t before = 0, sum;
	char byte = 0;
	pid_t pid;

	CHECK(pipe(there) == 0 && pipe(back) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		close(there[1]);
		while (read(there[0], &byte, 1) == 1)
			write(back[1], &byte, 1);
		_exit(0);
	}
	for (int i = -10; i < 500; i++) {
		if (i == 0)
			before = instructions();
		CHECK(write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1);
	}
	sum = instructions() - before;
	for (int i = 0; i < 2; i++) {
		close(there[i]);
		close(back[i]);
	}
	CHECK(waitpid(pid, NULL, 0) == pid);
	return (struct took){ sum, 500 };
}

/* 1 MiB in writes of 4 KiB; over when the reader has said that it has all. */
static struct took pipe_bytes(long unused __attribute__((unused)))
{
	static char buf[PAGE_SIZE];
	int there[2], back[2];
	uint64_t before, sum = 0;
	pid_t pid;

	CHECK(pipe(there) == 0 && pipe(back) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		for (size_t got = 0;;) {
			ssize_t n = read(there[0], buf, sizeof buf);
			if (n <= 0)
				_exit(0);
			got += (size_t)n;
			if (got % MIB == 0)
				write(back[1], buf, 1);
		}
	}
	for (int i = -1; i < 4; i++) {
		before = instructions();
		for (size_t at = 0; at < MIB; at += sizeof buf)
			CHECK(write(there[1], buf, sizeof buf) == (ssize_t)sizeof buf);
		CHECK(read(back[0], buf, 1) == 1);
		if (i >= 0)
			sum += instructions() - before;
		else
			(void)instructions(); /* to warm up */
	}
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, NULL, 0) == pid);
	for (int i = 0; i < 2; i++) {
		close(there[i]);
		close(back[i]);
	}
	return (struct took){ sum, 4 * MIB };
}

/* ---- faults ---- */

#define PAGES 1024UL

static struct took fault_zero(long unused __attribute__((unused)))
{
	char *p = memory(PAGES * PAGE_SIZE);
	struct took took = write_faults(p, PAGES);

	munmap(p, PAGES * PAGE_SIZE);
	return took;
}

/* The pages are there, only the mappings are gone. */
static struct took fault_map(long unused __attribute__((unused)))
{
	char *p = memory(PAGES * PAGE_SIZE);
	struct took took;

	write_pages(p, PAGES);
	CHECK(mprotect(p, PAGES * PAGE_SIZE, PROT_NONE) == 0);
	CHECK(mprotect(p, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE) == 0);
	took = read_faults(p, PAGES);
	munmap(p, PAGES * PAGE_SIZE);
	return took;
}

/* Part of the program's own file, which is mapped like any file; not zero, so that the linker keeps it there. */
static const char ballast[256 * PAGE_SIZE] __attribute__((aligned(4096))) = { 1 };

static struct took fault_file_read(long unused __attribute__((unused)))
{
	static char buf[PAGE_SIZE];
	int fd = open("/bin/bench", O_RDONLY);

	CHECK(fd >= 0);
	while (read(fd, buf, sizeof buf) > 0)
		continue;
	close(fd);
	return read_faults(ballast, sizeof ballast / PAGE_SIZE);
}

static struct took fault_cow_copy(long unused __attribute__((unused)))
{
	char *p = memory(PAGES * PAGE_SIZE);
	struct child c;
	struct took took;

	write_pages(p, PAGES);
	c = held_child();
	took = write_faults(p, PAGES);
	release(c);
	munmap(p, PAGES * PAGE_SIZE);
	return took;
}

/* The child is gone: each page has one owner again. */
static struct took fault_cow_reuse(long unused __attribute__((unused)))
{
	char *p = memory(PAGES * PAGE_SIZE);
	struct took took;

	write_pages(p, PAGES);
	release(held_child());
	took = write_faults(p, PAGES);
	munmap(p, PAGES * PAGE_SIZE);
	return took;
}

/* Resident pages that are not mapped, each an entry of its own: neighbours differ in their rights. */
static char *entries_make(size_t entries)
{
	char *p = memory(entries * PAGE_SIZE);

	write_pages(p, entries);
	CHECK(mprotect(p, entries * PAGE_SIZE, PROT_NONE) == 0);
	for (size_t i = 0; i < entries; i++)
		CHECK(mprotect(p + i * PAGE_SIZE, PAGE_SIZE, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE) == 0);
	return p;
}

#define LOOKUPS 1000

/* Faults that map such a page, in an order that looks like chance. Every 256th comes first: with it the tables are there. */
static struct took map_lookup(long entries)
{
	uint64_t loop = 0;
	struct took took = { 0, 0 };

	while (took.times < LOOKUPS) {
		char *p = entries_make((size_t)entries);
		long i = 0;

		for (long at = 0; at < entries; at += 256)
			read_pages(p + at * PAGE_SIZE, 1);
		for (long at = 7919 % entries; i < entries && i < LOOKUPS; i++, at = (at + 7919) % entries) /* a prime: each comes once */
			if (at % 256) {
				took.instructions += read_pages(p + at * PAGE_SIZE, 1);
				loop += read_pages(p + at * PAGE_SIZE, 1);
				took.times++;
			}
		munmap(p, (size_t)entries * PAGE_SIZE);
	}
	took.instructions -= loop;
	return took;
}

/* ---- the list ---- */

#define ONE "instructions"
#define BYTE "instructions a byte"
/* Three calls; the child's root table, and two more for its text and for its stack. */
#define FORK_FLOOR [PART_TRAP] = 3, [PART_SWITCH] = 2, [PART_CLEAR] = 5

const struct bench benches[] = {
	{ "null_syscall", ONE, null_syscall, 0, { [PART_TRAP] = 1 }, 1 },
	{ "open_close", ONE, open_close, 0, { [PART_TRAP] = 2 }, 1 },
	{ "read_cached_per_byte", BYTE, read_cached, 0, { [PART_TRAP] = 1, [PART_COPY] = 1 }, PAGE_SIZE },
	{ "pipe_round_trip", ONE, pipe_round_trip, 0, { [PART_TRAP] = 4, [PART_SWITCH] = 2 }, 1 },
	{ "pipe_per_byte", BYTE, pipe_bytes, 0, { [PART_TRAP] = 2, [PART_COPY] = 2 }, PAGE_SIZE },
	{ "context_switch", ONE, context_switch, 0, { [PART_TRAP] = 1, [PART_SWITCH] = 1 }, 1 },
	{ "fork_exit_wait_0", ONE, fork_exit_wait, 0, { FORK_FLOOR }, 1 },
	{ "fork_exit_wait_1m", ONE, fork_exit_wait, 1, { FORK_FLOOR }, 1 },
	{ "fork_exit_wait_4m", ONE, fork_exit_wait, 4, { FORK_FLOOR }, 1 },
	{ "fork_exit_wait_16m", ONE, fork_exit_wait, 16, { FORK_FLOOR }, 1 },
	{ "fork_exit_wait_32m", ONE, fork_exit_wait, 32, { FORK_FLOOR }, 1 },
	{ "first_write_after_fork_32m", ONE, first_write, 32, { [PART_TRAP] = 1, [PART_MAP] = 1, [PART_COPY] = 1 }, 1 },
	/* The same with a second set of tables; a page of data and one of stack are written. */
	{ "fork_exec_wait", ONE, fork_exec_wait, 0,
	  { [PART_TRAP] = 7, [PART_SWITCH] = 2, [PART_MAP] = 4, [PART_CLEAR] = 11, [PART_COPY] = 1 }, 1 },
	{ "fault_map", ONE, fault_map, 0, { [PART_TRAP] = 1, [PART_MAP] = 1 }, 1 },
	{ "fault_file_read", ONE, fault_file_read, 0, { [PART_TRAP] = 1, [PART_MAP] = 1 }, 1 },
	{ "fault_zero", ONE, fault_zero, 0, { [PART_TRAP] = 1, [PART_MAP] = 1, [PART_CLEAR] = 1 }, 1 },
	{ "fault_cow_copy", ONE, fault_cow_copy, 0, { [PART_TRAP] = 1, [PART_MAP] = 1, [PART_COPY] = 1 }, 1 },
	{ "fault_cow_reuse", ONE, fault_cow_reuse, 0, { [PART_TRAP] = 1, [PART_MAP] = 1 }, 1 },
	{ "map_lookup_10", ONE, map_lookup, 10, { [PART_TRAP] = 1, [PART_MAP] = 1, [PART_FIND] = 4 }, 1 },
	{ "map_lookup_100", ONE, map_lookup, 100, { [PART_TRAP] = 1, [PART_MAP] = 1, [PART_FIND] = 7 }, 1 },
	{ "map_lookup_1000", ONE, map_lookup, 1000, { [PART_TRAP] = 1, [PART_MAP] = 1, [PART_FIND] = 10 }, 1 },
	{ "map_lookup_10000", ONE, map_lookup, 10000, { [PART_TRAP] = 1, [PART_MAP] = 1, [PART_FIND] = 14 }, 1 },
};
const unsigned bench_count = sizeof benches / sizeof benches[0];
