/*
 * Threads that run, one at a time, and the kernel's own sleeping locks over them
 * (kern/sleeplock.c, kern/rwlock.c, kern/held.c), in place of tests/host/fake/threads.c.
 *
 * A thread gives up the machine at a step: before it takes a sleeping lock, before and
 * after it lets one go, before it takes and leaves the guard of one that somebody waits
 * for, where a page becomes busy or is no longer, before it allocates a frame and before
 * it changes or uses a mapping. What lies between two steps of a thread happens at once;
 * so does all that is done under a spinlock other than a guard.
 */
#include <dlfcn.h>
#include <sanitizer/common_interface_defs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "interleave.h"
#include "schedule.h"
#include "threads.h"

#include "base/kassert.h"
#include "kern/failpoint.h"
#include "kern/rwlock.h"
#include "kern/sched.h"
#include "riscv/machine.h"
#include "vm/kmap.h"

#define STACK (256UL << 10)
#define MAIN THREADS /* the test's body; it does not run while the threads do */

static struct thread threads[THREADS + 1] = { { .name = "a" }, { .name = "b" }, { .name = "c" }, { .name = "test" } };
struct thread *host_thread = &threads[MAIN];

static struct fiber {
	ucontext_t context;
	const void *stack;
	size_t size;
	void *shadow;       /* the sanitizer's, while it does not run */
	void (*run)(void);  /* NULL: it has nothing to do */
	unsigned spinlocks; /* that it holds */
	const struct spinlock *spins; /* for this one, NULL: no */
} fibers[THREADS + 1];

static bool running; /* inside together() */
static struct list sleepers = LIST_INIT(sleepers); /* longest first, by sleepq_link */

const bool host_alone = false;
bool sched_perturbing = true;

static unsigned self(void) { return host_thread - threads; }

/* ---- switching ------------------------------------------------------------------ */

static void arrived(struct fiber *me, const void **stack, size_t *size)
{
	__sanitizer_finish_switch_fiber(me->shadow, stack, size);
}

/*
 * The C library's own. ASan puts one in its place that warns, and forgets what it knows
 * of the stack that it switches to; it is told of each switch here, so it need not.
 */
static int (*swap)(ucontext_t *from, const ucontext_t *to);

static void swap_find(void)
{
	void *libc = dlopen("libc.so.6", RTLD_LAZY), *found = libc ? dlsym(libc, "swapcontext") : NULL;

	swap = swapcontext;
	if (found)
		memcpy(&swap, &found, sizeof(swap));
}

static void switch_to(unsigned next)
{
	struct fiber *from = &fibers[self()], *to = &fibers[next];

	if (from == to)
		return;
	host_thread = &threads[next];
	__sanitizer_start_switch_fiber(&from->shadow, to->stack, to->size);
	swap(&from->context, &to->context);
	arrived(from, NULL, NULL);
}

/* Threads that can go on. */
static unsigned ready(void)
{
	unsigned set = 0;

	for (unsigned i = 0; i < THREADS; i++)
		if (fibers[i].run && threads[i].state == THREAD_READY && !(fibers[i].spins && fibers[i].spins->locked))
			set |= 1u << i;
	return set;
}

static void deadlock(void) __noreturn;
static void deadlock(void)
{
	char text[400] = "";

	for (unsigned i = 0; i < THREADS; i++) {
		struct thread *t = &threads[i];
		size_t used = strlen(text);

		if (!fibers[i].run)
			continue;
		used += snprintf(text + used, sizeof(text) - used, "%s %s waits for %s", used ? "," : "", t->name,
				 fibers[i].spins ? fibers[i].spins->name : t->wwhy);
		for (unsigned l = 0; l < t->lock_count; l++)
			used += snprintf(text + used, sizeof(text) - used, "%s %s", l ? "," : " and holds", lock_rank_name(t->held[l].rank));
	}
	host_fail(__FILE__, __LINE__, "deadlock:%s", text);
}

/* The running thread waits, has ended or makes way. */
static void give_way(const char *what)
{
	unsigned may = ready(), me = self();

	if (what)
		report_step(me, what, NULL, NULL);
	if (may)
		switch_to(schedule_step(me, may & ~(1u << me) ? may & ~(1u << me) : may));
	else if (fibers[0].run || fibers[1].run || fibers[2].run)
		deadlock();
	else
		switch_to(MAIN);
}

static void step_always(const char *what, const char *name, const void *object)
{
	if (!running)
		return;
	report_step(self(), what, name, object);
	switch_to(schedule_step(self(), ready()));
}

static void step(const char *what, const char *name, const void *object)
{
	if (fibers[self()].spinlocks == 0)
		step_always(what, name, object);
}

void host_step(const char *what, const void *object)
{
	if (strcmp(what, "allocate"))
		step(what, NULL, object);
	else if (!strcmp(object, "page.alloc")) /* nothing else that is allocated is anybody else's business */
		step(what, object, NULL);
}

static void fiber_main(void)
{
	struct fiber *me = &fibers[self()], *body = &fibers[MAIN];

	arrived(me, body->stack ? NULL : &body->stack, body->stack ? NULL : &body->size);
	for (;;) {
		me->run();
		CHECK_EQ(curthread->lock_count, 0);
		me->run = NULL;
		give_way("ends");
	}
}

static void fiber_make(unsigned i)
{
	struct fiber *f = &fibers[i];

	if (f->stack)
		return;
	f->size = STACK;
	f->stack = malloc(STACK);
	getcontext(&f->context);
	f->context.uc_stack.ss_sp = (void *)f->stack;
	f->context.uc_stack.ss_size = STACK;
	makecontext(&f->context, fiber_main, 0);
}

void together(void (*a)(void), void (*b)(void), void (*c)(void))
{
	void (*const run[THREADS])(void) = { a, b, c };

	CHECK(!running && list_empty(&sleepers));
	if (!swap)
		swap_find();
	fail_armed = true; /* so that allocations ask, and are steps */
	for (unsigned i = 0; i < THREADS; i++) {
		fiber_make(i);
		fibers[i].run = run[i];
		threads[i].state = THREAD_READY;
	}
	running = true;
	switch_to(schedule_step(MAIN, ready()));
	running = false;
	CHECK(list_empty(&sleepers));
	for (size_t i = 0; i < page_count; i++)
		CHECK_EQ(pages[i].flags & (PG_BUSY | PG_WANTED | PG_RELEASED), 0);
	CHECK_AUDIT();
}

/* ---- sleeping ------------------------------------------------------------------- */

void sleep_prepare(const void *chan, const char *why)
{
	struct thread *t = curthread;

	step("will sleep for", why, NULL);
	KASSERT(t->wchan == NULL);
	t->wchan = chan;
	t->wwhy = why;
	list_push_back(&sleepers, &t->sleepq_link);
}

static void wake(struct thread *t)
{
	list_remove(&t->sleepq_link);
	t->wchan = NULL;
	t->state = THREAD_READY;
}

void sleep_cancel(void)
{
	if (curthread->wchan)
		wake(curthread);
}

int sleep_commit(int flags __unused)
{
	assert_sleepable();
	if (!curthread->wchan)
		return 0;
	if (!running)
		panic("a sleep that nothing ends, for %s", curthread->wwhy);
	curthread->state = THREAD_SLEEPING;
	give_way("sleeps");
	return 0;
}

struct thread *sleepq_first(const void *chan)
{
	list_for_each(link, &sleepers)
		if (list_entry(link, struct thread, sleepq_link)->wchan == chan)
			return list_entry(link, struct thread, sleepq_link);
	return NULL;
}

void thread_wakeup_one(const void *chan)
{
	step("wakes one", NULL, chan);
	if (sleepq_first(chan))
		wake(sleepq_first(chan));
}

void thread_wakeup(const void *chan)
{
	step("wakes", NULL, chan);
	while (sleepq_first(chan))
		wake(sleepq_first(chan));
}

void thread_yield(void)
{
	if (running)
		give_way("yields");
}

int thread_pause(uint64_t ns __unused, int flags __unused)
{
	thread_yield();
	return 0;
}

void sched_perturb(void) { step("busy page", NULL, NULL); }

/* ---- locks ------------------------------------------------------------------------ */

void assert_sleepable(void) { CHECK_EQ(fibers[self()].spinlocks, 0); }

void spinlock_init(struct spinlock *l, enum lock_rank rank, const char *name)
{
	*l = (struct spinlock)SPINLOCK_INIT(rank, name);
}

void spinlock_acquire(struct spinlock *l)
{
	if (l->locked && l->holder == curthread)
		panic("spinlock %s taken twice", l->name);
	if (l->rank == RANK_LOCK)
		step("asks for the guard of", l->name, l);
	while (l->locked) {
		fibers[self()].spins = l;
		give_way("spins for its guard");
		fibers[self()].spins = NULL;
	}
	l->locked = 1;
	l->holder = curthread;
	fibers[self()].spinlocks++;
}

void spinlock_release(struct spinlock *l)
{
	if (l->rank == RANK_LOCK)
		step_always("leaves the guard of", l->name, l);
	CHECK(l->locked && l->holder == curthread);
	l->locked = 0;
	l->holder = NULL;
	fibers[self()].spinlocks--;
}

bool spinlock_held(const struct spinlock *l) { return l->locked && l->holder == curthread; }

bool sleeplock_held(const struct sleeplock *l) { return l->holder == curthread; }
bool rwlock_write_held(const struct rwlock *l) { return l->writer == curthread; }

/* The linker leads calls of the kernel's locks here (--wrap), so that each is a step. */
#define BEFORE(type, what, lock, kind)                    \
	type __real_##lock(struct kind *l);               \
	type __wrap_##lock(struct kind *l);               \
	type __wrap_##lock(struct kind *l)                \
	{                                                 \
		step(what, l->name, l);                   \
		return __real_##lock(l);                  \
	}
#define AROUND(what, after, lock, kind)                   \
	void __real_##lock(struct kind *l);               \
	void __wrap_##lock(struct kind *l);               \
	void __wrap_##lock(struct kind *l)                \
	{                                                 \
		const char *name = l->name;               \
							  \
		step(what, name, l);                      \
		__real_##lock(l);                         \
		step(after, name, l);                     \
	}
BEFORE(void, "locks", sleeplock_acquire, sleeplock)
BEFORE(bool, "tries", sleeplock_try, sleeplock)
AROUND("unlocks", "has unlocked", sleeplock_release, sleeplock)
BEFORE(void, "locks for reading", rwlock_read, rwlock)
BEFORE(void, "locks for writing", rwlock_write, rwlock)
BEFORE(bool, "tries to upgrade", rwlock_try_upgrade, rwlock)
AROUND("unlocks", "has unlocked", rwlock_release, rwlock)

/* ---- what else the kernel asks of its machine ----------------------------------------- */

struct cpu *mycpu(void)
{
	static struct cpu cpu;
	return &cpu;
}

void cpu_relax(void) { thread_yield(); }
bool harts_pause(void) { return true; }
void harts_resume(void) {}
void irq_push_off(void) {}
void irq_pop_off(void) {}
void kstack_drain(void) {}
void thread_reap(void) {}
int thread_spawn(const char *name __unused, void (*entry)(void *) __unused, void *arg __unused) { return ENOMEM; }
