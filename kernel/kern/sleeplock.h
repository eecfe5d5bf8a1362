/*
 * Sleeplocks: mutual exclusion for what may take long. A thread that waits is
 * asleep; the lock is handed to the longest waiter. Not for interrupt handlers.
 * As long as nobody waits, taking one and letting it go is one atomic change of `state`.
 */
#ifndef KERN_SLEEPLOCK_H
#define KERN_SLEEPLOCK_H

#include "kern/spinlock.h"
#include "base/list.h"

enum sleeplock_state { SLEEPLOCK_FREE, SLEEPLOCK_HELD, SLEEPLOCK_WAITED /* held, and threads wait */ };

struct sleeplock {
	uint32_t state;         /* atomic: enum sleeplock_state; leaves SLEEPLOCK_WAITED under the guard only */
	uint32_t waiters;       /* guard */
	struct thread *holder;  /* the lock itself: set after the state, cleared before it */
	struct thread *last;    /* the lock itself: who held it before */
	struct spinlock guard;  /* RANK_LOCK */
	uint32_t rank;          /* fixed */
	const char *name;       /* fixed */
	const void *where;      /* holder: return address of the acquire */
};

void sleeplock_init(struct sleeplock *l, enum lock_rank rank, const char *name);
void sleeplock_acquire(struct sleeplock *l);
bool sleeplock_try(struct sleeplock *l);
void sleeplock_release(struct sleeplock *l);
/* By the calling thread? */
#ifdef __riscv
static inline bool sleeplock_held(const struct sleeplock *l) { return l->holder == thread_current(); }
#else
bool sleeplock_held(const struct sleeplock *l);
#endif

/*
 * The wait for a condition that this lock protects: puts the thread on chan's
 * queue, lets the lock go, sleeps, takes the lock again. No wake-up between
 * the release and the sleep is lost. Returns 0, or EINTR when `interruptible`
 * and the thread's process is being killed or has a signal to take.
 */
int sleeplock_wait(struct sleeplock *l, const void *chan, const char *why, bool interruptible);

#endif
