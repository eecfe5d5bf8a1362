/*
 * Sleeplocks.
 *
 * Invariant, under guard: waiters > 0 only while holder is set, and that many
 * threads are on the sleep queue of the lock, or were taken off it by nobody
 * but a release that made one of them the holder.
 * Floor: kern, above sched and sleepq.
 */
#include "kern/sleeplock.h"

#include "base/kassert.h"
#include "kern/counters.h"
#include "kern/held.h"
#include "kern/sched.h"

/* Where waiters sleep: an address within, so that a structure may begin with its lock and be a channel itself. */
#define WAITERS(l) ((const void *)&(l)->waiters)

static void owner_set(struct sleeplock *l, struct thread *t);
static void acquire(struct sleeplock *l, const void *where);

void sleeplock_init(struct sleeplock *l, enum lock_rank rank, const char *name)
{
	*l = (struct sleeplock){ .rank = rank, .name = name };
	spinlock_init(&l->guard, RANK_LOCK, name);
}

void sleeplock_acquire(struct sleeplock *l)
{
	acquire(l, __builtin_return_address(0));
}

static void acquire(struct sleeplock *l, const void *where)
{
	assert_sleepable();
	held_check(l->rank, l, where);
	spinlock_acquire(&l->guard);
	if (l->holder == NULL) {
		owner_set(l, curthread);
		spinlock_release(&l->guard);
	} else {
		if (l->holder == curthread)
			panic("sleeplock %s taken twice by %s", l->name, curthread->name);
		l->waiters++;
		sleep_prepare(WAITERS(l), l->name);
		spinlock_release(&l->guard);
		sleep_commit(0);
		/* The release that took us off the queue has made us the holder. */
		KASSERT(l->holder == curthread);
	}
	l->where = where;
	held_add(l->rank, l, where);
}

bool sleeplock_try(struct sleeplock *l)
{
	bool free;

	spinlock_acquire(&l->guard);
	free = l->holder == NULL;
	if (free)
		owner_set(l, curthread);
	spinlock_release(&l->guard);
	if (free) {
		l->where = __builtin_return_address(0);
		held_add(l->rank, l, l->where);
	}
	return free;
}

void sleeplock_release(struct sleeplock *l)
{
	if (l->holder != curthread)
		panic("sleeplock %s released by %s, who does not hold it", l->name, curthread->name);
	held_remove(l);
	spinlock_acquire(&l->guard);
	if (l->waiters == 0) {
		l->holder = NULL;
	} else {
		/* Every waiter joins and leaves the queue under guard, so the first one stays the first. */
		l->waiters--;
		owner_set(l, sleepq_first(WAITERS(l)));
		thread_wakeup_one(WAITERS(l));
	}
	spinlock_release(&l->guard);
}

bool sleeplock_held(const struct sleeplock *l)
{
	return l->holder == curthread;
}

int sleeplock_wait(struct sleeplock *l, const void *chan, const char *why, bool interruptible)
{
	int error;

	sleep_prepare(chan, why);
	sleeplock_release(l);
	error = sleep_commit(interruptible ? SLEEP_INTR : 0);
	acquire(l, __builtin_return_address(0));
	return error;
}

static void owner_set(struct sleeplock *l, struct thread *t)
{
	KASSERT(t != NULL);
	l->holder = t;
	if (l->last != t) {
		if (l->last)
			COUNT(lock_handoffs);
		l->last = t;
	}
}
