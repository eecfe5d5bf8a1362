/*
 * What a panic does to the machine: stops the other harts, says where this one
 * was, powers off with failure. Floor: the top, for it looks at thread and
 * process; base/kassert.c finds it through panic_ops.
 *
 * One hart panics at a time: the first takes panic_hart; any other that comes here
 * waits for the first one's IPI and parks.
 */
#include "riscv/panic.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "dev/uart.h"
#include "kern/thread.h"
#include "riscv/cpu.h"
#include "riscv/csr.h"
#include "riscv/ipi.h"
#include "riscv/layout.h"
#include "riscv/machine.h"
#include "riscv/sbi.h"
#include "riscv/trap.h"
#include "sys/proc.h"

static struct cpu *panic_hart; /* atomic */

static bool panic_begin(void)
{
	irq_disable();
	struct cpu *self = mycpu(), *first = NULL;
	if (__atomic_compare_exchange_n(&panic_hart, &first, self, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		/* The lock of the port may be held by a hart that will never run again. */
		kprintf_hook = machine.uart ? uart_write_emergency : sbi_console_write;
		ipi_stop_others();
		return true;
	}
	while (first != self)
		cpu_relax();
	return false;
}

/* Is this a thread that may be looked at? tp is the last thing to believe in a panic. */
static bool thread_plausible(const struct thread *t)
{
	vaddr_t at = (vaddr_t)t;
	return at % 8 == 0 && at >= DIRECT_MAP && t->name && (vaddr_t)t->name >= DIRECT_MAP;
}

static void registers_print(const struct trapframe *tf)
{
	kprintf(" epc %016lx  sstatus %016lx\n", tf->epc, tf->sstatus);
	for (unsigned i = 0; i < ARRAY_COUNT(tf->x); i++)
		kprintf("%sx%-2u %016lx%s", i % 4 ? "  " : " ", i + 1, tf->x[i], i % 4 == 3 || i == 30 ? "\n" : "");
}

static void panic_where(uint64_t fp)
{
	const struct thread *t = curthread;
	bool plausible = thread_plausible(t);
	kprintf(" hart %u thread %s pid %d\n", mycpu()->index, plausible ? t->name : "?",
		plausible && t->proc ? t->proc->pid : 0);
	backtrace_print(fp, 0);
	if (plausible && mycpu()->panic_frame)
		registers_print(mycpu()->panic_frame);
}

static void panic_end(void)
{
	machine_off(true);
}

static const struct panic_ops ops = { panic_begin, panic_where, panic_end };

void panic_init(void)
{
	panic_ops = &ops;
}

/*
 * On the emergency stack. The frame pointer still leads along the old stack,
 * whose mapped part the trap frame's sp has just left.
 */
void trap_stack_overflow(struct trapframe *tf)
{
	mycpu()->panic_frame = tf;
	panic("kernel stack overflow: sp %lx stack %lx pc %lx %s scause %lx stval %lx", tf->sp, curthread->kstack, tf->epc,
	      symbol_name(tf->epc, NULL), tf->scause, tf->stval);
}
