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

void sleeplock_init(struct sleeplock *l, enum lock_rank rank, const char *name)
{
	*l = (struct sleeplock){ .rank = rank, .name = name };
	spinlock_init(&l->guard, RANK_LOCK, name);
}

static void acquire(struct sleeplock *l, const void *where)
{
	held_check(l->rank, l, where);
#ifdef DEBUG
	assert_sleepable(); /* a release build asks when it does come to sleep */
#endif
	sleeplock_enter(l);
	l->where = where;
	held_add(l->rank, l, where);
}

#ifdef DEBUG
void sleeplock_acquire(struct sleeplock *l)
{
	acquire(l, __builtin_return_address(0));
}

void sleeplock_release(struct sleeplock *l)
{
	if (sleeplock_held(l))
		held_remove(l);
	sleeplock_leave(l);
}
#endif

bool sleeplock_try(struct sleeplock *l)
{
	bool free = sleeplock_change(l, SLEEPLOCK_FREE, SLEEPLOCK_HELD);

	if (free) {
		owner_set(l, curthread);
		l->where = __builtin_return_address(0);
		held_add(l->rank, l, l->where);
	}
	return free;
}

void sleeplock_wait_for(struct sleeplock *l)
{
	bool free;

	assert_sleepable();
	spinlock_acquire(&l->guard);
	do
		free = sleeplock_change(l, SLEEPLOCK_FREE, SLEEPLOCK_HELD);
	while (!free && !sleeplock_change(l, SLEEPLOCK_HELD, SLEEPLOCK_WAITED) && l->waiters == 0);
	if (free) {
		owner_set(l, curthread);
		spinlock_release(&l->guard);
		return;
	}
	if (l->holder == curthread)
		panic("sleeplock %s taken twice by %s", l->name, curthread->name);
	COUNT_WAIT(l->rank);
	l->waiters++;
	sleep_prepare(WAITERS(l), l->name);
	spinlock_release(&l->guard);
	sleep_commit(0);
	/* The release that took us off the queue has made us the holder. */
	KASSERT(l->holder == curthread);
}

/*
 * To the thread that has waited longest. Every waiter joins the queue under guard, so the first one stays the first until
 * it is woken. That comes last: the new holder lets go without the guard, and may free what the lock is part of.
 */
void sleeplock_hand_over(struct sleeplock *l)
{
	spinlock_acquire(&l->guard);
	KASSERT(l->state == SLEEPLOCK_WAITED && l->waiters > 0);
	if (--l->waiters == 0)
		__atomic_store_n(&l->state, SLEEPLOCK_HELD, __ATOMIC_RELEASE);
	owner_set(l, sleepq_first(WAITERS(l)));
	spinlock_release(&l->guard);
	thread_wakeup_one(WAITERS(l));
}

void sleeplock_wrong_release(struct sleeplock *l)
{
	panic("sleeplock %s released by %s, who does not hold it", l->name, curthread->name);
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

#ifdef DEBUG
void sleeplock_note(struct sleeplock *l)
{
	if (l->last && l->last != l->holder)
		COUNT(lock_handoffs);
	l->last = l->holder;
}
#endif

static void owner_set(struct sleeplock *l, struct thread *t)
{
	KASSERT(t != NULL);
	l->holder = t;
	sleeplock_note(l);
}
