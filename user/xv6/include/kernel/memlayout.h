/* Addresses that programs written for xv6 probe. None of them is theirs here either. */
#ifndef XV6_MEMLAYOUT_H
#define XV6_MEMLAYOUT_H

#include "kernel/riscv.h"

#define UART0 0x10000000L
#define UART0_IRQ 10
#define VIRTIO0 0x10001000L
#define VIRTIO0_IRQ 1
#define PLIC 0x0c000000L
#define KERNBASE 0x80000000L
#define PHYSTOP (KERNBASE + 128 * 1024 * 1024)
#define TRAMPOLINE (MAXVA - PGSIZE)
#define TRAPFRAME (TRAMPOLINE - PGSIZE) /* also the end of the highest heap */

#endif
