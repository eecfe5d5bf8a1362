/*
 * Host tests: the files of kernel/vm as they are, compiled for this machine under
 * ASan and UBSan over a fake machine (fake/machine.c), pmap (fake/pmap.c), pools on
 * malloc (fake/pool.c) and a pager that tests script (fake/pager.c).
 *
 * One thread runs (fake/threads.c). A test plays another by switching curthread inside
 * a hook; a lock that would have to wait, or a sleep, is a failure unless a hook
 * resolves it. tests/interleave has the same machine with threads that do run.
 */
#ifndef TESTS_HOST_H
#define TESTS_HOST_H

#include "abi/errno.h"
#include "abi/mman.h"
#include "kern/counters.h"
#include "kern/thread.h"
#include "kern/trace.h"
#include "vm/audit.h"
#include "vm/fault.h"
#include "vm/vmspace.h"

/* HTEST(name, "rows of FEATURES.md", "what it shows") { ... } */
struct htest {
	const char *name;
	void (*run)(void);
	struct htest *next;
};
void htest_add(struct htest *t);
#define HTEST(name_, rows, shows)                                                      \
	static void test_##name_(void);                                                \
	__attribute__((constructor)) static void add_##name_(void)                     \
	{                                                                              \
		static struct htest t = { #name_, test_##name_, NULL };                \
		htest_add(&t);                                                         \
	}                                                                              \
	static void test_##name_(void)

void host_fail(const char *file, int line, const char *fmt, ...) __noreturn __printf_like(3, 4);
#define CHECK(e) ((e) ? (void)0 : host_fail(__FILE__, __LINE__, "%s", #e))
#define CHECK_EQ(a, b)                                                                                   \
	do {                                                                                             \
		long a_ = (long)(a), b_ = (long)(b);                                                     \
		if (a_ != b_)                                                                            \
			host_fail(__FILE__, __LINE__, "%s is %ld, not %s, which is %ld", #a, a_, #b, b_); \
	} while (0)

/* The machine has been booted when a test begins, with this many frames; more are used only by who asks. */
#define HOST_ARENA (16UL << 20)
#define HOST_FRAMES 2048
void host_boot(size_t arena, size_t frames); /* bytes of memory, a multiple of 2 MiB */

/* Threads. host_as(1) { ... } plays thread 1 inside a hook; threads 0 to 3 exist, 0 is the test's. */
void host_switch(unsigned thread, unsigned *before);
#define host_as(n) for (unsigned before_, once_ = (host_switch((n), &before_), 1); once_; host_switch(before_, NULL), once_ = 0)
extern void (*host_sleep_hook)(const void *chan);  /* runs when the thread sleeps; the wake-up must have come when it returns */
extern void (*host_block_hook)(const void *lock);  /* runs when a lock must be waited for; the lock must be free then */
extern void (*host_pause_hook)(void);              /* runs when the thread pauses: others get on */
extern void (*host_relax_hook)(void);              /* runs when the thread waits for another hart; without it nothing would end that */
extern unsigned host_sleeps;
extern bool host_pause_refused; /* harts_pause() fails: another hart is at it */

/* Nobody else runs. */
extern const bool host_alone;
/* The fakes say what they are about to do where another thread could see the difference. Nothing happens here; tests/interleave switches. */
void host_step(const char *what, const void *object);

/* Failures: the n-th visit of a site that matches (NULL: any) fails. n = 0: none. */
void host_fail_at(const char *site, unsigned n);
bool host_fail_fired(void);

/* The steps recorded since the last call, "K1 K2 ... DONE"; FAULT is left out. */
const char *host_steps(void);
extern uint64_t host_fault_address; /* as the last FAULT event has it */

/* Pseudo-random numbers, the same each run. */
uint64_t host_random(void);
static inline unsigned host_pick(unsigned n) { return host_random() % n; }

/* Every invariant holds. */
#define CHECK_AUDIT() CHECK(audit_now("test"))

/* What is in use; the same before and after means that nothing leaked. */
struct host_use {
	uint64_t frames, anons, amaps, chunks, entries, objects;
};
struct host_use host_use(void);
#define CHECK_NO_LEAK(before)                                \
	do {                                                 \
		struct host_use now_ = host_use();           \
		CHECK_EQ(now_.anons, (before).anons);        \
		CHECK_EQ(now_.amaps, (before).amaps);        \
		CHECK_EQ(now_.chunks, (before).chunks);      \
		CHECK_EQ(now_.entries, (before).entries);    \
		CHECK_EQ(now_.objects, (before).objects);    \
		CHECK_EQ(now_.frames, (before).frames);      \
	} while (0)

/* A user's access: through the mapping, by faults where need be. The fault's error, or 0. */
int user_read(struct vm_map *map, vaddr_t va, uint8_t *byte);
int user_write(struct vm_map *map, vaddr_t va, uint8_t byte);

/* The pager of tests. A page's bytes on "disk" are `fill`, up to `size` bytes. */
struct host_object {
	struct vm_object o;
	uint64_t size;
	uint8_t fill;
	int error;                                  /* get answers this, once */
	unsigned gets;
	bool announce_writes;                       /* pages are PG_RDONLY until a get for writing */
	void (*during)(struct host_object *, voff_t, struct vm_page *); /* runs during I/O: nothing is locked, the page is busy */
};
struct host_object *host_object(uint64_t size, uint8_t fill); /* one reference */
void host_object_put(struct host_object *ho);
void host_object_truncate(struct host_object *ho, uint64_t size);

/* A space without pages; requests for maps. */
struct vmspace *host_space(void);
vaddr_t host_anon(struct vm_map *map, vaddr_t at, size_t pages, prot_t prot, int inherit);
vaddr_t host_file(struct vm_map *map, vaddr_t at, struct host_object *ho, voff_t offset, size_t pages, prot_t prot, bool shared);

/* The fake pmap's view. */
bool host_mapped(struct vm_map *map, vaddr_t va, prot_t *prot, struct vm_page **pg);

/* Another thread is at work on the page that is mapped at va, and has taken it off the page table. When this thread sleeps, `done` runs. */
void host_busy(struct vm_map *map, vaddr_t va, void (*done)(const void *chan));
void host_unbusy(const void *chan); /* such a `done`: the other thread is done with the page */
extern struct vm_page *host_busy_page;

#endif
