/* The platform interrupt controller: who is called when a device wants attention. */
#ifndef RISCV_PLIC_H
#define RISCV_PLIC_H

#include "base/types.h"

#define PLIC_IRQ_MAX 128

/* At boot: sends irq to the boot hart and calls handler(arg) there, interrupts off. */
void plic_register(uint32_t irq, void (*handler)(void *arg), void *arg);

void plic_init_hart(void); /* on each hart, once mycpu() works */

/* The external interrupt, from trap_*: every device that asks is served. Interrupts off. */
void plic_interrupt(void);

#endif
