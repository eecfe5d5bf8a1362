/*
 * Sleeplocks: mutual exclusion for what may take long. A thread that waits is
 * asleep; the lock is handed to the longest waiter. Not for interrupt handlers.
 */
#ifndef KERN_SLEEPLOCK_H
#define KERN_SLEEPLOCK_H

#include "kern/spinlock.h"
#include "base/list.h"

struct sleeplock {
	struct spinlock guard;  /* RANK_LOCK */
	struct thread *holder;  /* guard */
	struct thread *last;    /* guard: who held it before */
	uint32_t waiters;       /* guard */
	uint32_t rank;          /* fixed */
	const char *name;       /* fixed */
	const void *where;      /* holder: return address of the acquire */
};

void sleeplock_init(struct sleeplock *l, enum lock_rank rank, const char *name);
void sleeplock_acquire(struct sleeplock *l);
bool sleeplock_try(struct sleeplock *l);
void sleeplock_release(struct sleeplock *l);
bool sleeplock_held(const struct sleeplock *l); /* by the calling thread */

/*
 * The wait for a condition that this lock protects: puts the thread on chan's
 * queue, lets the lock go, sleeps, takes the lock again. No wake-up between
 * the release and the sleep is lost. Returns 0, or EINTR when `interruptible`
 * and the thread's process is being killed or has a signal to take.
 */
int sleeplock_wait(struct sleeplock *l, const void *chan, const char *why, bool interruptible);

#endif
