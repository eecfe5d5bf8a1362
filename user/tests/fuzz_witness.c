/* The witness of the fuzz: makes no random call, and sees whether its memory and its answers are as if it were alone. */
#include "fuzz.h"

#include <time.h>

#define WITNESS_PAGES 8

static char witness_byte(char *p, int salt) { return (char)(((word)p >> 12) * 31 + (word)p / 512 + (word)salt); }

static void witness_write(char *p, int salt)
{
	for (char *at = p; at < p + PAGES(WITNESS_PAGES); at += 512)
		*at = witness_byte(at, salt);
}

static void witness_read(char *p, int salt, const char *what)
{
	for (char *at = p; at < p + PAGES(WITNESS_PAGES); at++) {
		char want = salt && (word)at % 512 == 0 ? witness_byte(at, salt) : 0;

		if (*at != want)
			FAIL("%s: byte %ld is %#x, want %#x", what, (long)(at - p), *at, want);
	}
}

/* New memory is zero, and stays what is written to it; a child has a copy. What there is no memory for is left out. */
static void witness_memory(int salt)
{
	char *p = mmap(NULL, PAGES(WITNESS_PAGES), 3, MAP_ANON | MAP_PRIVATE, -1, 0);
	pid_t pid;

	if (p == MAP_FAILED)
		return;
	witness_read(p, 0, "new memory");
	witness_write(p, salt);
	pid = (pid_t)SYS(fork);
	if (pid == 0) {
		witness_read(p, salt, "the child's memory");
		witness_write(p, salt + 1);
		nanosleep(100000);
		witness_read(p, salt + 1, "what the child wrote");
		_exit(0);
	}
	nanosleep(200000);
	witness_read(p, salt, "memory that was written before");
	if (pid > 0) {
		int status;

		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK(!WIFEXITED(status) || WEXITSTATUS(status) == 0);
	}
	munmap(p, PAGES(WITNESS_PAGES));
}

static void on_loss(int sig)
{
	(void)sig;
	SYS(thread_exit, 0);
}

static void hammer_for_ever(volatile char *page)
{
	for (;;)
		*page = 'h';
}

/* A page is taken from under a thread that writes to it: the thread has lost it then, and memory made after that is zero. */
static void witness_loss(void)
{
	char *stack = mmap(NULL, PAGES(2), 3, MAP_ANON | MAP_PRIVATE, -1, 0);
	char *page = mmap(arena, PAGE_SIZE, 3, MAP_ANON | MAP_PRIVATE | MAP_FIXED, -1, 0), *fresh;
	long tid = -1;

	if (stack != MAP_FAILED && page != MAP_FAILED)
		tid = (long)SYS(thread_create, hammer_for_ever, page, stack + PAGES(2));
	for (int i = 0; tid > 0 && i < 20 && *(volatile char *)page == 0; i++)
		nanosleep(20000);
	if (page != MAP_FAILED && munmap(page, PAGE_SIZE) == 0) {
		fresh = mmap(arena + PAGES(1), PAGES(WITNESS_PAGES), 3, MAP_ANON | MAP_PRIVATE | MAP_FIXED, -1, 0);
		for (int i = 0; fresh != MAP_FAILED && i < 3; i++) {
			witness_read(fresh, 0, "memory made after a page was unmapped");
			nanosleep(30000);
		}
		if (fresh != MAP_FAILED)
			munmap(fresh, PAGES(WITNESS_PAGES));
		if (tid > 0)
			CHECK_EQ((long)SYS(thread_join, tid, 0), 0);
	}
	if (stack != MAP_FAILED)
		munmap(stack, PAGES(2));
}

/* No call reads from the kernel's half, or writes to it. */
static void witness_pointers(const int *fds)
{
	static const word places[] = { 0x4000000000, 0xffffffc080200000, 0xffffffff80200000, 0xfffffffffffffff0 };

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		char *bad = (char *)places[i];

		CHECK(write(fds[1], bad, 8) == -1);
		CHECK(read(fds[0], bad, 8) == -1); /* there is a byte */
		CHECK(open(bad, O_RDONLY) == -1);
		CHECK(getcwd(bad, 8) == NULL);
		CHECK(vmstat((uint64_t *)bad, 1) == -1);
	}
}

void witness_main(uint64_t end)
{
	int fds[2];

	signal(SIGSEGV, on_loss);
	if (pipe(fds) < 0 || write(fds[1], "w", 1) < 0)
		_exit(0);
	for (int salt = 1; SYS(clock) < end; salt += 2) {
		witness_memory(salt % 128);
		witness_loss();
		witness_pointers(fds);
	}
	_exit(0);
}
