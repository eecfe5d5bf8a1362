/*
 * Spinlocks: interrupts are off on the hart that holds one; its holder never sleeps.
 *
 * Waiting goes through cpu_relax(), which answers shootdowns, so a hart that
 * waits with interrupts off still lets others make progress. Debug builds
 * check ranks (kern/lockrank.h) and owners.
 */
#ifndef KERN_SPINLOCK_H
#define KERN_SPINLOCK_H

#include "base/types.h"
#include "kern/lockrank.h"

struct thread;

struct spinlock {
	uint32_t locked;       /* atomic */
	uint32_t rank;         /* fixed */
	const char *name;      /* fixed */
	struct thread *holder; /* by the lock itself */
	struct thread *last;   /* by the lock: who held it before, counted as lock_handoffs */
	const void *where;     /* by the lock: return address of the acquire, debug builds */
};

#define SPINLOCK_INIT(rank_, name_) { .rank = (rank_), .name = (name_) }

void spinlock_init(struct spinlock *l, enum lock_rank rank, const char *name);
void spinlock_acquire(struct spinlock *l);
bool spinlock_try(struct spinlock *l); /* true: acquired. Not ranked: it cannot deadlock */
void spinlock_release(struct spinlock *l);
bool spinlock_held(const struct spinlock *l); /* by the calling thread */

/* Nested "interrupts off": the outermost pop puts back what the first push found. */
void irq_push_off(void);
void irq_pop_off(void);

#endif
