/*
 * Making and unmaking threads.
 *
 * A thread's life: NEW (thread_new) -> READY (thread_start) <-> RUNNING ->
 * SLEEPING -> READY ... -> DEAD (thread_die) -> freed (thread_free).
 *
 * A thread runs on its stack until the hart has switched away, which is later
 * than DEAD: on_cpu tells, and thread_free() waits for it. The thread keeps
 * interrupts off from the moment somebody may want to free it, so that wait is
 * as short as a switch and never for a thread on the waiter's own hart.
 * Floor: kern.
 */
#include "kern/thread.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "base/string.h"
#include "kern/counters.h"
#include "kern/failpoint.h"
#include "kern/sched.h"
#include "riscv/csr.h"
#include "riscv/trap.h"

const struct thread_memory *thread_memory;

static struct spinlock threads_lock = SPINLOCK_INIT(RANK_THREADS, "threads");
static struct list threads = LIST_INIT(threads); /* threads_lock */
static struct list dead = LIST_INIT(dead);       /* threads_lock: detached ones that have ended */
static int32_t last_tid;                         /* atomic */

int thread_new(struct thread **out, const char *name, void (*entry)(void *), void *arg, struct proc *proc)
{
	vaddr_t top;
	struct thread *t;
	int error;

	thread_reap();
	t = FAIL("thread.struct") ? NULL : thread_memory->alloc(sizeof(*t));
	if (t == NULL)
		return ENOMEM;
	error = FAIL("thread.stack") ? ENOMEM : thread_memory->stack_alloc(&t->kstack);
	if (error) {
		thread_memory->free(t, sizeof(*t));
		return error;
	}
	thread_setup(t, name);
	t->state = THREAD_NEW;
	t->proc = proc;
	t->entry = entry;
	t->arg = arg;
	top = t->kstack + KSTACK_PAGES * PAGE_SIZE;
	if (proc) {
		/* Where the trap vector will look for the user's registers. */
		top -= sizeof(struct trapframe);
		t->trapframe = (struct trapframe *)top;
		memset(t->trapframe, 0, sizeof(struct trapframe));
		fp_reset(t->trapframe);
	}
	t->context.ra = (uint64_t)thread_trampoline;
	t->context.sp = top;
	t->context.s[0] = (uint64_t)entry;
	t->context.s[1] = (uint64_t)arg;
	*out = t;
	return 0;
}

void thread_setup(struct thread *t, const char *name)
{
	list_init(&t->runq_link);
	list_init(&t->sleepq_link);
	list_init(&t->timer_link);
	list_init(&t->proc_link);
	list_init(&t->futex_link);
	t->name = name;
	t->tid = __atomic_add_fetch(&last_tid, 1, __ATOMIC_RELAXED);
	irq_push_off();
	t->cpu = mycpu();
	irq_pop_off();
	spinlock_acquire(&threads_lock);
	list_push_back(&threads, &t->all_link);
	spinlock_release(&threads_lock);
	GAUGE_ADD(threads, 1);
}

void thread_start(struct thread *t)
{
	KASSERT(t->state == THREAD_NEW);
	sched_ready(t);
}

int thread_spawn(const char *name, void (*entry)(void *), void *arg)
{
	struct thread *t;
	int error = thread_new(&t, name, entry, arg, NULL);

	if (error)
		return error;
	t->detached = true;
	thread_start(t);
	return 0;
}

void thread_begin(void (*entry)(void *), void *arg)
{
	sched_switched();
	irq_pop_off();
	irq_enable();
	entry(arg);
	thread_die();
}

void thread_die(void)
{
	struct thread *t = curthread;

	KASSERT(t->lock_count == 0 && t->wchan == NULL);
	KASSERT(t->detached || !irq_enabled()); /* somebody may wait for this hart to leave the stack */
	irq_push_off();
	if (t->detached) {
		spinlock_acquire(&threads_lock);
		list_remove(&t->all_link);
		list_push_back(&dead, &t->all_link);
		spinlock_release(&threads_lock);
	}
	t->state = THREAD_DEAD;
	/* The caller may have interrupts off already, for the reason above: this thread does not come back to them. */
	mycpu()->irq_depth = 1;
	sched_switch();
	panic("a dead thread runs");
}

void thread_free(struct thread *t)
{
	while (__atomic_load_n(&t->on_cpu, __ATOMIC_ACQUIRE))
		cpu_relax();
	KASSERT(t->state == THREAD_DEAD || t->state == THREAD_NEW);
	spinlock_acquire(&threads_lock);
	list_remove(&t->all_link);
	spinlock_release(&threads_lock);
	thread_memory->stack_free(t->kstack);
	thread_memory->free(t, sizeof(*t));
	GAUGE_ADD(threads, -1);
}

void thread_reap(void)
{
	struct list *link;

	do {
		spinlock_acquire(&threads_lock);
		link = list_pop_front(&dead);
		spinlock_release(&threads_lock);
		if (link)
			thread_free(list_entry(link, struct thread, all_link));
	} while (link);
}

