/*
 * Tests inside the kernel: run at boot by ktest=PATTERN, in debug builds.
 *
 *	KTEST(name, "rows of FEATURES.md", "what it shows") {
 *		CHECK(1 + 1 == 2);
 *	}
 *
 * A test's full name is ktest.FILE.NAME. A CHECK that fails is printed and the test goes
 * on: it must end by itself and let go of what it holds. After each, memory is audited and compared
 * with what was in use before. A comment above a test gives the options of its
 * run, as in every test of this project.
 */
#ifndef TEST_TEST_H
#define TEST_TEST_H

#include "base/types.h"

struct ktest {
	const char *file, *name, *rows, *shows;
	void (*run)(void);
};

#define KTEST(name_, rows_, shows_)                                                                            \
	static void ktest_##name_(void);                                                                       \
	static const struct ktest ktest_entry_##name_ __attribute__((section(".ktests"), used, aligned(8))) = { \
		.file = __FILE__, .name = #name_, .rows = rows_, .shows = shows_, .run = ktest_##name_ };      \
	static void ktest_##name_(void)

#define CHECK(e) ((e) ? (void)0 : ktest_failed(__FILE__, __LINE__, #e))
void ktest_failed(const char *file, int line, const char *what);
bool ktest_has_failed(void); /* a CHECK of the running test failed: stop going round */

/* Runs what matches FILE.NAME and powers off: status 0, or 1 when one failed or none matched. */
void ktest_main(const char *pattern) __noreturn;

/* Runs fn(arg, 0), ..., fn(arg, count - 1) in threads of their own and waits for all to end. False: no memory for a thread. */
bool ktest_threads(unsigned count, void (*fn)(void *arg, unsigned index), void *arg);
unsigned ktest_harts(void); /* that run threads */

/* Runs fn in a thread called "faulting", which is to panic: it ends there. The answer is good until the next call. */
struct ktest_panic {
	char said[4000];
	size_t length;
	bool early; /* something was printed before the panic had the console */
};
const struct ktest_panic *ktest_panic(void (*fn)(void));
const char *ktest_said(const struct ktest_panic *told, const char *words); /* where; NULL: not */

/* Between the two this hart reaches a pmap's user half, as a program on it would. => interrupts are off meanwhile */
struct pmap;
void ktest_user_begin(struct pmap *pm);
void ktest_user_end(struct pmap *pm);

/* A word of memory that was freed: the address sanitizer is not asked. */
__attribute__((no_sanitize_address, noinline)) uint64_t ktest_peek(const uint64_t *p);

/* A generator of small numbers for mixed-up orders: the same each time. */
uint32_t ktest_random(uint32_t *state);

#endif
