/* The host's memory stands for the guest's: a physical address is a host address. Otherwise as kernel/riscv/layout.h. */
#ifndef RISCV_LAYOUT_H
#define RISCV_LAYOUT_H

#include "base/param.h"
#include "base/types.h"

#define USER_MIN 0x1000UL
#define USER_TEXT 0x10000UL
#define USER_MAX 0x3ffffff000UL
#define USER_STACK_MAX (64UL << 20)

#define phys_to_virt(pa) ((void *)(pa))
static inline paddr_t virt_to_phys(const void *p) { return (paddr_t)p; }

#endif
