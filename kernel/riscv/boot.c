/*
 * From the firmware's hands to kernel_main(), and the further harts to
 * hart_main(). Floor: the top; entry.S calls it, it calls sys/main.c.
 *
 * A hart's boot stack (entry.S) stays its idle thread's stack.
 */
#include "riscv/boot.h"
#include "abi/errno.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "base/string.h"
#include "dev/uart.h"
#include "kern/bootargs.h"
#include "kern/thread.h"
#include "riscv/cpu.h"
#include "riscv/csr.h"
#include "riscv/layout.h"
#include "riscv/machine.h"
#include "riscv/panic.h"
#include "riscv/sbi.h"

/* entry.S knows these names. */
struct thread boot_thread;
struct hart_call hart_call = { .hartid = UINT64_MAX };
void riscv_boot(uint64_t hartid, paddr_t dtb) __noreturn;
void riscv_hart_boot(void) __noreturn;
extern const char _start[];

/* Room for a panic: its own frames, and the formatter's buffer. */
static char emergency_stacks[HART_MAX][8192] __attribute__((aligned(16)));

static void cpu_fill_in(uint32_t index, struct thread *t)
{
	struct cpu *c = &cpus[index];
	c->index = index;
	c->hartid = machine.hartid[index];
	c->emergency_top = (vaddr_t)emergency_stacks[index] + sizeof(emergency_stacks[index]);
	c->thread = t;
	t->cpu = c;
}

/* What every hart does first: user pages out of bounds, and the three interrupts enabled one by one; sstatus keeps them out. */
static void hart_init(void)
{
	csr_clear(sstatus, SSTATUS_SIE | SSTATUS_SUM);
	csr_write(scounteren, 7); /* programs may read the time, and count their cycles and instructions */
	csr_write(sie, SIE_SSIE | SIE_STIE | SIE_SEIE);
	timer_arm(~0UL);
}

void riscv_boot(uint64_t hartid, paddr_t dtb)
{
	boot_thread.name = "boot";
	boot_thread.state = THREAD_RUNNING;
	boot_thread.on_cpu = 1;
	boot_thread.kstack = boot_stack(0);
	cpu_fill_in(0, &boot_thread);
	sbi_init();
	kprintf_hook = sbi_console_write;
	panic_init();

	if (!machine_read(hartid, dtb))
		panic("no usable device tree at %lx", dtb);
	cpus[0].hartid = hartid;
	bootargs_init(machine.bootargs);
	const char *ad = bootarg("ad");
	if (ad && strcmp(ad, "soft") == 0)
		machine.svade = true;
	timer_init();
	uart_init();
	hart_init();
	cpus[0].online = true;
	kernel_main();
}

void riscv_hart_boot(void)
{
	hart_init();
	__atomic_store_n(&mycpu()->online, true, __ATOMIC_SEQ_CST);
	hart_main();
}

/*
 * Indices are given without gaps: a hart that the firmware refuses is left out
 * and the next one takes its index. One that was accepted and does not come
 * could still come later, into another's place: that ends the boot.
 */
void hart_start_others(void)
{
	uint32_t count = machine.hart_count, index = 1;
	for (uint32_t i = 1; i < count; i++) {
		machine.hartid[index] = machine.hartid[i];
		machine.plic_context[index] = machine.plic_context[i];
		struct thread *idle = cpus[index].idle;
		KASSERT(idle && idle->kstack == boot_stack(index));
		cpu_fill_in(index, idle);
		hart_call = (struct hart_call){ machine.hartid[index], idle };

		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (sbi_hart_start(machine.hartid[index], virt_to_phys(_start), 0)) {
			kprintf("hart %lu: the firmware does not start it\n", machine.hartid[index]);
			continue;
		}
		uint64_t deadline = time_read() + 30 * machine.timebase; /* on a loaded host, without icount, a hart may be long in coming */
		while (!__atomic_load_n(&cpus[index].online, __ATOMIC_SEQ_CST)) {
			if (time_read() > deadline)
				panic("hart %lu does not come up", machine.hartid[index]);
			cpu_relax();
		}
		index++;
		__atomic_store_n(&cpu_count, index, __ATOMIC_SEQ_CST);
	}
	machine.hart_count = index;
}
