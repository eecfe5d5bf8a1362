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
#include "riscv/cpu.h"
#include "riscv/csr.h"

#ifdef DEBUG
static void order_check(const struct spinlock *l, const void *where);
static void held_push(const struct spinlock *l);
static void held_drop(const struct spinlock *l);
#else
static inline void order_check(const struct spinlock *l __unused, const void *where __unused) {}
static inline void held_push(const struct spinlock *l __unused) {}
static inline void held_drop(const struct spinlock *l __unused) {}
#endif

static void take(struct spinlock *l, const void *where);

void spinlock_init(struct spinlock *l, enum lock_rank rank, const char *name)
{
	*l = (struct spinlock)SPINLOCK_INIT(rank, name);
}

void spinlock_acquire(struct spinlock *l)
{
	const void *where = __builtin_return_address(0);

	if (sched_perturbing)
		sched_perturb();
	irq_push_off();
	order_check(l, where);
	while (__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE)) {
		if (l->holder == curthread)
			panic("spinlock %s taken twice by %s", l->name, curthread->name);
		while (__atomic_load_n(&l->locked, __ATOMIC_RELAXED))
			cpu_relax();
	}
	take(l, where);
}

bool spinlock_try(struct spinlock *l)
{
	irq_push_off();
	if (__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE)) {
		irq_pop_off();
		return false;
	}
	take(l, __builtin_return_address(0));
	return true;
}

static void take(struct spinlock *l, const void *where)
{
	struct thread *me = curthread;

	l->holder = me;
	l->where = where;
	if (l->last != me) {
		if (l->last)
			COUNT(lock_handoffs);
		l->last = me;
	}
	mycpu()->spin_count++;
	held_push(l);
}

void spinlock_release(struct spinlock *l)
{
	if (!l->locked || l->holder != curthread)
		panic("spinlock %s released by %s, who does not hold it", l->name, curthread->name);
	held_drop(l);
	mycpu()->spin_count--;
	l->holder = NULL;
	__atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
	irq_pop_off();
	if (sched_perturbing)
		sched_perturb();
}

bool spinlock_held(const struct spinlock *l)
{
	return __atomic_load_n(&l->locked, __ATOMIC_RELAXED) && l->holder == curthread;
}

void irq_push_off(void)
{
	bool was_on = irq_enabled();
	struct cpu *c;

	irq_disable();
	c = mycpu();
	if (c->irq_depth++ == 0)
		c->irq_was_on = was_on;
}

void irq_pop_off(void)
{
	struct cpu *c = mycpu();

	KASSERT(!irq_enabled() && c->irq_depth > 0);
	if (--c->irq_depth == 0 && c->irq_was_on)
		irq_enable();
}

#ifdef DEBUG
/* spin_count counts every held lock, spin_held remembers as many as it has places for. */
#define HELD_MAX (int)ARRAY_COUNT(((struct cpu *)0)->spin_held)

static void order_check(const struct spinlock *l, const void *where)
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

static void held_push(const struct spinlock *l)
{
	struct cpu *c = mycpu();

	if (c->spin_count > HELD_MAX)
		panic("spinlock %s: one hart holds more than %d", l->name, HELD_MAX);
	c->spin_held[c->spin_count - 1] = l;
}

/* Locks need not be released in reverse order. */
static void held_drop(const struct spinlock *l)
{
	struct cpu *c = mycpu();
	int i = c->spin_count - 1;

	while (i >= 0 && c->spin_held[i] != l)
		i--;
	KASSERT(i >= 0);
	for (; i < c->spin_count - 1; i++)
		c->spin_held[i] = c->spin_held[i + 1];
}
#endif
