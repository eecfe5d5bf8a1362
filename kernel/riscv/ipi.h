/* Interrupts between harts. ipi_send() and cpu_relax() stand in riscv/cpu.h. */
#ifndef RISCV_IPI_H
#define RISCV_IPI_H

/* The software interrupt, from trap_*: answers what was asked of this hart; IPI_RESCHED sets need_resched. Interrupts off. */
void ipi_interrupt(void);

/* Stops every other hart for good, waiting a bounded time. For the panic. */
void ipi_stop_others(void);

#endif
