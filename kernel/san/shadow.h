/*
 * The shadow: a byte for each 8 bytes of memory. 0: all 8 may be touched; 1 to 7: the first so many;
 * negative: none, for the reason that enum san_why gives. For the sanitizer's own files.
 *
 *	memory                       its shadow
 *	RAM, by the direct map       an eighth of RAM, set aside at boot
 *	the image, kernel stacks     at shadow_address(), where the compiler's code for stack frames writes to it
 *	all else                     none: devices, and what is not mapped
 */
#ifndef SAN_SHADOW_H
#define SAN_SHADOW_H

#include "riscv/layout.h"
#include "san/san.h"

#define SAN_GRAIN 8UL
#define SAN_STACK_SLOT (PAGE_SIZE * SAN_GRAIN) /* a page of shadow stands for so much: a stack with its guard has as much, whole */
#define SAN_STACK_SLOTS ((KMAP_MAX - KMAP_MIN) / SAN_STACK_SLOT)
#define SAN_IMAGE_START (KERNEL_BASE + 0x200000) /* IMAGE_OFFSET of kernel.ld */

/* Set once boot knows of RAM; until then its shadow is empty. */
extern struct san_ram {
	vaddr_t start;
	size_t size;
	int8_t *shadow;
} san_ram;
extern bool san_stack_mapped[SAN_STACK_SLOTS]; /* atomic: is the shadow of the slot there? */

/* The byte that stands for va. NULL: none does. */
static inline int8_t *san_shadow(vaddr_t va)
{
	if (va - san_ram.start < san_ram.size)
		return san_ram.shadow + (va - san_ram.start) / SAN_GRAIN;
	if (va - SAN_IMAGE_START < SAN_IMAGE_SIZE)
		return (int8_t *)shadow_address(va);
	if (va >= KMAP_MIN && va < KMAP_MAX && __atomic_load_n(&san_stack_mapped[(va - KMAP_MIN) / SAN_STACK_SLOT], __ATOMIC_RELAXED))
		return (int8_t *)shadow_address(va);
	return NULL;
}

/* The first of n bytes from va on that may not be touched. 0: all may be. */
vaddr_t san_first_bad(vaddr_t va, size_t n);

/* What the compiler says of a global, in the layout that gcc's libsanitizer/asan/asan_interface_internal.h gives. */
struct san_global {
	vaddr_t start;
	size_t size, size_with_redzone;
	const char *name, *file;
	size_t dynamic_init;
	const struct {
		const char *file;
		uint32_t line, column;
	} *where;
	size_t odr;
};
/* The global that va lies in or behind. NULL: none. */
const struct san_global *san_global_at(vaddr_t va);

/* Panics: pc is about to touch bytes that it may not. Returns when a report was made before, until san_again(). */
void san_report(vaddr_t va, size_t size, bool write, vaddr_t pc);

#endif
