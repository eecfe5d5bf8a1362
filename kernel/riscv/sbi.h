/*
 * Calls of the firmware in machine mode (RISC-V Supervisor Binary Interface
 * specification, version 1.0; the debug console is of 2.0). Each extension is
 * probed before its first use; the legacy call stands in where there is one.
 */
#ifndef RISCV_SBI_H
#define RISCV_SBI_H

#include "base/types.h"

void sbi_init(void);
void sbi_timer_set(uint64_t deadline); /* of the time CSR; also takes a pending timer interrupt back */
void sbi_ipi_send(uint64_t hartid);    /* raises the software interrupt there */
int sbi_hart_start(uint64_t hartid, paddr_t entry, uint64_t opaque); /* EIO: the firmware refused */
void sbi_console_write(const char *bytes, size_t count);
/* These come back only when the firmware cannot. */
void sbi_shutdown(bool failed);
void sbi_reboot(void);

#endif
