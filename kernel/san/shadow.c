/*
 * Where the shadow lies, and who may touch what.
 *
 * Invariant. The shadow of a byte of RAM is that of its place in the direct map. Frames that are mapped elsewhere as
 * well, kernel stacks, have one there of their own, which goes by its address: two views of a frame are not compared.
 *
 * This file, like all of san/, is not instrumented itself. Floor: san/shadow, near the ground: all instrumented code asks it.
 */
#include "san/shadow.h"

#include "riscv/asm-offsets.h"
#include "riscv/pte.h"

_Static_assert(SHADOW_OFFSET == SAN_SHADOW_OFFSET, "the compiler and layout.h have different shadows");

struct san_ram san_ram;
bool san_stack_mapped[SAN_STACK_SLOTS];
char san_image_shadow[SAN_IMAGE_SHADOW_SIZE] __attribute__((aligned(PAGE_SIZE), section(".bss.san_image_shadow")));

/* The slot of the shadow under boot_root, which every hart comes up on. */
static pte_t boot_tables[2][PTES_PER_TABLE] __attribute__((aligned(PAGE_SIZE)));
extern pte_t boot_root[PTES_PER_TABLE];

extern void (*const san_constructors_start[])(void), (*const san_constructors_end[])(void);

void san_boot(void);

/*
 * From entry.S, before anything that is instrumented: maps the image's shadow, where the boot stacks have theirs.
 * Then each file's constructor tells of its globals.
 */
void san_boot(void)
{
	vaddr_t first = shadow_address(SAN_IMAGE_START);

	boot_root[pte_index(first, 2)] = pte_frame(virt_to_phys(boot_tables[0])) | PTE_V;
	boot_tables[0][pte_index(first, 1)] = pte_frame(virt_to_phys(boot_tables[1])) | PTE_V;
	for (size_t at = 0; at < SAN_IMAGE_SHADOW_SIZE; at += PAGE_SIZE)
		boot_tables[1][pte_index(first + at, 0)] =
			pte_frame(virt_to_phys(san_image_shadow + at)) | PTE_V | PTE_R | PTE_W | PTE_A | PTE_D | PTE_G;
	sfence_all();
	for (void (*const *c)(void) = san_constructors_start; c < san_constructors_end; c++)
		(*c)();
}

_Static_assert(SAN_IMAGE_SHADOW_SIZE <= PTE_SPAN(1) - (shadow_address(SAN_IMAGE_START) & (PTE_SPAN(1) - 1)), "one table maps the image's shadow");

static void fill(int8_t *shadow, size_t n, enum san_why why)
{
	for (; n && (uintptr_t)shadow % 8; n--)
		*shadow++ = (int8_t)why;
	for (; n >= 8; n -= 8, shadow += 8)
		*(uint64_t *)shadow = 0x0101010101010101UL * why;
	for (; n; n--)
		*shadow++ = (int8_t)why;
}

void san_ram_begin(paddr_t shadow, paddr_t ram, size_t size)
{
	int8_t *bytes = phys_to_virt(shadow);

	fill(bytes, size / SAN_GRAIN, 0);
	san_ram = (struct san_ram){ (vaddr_t)phys_to_virt(ram), size, bytes };
	san_poison(bytes, size / SAN_GRAIN, SAN_SHADOW);
}

void san_stack_begin(vaddr_t base)
{
	vaddr_t slot = ROUND_DOWN(base - KMAP_MIN, SAN_STACK_SLOT);

	fill((int8_t *)shadow_address(KMAP_MIN + slot), PAGE_SIZE, 0);
	__atomic_store_n(&san_stack_mapped[slot / SAN_STACK_SLOT], true, __ATOMIC_RELEASE);
}

void san_stack_end(vaddr_t base) { __atomic_store_n(&san_stack_mapped[(base - KMAP_MIN) / SAN_STACK_SLOT], false, __ATOMIC_RELEASE); }

/* ---- what may be touched ------------------------------------------------------- */

void san_poison(const void *p, size_t n, enum san_why why)
{
	int8_t *shadow = san_shadow((vaddr_t)p);

	if (shadow)
		fill(shadow, n / SAN_GRAIN, why);
}

void san_unpoison(const void *p, size_t n)
{
	int8_t *shadow = san_shadow((vaddr_t)p);

	if (shadow == NULL)
		return;
	fill(shadow, n / SAN_GRAIN, 0);
	if (n % SAN_GRAIN)
		shadow[n / SAN_GRAIN] = (int8_t)(n % SAN_GRAIN);
}

/* The last two words of an object's place, in the redzone, keep who let it go and who asked for it. */
void san_object_begin(void *o, size_t size, size_t stride, const void *who)
{
	const void **last = (const void **)((char *)o + stride);

	san_poison(o, stride, SAN_REDZONE);
	san_unpoison(o, size);
	last[-1] = who;
}

void san_object_end(void *o, size_t stride, const void *who)
{
	const void **last = (const void **)((char *)o + stride);

	last[-2] = who;
	san_poison(o, stride, SAN_FREED);
}

void san_freed_by(void *frame, const void *who) { *(const void **)frame = who; }

/* One grain: may its bytes be touched, up to the one that va names? */
static bool grain_bad(const int8_t *shadow, vaddr_t va) { return *shadow && (*shadow < 0 || (int8_t)(va % SAN_GRAIN) >= *shadow); }

vaddr_t san_first_bad(vaddr_t va, size_t n)
{
	const int8_t *shadow = san_shadow(va);
	vaddr_t end = va + n;

	if (n == 0 || end < va || shadow == NULL || san_shadow(end - 1) == NULL)
		return 0; /* what is no memory faults by itself */
	for (; va < end; va = ROUND_DOWN(va, SAN_GRAIN) + SAN_GRAIN, shadow++) {
		if (*shadow == 0) {
			while ((uintptr_t)shadow % 8 == 0 && end - va > 9 * SAN_GRAIN && *(const uint64_t *)shadow == 0) {
				shadow += 8;
				va += 8 * SAN_GRAIN;
			}
			continue;
		}
		if (grain_bad(shadow, MIN(end - 1, va | (SAN_GRAIN - 1))))
			return *shadow < 0 ? va : MAX(va, ROUND_DOWN(va, SAN_GRAIN) + *shadow);
	}
	return 0;
}
