/*
 * The way up: firmware -> entry.S -> riscv_boot() -> kernel_main() on the boot
 * hart; hart_start_others() -> entry.S -> hart_main() on each further one.
 */
#ifndef RISCV_BOOT_H
#define RISCV_BOOT_H

#include "base/types.h"

struct cpu;
struct thread;

/* The hart that is being started, one at a time: who comes to entry.S after the boot hart and is not it stays out. */
struct hart_call {
	uint64_t hartid;
	struct thread *thread; /* its idle thread: tp, and the stack */
};

/*
 * sys/main.c. Both run with interrupts off on a stack of the image, on the boot
 * page tables, tp and cpu set up. On the boot hart tp is a thread named "boot" that
 * serves as its idle thread or is thrown away; on another it is cpus[i].idle.
 */
void kernel_main(void) __noreturn;
void hart_main(void) __noreturn;

/* Lowest address of the boot stack (KSTACK_PAGES pages) of cpus[index]: an idle thread's kstack. */
vaddr_t boot_stack(uint32_t index);

#endif
