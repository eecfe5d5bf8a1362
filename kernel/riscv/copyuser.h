/*
 * Copies to and from user memory. A fault on the user side is an ordinary page
 * fault; one that fails gives EFAULT, some bytes perhaps copied. Never under a
 * map lock. With faults off (curthread->faults_off) any fault gives EFAULT at once.
 */
#ifndef RISCV_COPYUSER_H
#define RISCV_COPYUSER_H

#include "base/types.h"

int copyin(void *dst, vaddr_t src, size_t n);
int copyout(vaddr_t dst, const void *src, size_t n);
/* With its NUL; *length, unless NULL, counts it. ENAMETOOLONG: no NUL within size. */
int copyinstr(char *dst, vaddr_t src, size_t size, size_t *length);
int copyuser_zero(vaddr_t dst, size_t n);

/* In trap_kernel: is pc inside a copy? Then where it goes on when the fault fails, else 0. */
uint64_t copyuser_recovery(uint64_t pc);

#endif
