/* What the kernel knows about one hart, and how it finds the hart and thread that run. */
#ifndef RISCV_CPU_H
#define RISCV_CPU_H

#include "abi/stats.h"
#include "base/param.h"
#include "base/types.h"
#include "riscv/asm-offsets.h"
#include "riscv/csr.h"

struct thread;
struct pmap;
struct trapframe;

/* Registers that a context switch saves: the callee's, by the psABI. */
struct context {
	uint64_t ra, sp;
	uint64_t s[12];
};

/* Only its own hart touches a cpu's fields, with interrupts off, but where marked (a): atomic. */
struct cpu {
	struct thread *thread;       /* running now */
	struct thread *idle;         /* runs when nothing else is ready */
	vaddr_t emergency_top;       /* top of the stack for a kernel-stack overflow */
	uint64_t scratch[4];         /* for the trap vector */
	uint32_t index;              /* 0 .. cpu_count-1 */
	uint64_t hartid;             /* as the firmware and the PLIC call it */
	int irq_depth;               /* irq_push_off() nesting */
	uint32_t irq_was_on;         /* SSTATUS_SIE before the outermost push */
	int spin_count;              /* spinlocks held, debug builds */
	const struct spinlock *spin_held[16]; /* in order of acquisition, debug builds */
	bool in_interrupt;           /* a: in an interrupt handler */
	bool need_resched;           /* the slice is over, or a better thread is ready */
	bool online;                 /* a */
	bool idling;                 /* a: in wfi, wants an IPI when work comes */
	struct pmap *pmap;           /* whose tables satp holds; kernel pmap when none */
	uint32_t ipi_pending;        /* a: IPI_* bits */
	uint64_t slice_end;          /* time CSR */
	uint64_t perturb;            /* the yield generator's state */
	const struct trapframe *panic_frame; /* of the trap that it panics for */
	uint64_t counts[STAT_COUNTERS]; /* a: events that were counted here, kern/counters */
};

extern struct cpu cpus[HART_MAX];
extern uint32_t cpu_count; /* harts that came up */

register struct thread *thread_pointer __asm__("tp"); /* the running thread */

static inline struct thread *thread_current(void)
{
	return thread_pointer;
}

/* Interrupts off, or the answer may be stale. */
static inline struct cpu *mycpu(void)
{
	struct cpu *c;
	__asm__ volatile("ld %0, %1(tp)" : "=r"(c) : "i"(THREAD_CPU));
	return c;
}

/* Saves the callee's registers in from and goes on with those in to, which is the first member of its struct thread: tp becomes that. Interrupts off. */
void context_switch(struct context *from, struct context *to);
/* Where a new thread starts (context.ra): calls thread_begin(s[0], s[1]), of kern/thread.c, which never returns. */
void thread_trampoline(void);

/* Every wait for another hart spins through here: answers shootdowns and lets QEMU's other harts run. */
void cpu_relax(void);

#define IPI_RESCHED 1u
#define IPI_SHOOTDOWN 2u
#define IPI_PANIC 4u
#define IPI_PAUSE 8u
void ipi_send(uint32_t cpu_mask, uint32_t what); /* bits of cpu indices */
/*
 * Holds every other hart in its interrupt handler, where it has no spinlock, until harts_resume(). Interrupts are off on this
 * one meanwhile; take no lock that another thread may hold. False: another hart is at it already, yield and try again.
 */
bool harts_pause(void);
void harts_resume(void);
extern bool harts_stopped; /* for good, by a panic: what they hold they hold for ever */
extern void (*ipi_shootdown_hook)(void);         /* pmap: answer a shootdown; also from cpu_relax() */

static inline bool irq_enabled(void) { return csr_read(sstatus) & SSTATUS_SIE; }

#endif
