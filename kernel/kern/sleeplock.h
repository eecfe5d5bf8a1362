/*
 * Sleeplocks: mutual exclusion for what may take long. A thread that waits is
 * asleep; the lock is handed to the longest waiter. Not for interrupt handlers.
 * As long as nobody waits, taking one and letting it go is one atomic change of `state`.
 */
#ifndef KERN_SLEEPLOCK_H
#define KERN_SLEEPLOCK_H

#include "base/atomic.h"
#include "base/list.h"
#include "kern/spinlock.h"

/*
 * WAITED: held, and threads wait. The greatest, so that to raise the state to HELD changes a free lock only; and without HELD's
 * bit, so that to take that away changes a lock only that nobody waits for. As a signed number HELD alone is above 0.
 */
#define SLEEPLOCK_FREE 0u
#define SLEEPLOCK_HELD 1u
#define SLEEPLOCK_WAITED 0x80000000u

struct sleeplock {
	uint32_t state;         /* atomic: SLEEPLOCK_*; leaves SLEEPLOCK_WAITED under the guard only */
	uint32_t waiters;       /* guard */
	struct thread *holder;  /* the lock itself: set after the state, cleared before it */
	struct thread *last;    /* the lock itself: who held it before; debug builds */
	struct spinlock guard;  /* RANK_LOCK */
	uint32_t rank;          /* fixed */
	const char *name;       /* fixed */
	const void *where;      /* holder: return address of the acquire */
};

void sleeplock_init(struct sleeplock *l, enum lock_rank rank, const char *name);
bool sleeplock_try(struct sleeplock *l);

#if defined(__riscv) || defined(KERNEL_LOCKS) /* on a host: tests/interleave */

void sleeplock_wait_for(struct sleeplock *l) __cold;   /* somebody has it, or had it a moment ago */
void sleeplock_hand_over(struct sleeplock *l) __cold;  /* somebody waits */
void sleeplock_wrong_release(struct sleeplock *l) __noreturn __cold;

#ifdef DEBUG
void sleeplock_note(struct sleeplock *l); /* counts it when the lock has another holder than the last time */
#else
static inline void sleeplock_note(struct sleeplock *l __unused) {}
#endif

/* By the calling thread? */
static inline bool sleeplock_held(const struct sleeplock *l) { return l->holder == thread_current(); }

static inline bool sleeplock_change(struct sleeplock *l, uint32_t from, uint32_t to)
{
	return atomic_change(&l->state, from, to);
}

static inline void sleeplock_enter(struct sleeplock *l)
{
	if (__builtin_expect(atomic_raise_acquire(&l->state, SLEEPLOCK_HELD) != SLEEPLOCK_FREE, 0)) {
		ASIDE1(sleeplock_wait_for, l);
		return;
	}
	l->holder = thread_current();
	sleeplock_note(l);
}

static inline void sleeplock_leave(struct sleeplock *l)
{
	if (__builtin_expect(!sleeplock_held(l), 0))
		sleeplock_wrong_release(l);
	l->holder = NULL;
	if (__builtin_expect(atomic_and_release(&l->state, SLEEPLOCK_WAITED) <= 0, 0)) /* it was not HELD */
		ASIDE1(sleeplock_hand_over, l);
}

#else
bool sleeplock_held(const struct sleeplock *l);
#endif

#if defined(__riscv) && !defined(DEBUG)
static inline void sleeplock_acquire(struct sleeplock *l) { sleeplock_enter(l); }
static inline void sleeplock_release(struct sleeplock *l) { sleeplock_leave(l); }
#else
void sleeplock_acquire(struct sleeplock *l); /* with the checks of debug builds */
void sleeplock_release(struct sleeplock *l);
#endif

/*
 * The wait for a condition that this lock protects: puts the thread on chan's
 * queue, lets the lock go, sleeps, takes the lock again. No wake-up between
 * the release and the sleep is lost. Returns 0, or EINTR when `interruptible`
 * and the thread's process is being killed or has a signal to take.
 */
int sleeplock_wait(struct sleeplock *l, const void *chan, const char *why, bool interruptible);

#endif
