/* Threads that are only names, and locks that check rank and owner and never wait. */
#include <string.h>

#include "../host.h"

#include "base/kassert.h"
#include "riscv/machine.h"
#include "vm/kmap.h"
#include "vm/pdaemon.h"

const bool host_alone = true;
void host_step(const char *what __unused, const void *object __unused) {}

/* ---- threads ------------------------------------------------------------------- */

static struct thread threads[] = { { .name = "test" }, { .name = "other" }, { .name = "third" }, { .name = "fourth" } };
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

void (*host_relax_hook)(void);
void cpu_relax(void)
{
	if (!host_relax_hook)
		panic("cpu_relax: nothing else runs");
	host_relax_hook();
}

bool host_pause_refused;
bool harts_pause(void) { return !host_pause_refused; }
void harts_resume(void) {}
void irq_push_off(void) {}
void irq_pop_off(void) {}
void sched_perturb(void) {}
void (*host_pause_hook)(void);
void thread_yield(void) {}
int thread_pause(uint64_t ns __unused, int flags __unused)
{
	if (host_pause_hook)
		host_pause_hook();
	return 0;
}
void pdaemon_drain(void) {}
void kstack_drain(void) {}
void thread_reap(void) {}

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

struct vm_page *host_busy_page;

void host_busy(struct vm_map *map, vaddr_t va, void (*done)(const void *chan))
{
	CHECK(host_mapped(map, va, NULL, &host_busy_page));
	pmap_remove(map->pmap, page_trunc(va), page_trunc(va) + PAGE_SIZE);
	pmap_update(map->pmap);
	page_busy(host_busy_page);
	host_sleep_hook = done;
}

void host_unbusy(const void *chan __unused)
{
	host_as (1)
		page_unbusy(host_busy_page);
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
