/* What the tests of faults have in common: a process, a child, a file; what a touch finds; the steps taken. */
#ifndef HOST_FAULTS_H
#define HOST_FAULTS_H

#include "host.h"

#define BASE 0x100000UL
#define PG(n) (BASE + (n) * PAGE_SIZE)

static __unused struct vmspace *vs, *child;
static __unused struct vm_map *map;
static __unused struct host_object *file;

static inline void begin(void)
{
	vs = host_space();
	map = &vs->map;
}

static inline void fork_child(void) { CHECK_EQ(vmspace_fork(vs, &child), 0); }

/* Everything let go, and nothing left of it. */
static inline void end(void)
{
	struct host_use none = { .frames = HOST_FRAMES };

	if (child)
		vmspace_release(child);
	vmspace_release(vs);
	if (file)
		host_object_put(file);
	CHECK_NO_LEAK(none);
}

static inline void expect_read(struct vm_map *m, vaddr_t va, int value)
{
	uint8_t byte = 0;

	CHECK_EQ(user_read(m, va, &byte), 0);
	CHECK_EQ(byte, value);
	CHECK_AUDIT();
}

static inline void expect_write(struct vm_map *m, vaddr_t va, int value)
{
	CHECK_EQ(user_write(m, va, value), 0);
	CHECK_AUDIT();
}

static inline prot_t rights(struct vm_map *m, vaddr_t va)
{
	prot_t prot = 0;

	CHECK(host_mapped(m, va, &prot, NULL));
	return prot;
}

static inline struct vm_page *frame(struct vm_map *m, vaddr_t va)
{
	struct vm_page *pg = NULL;

	CHECK(host_mapped(m, va, NULL, &pg));
	return pg;
}

#define STEPS(want)                                                                                \
	do {                                                                                       \
		const char *got_ = host_steps();                                                   \
		if (__builtin_strcmp(got_, want))                                                  \
			host_fail(__FILE__, __LINE__, "steps were %s, not %s", got_, want);        \
	} while (0)
#define KK "K1 K2 K3 K4 K5 K6 "
#define COPY "K1 K2 K3 K4 RESTART "

/* What another thread may do meanwhile. */

static inline void unmap_it(struct host_object *ho __unused, voff_t offset __unused, struct vm_page *pg __unused)
{
	host_as (1)
		CHECK_EQ(map_remove(map, BASE, PG(4)), 0);
}

#endif
