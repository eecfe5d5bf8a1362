/*
 * The scheduler: a run queue for each hart, served in turn; the timer ends a
 * slice. A thread that becomes ready goes to an idle hart if there is one,
 * otherwise to the one it ran on last; a hart without work takes from others.
 *
 * Whose stack is in use. on_cpu is set before a thread is switched to and
 * cleared by the thread that follows it, once its registers are saved. A thread
 * is put on a queue earlier than that: preempted, or woken between its decision
 * to sleep and the switch. Such a thread goes to its own hart's queue, where
 * only that hart can pick it, and that hart is busy with the switch; others
 * that look for work pass over threads with on_cpu set. So no hart ever waits for
 * another in order to switch, and the queue's lock need not be held across it.
 *
 * Invariant, under the queue's lock: the threads on it are the READY ones whose
 * cpu is its hart's; count is their number.
 * Floor: kern, above thread's header.
 */
#include "kern/sched.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "kern/bootargs.h"
#include "kern/counters.h"
#include "kern/trace.h"
#include "riscv/boot.h"
#include "riscv/csr.h"
#include "riscv/machine.h"

#define SLICE_MS 1
/* A hart always has its timer armed, this far ahead at most: under icount a QEMU without a deadline turns deaf. */
#define HEARTBEAT_MS 1
#define TIMER_MIN_US 20

/* One of so many steps yields, when the scheduler is perturbed. */
#define PERTURB_ONE_IN 32

static struct runq {
	struct spinlock lock;    /* RANK_RUNQ */
	struct list threads;     /* lock */
	size_t count;            /* lock; read without it as a hint */
	struct thread *leaving;  /* its own hart: whom the switch in progress leaves */
	uint64_t timer;          /* its own hart: what its timer is armed for */
} __attribute__((aligned(64))) runqs[HART_MAX];

static uint32_t idle_harts;  /* atomic: harts in wfi, or about to be */
static uint64_t boot_time;   /* fixed: of the time CSR */
static uint64_t slice;       /* fixed: of a thread, in ticks of the time CSR */
static bool running;         /* set once the boot hart schedules */

void (*thread_switch_hook)(struct thread *from, struct thread *to);

static struct thread *runq_take(struct cpu *c);
static struct thread *steal(struct cpu *c);
static struct cpu *hart_for(struct thread *t);
static bool work_anywhere(void);
static uint64_t ticks(uint64_t ns);

void sched_init(void)
{
	struct cpu *c = mycpu();
	struct thread *t = curthread;
	uint64_t seed = bootarg_number("seed", 0);

	boot_time = time_read();
	slice = ticks(SLICE_MS * 1000000UL);
	sleepq_init();
	for (uint32_t i = 0; i < HART_MAX; i++) {
		spinlock_init(&runqs[i].lock, RANK_RUNQ, "run queue");
		list_init(&runqs[i].threads);
		/* Neighbouring seeds and harts must not follow one another: spread them by odd multipliers; never 0. */
		cpus[i].perturb = (seed * 0x9e3779b97f4a7c15u + i * 0xd1342543de82ef95u) | 1;
	}
	sched_perturbing = seed != 0;

	t->kstack = boot_stack(c->index);
	thread_setup(t, "idle");
	t->state = THREAD_RUNNING;
	t->on_cpu = 1;
	c->idle = t;
}

int sched_idle_new(uint32_t index)
{
	struct thread *t = thread_memory->alloc(sizeof(*t));

	if (t == NULL)
		return ENOMEM;
	t->kstack = boot_stack(index);
	thread_setup(t, "idle");
	t->cpu = &cpus[index];
	t->state = THREAD_RUNNING;
	t->on_cpu = 1;
	cpus[index].idle = t;
	return 0;
}

/* The idle thread of each hart. */
void sched_start(void)
{
	struct cpu *c = mycpu();
	uint32_t me = 1u << c->index;

	KASSERT(curthread == c->idle && !irq_enabled() && c->irq_depth == 0);
	running = true;
	__atomic_store_n(&c->online, true, __ATOMIC_RELEASE);
	sched_tick();
	for (;;) {
		irq_disable();
		/* Say that this hart is idle, then look: who makes a thread ready puts it on a queue, then looks who is idle. */
		__atomic_store_n(&c->idling, true, __ATOMIC_RELAXED);
		__atomic_fetch_or(&idle_harts, me, __ATOMIC_SEQ_CST);
		if (!work_anywhere())
			__asm__ volatile("wfi"); /* returns for a pending interrupt, taken below */
		__atomic_fetch_and(&idle_harts, ~me, __ATOMIC_SEQ_CST);
		__atomic_store_n(&c->idling, false, __ATOMIC_RELAXED);
		irq_enable();
		thread_yield();
	}
}

void thread_yield(void)
{
	irq_push_off();
	sched_switch();
	irq_pop_off();
}

void thread_preempt(void)
{
	struct cpu *c = mycpu();

	KASSERT(!irq_enabled() && c->irq_depth == 0);
	if (c->need_resched && curthread != c->idle && running)
		thread_yield();
}

void sched_switch(void)
{
	struct cpu *c = mycpu();
	struct runq *q = &runqs[c->index];
	struct thread *prev = curthread, *next;
	uint32_t irq_was_on = c->irq_was_on;

	KASSERT(c->irq_depth == 1);
	DASSERT(c->spin_count == 0);
	spinlock_acquire(&q->lock);
	if (prev->state == THREAD_RUNNING && prev != c->idle) {
		prev->state = THREAD_READY;
		list_push_back(&q->threads, &prev->runq_link);
		q->count++;
	}
	next = runq_take(c);
	spinlock_release(&q->lock);
	if (next == NULL)
		next = steal(c);
	if (next == NULL)
		next = c->idle;
	c->need_resched = false;
	c->slice_end = time_read() + slice;
	if (next == prev)
		return;

	COUNT(switches);
	TRACE(SWITCH, prev->tid, next->tid);
	fp_switch(prev->trapframe, &prev->fp, next->trapframe, &next->fp);
	if (thread_switch_hook)
		thread_switch_hook(prev, next);
	q->leaving = prev;
	c->thread = next;
	context_switch(&prev->context, &next->context);
	sched_switched();
	mycpu()->irq_was_on = irq_was_on; /* another hart, maybe, and another thread's nesting before */
}

void sched_switched(void)
{
	struct runq *q = &runqs[mycpu()->index];

	__atomic_store_n(&q->leaving->on_cpu, 0, __ATOMIC_RELEASE);
}

/* => the lock of c's queue held, c is this hart or has set on_cpu to nobody's thread */
static struct thread *runq_take(struct cpu *c)
{
	struct runq *q = &runqs[c->index];
	struct list *link = list_pop_front(&q->threads);
	struct thread *t;

	if (link == NULL)
		return NULL;
	q->count--;
	t = list_entry(link, struct thread, runq_link);
	KASSERT(t->state == THREAD_READY && t->cpu == c);
	KASSERT(t == curthread || !__atomic_load_n(&t->on_cpu, __ATOMIC_ACQUIRE));
	t->state = THREAD_RUNNING;
	t->on_cpu = 1;
	return t;
}

/* The oldest thread of the next queue that has one to give. */
static struct thread *steal(struct cpu *c)
{
	for (uint32_t i = 1; i < cpu_count; i++) {
		struct runq *q = &runqs[(c->index + i) % cpu_count];
		struct thread *found = NULL;
		if (__atomic_load_n(&q->count, __ATOMIC_RELAXED) == 0)
			continue;
		spinlock_acquire(&q->lock);
		list_for_each(link, &q->threads) {
			struct thread *t = list_entry(link, struct thread, runq_link);
			if (__atomic_load_n(&t->on_cpu, __ATOMIC_ACQUIRE))
				continue;
			list_remove(link);
			q->count--;
			t->state = THREAD_RUNNING;
			t->on_cpu = 1;
			t->cpu = c;
			found = t;
			break;
		}
		spinlock_release(&q->lock);
		if (found)
			return found;
	}
	return NULL;
}

void sched_ready(struct thread *t)
{
	struct cpu *c = hart_for(t);
	struct runq *q = &runqs[c->index];

	spinlock_acquire(&q->lock);
	KASSERT(t->state == THREAD_NEW || t->state == THREAD_SLEEPING);
	t->cpu = c;
	t->state = THREAD_READY;
	list_push_back(&q->threads, &t->runq_link);
	q->count++;
	spinlock_release(&q->lock);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&c->idling, __ATOMIC_RELAXED) && c != curthread->cpu)
		ipi_send(1u << c->index, IPI_RESCHED);
}

/*
 * A thread that is still on its stack stays with that hart. on_cpu of a thread that is neither
 * running nor ready only ever falls, so finding it clear is final.
 */
static struct cpu *hart_for(struct thread *t)
{
	uint32_t idle = __atomic_load_n(&idle_harts, __ATOMIC_RELAXED);

	if (__atomic_load_n(&t->on_cpu, __ATOMIC_ACQUIRE) || idle == 0 || (idle & 1u << t->cpu->index))
		return t->cpu;
	return &cpus[__builtin_ctz(idle)];
}

static bool work_anywhere(void)
{
	for (uint32_t i = 0; i < cpu_count; i++)
		if (__atomic_load_n(&runqs[i].count, __ATOMIC_SEQ_CST) > 0)
			return true;
	return false;
}

void sched_tick(void)
{
	struct cpu *c = mycpu();
	uint64_t now = time_read();
	uint64_t next = sleepq_expire(clock_ns());

	if (now >= c->slice_end)
		c->need_resched = true;
	runqs[c->index].timer = now + ticks(HEARTBEAT_MS * 1000000UL);
	/* A switch does not touch the timer: the tick that finds a slice under way ends it on time. */
	if (c->slice_end > now)
		runqs[c->index].timer = MIN(runqs[c->index].timer, c->slice_end);
	timer_arm(runqs[c->index].timer);
	if (next != UINT64_MAX)
		sched_timer_before(next);
}

void sched_timer_before(uint64_t deadline_ns)
{
	struct runq *q = &runqs[mycpu()->index];
	uint64_t at = MAX(boot_time + ticks(deadline_ns), time_read() + ticks(TIMER_MIN_US * 1000UL));

	if (at < q->timer) {
		q->timer = at;
		timer_arm(at);
	}
}

void sched_perturb(void)
{
	bool on, legal;
	struct cpu *c;

	if (!sched_perturbing)
		return;
	on = irq_enabled();
	irq_disable();
	c = mycpu();
	c->perturb ^= c->perturb << 13;
	c->perturb ^= c->perturb >> 7;
	c->perturb ^= c->perturb << 17;
	if ((c->perturb >> 20) % PERTURB_ONE_IN == 0)
		c->need_resched = true;
	legal = on && running && c->irq_depth == 0 && c->spin_count == 0 && !c->in_interrupt && curthread != c->idle;
	if (legal && c->need_resched)
		thread_yield();
	if (on)
		irq_enable();
}

void assert_sleepable(void)
{
	if (!running)
		return;
	if (!irq_enabled())
		panic("%s would sleep with interrupts off or a spinlock held", curthread->name);
}

/* Seconds and the rest apart, so that nothing overflows. */
uint64_t clock_ns(void)
{
	uint64_t t = time_read() - boot_time, hz = machine.timebase;

	return t / hz * 1000000000UL + t % hz * 1000000000UL / hz;
}

static uint64_t ticks(uint64_t ns)
{
	return ns / 1000000000UL * machine.timebase + ns % 1000000000UL * machine.timebase / 1000000000UL;
}
