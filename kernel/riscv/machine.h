/* What the device tree says of this machine; filled in by boot before anything else runs. */
#ifndef RISCV_MACHINE_H
#define RISCV_MACHINE_H

#include "base/param.h"
#include "base/types.h"

#define MACHINE_VIRTIO_MAX 8

struct machine_range {
	paddr_t start, end;
};

struct machine {
	struct machine_range ram;            /* the one contiguous range that holds the kernel */
	struct machine_range kernel;         /* the image, bss and boot stacks */
	struct machine_range initrd;         /* empty when there is none */
	struct machine_range fdt;            /* the device tree itself */
	struct machine_range reserved[8];    /* firmware and other reservations */
	uint32_t reserved_count;
	uint64_t timebase;                   /* Hz of the time CSR */
	bool sstc;                           /* stimecmp exists on every hart */
	bool svade;                          /* the hart faults for accessed and dirty bits (or ad=soft) */
	uint32_t hart_count;                 /* at most HART_MAX; the boot hart is index 0 */
	uint64_t hartid[HART_MAX];
	uint32_t plic_context[HART_MAX];     /* supervisor context of each hart */
	paddr_t uart, plic, test;            /* register blocks; 0: absent */
	uint32_t uart_irq;
	uint32_t virtio_count;
	struct { paddr_t base; uint32_t irq; } virtio[MACHINE_VIRTIO_MAX];
	uint8_t rng_seed[32];
	uint32_t rng_seed_size;
	char bootargs[1024];
};

extern struct machine machine;

/* Fills it in, on the boot page tables; false: no usable device tree at dtb. boot does it. */
bool machine_read(uint64_t boot_hartid, paddr_t dtb);

uint64_t time_read(void);                    /* the time CSR */
void timer_arm(uint64_t deadline);           /* this hart's next timer interrupt, in time CSR ticks; interrupts off */
void timer_init(void);                       /* picks Sstc, or the firmware with timer=sbi; boot does it */
void hart_start_others(void);                /* each enters hart_main() with its own cpu, tp and stack */

/* Powers off. failed: QEMU exits with status 1 (the virt test device), else 0. */
void machine_off(bool failed) __noreturn;
void machine_restart(void) __noreturn;

/* A symbol and offset for an address of the kernel, "?" when unknown. */
const char *symbol_name(vaddr_t pc, uint64_t *offset);
/* Prints " [PC] symbol+0xoff" lines: for pc unless it is 0, then for every caller that the frame pointers lead to. */
void backtrace_print(uint64_t fp, uint64_t pc);

#endif
