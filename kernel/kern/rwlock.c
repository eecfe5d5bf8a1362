/*
 * Reader-writer locks.
 *
 * A reader waits while a writer holds the lock or waits for it. When a writer
 * leaves, all readers that wait go in together; when the last reader leaves,
 * the writer that has waited longest does. So neither side starves the other.
 *
 * Locks are handed over: whoever lets go accounts for those it wakes, and they
 * return without looking again.
 *
 * Invariant, under guard: not both a writer and readers; nobody waits for a free lock.
 * Floor: kern, above sched and sleepq.
 */
#include "kern/rwlock.h"

#include "base/kassert.h"
#include "kern/counters.h"
#include "kern/held.h"
#include "kern/sched.h"

/* Readers and writers sleep on channels of their own. */
#define READERS(l) ((const void *)&(l)->readers)
#define WRITERS(l) ((const void *)&(l)->writer)

static void writer_set(struct rwlock *l, struct thread *t);
static void admit(struct rwlock *l, bool readers_first);

void rwlock_init(struct rwlock *l, enum lock_rank rank, const char *name)
{
	*l = (struct rwlock){ .rank = rank, .name = name };
	spinlock_init(&l->guard, RANK_LOCK, name);
}

void rwlock_read(struct rwlock *l)
{
	const void *where = __builtin_return_address(0);

	assert_sleepable();
	held_check(l->rank, l, where);
	spinlock_acquire(&l->guard);
	KASSERT(l->writer != curthread);
	if (l->writer == NULL && l->writers_waiting == 0) {
		l->readers++;
		spinlock_release(&l->guard);
	} else {
		l->readers_waiting++;
		sleep_prepare(READERS(l), l->name);
		spinlock_release(&l->guard);
		sleep_commit(0);
	}
	held_add(l->rank, l, where);
}

bool rwlock_try_read(struct rwlock *l)
{
	bool free;

	spinlock_acquire(&l->guard);
	free = l->writer == NULL && l->writers_waiting == 0;
	if (free)
		l->readers++;
	spinlock_release(&l->guard);
	if (free)
		held_add(l->rank, l, __builtin_return_address(0));
	return free;
}

void rwlock_write(struct rwlock *l)
{
	const void *where = __builtin_return_address(0);

	assert_sleepable();
	held_check(l->rank, l, where);
	spinlock_acquire(&l->guard);
	KASSERT(l->writer != curthread);
	if (l->writer == NULL && l->readers == 0) {
		writer_set(l, curthread);
		spinlock_release(&l->guard);
	} else {
		l->writers_waiting++;
		sleep_prepare(WRITERS(l), l->name);
		spinlock_release(&l->guard);
		sleep_commit(0);
		KASSERT(l->writer == curthread);
	}
	l->where = where;
	held_add(l->rank, l, where);
}

bool rwlock_try_write(struct rwlock *l)
{
	bool free;

	spinlock_acquire(&l->guard);
	free = l->writer == NULL && l->readers == 0;
	if (free)
		writer_set(l, curthread);
	spinlock_release(&l->guard);
	if (free) {
		l->where = __builtin_return_address(0);
		held_add(l->rank, l, l->where);
	}
	return free;
}

bool rwlock_try_upgrade(struct rwlock *l)
{
	bool alone;

	spinlock_acquire(&l->guard);
	KASSERT(l->readers > 0 && l->writer == NULL);
	alone = l->readers == 1;
	if (alone) {
		l->readers = 0;
		writer_set(l, curthread);
		l->where = __builtin_return_address(0);
	}
	spinlock_release(&l->guard);
	return alone;
}

void rwlock_downgrade(struct rwlock *l)
{
	KASSERT(rwlock_write_held(l));
	spinlock_acquire(&l->guard);
	l->writer = NULL;
	l->readers = 1;
	if (l->writers_waiting == 0)
		admit(l, true);
	spinlock_release(&l->guard);
}

void rwlock_release(struct rwlock *l)
{
	bool wrote;

	held_remove(l);
	spinlock_acquire(&l->guard);
	wrote = l->writer == curthread;
	if (wrote) {
		l->writer = NULL;
	} else {
		if (l->readers == 0)
			panic("rwlock %s released by %s, who does not hold it", l->name, curthread->name);
		l->readers--;
	}
	admit(l, wrote);
	spinlock_release(&l->guard);
}

bool rwlock_write_held(const struct rwlock *l)
{
	return l->writer == curthread;
}

bool rwlock_read_held(const struct rwlock *l)
{
#ifdef DEBUG
	return l->writer != curthread && held_has(l);
#else
	return l->readers > 0;
#endif
}

/* Lets in whoever may hold the lock next to those who hold it now. => guard held, no writer */
static void admit(struct rwlock *l, bool readers_first)
{
	KASSERT(spinlock_held(&l->guard) && l->writer == NULL);
	if (l->readers_waiting > 0 && (readers_first || l->writers_waiting == 0)) {
		l->readers += l->readers_waiting;
		l->readers_waiting = 0;
		thread_wakeup(READERS(l));
	} else if (l->readers == 0 && l->writers_waiting > 0) {
		l->writers_waiting--;
		writer_set(l, sleepq_first(WRITERS(l)));
		thread_wakeup_one(WRITERS(l));
	}
}

static void writer_set(struct rwlock *l, struct thread *t)
{
	KASSERT(t != NULL);
	l->writer = t;
	if (l->last != t) {
		if (l->last)
			COUNT(lock_handoffs);
		l->last = t;
	}
}
