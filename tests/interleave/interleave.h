/*
 * Interleavings: the machine of tests/host with threads that run, and every order in
 * which they can (schedule.c), up to a number of preemptions.
 *
 * ITEST(name, "rows", "shows") { ... } is run once for each schedule. Its body sets up,
 * calls together() once and says what must be true then, whoever came first:
 *
 *	begin();
 *	host_anon(map, BASE, 1, 3, MAP_INHERIT_COPY);
 *	together(write_one, write_two, NULL);
 *	...
 *	end();
 *
 * What a body leaves is what the next one finds, so end() checks that nothing leaked.
 */
#ifndef TESTS_INTERLEAVE_H
#define TESTS_INTERLEAVE_H

#include "../host/host.h"

struct itest {
	const char *file, *name;
	void (*run)(void);
	struct itest *next;
};
void itest_add(struct itest *t);
#define ITEST(name_, rows, shows)                                                 \
	static void test_##name_(void);                                           \
	__attribute__((constructor)) static void add_##name_(void)                \
	{                                                                         \
		static struct itest t = { __FILE__, #name_, test_##name_, NULL }; \
		itest_add(&t);                                                    \
	}                                                                         \
	static void test_##name_(void)

/* Runs threads a, b and c (NULL: none) until all have ended, in the order of the schedule that is being tried. */
void together(void (*a)(void), void (*b)(void), void (*c)(void));

/* What most scenarios begin and end with: one space, a child of it, a file. */
#define BASE 0x100000UL
#define PG(n) (BASE + (n) * PAGE_SIZE)
extern struct vmspace *vs, *child;
extern struct vm_map *map;
extern struct host_object *file;
void begin(void);
void fork_child(void);
void end(void); /* everything is let go, and nothing is left of it */

/* The byte that a user reads now, with nobody else running. */
void expect_read(struct vm_map *m, vaddr_t va, int value);
void expect_write(struct vm_map *m, vaddr_t va, int value);
/* An access now fails with this error. */
void expect_no_read(struct vm_map *m, vaddr_t va, int error);
void expect_no_write(struct vm_map *m, vaddr_t va, int error);

#endif
