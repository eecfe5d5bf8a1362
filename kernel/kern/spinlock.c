/*
 * Spinlocks, and interrupts off in nested sections.
 *
 * Invariant: while a hart holds a spinlock its interrupts are off, so the
 * thread that runs there stays, and holder == curthread says whose it is.
 * Floor: kern, above riscv/cpu and kern/counters.
 */
#include "kern/spinlock.h"

#include "base/kassert.h"
#include "kern/counters.h"
#include "kern/thread.h"

bool sched_perturbing;

void spinlock_init(struct spinlock *l, enum lock_rank rank, const char *name)
{
	*l = (struct spinlock)SPINLOCK_INIT(rank, name);
}

/* Somebody else holds the lock. => interrupts off; the lock is ours on return */
void spinlock_wait(struct spinlock *l)
{
	COUNT_WAIT(l->rank);
	do {
		if (l->holder == curthread)
			panic("spinlock %s taken twice by %s", l->name, curthread->name);
		while (__atomic_load_n(&l->locked, __ATOMIC_RELAXED)) {
			if (harts_stopped)
				panic("spinlock %s is held by a hart that has stopped", l->name);
			cpu_relax();
		}
	} while (__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE));
}

bool spinlock_try(struct spinlock *l)
{
	irq_push_off();
	if (__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE)) {
		irq_pop_off();
		return false;
	}
	spinlock_own(l, __builtin_return_address(0));
	return true;
}

void spinlock_wrong_release(struct spinlock *l)
{
	panic("spinlock %s released by %s, who does not hold it", l->name, curthread->name);
}

#ifdef DEBUG
void spinlock_perturb(void)
{
	if (sched_perturbing)
		sched_perturb();
}

/* spin_held has the spin_count locks that this hart holds. */
#define HELD_MAX (int)ARRAY_COUNT(((struct cpu *)0)->spin_held)

void spinlock_order_check(const struct spinlock *l, const void *where)
{
	const struct cpu *c = mycpu();

	for (int i = 0; i < MIN(c->spin_count, HELD_MAX); i++) {
		const struct spinlock *held = c->spin_held[i];
		if (held == l)
			panic("spinlock %s taken twice by %s", l->name, curthread->name);
		if (!lock_order_ok(l->rank, l, held->rank, held))
			lock_order_panic(l->rank, where, held->rank, held->where);
	}
}

void spinlock_note(struct spinlock *l, const void *where)
{
	struct cpu *c = mycpu();

	l->where = where;
	if (l->last && l->last != curthread)
		COUNT(lock_handoffs);
	l->last = curthread;
	if (c->spin_count >= HELD_MAX)
		panic("spinlock %s: one hart holds more than %d", l->name, HELD_MAX);
	c->spin_held[c->spin_count++] = l;
}

/* Locks need not be released in reverse order. */
void spinlock_forget(struct spinlock *l)
{
	struct cpu *c = mycpu();
	int i = c->spin_count - 1;

	while (i >= 0 && c->spin_held[i] != l)
		i--;
	KASSERT(i >= 0);
	c->spin_count--;
	for (; i < c->spin_count; i++)
		c->spin_held[i] = c->spin_held[i + 1];
}
#endif
