/*
 * What the trap vector calls: system calls, faults and interrupts, from user
 * mode and from the kernel itself.
 *
 * Whatever a program does ends in its own signal or error, never in a panic.
 * The kernel's own faults are legitimate in one place, a copy to or from user
 * memory, which has a way on for the fault that cannot be resolved.
 * Floor: sys.
 */
#include "riscv/trap.h"

#include "abi/errno.h"
#include "abi/mman.h"
#include "base/kassert.h"
#include "kern/bootargs.h"
#include "kern/counters.h"
#include "kern/trace.h"
#include "riscv/copyuser.h"
#include "riscv/csr.h"
#include "riscv/ipi.h"
#include "riscv/layout.h"
#include "riscv/machine.h"
#include "riscv/plic.h"
#include "sys/proc.h"
#include "sys/trap.h"
#include "vm/audit.h"
#include "vm/pool.h"

static void interrupt(uint64_t cause);
static inline bool pending(void);
static bool __attribute__((noinline)) user_other(struct trapframe *tf, uint64_t cause);
static __step bool user_page_fault(struct trapframe *tf, prot_t access);
static void fault_signal(vaddr_t va, int error) __cold;
static void kernel_page_fault(struct trapframe *tf, prot_t access);
static __step int resolve(struct vmspace *vs, vaddr_t va, prot_t access, vaddr_t sp);
static int __cold resolve_soft(struct vmspace *vs, vaddr_t va, prot_t access, vaddr_t sp);
static void kernel_trap_panic(struct trapframe *tf) __noreturn;

static uint64_t time_limit = UINT64_MAX; /* of the time CSR; fixed at boot */

/* limit= counts guest instructions; under icount shift=0 one takes a nanosecond. */
void trap_boot(void)
{
	uint64_t limit = bootarg_number("limit", 0);

	if (limit)
		time_limit = limit / 1000 * machine.timebase / 1000000;
}

/* Is there anything to do before the program goes on? Interrupts stay off from the last look to the sret. */
static inline bool pending(void)
{
	irq_disable();
	return __builtin_expect(mycpu()->need_resched || proc_has_signals(curthread), 0);
}

bool trap_user(struct trapframe *tf, uint64_t cause)
{
	prot_t access = cause == SCAUSE_LOAD_PAGE ? PROT_READ : cause == SCAUSE_STORE_PAGE ? PROT_WRITE : PROT_EXEC;

	bool page = access != PROT_EXEC || cause == SCAUSE_INSN_PAGE;

	if (__builtin_expect(page ? user_page_fault(tf, access) : user_other(tf, cause), 0)) {
		irq_disable();
		return true;
	}
	return pending();
}

bool trap_syscall(struct trapframe *tf)
{
	irq_enable();
	syscall_dispatch(tf);
	return pending();
}

void trap_pending(struct trapframe *tf)
{
	if (curthread->trap_signal) {
		irq_enable();
		signal_trapped(tf);
	}
	while (pending()) {
		if (proc_has_signals(curthread)) {
			irq_enable();
			signal_deliver(tf);
		} else {
			thread_preempt();
		}
	}
}

void trap_kernel(struct trapframe *tf)
{
	switch (tf->scause) {
	case SCAUSE_LOAD_PAGE:
		kernel_page_fault(tf, PROT_READ);
		return;
	case SCAUSE_STORE_PAGE:
		kernel_page_fault(tf, PROT_WRITE);
		return;
	}
	if (!(tf->scause & SCAUSE_INTERRUPT))
		kernel_trap_panic(tf);
	interrupt(tf->scause);
	thread_preempt();
}

static void interrupt(uint64_t cause)
{
	struct cpu *c = mycpu();

	c->in_interrupt = true;
	COUNT(interrupts);
	switch (cause & ~SCAUSE_INTERRUPT) {
	case SCAUSE_TIMER:
		if (time_read() > time_limit)
			panic("instruction limit");
		sched_tick();
		break;
	case SCAUSE_SOFTWARE:
		ipi_interrupt();
		break;
	case SCAUSE_EXTERNAL:
		plic_interrupt();
		break;
	}
	c->in_interrupt = false;
}

/* No page fault: an interrupt, or an exception that becomes a signal: true. */
static bool user_other(struct trapframe *tf, uint64_t cause)
{
	if (cause & SCAUSE_INTERRUPT) {
		interrupt(cause);
		return false;
	}
	irq_enable();
	switch (cause) {
	case SCAUSE_ILLEGAL:
		signal_trap(SIGILL, ILL_ILLOPC, tf->epc);
		break;
	case SCAUSE_BREAKPOINT:
		signal_trap(SIGTRAP, 0, tf->epc);
		break;
	case SCAUSE_INSN_MISALIGNED:
	case SCAUSE_LOAD_MISALIGNED:
	case SCAUSE_STORE_MISALIGNED:
		signal_trap(SIGBUS, BUS_ADRALN, tf->stval);
		break;
	default: /* access faults: memory that is not there behind a mapping, or a cause of the future */
		signal_trap(SIGBUS, BUS_OBJERR, tf->stval);
		break;
	}
	return true;
}

/* True: the fault becomes a signal. */
static bool user_page_fault(struct trapframe *tf, prot_t access)
{
	int error;

	irq_enable();
	error = resolve(curthread->vmspace, tf->stval, access, tf->sp);
	if (__builtin_expect(error, 0)) {
		fault_signal(tf->stval, error);
		return true;
	}
	return false;
}

/* What a program is told of a fault that came to nothing. */
static void fault_signal(vaddr_t va, int error)
{
	switch (error) {
	case EACCES:
		signal_trap(SIGSEGV, SEGV_ACCERR, va);
		break;
	case ENXIO:
		signal_trap(SIGBUS, BUS_ADRERR, va);
		break;
	case EIO:
	case ENOSPC:
		signal_trap(SIGBUS, BUS_OBJERR, va);
		break;
	case ENOMEM:
		proc_out_of_memory();
	default:
		signal_trap(SIGSEGV, SEGV_MAPERR, va);
		break;
	}
}

/* A copy to or from user memory. The kernel may touch the stack anywhere: sp is not looked at. */
static void kernel_page_fault(struct trapframe *tf, prot_t access)
{
	struct thread *t = curthread;
	uint64_t recovery = copyuser_recovery(tf->epc);
	vaddr_t va = tf->stval;

	if (recovery == 0 || va >= USER_MAX || t->vmspace == NULL)
		kernel_trap_panic(tf);
	TRACE(COPYUSER, va, tf->epc);
	if (t->faults_off) {
		if (!pte_soft || !pmap_fault_ad(t->vmspace->map.pmap, va, access))
			tf->epc = recovery;
		return;
	}
	if (!(tf->sstatus & SSTATUS_SPIE))
		kernel_trap_panic(tf); /* a copy with interrupts off could not wait for the page */
	irq_enable();
	t->copy_error = resolve(t->vmspace, va, access, 0);
	irq_disable();
	if (t->copy_error)
		tf->epc = recovery;
}

/* An address that is nobody's is not in the map either. */
static int resolve(struct vmspace *vs, vaddr_t va, prot_t access, vaddr_t sp)
{
	if (__builtin_expect(pte_soft || AUDIT_FAULTS, 0))
		return resolve_soft(vs, va, access, sp);
	return vmspace_fault(vs, va, access, sp);
}

/* The same where a fault may be for an accessed or dirty bit, or where each is followed by an audit. */
static int resolve_soft(struct vmspace *vs, vaddr_t va, prot_t access, vaddr_t sp)
{
	int error;

	if (pte_soft && pmap_fault_ad(vs->map.pmap, va, access))
		return 0;
	error = vmspace_fault(vs, va, access, sp);
	if (AUDIT_FAULTS && !audit_try("after a fault"))
		panic("audit after a fault at %lx", va);
	return error;
}

/* No word before panic() has the console to itself: a trap while printing, here or elsewhere, would be told of instead. */
static void kernel_trap_panic(struct trapframe *tf)
{
	mycpu()->panic_frame = tf;
	panic("unexpected trap in the kernel: scause %lx stval %lx epc %lx%s", tf->scause, tf->stval, tf->epc,
	      pool_freed(tf->stval) ? ": a pointer from freed memory was used" : "");
}
