/*
 * What test programs are made of. user/tests/NAME.c is the program t_NAME:
 *
 *	TEST(case, "rows", "what it shows") { ... CHECK(...); }
 *
 * `t_NAME case` runs one case, `t_NAME` all of them, each in a child. A check
 * that fails says what was expected and what was seen and ends the process
 * with status 1; children that check are collected with check_child().
 */
#ifndef TEST_H
#define TEST_H

#include <errno.h>
#include <fcntl.h>
#include <pagoda.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct test {
	const char *name, *text;
	void (*run)(void);
};

#define TEST(name, rows, text)                                                                      \
	static void test_##name(void);                                                              \
	static const struct test entry_##name __attribute__((section("tests"), used, aligned(8))) = \
		{ #name, text, test_##name };                                                       \
	static void test_##name(void)

void fail_at(const char *file, int line, const char *format, ...) __attribute__((noreturn, format(printf, 3, 4)));
#define FAIL(...) fail_at(__FILE__, __LINE__, __VA_ARGS__)

#define CHECK(what) ((what) ? (void)0 : FAIL("%s does not hold", #what))

/* Both sides as signed numbers. */
#define CHECK_EQ(seen, expected) check_eq(__FILE__, __LINE__, #seen, (long long)(seen), (long long)(expected))
/* `seen` succeeds: is not -1. Its value. */
#define CHECK_OK(seen) check_ok(__FILE__, __LINE__, #seen, (long long)(seen))
/* `call` fails with this errno. */
#define CHECK_ERROR(call, expected) \
	do {                                                                                         \
		errno = 0;                                                                           \
		check_error(__FILE__, __LINE__, #call, (long long)(call), errno, expected, #expected); \
	} while (0)
#define CHECK_TEXT(seen, expected) check_text(__FILE__, __LINE__, #seen, seen, expected)

void check_eq(const char *file, int line, const char *what, long long seen, long long expected);
long long check_ok(const char *file, int line, const char *what, long long value);
void check_error(const char *file, int line, const char *what, long long value, int seen, int expected, const char *name);
void check_text(const char *file, int line, const char *what, const char *seen, const char *expected);

/* Runs fn in a child; its wait status. */
int run_child(void (*fn)(void *), void *arg);
/* fork() that cannot fail. */
pid_t check_fork(void);
/* Waits for the child, which must exit with 0. */
#define check_child(pid) check_child_at(__FILE__, __LINE__, pid)
void check_child_at(const char *file, int line, pid_t pid);
#define CHECK_EXIT(status, code)                                                                       \
	((WIFEXITED(status) && WEXITSTATUS(status) == (code)) ? (void)0 :                              \
		FAIL("wait status %#x, want exit code %d", (unsigned)(status), (code)))
#define CHECK_SIGNAL(status, sig)                                                                      \
	((WIFSIGNALED(status) && WTERMSIG(status) == (sig)) ? (void)0 :                                \
		FAIL("wait status %#x, want signal %d", (unsigned)(status), (sig)))

/* Counters and gauges, by STAT_ number. count_since: how much one has grown since count_start(). */
uint64_t stat_now(int which);
void count_start(void);
long long count_since(int which);

/*
 * The count is just that. Counters are the whole system's: where harts really run at once (PARALLEL in the
 * environment), other processes get in between at any time, and a test is judged by its outcome alone.
 */
bool counts_are_exact(void);
#define CHECK_COUNT(which, count)                            \
	do {                                                 \
		if (counts_are_exact())                      \
			CHECK_EQ(count_since(which), count); \
	} while (0)
#define CHECK_COUNT_MOST(which, most)                       \
	do {                                                \
		if (counts_are_exact())                     \
			CHECK(count_since(which) <= (most)); \
	} while (0)

/* Touches an address and tells what became of it. */
struct outcome {
	int sig, code; /* 0 when the access succeeded */
	void *addr;
};
struct outcome try_read(const volatile void *addr);
struct outcome try_write(volatile void *addr);
struct outcome try_call(const volatile void *addr);
#define CHECK_OUTCOME(call, s, c, a)                                                                          \
	do {                                                                                                  \
		struct outcome o_ = (call);                                                                   \
		if (o_.sig != (s) || o_.code != (c) || o_.addr != (void *)(a))                                \
			FAIL("%s: signal %d code %d at %p, want signal %d code %d at %p", #call, o_.sig, o_.code, o_.addr, (s), \
				(c), (void *)(a));                                                            \
	} while (0)
#define CHECK_TOUCH(call)                                                                   \
	do {                                                                                \
		struct outcome o_ = (call);                                                 \
		if (o_.sig)                                                                 \
			FAIL("%s: signal %d code %d at %p, want none", #call, o_.sig, o_.code, o_.addr); \
	} while (0)

/* Memory of the program file that is not writable; without the section, volatile data would be. */
#define FILE_CONST static const volatile __attribute__((section(".rodata.pages,\"a\",@progbits#"))) char

/* Anonymous private memory, read-write. */
char *map_pages(size_t pages);
#define PAGES(n) ((size_t)(n) * PAGE_SIZE)

/* The trace of this process's faults at one page, as "K1 K2 ...", from FAULT to DONE or ERROR without these two. */
void trace_start(void);
const char *trace_steps(const volatile void *addr);
/* The event of that step in what trace_steps() looked at, or NULL. */
const struct trace_event *trace_find(int step);

/* A pipe between processes as a gate: one waits, another opens. */
struct gate { int fds[2]; };
void gate_init(struct gate *g);
void gate_open(struct gate *g);
void gate_wait(struct gate *g);
void gate_done(struct gate *g);

#endif
