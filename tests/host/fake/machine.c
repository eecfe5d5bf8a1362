/*
 * The machine that host tests run on: locks that check rank and owner and never
 * wait, threads that are only names, counters, trace and failures on demand.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../host.h"

#include "base/kassert.h"
#include "base/printf.h"
#include "kern/failpoint.h"
#include "riscv/machine.h"
#include "vm/kmap.h"
#include "vm/pdaemon.h"

#define ARENA (16UL << 20)

static struct htest *tests;
static const char *test_group, *test_name;

/* ---- running ------------------------------------------------------------------ */

void htest_add(struct htest *t)
{
	t->next = tests;
	tests = t;
}

static void not_ok(const char *file, int line, const char *fmt, va_list ap) __noreturn;
static void not_ok(const char *file, int line, const char *fmt, va_list ap)
{
	printf("not ok host.%s.%s: %s:%d: ", test_group, test_name, file, line);
	vprintf(fmt, ap);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

void host_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	not_ok(file, line, fmt, ap);
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	not_ok("panic", 0, fmt, ap);
}

void kassert_failed(const char *what, const char *file, int line)
{
	host_fail(file, line, "assertion %s", what);
}

static void boot(void);

static int run_one(struct htest *t)
{
	test_name = t->name;
	boot();
	t->run();
	printf("ok host.%s.%s\n", test_group, t->name);
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/'), *base = slash ? slash + 1 : argv[0];
	int failed = 0;

	test_group = strncmp(base, "t_", 2) ? base : base + 2;
	for (struct htest *t = tests; t; t = t->next) {
		if (argc > 1) {
			if (!strcmp(argv[1], t->name))
				exit(run_one(t));
			continue;
		}
		pid_t pid = fork(); /* each in a machine of its own */
		if (pid == 0)
			exit(run_one(t));
		int status = 0;
		waitpid(pid, &status, 0);
		failed |= status != 0;
	}
	if (argc > 1)
		fprintf(stderr, "no test is called %s\n", argv[1]);
	return argc > 1 || failed;
}

/* ---- printing ----------------------------------------------------------------- */

int kvprintf(const char *fmt, va_list ap) { return vprintf(fmt, ap); }

int kprintf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vprintf(fmt, ap);
	va_end(ap);
	return n;
}

const char *symbol_name(vaddr_t pc __unused, uint64_t *offset)
{
	*offset = 0;
	return "?";
}

/* ---- threads ------------------------------------------------------------------- */

static struct thread threads[4];
struct thread *host_thread = &threads[0];
void (*host_sleep_hook)(const void *chan);
void (*host_block_hook)(const void *lock);
unsigned host_sleeps;
static const void *sleep_chan[ARRAY_COUNT(threads)];
bool sched_perturbing;

static unsigned self(void) { return host_thread - threads; }

void host_switch(unsigned thread, unsigned *before)
{
	if (before)
		*before = self();
	else
		CHECK(curthread->lock_count == 0); /* the played thread has let go of everything */
	host_thread = &threads[thread];
}

struct cpu *mycpu(void)
{
	static struct cpu cpu;
	return &cpu;
}

void cpu_relax(void) { panic("cpu_relax: nothing else runs"); }
bool harts_pause(void) { return true; }
void harts_resume(void) {}
void irq_push_off(void) {}
void irq_pop_off(void) {}
void sched_perturb(void) {}
void thread_yield(void) {}
int thread_pause(uint64_t ns __unused, int flags __unused) { return 0; }
void pdaemon_drain(void) {}
void kstack_drain(void) {}

void sleep_prepare(const void *chan, const char *why __unused) { sleep_chan[self()] = chan; }
void sleep_cancel(void) { sleep_chan[self()] = NULL; }

int sleep_commit(int flags __unused)
{
	const void *chan = sleep_chan[self()];

	assert_sleepable();
	if (!chan)
		return 0;
	host_sleeps++;
	if (!host_sleep_hook)
		panic("a sleep that nothing ends");
	host_sleep_hook(chan);
	if (sleep_chan[self()])
		panic("a sleep that the hook did not end");
	return 0;
}

void thread_wakeup(const void *chan)
{
	for (unsigned i = 0; i < ARRAY_COUNT(threads); i++)
		if (sleep_chan[i] == chan)
			sleep_chan[i] = NULL;
}

/* ---- locks --------------------------------------------------------------------- */

static void held_add(const void *lock, uint32_t rank, bool ranked)
{
	struct thread *t = curthread;

	for (uint32_t i = 0; i < t->lock_count; i++) {
		CHECK(t->held[i].lock != lock);
		if (ranked && !lock_order_ok(rank, lock, t->held[i].rank, t->held[i].lock))
			panic("lock order: %s taken while %s is held", lock_rank_name(rank), lock_rank_name(t->held[i].rank));
	}
	CHECK(t->lock_count < ARRAY_COUNT(t->held));
	t->held[t->lock_count++] = (struct held_lock){ .lock = lock, .rank = rank };
}

static void held_remove(const void *lock)
{
	struct thread *t = curthread;

	for (uint32_t i = 0; i < t->lock_count; i++)
		if (t->held[i].lock == lock) {
			t->held[i] = t->held[--t->lock_count];
			return;
		}
	panic("a lock let go that is not held");
}

static bool held(const void *lock)
{
	for (uint32_t i = 0; i < curthread->lock_count; i++)
		if (curthread->held[i].lock == lock)
			return true;
	return false;
}

void assert_sleepable(void)
{
	for (uint32_t i = 0; i < curthread->lock_count; i++)
		CHECK(curthread->held[i].rank < RANK_FIRST_SPIN);
}

/* Waits for what stands in the way: the hook must clear it. */
static void block(const void *lock, const char *name)
{
	if (!host_block_hook)
		panic("%s would wait for ever", name);
	host_block_hook(lock);
}

void spinlock_init(struct spinlock *l, enum lock_rank rank, const char *name)
{
	*l = (struct spinlock)SPINLOCK_INIT(rank, name);
}

void spinlock_acquire(struct spinlock *l)
{
	if (l->locked)
		panic("spinlock %s taken twice", l->name);
	held_add(l, l->rank, true);
	l->locked = 1;
	l->holder = curthread;
}

bool spinlock_try(struct spinlock *l)
{
	if (l->locked)
		return false;
	held_add(l, l->rank, false);
	l->locked = 1;
	l->holder = curthread;
	return true;
}

void spinlock_release(struct spinlock *l)
{
	CHECK(l->locked && l->holder == curthread);
	held_remove(l);
	l->locked = 0;
	l->holder = NULL;
}

bool spinlock_held(const struct spinlock *l) { return l->locked && l->holder == curthread; }

void sleeplock_init(struct sleeplock *l, enum lock_rank rank, const char *name)
{
	*l = (struct sleeplock){ .rank = rank, .name = name };
}

void sleeplock_acquire(struct sleeplock *l)
{
	assert_sleepable();
	CHECK(l->holder != curthread);
	if (l->holder)
		block(l, l->name);
	CHECK(l->holder == NULL);
	held_add(l, l->rank, true);
	l->holder = curthread;
}

bool sleeplock_try(struct sleeplock *l)
{
	if (l->holder)
		return false;
	held_add(l, l->rank, false);
	l->holder = curthread;
	return true;
}

void sleeplock_release(struct sleeplock *l)
{
	CHECK(l->holder == curthread);
	held_remove(l);
	l->holder = NULL;
}

bool sleeplock_held(const struct sleeplock *l) { return l->holder == curthread; }

void rwlock_init(struct rwlock *l, enum lock_rank rank, const char *name)
{
	*l = (struct rwlock){ .rank = rank, .name = name };
}

void rwlock_read(struct rwlock *l)
{
	assert_sleepable();
	CHECK(!held(l));
	if (l->writer)
		block(l, l->name);
	CHECK(!l->writer);
	held_add(l, l->rank, true);
	l->readers++;
}

void rwlock_write(struct rwlock *l)
{
	assert_sleepable();
	CHECK(!held(l));
	if (l->writer || l->readers)
		block(l, l->name);
	CHECK(!l->writer && !l->readers);
	held_add(l, l->rank, true);
	l->writer = curthread;
}

bool rwlock_try_upgrade(struct rwlock *l)
{
	CHECK(l->readers > 0 && held(l));
	if (l->readers > 1)
		return false;
	l->readers = 0;
	l->writer = curthread;
	return true;
}

void rwlock_release(struct rwlock *l)
{
	held_remove(l);
	if (l->writer == curthread)
		l->writer = NULL;
	else {
		CHECK(l->readers > 0);
		l->readers--;
	}
}

bool rwlock_write_held(const struct rwlock *l) { return l->writer == curthread; }
bool rwlock_read_held(const struct rwlock *l) { return l->readers > 0 && held(l); }

/* ---- counters, failures, trace -------------------------------------------------- */

static uint64_t counters[STAT_MAX];

void counter_add(unsigned which, uint64_t n) { counters[which] += n; }
uint64_t counter_read(unsigned which) { return counters[which]; }
void gauge_add(unsigned which, int64_t n) { counters[which] += n; }
uint64_t gauge_read(unsigned which) { return counters[which]; }

bool fail_armed;
static const char *fail_site;
static unsigned fail_left;
static bool fail_was;

void host_fail_at(const char *site, unsigned n)
{
	fail_site = site;
	fail_left = n;
	fail_armed = n > 0;
	fail_was = false;
}

bool host_fail_fired(void) { return fail_was; }

bool fail_here(const char *site)
{
	if (!fail_left || (fail_site && strcmp(site, fail_site)))
		return false;
	if (--fail_left)
		return false;
	fail_was = true;
	return true;
}

bool trace_on;
static char steps[8192];
#define STEP_NAME(id, text, a, b) [TRACE_##id] = #id,
static const char *const step_names[] = { TRACE_STEPS(STEP_NAME) };

void trace_record(enum trace_step step, uint64_t a __unused, uint64_t b __unused)
{
	size_t used = strlen(steps);

	if (step != TRACE_FAULT)
		snprintf(steps + used, sizeof(steps) - used, "%s%s", used ? " " : "", step_names[step]);
}

const char *host_steps(void)
{
	static char taken[sizeof(steps)];

	strcpy(taken, steps);
	steps[0] = 0;
	trace_on = true;
	return taken;
}

uint64_t host_random(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x >> 16;
}

/* ---- boot ------------------------------------------------------------------------ */

static void boot(void)
{
	static const char *const names[] = { "test", "other", "third", "fourth" };
	char *arena = aligned_alloc(2UL << 20, ARENA);

	CHECK(arena != NULL);
	for (unsigned i = 0; i < ARRAY_COUNT(threads); i++)
		threads[i].name = names[i];
	page_init((paddr_t)arena, (paddr_t)arena + ARENA, NULL, 0, HOST_FRAMES * PAGE_SIZE);
	radix_boot();
	anon_boot();
	amap_boot();
	map_boot();
	vmspace_boot();
}
