/*
 * Threads: what the scheduler runs. A process (sys/proc.h) has one or more; the
 * kernel's own threads have none.
 *
 * tp holds the running thread in the kernel, on every hart, so curthread needs
 * no lock and survives preemption; mycpu() is stable only with interrupts off.
 *
 * Sleeping. A thread that will wait for a condition first puts itself on the
 * queue of a channel (any address), then lets go of whatever protects the
 * condition, then sleeps. A wake-up in between takes it off the queue and the
 * sleep returns at once: none is lost.
 *
 *	sleep_prepare(chan, "why");
 *	release(the lock of the condition);
 *	error = sleep_commit(SLEEP_INTR or 0);
 */
#ifndef KERN_THREAD_H
#define KERN_THREAD_H

#include "base/list.h"
#include "base/param.h"
#include "kern/spinlock.h"
#include "riscv/cpu.h"

struct proc;
struct vmspace;
struct trapframe;

enum thread_state {
	THREAD_NEW,      /* being made; nobody runs it */
	THREAD_READY,    /* on a run queue */
	THREAD_RUNNING,  /* on a hart */
	THREAD_SLEEPING, /* on a sleep queue, off every hart */
	THREAD_DEAD,     /* will never run again; its stack may still be in use until on_cpu clears */
};

/*
 * Legend: (c) fixed at creation, (t) the thread itself, (r) the run queue's
 * lock, (s) the sleep queue's lock, (a) atomic.
 */
struct thread {
	/* entry.S knows the offsets of these; riscv/asm-offsets checks them. */
	struct context context;      /* r: saved registers while off the hart */
	vaddr_t kstack;              /* c: lowest address of the stack, the guard page lies below it */
	struct cpu *cpu;             /* r: the hart it runs on, or last ran on */
	struct trapframe *trapframe; /* t: user registers, at the top of the stack; NULL for kernel threads */

	enum thread_state state;     /* r or s */
	uint32_t on_cpu;             /* a: its stack is in use by a hart */
	struct list runq_link;       /* r */
	struct list sleepq_link;     /* s */
	const void *wchan;           /* s: what it waits for; NULL when woken */
	const char *wwhy;            /* s: a word for it, for ps and the panic */
	bool wintr;                  /* s: the sleep ends when the process is to be interrupted */
	uint64_t deadline;           /* the timer lock: ns, or 0 */
	struct list timer_link;      /* the timer lock */

	int32_t tid;                 /* c */
	const char *name;            /* c */
	struct proc *proc;           /* c: NULL for the kernel's own */
	struct list proc_link;       /* the process's lock */
	struct vmspace *vmspace;     /* t: address space that is active when it runs; NULL: kernel only */
	void (*entry)(void *);       /* c */
	void *arg;                   /* c */

	int faults_off;              /* t: >0: a fault in copyuser fails at once */
	bool fault_was_major;        /* t: its last fault() waited for I/O */
	bool mem_reserve;            /* t: may use the reserve of frames (the pagedaemon) */
	uint32_t lock_count;         /* t: sleeping locks and read locks held, debug builds */
	struct held_lock {
		const void *lock;
		const void *where;
		uint32_t rank;
	} held[24];                  /* t: debug builds */
	uint64_t exit_value;         /* thread_exit's, for thread_join */
	uint32_t sigmask;            /* t: signals blocked */
};

extern void (*thread_switch_hook)(struct thread *from, struct thread *to); /* pmap: activate address spaces */
extern bool (*thread_interrupted_hook)(struct thread *t); /* processes: killed, or a signal to take? */

#define curthread thread_current()

/*
 * A new thread, not yet running. Errors: ENOMEM. The stack comes from kstack_alloc
 * (registered, because the kernel's map lies on a higher floor).
 */
int thread_new(struct thread **out, const char *name, void (*entry)(void *), void *arg, struct proc *proc);
void thread_start(struct thread *t);          /* makes a NEW thread ready */
int thread_spawn(const char *name, void (*entry)(void *), void *arg); /* a kernel thread, started */
void thread_free(struct thread *t);           /* a DEAD thread; waits until no hart is on its stack */
void thread_die(void) __noreturn;             /* the running thread ends; somebody calls thread_free() */
void thread_yield(void);
void thread_preempt(void);                    /* at the end of an interrupt, when the slice is over */

void sleep_prepare(const void *chan, const char *why);
void sleep_cancel(void);                      /* prepared, but need not sleep */
#define SLEEP_INTR 1
int sleep_commit(int flags);                  /* 0; EINTR when interruptible and interrupted */
int sleep_commit_until(uint64_t deadline_ns, int flags); /* also ETIMEDOUT */
/* Lets go of a spinlock, sleeps, and takes it again. 0 or EINTR. */
int thread_sleep(const void *chan, struct spinlock *l, const char *why, int flags);
void thread_wakeup(const void *chan);         /* all that wait for chan; any context */
void thread_wakeup_one(const void *chan);
void thread_interrupt(struct thread *t);      /* ends t's sleep if it is interruptible */
int thread_pause(uint64_t ns, int flags);     /* asleep for a time: 0 or EINTR */

uint64_t clock_ns(void);                      /* since boot */

/* The scheduler's part of boot, on each hart. Never returns. */
void sched_init(void);
void sched_start(void) __noreturn;
void sched_tick(void);                        /* from the timer interrupt */

/* seed=N in the boot arguments: every lock, unlock, busy and PTE step may yield, by a generator with that seed. */
void sched_perturb(void);
extern bool sched_perturbing;

/* May this thread sleep here? Panics if a spinlock is held or interrupts are off. */
void assert_sleepable(void);

/* Walk all threads, for ps and the panic; the callback must not sleep. */
void thread_for_each(void (*visit)(struct thread *t, void *arg), void *arg);

#endif
