/*
 * Page-table entries of Sv39 (RISC-V privileged specification, section 4.4).
 *
 *	 63 .. 54   53 .......... 10   9 8   7 6 5 4 3 2 1 0
 *	 reserved | frame number     | RSW | D A G U X W R V
 *
 *	 virtual:   38 .. 30 | 29 .. 21 | 20 .. 12 | 11 .. 0
 *	            level 2    level 1    level 0    offset
 *
 * The two bits left to software: WIRED, and SOFTW, the write right of a
 * mapping whose W is held back until a fault has set D.
 */
#ifndef RISCV_PTE_H
#define RISCV_PTE_H

#include "base/param.h"
#include "base/types.h"

typedef uint64_t pte_t;

#define PTE_V 0x001UL
#define PTE_R 0x002UL
#define PTE_W 0x004UL
#define PTE_X 0x008UL
#define PTE_U 0x010UL
#define PTE_G 0x020UL
#define PTE_A 0x040UL
#define PTE_D 0x080UL
#define PTE_WIRED 0x100UL
#define PTE_SOFTW 0x200UL
#define PTE_RWX (PTE_R | PTE_W | PTE_X)

#define PTES_PER_TABLE 512
#define PTE_SPAN(level) (PAGE_SIZE << 9 * (level)) /* bytes that one entry maps */

static inline size_t pte_index(vaddr_t va, unsigned level) { return va >> (PAGE_SHIFT + 9 * level) & (PTES_PER_TABLE - 1); }
#define PTE_FRAME_SHIFT 10
static inline paddr_t pte_pa(pte_t pte) { return (pte >> PTE_FRAME_SHIFT & 0xfffffffffffUL) << PAGE_SHIFT; }
static inline pte_t pte_frame(paddr_t pa) { return pa >> (PAGE_SHIFT - PTE_FRAME_SHIFT); } /* pa: of a page */
static inline bool pte_same_frame(pte_t a, pte_t b) { return (a ^ b) >> PTE_FRAME_SHIFT == 0; }
/* Of an entry above level 0: does it point to a table? */
static inline bool pte_is_table(pte_t pte) { return (pte & (PTE_V | PTE_RWX)) == PTE_V; }

static inline void sfence_all(void) { __asm__ volatile("sfence.vma" ::: "memory"); }
static inline void sfence_page(vaddr_t va) { __asm__ volatile("sfence.vma %0" ::"r"(va) : "memory"); }
static inline void fence_i(void) { __asm__ volatile("fence.i" ::: "memory"); }

#endif
