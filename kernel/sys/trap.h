/* Trap handling's part of boot; riscv/trap.h declares what the vector calls. */
#ifndef SYS_TRAP_H
#define SYS_TRAP_H

void trap_boot(void);

#endif
