/*
 * Where everything is.
 *
 *	0x0000000000000000  page 0, never mapped
 *	0x0000000000010000  program, heap upwards
 *	0x0000003fffffffff  stack, downwards; the mmap area below its limit
 *	0xffffffc000000000  direct map of physical memory
 *	0xffffffff40000000  the address sanitizer's shadow of what follows, in a kernel built with SAN=address
 *	0xffffffff80000000  kernel image, at physical 0x80000000
 *	0xffffffffc0000000  kernel map: kernel stacks, other mapped kernel memory
 */
#ifndef RISCV_LAYOUT_H
#define RISCV_LAYOUT_H

#include "base/param.h"
#include "base/types.h"

#define USER_MIN 0x1000UL          /* lowest address a program can map */
#define USER_TEXT 0x10000UL        /* where programs are linked */
#define USER_MAX 0x3ffffff000UL    /* one past the highest user address: the top of the stack */
#define USER_STACK_MAX (64UL << 20) /* kept free below USER_MAX for the stack */

#define DIRECT_MAP 0xffffffc000000000UL
#define DIRECT_MAP_SIZE (128UL << 30)
#define KERNEL_BASE 0xffffffff80000000UL
#define KERNEL_PHYS 0x80000000UL
#define KMAP_MIN 0xffffffffc0000000UL
#define KMAP_MAX 0xfffffffffff00000UL
/* A byte of shadow for each 8 from KERNEL_BASE on; san/ has the shadow of the direct map elsewhere. */
#define SHADOW_MIN 0xffffffff40000000UL
#define SHADOW_OFFSET (SHADOW_MIN - (KERNEL_BASE >> 3))
#define shadow_address(va) (((va) >> 3) + SHADOW_OFFSET)

#define phys_to_virt(pa) ((void *)((pa) + DIRECT_MAP))
/* Of a direct-map or kernel-image address. */
static inline paddr_t virt_to_phys(const void *p)
{
	vaddr_t va = (vaddr_t)p;
	return va >= KERNEL_BASE ? va - KERNEL_BASE + KERNEL_PHYS : va - DIRECT_MAP;
}

#endif
