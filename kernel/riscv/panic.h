/* Registers what base/kassert.h's panic() needs of the machine. */
#ifndef RISCV_PANIC_H
#define RISCV_PANIC_H

void panic_init(void); /* boot does it, before anything can panic */

#endif
