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
#include "riscv/fp.h"

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
	const void *wprepared;       /* t: the channel of its last sleep_prepare */
	const char *wwhy;            /* s: a word for it, for ps and the panic */
	bool wintr;                  /* s: the sleep ends when the process is to be interrupted */
	int wresult;                 /* s: why it was woken: 0, EINTR, ETIMEDOUT */
	uint64_t deadline;           /* the timer lock: ns, or 0 */
	struct list timer_link;      /* the timer lock */

	struct fpstate fp;           /* t: floating point registers while off the hart */
	int32_t tid;                 /* c */
	int32_t pid;                 /* c: its process's, for the trace; 0 for the kernel's own */
	struct list all_link;        /* of all threads; once dead and detached, of the dead */
	bool detached;               /* c: nobody calls thread_free() for it */
	bool exited;                 /* the process's lock: thread_join may collect it */
	const char *name;            /* c */
	struct proc *proc;           /* c: NULL for the kernel's own */
	struct list proc_link;       /* the process's lock */
	struct vmspace *vmspace;     /* t: address space that is active when it runs; NULL: kernel only */
	void (*entry)(void *);       /* c */
	void *arg;                   /* c */

	int faults_off;              /* t: >0: a fault in copyuser fails at once */
	bool fault_was_major;        /* t: its last fault() waited for I/O */
	bool mem_reserve;            /* t: may use the reserve of frames (the pagedaemon) */
	size_t mem_turn;             /* t: frames that it has waited for and may take before those who still wait, be it in a later want: it is not taken back */
	uint32_t lock_count;         /* t: sleeping locks and read locks held, debug builds */
	struct held_lock {
		const void *lock;
		const void *where;
		uint32_t rank;
	} held[24];                  /* t: debug builds */
	uint64_t exit_value;         /* the process's lock: thread_exit's, for thread_join */
	int copy_error __attribute__((aligned(8))); /* t: why the last fault of a copy failed, or 0; cleared by one store with: */
	uint32_t mem_refused;        /* t: was refused a frame, since somebody last looked */
	uint64_t syscall_arg0;       /* t: a0 of the system call, to start it over after a signal */
	struct list futex_link;      /* the futex bucket's lock; empty when woken */
	struct vmspace *futex_space; /* the futex bucket's lock */
	vaddr_t futex_address;       /* the futex bucket's lock */
	uint32_t sigmask;            /* t: signals blocked */
	int trap_signal, trap_code;  /* t: what its trap is to be signalled as, until the frame is whole; 0: as nothing */
	vaddr_t trap_addr;
};

/* Memory from higher floors, registered at boot; alloc may fail and clears, stack_alloc gives KSTACK_PAGES pages. */
struct thread_memory {
	void *(*alloc)(size_t size);
	void (*free)(void *p, size_t size);
	int (*stack_alloc)(vaddr_t *base);
	void (*stack_free)(vaddr_t base);
};
extern const struct thread_memory *thread_memory;

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
/* Called by the trampoline of a new thread, on its own stack. */
void thread_begin(void (*entry)(void *), void *arg) __noreturn;
void thread_reap(void); /* frees detached threads that have ended; done whenever a thread is made */
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
void sched_init(void);                        /* once, on the boot hart: its thread becomes the idle thread there */
int sched_idle_new(uint32_t index);           /* makes cpus[index].idle. ENOMEM */
void sched_start(void) __noreturn;
void sched_tick(void);                        /* from the timer interrupt */

/* May this thread sleep here? Panics if a spinlock is held or interrupts are off. */
void assert_sleepable(void);

#endif
