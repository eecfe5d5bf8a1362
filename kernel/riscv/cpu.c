/*
 * Harts: who they are, how they call each other, and how one waits for another.
 * Floor: riscv.
 *
 * An IPI is a bit in the target's ipi_pending, set before the software interrupt
 * is raised. Who takes the interrupt clears it first and looks at the bits after:
 * so no bit is left without an interrupt to come.
 */
#include "riscv/cpu.h"
#include "base/kassert.h"
#include "riscv/boot.h"
#include "riscv/csr.h"
#include "riscv/ipi.h"
#include "riscv/machine.h"
#include "riscv/sbi.h"

struct cpu cpus[HART_MAX];
uint32_t cpu_count = 1;
void (*ipi_shootdown_hook)(void);

extern char boot_stacks[HART_MAX][KSTACK_PAGES * PAGE_SIZE]; /* entry.S */

vaddr_t boot_stack(uint32_t index)
{
	KASSERT(index < HART_MAX);
	return (vaddr_t)boot_stacks[index];
}

void ipi_send(uint32_t cpu_mask, uint32_t what)
{
	for (; cpu_mask; cpu_mask &= cpu_mask - 1) {
		struct cpu *c = &cpus[__builtin_ctz(cpu_mask)];
		uint32_t before = __atomic_fetch_or(&c->ipi_pending, what, __ATOMIC_SEQ_CST);
		/* Bits that were there already have an interrupt on its way, which will find these too. */
		if (!before)
			sbi_ipi_send(c->hartid);
	}
}

/* This hart stops for good: a panic elsewhere. */
static void hart_park(struct cpu *c) __noreturn;

static void hart_park(struct cpu *c)
{
	irq_disable();
	csr_write(sie, 0);
	__atomic_store_n(&c->online, false, __ATOMIC_SEQ_CST);
	for (;;)
		__asm__ volatile("wfi");
}

enum pause { PAUSE_NONE, PAUSE_HELD, PAUSE_ENDING };

static int pause_state;        /* atomic: enum pause: does a hart hold the others? */
static uint32_t paused;        /* atomic: the harts that it holds */
static uint64_t pauser_was_on; /* the holder's: its interrupts before */

/* This hart waits for another to be done with the world; shootdowns are answered meanwhile. */
static void hart_pause(struct cpu *c)
{
	__atomic_fetch_or(&paused, 1u << c->index, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&pause_state, __ATOMIC_SEQ_CST) == PAUSE_HELD)
		cpu_relax();
	__atomic_fetch_and(&paused, ~(1u << c->index), __ATOMIC_SEQ_CST);
}

static void ipi_answer(struct cpu *c, uint32_t what)
{
	if (what & IPI_PANIC)
		hart_park(c);
	if ((what & IPI_SHOOTDOWN) && ipi_shootdown_hook)
		ipi_shootdown_hook();
	if (what & IPI_RESCHED)
		c->need_resched = true;
}

void ipi_interrupt(void)
{
	struct cpu *c = mycpu();
	csr_clear(sip, SIE_SSIE);
	uint32_t what = __atomic_exchange_n(&c->ipi_pending, 0, __ATOMIC_SEQ_CST);
	ipi_answer(c, what);
	if (what & IPI_PAUSE)
		hart_pause(c);
}

/*
 * QEMU under -icount runs one hart at a time until its slice ends, and a hart
 * that spins is never the one to end it. A wfi does end it, and goes on at once
 * in the hart's next turn when an interrupt is pending that sie enables, even with
 * sstatus.SIE off. So this hart raises its own software interrupt, waits, and
 * answers what has come meanwhile: to take the interrupt back here, it must. All but
 * a pause: who waits here may hold a spinlock, so that interrupt is left for later.
 */
void cpu_relax(void)
{
	uint64_t was_on = csr_read(sstatus) & SSTATUS_SIE;
	irq_disable();
	struct cpu *c = mycpu();
	csr_set(sip, SIE_SSIE);
	__asm__ volatile("wfi" : : : "memory");
	csr_clear(sip, SIE_SSIE);
	uint32_t what = __atomic_exchange_n(&c->ipi_pending, 0, __ATOMIC_SEQ_CST);
	ipi_answer(c, what);
	if (what & IPI_PAUSE) {
		__atomic_fetch_or(&c->ipi_pending, IPI_PAUSE, __ATOMIC_SEQ_CST);
		csr_set(sip, SIE_SSIE);
	}
	csr_set(sstatus, was_on);
}

static uint32_t others_online(void)
{
	uint32_t mask = 0;

	for (uint32_t i = 0; i < HART_MAX; i++)
		if (&cpus[i] != mycpu() && __atomic_load_n(&cpus[i].online, __ATOMIC_SEQ_CST))
			mask |= 1u << i;
	return mask;
}

bool harts_pause(void)
{
	uint64_t was_on = csr_read(sstatus) & SSTATUS_SIE;
	int none = PAUSE_NONE;

	irq_disable();
	if (!__atomic_compare_exchange_n(&pause_state, &none, PAUSE_HELD, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		csr_set(sstatus, was_on);
		return false;
	}
	pauser_was_on = was_on;
	uint32_t others = others_online();
	ipi_send(others, IPI_PAUSE);
	while ((__atomic_load_n(&paused, __ATOMIC_SEQ_CST) & others) != others)
		cpu_relax();
	return true;
}

void harts_resume(void)
{
	uint64_t was_on = pauser_was_on;

	__atomic_store_n(&pause_state, PAUSE_ENDING, __ATOMIC_SEQ_CST);
	/* Each has left before a next pause can begin, so that none is counted twice. */
	while (__atomic_load_n(&paused, __ATOMIC_SEQ_CST))
		cpu_relax();
	__atomic_store_n(&pause_state, PAUSE_NONE, __ATOMIC_SEQ_CST);
	csr_set(sstatus, was_on);
}

bool harts_stopped;

void ipi_stop_others(void)
{
	uint32_t others = others_online();
	ipi_send(others, IPI_PANIC);

	/* A hart that spins outside cpu_relax() with interrupts off never answers: 50 ms are enough for those that do. */
	uint64_t deadline = time_read() + machine.timebase / 20;
	for (uint32_t i = 0; i < HART_MAX; i++)
		while ((others & 1u << i) && __atomic_load_n(&cpus[i].online, __ATOMIC_SEQ_CST) && time_read() < deadline)
			cpu_relax();
	harts_stopped = true;
}
