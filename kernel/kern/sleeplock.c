/*
 * Sleeplocks.
 *
 * Invariant, under guard: waiters > 0 exactly while the state is WAITED, and that many
 * threads are on the sleep queue of the lock, or were taken off it by nobody
 * but a release that made one of them the holder. Without the guard the state goes only
 * from FREE to HELD and back: who finds anything else comes for the guard.
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
static void wait(struct sleeplock *l) __cold;
static void hand_over(struct sleeplock *l) __cold;

void sleeplock_init(struct sleeplock *l, enum lock_rank rank, const char *name)
{
	*l = (struct sleeplock){ .rank = rank, .name = name };
	spinlock_init(&l->guard, RANK_LOCK, name);
}

void sleeplock_acquire(struct sleeplock *l)
{
	acquire(l, __builtin_return_address(0));
}

static bool state_change(struct sleeplock *l, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&l->state, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static void acquire(struct sleeplock *l, const void *where)
{
	held_check(l->rank, l, where);
#ifdef DEBUG
	assert_sleepable(); /* in a release build, when it does come to sleep */
#endif
	if (state_change(l, SLEEPLOCK_FREE, SLEEPLOCK_HELD))
		owner_set(l, curthread);
	else
		wait(l);
	l->where = where;
	held_add(l->rank, l, where);
}

/* Somebody has the lock, or had it a moment ago. */
static void wait(struct sleeplock *l)
{
	bool free;

	assert_sleepable();
	spinlock_acquire(&l->guard);
	do
		free = state_change(l, SLEEPLOCK_FREE, SLEEPLOCK_HELD);
	while (!free && !state_change(l, SLEEPLOCK_HELD, SLEEPLOCK_WAITED) && l->waiters == 0);
	if (free) {
		owner_set(l, curthread);
		spinlock_release(&l->guard);
		return;
	}
	if (l->holder == curthread)
		panic("sleeplock %s taken twice by %s", l->name, curthread->name);
	l->waiters++;
	sleep_prepare(WAITERS(l), l->name);
	spinlock_release(&l->guard);
	sleep_commit(0);
	/* The release that took us off the queue has made us the holder. */
	KASSERT(l->holder == curthread);
}

bool sleeplock_try(struct sleeplock *l)
{
	bool free = state_change(l, SLEEPLOCK_FREE, SLEEPLOCK_HELD);

	if (free) {
		owner_set(l, curthread);
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
	l->holder = NULL;
	if (!state_change(l, SLEEPLOCK_HELD, SLEEPLOCK_FREE))
		hand_over(l);
}

/* To the thread that has waited longest. Every waiter joins and leaves the queue under guard, so the first one stays the first. */
static void hand_over(struct sleeplock *l)
{
	spinlock_acquire(&l->guard);
	KASSERT(l->state == SLEEPLOCK_WAITED && l->waiters > 0);
	if (--l->waiters == 0)
		__atomic_store_n(&l->state, SLEEPLOCK_HELD, __ATOMIC_RELEASE);
	owner_set(l, sleepq_first(WAITERS(l)));
	thread_wakeup_one(WAITERS(l));
	spinlock_release(&l->guard);
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
