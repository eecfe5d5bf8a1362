/*
 * Spinlocks: interrupts are off on the hart that holds one; its holder never sleeps.
 *
 * Waiting goes through cpu_relax(), which answers shootdowns, so a hart that
 * waits with interrupts off still lets others make progress. Debug builds
 * check ranks (kern/lockrank.h) and owners.
 *
 * What is done when nobody is in the way stands here, since it is done on every way through the kernel; the rest is in spinlock.c.
 */
#ifndef KERN_SPINLOCK_H
#define KERN_SPINLOCK_H

#include "base/atomic.h"
#include "base/kassert.h"
#include "base/types.h"
#include "kern/lockrank.h"
#include "riscv/aside.h"
#include "riscv/cpu.h"

struct thread;

struct spinlock {
	uint32_t locked;       /* atomic */
	uint32_t rank;         /* fixed */
	const char *name;      /* fixed */
	struct thread *holder; /* by the lock itself */
	struct thread *last;   /* by the lock: who held it before, counted as lock_handoffs; debug builds */
	const void *where;     /* by the lock: where it was acquired, debug builds */
};

#define SPINLOCK_INIT(rank_, name_) { .rank = (rank_), .name = (name_) }

void spinlock_init(struct spinlock *l, enum lock_rank rank, const char *name);
/* seed=N in the boot arguments: every lock (in debug builds), busy and PTE step may yield, by a generator with that seed. */
extern bool sched_perturbing;
void sched_perturb(void);
static inline void sched_step(void) /* one that is no lock's */
{
#ifdef DEBUG
	if (sched_perturbing)
		sched_perturb();
#endif
}

#ifdef __riscv

/* By the calling thread? The holder is set only while the lock is held. */
static inline bool spinlock_held(const struct spinlock *l) { return l->holder == thread_current(); }

/* Nested "interrupts off": the outermost pop puts back what the first push found. */
static inline void irq_push_off(void)
{
	uint64_t status = csr_read_clear(sstatus, SSTATUS_SIE);
	struct cpu *c = mycpu();

	if (c->irq_depth++ == 0)
		c->irq_was_on = status & SSTATUS_SIE;
}

static inline void irq_pop_off(void)
{
	struct cpu *c = mycpu();

	DASSERT(!irq_enabled());
	KASSERT(c->irq_depth > 0);
	if (--c->irq_depth == 0)
		csr_set(sstatus, c->irq_was_on);
}

/* What is out of the way: another holder, and what only debug builds do. */
void spinlock_wait(struct spinlock *l) __cold;
void spinlock_wrong_release(struct spinlock *l) __noreturn __cold;
#ifdef DEBUG
void spinlock_perturb(void);
void spinlock_order_check(const struct spinlock *l, const void *where);
void spinlock_note(struct spinlock *l, const void *where);
void spinlock_forget(struct spinlock *l);
#else
static inline void spinlock_perturb(void) {}
static inline void spinlock_order_check(const struct spinlock *l __unused, const void *where __unused) {}
static inline void spinlock_note(struct spinlock *l __unused, const void *where __unused) {}
static inline void spinlock_forget(struct spinlock *l __unused) {}
#endif

static inline const void *here(void)
{
	const void *pc;

	__asm__ volatile("auipc %0, 0" : "=r"(pc));
	return pc;
}

static inline void spinlock_own(struct spinlock *l, const void *where)
{
	l->holder = thread_current();
	spinlock_note(l, where);
}

static inline void spinlock_acquire(struct spinlock *l)
{
#ifdef DEBUG
	const void *where = here();
#else
	const void *where = NULL;
#endif
	spinlock_perturb();
	irq_push_off();
	spinlock_order_check(l, where);
	if (__builtin_expect(atomic_swap_acquire(&l->locked, 1), 0))
		ASIDE1(spinlock_wait, l);
	spinlock_own(l, where);
}

static inline void spinlock_release(struct spinlock *l)
{
	if (__builtin_expect(l->holder != thread_current(), 0))
		spinlock_wrong_release(l);
	spinlock_forget(l);
	l->holder = NULL;
	atomic_store_release(&l->locked, 0);
	irq_pop_off();
	spinlock_perturb();
}

bool spinlock_try(struct spinlock *l); /* true: acquired. Not ranked: it cannot deadlock */

/*
 * The two for one function that takes and leaves the lock, as it does what it holds meanwhile, in reverse order: then what
 * interrupts were need not be kept with the hart, and half of the cost is saved. Debug builds check as always.
 */
#ifdef DEBUG
static inline uint64_t spinlock_enter(struct spinlock *l) { spinlock_acquire(l); return 0; }
static inline void spinlock_leave(struct spinlock *l, uint64_t irqs __unused) { spinlock_release(l); }
static inline void spinlock_enter_inner(struct spinlock *l) { KASSERT(!irq_enabled()); spinlock_acquire(l); }
static inline void spinlock_leave_inner(struct spinlock *l) { spinlock_release(l); }
#else
/* Within another lock, where interrupts are off already. */
static inline void spinlock_enter_inner(struct spinlock *l)
{
	if (__builtin_expect(atomic_swap_acquire(&l->locked, 1), 0))
		ASIDE1(spinlock_wait, l);
	l->holder = thread_current();
}

static inline void spinlock_leave_inner(struct spinlock *l)
{
	l->holder = NULL;
	atomic_store_release(&l->locked, 0);
}

static inline uint64_t spinlock_enter(struct spinlock *l)
{
	uint64_t irqs = csr_read_clear(sstatus, SSTATUS_SIE);

	spinlock_enter_inner(l);
	return irqs;
}

static inline void spinlock_leave(struct spinlock *l, uint64_t irqs) /* what spinlock_enter returned */
{
	spinlock_leave_inner(l);
	csr_set(sstatus, irqs); /* nothing else in it has changed meanwhile: here nobody traps or sleeps */
}
#endif

#else

void spinlock_acquire(struct spinlock *l);
bool spinlock_try(struct spinlock *l);
void spinlock_release(struct spinlock *l);
static inline uint64_t spinlock_enter(struct spinlock *l) { spinlock_acquire(l); return 0; }
static inline void spinlock_leave(struct spinlock *l, uint64_t irqs __unused) { spinlock_release(l); }
bool spinlock_held(const struct spinlock *l);
void irq_push_off(void);
void irq_pop_off(void);

#endif

#endif
