/* Addresses that programs written for xv6 probe. None of them is theirs here either. */
#ifndef XV6_MEMLAYOUT_H
#define XV6_MEMLAYOUT_H

#include "kernel/riscv.h"

#define KERNBASE 0x80000000L
#define PHYSTOP (KERNBASE + 128 * 1024 * 1024)
#define TRAMPOLINE (MAXVA - PGSIZE)
#define TRAPFRAME (TRAMPOLINE - PGSIZE)

#endif
