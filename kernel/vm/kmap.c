/*
 * Kernel stacks: slots of the kernel map, free slots by a bitmap, used stacks in a cache.
 *
 *	KMAP_MIN  | guard | stack 0 ...... | guard | stack 1 ...... | ...
 *
 * Invariants. A slot's bit says that it is taken: by a stack in use or one in
 * the cache. A summary word's bit says that a word of the bitmap is full, so that
 * a free slot is found in three steps, whatever the number of stacks. A cached
 * stack keeps its frames and mappings; it links to the next through its first word.
 * Guard pages are never mapped.
 * Floor: vm/kmap, above vm/pmap.
 */
#include "vm/kmap.h"

#include "abi/errno.h"
#include "abi/mman.h"
#include "base/kassert.h"
#include "kern/failpoint.h"
#include "kern/spinlock.h"
#include "riscv/layout.h"
#include "san/san.h"
#include "vm/page.h"
#include "vm/pmap.h"

#ifdef SAN_ADDRESS
#define SLOT_SIZE (PAGE_SIZE << 3) /* what a page of shadow stands for: the shadow comes and goes with the stack */
#else
#define SLOT_SIZE ((KSTACK_PAGES + 1) * PAGE_SIZE)
#endif
#define STACK_SIZE (KSTACK_PAGES * PAGE_SIZE)
#define MAPPED (KSTACK_PAGES + SAN_STACK_PAGES) /* pages */
#define SLOTS ((KMAP_MAX - KMAP_MIN) / SLOT_SIZE)
#define WORDS ((SLOTS + 63) / 64)
#define SUMMARY_WORDS ((WORDS + 63) / 64)
#define CACHE_MAX 16

static struct spinlock lock = SPINLOCK_INIT(RANK_KSTACK, "kernel stacks");
static uint64_t taken[WORDS];        /* lock */
static uint64_t full[SUMMARY_WORDS]; /* lock: words of taken that have no 0 bit */
static vaddr_t cache;                /* lock: the first cached stack, or 0 */
static size_t cache_count;           /* lock */

static vaddr_t slot_stack(size_t slot) { return KMAP_MIN + (slot + 1) * SLOT_SIZE - STACK_SIZE; }
static size_t stack_slot(vaddr_t base) { return (base - KMAP_MIN) / SLOT_SIZE; }
static vaddr_t *stack_link(vaddr_t base) { return (vaddr_t *)base; }
/* The pages that are mapped for a stack: its own, then its shadow's. */
static vaddr_t stack_page(vaddr_t base, size_t i) { return i < KSTACK_PAGES ? base + i * PAGE_SIZE : page_trunc(shadow_address(base)); }

/* Takes a free slot. ENOMEM: there is none. */
static int slot_take(size_t *out)
{
	int error = ENOMEM;

	spinlock_acquire(&lock);
	for (size_t s = 0; s < SUMMARY_WORDS && error; s++) {
		if (full[s] == ~0UL)
			continue;
		size_t word = s * 64 + __builtin_ctzl(~full[s]);

		if (word >= WORDS)
			break;
		size_t slot = word * 64 + __builtin_ctzl(~taken[word]);

		if (slot >= SLOTS)
			break;
		taken[word] |= 1UL << (slot % 64);
		if (taken[word] == ~0UL)
			full[s] |= 1UL << (word % 64);
		*out = slot;
		error = 0;
	}
	spinlock_release(&lock);
	return error;
}

static void slot_give(size_t slot)
{
	spinlock_acquire(&lock);
	KASSERT(taken[slot / 64] & 1UL << (slot % 64));
	taken[slot / 64] &= ~(1UL << (slot % 64));
	full[slot / 64 / 64] &= ~(1UL << (slot / 64 % 64));
	spinlock_release(&lock);
}

/* A stack from the cache, or 0. */
static vaddr_t cache_take(void)
{
	vaddr_t base;

	spinlock_acquire(&lock);
	base = cache;
	if (base) {
		cache = *stack_link(base);
		cache_count--;
	}
	spinlock_release(&lock);
	return base;
}

static bool cache_put(vaddr_t base)
{
	bool room;

	spinlock_acquire(&lock);
	room = cache_count < CACHE_MAX;
	if (room) {
		*stack_link(base) = cache;
		cache = base;
		cache_count++;
	}
	spinlock_release(&lock);
	return room;
}

/* Unmaps the first pages of a stack and gives their frames back. */
static void stack_unmap(vaddr_t base, size_t count)
{
	struct vm_page *pg[MAPPED];
	paddr_t pa;

	for (size_t i = 0; i < count; i++) {
		bool mapped = pmap_extract(pmap_kernel, stack_page(base, i), &pa, NULL);

		KASSERT(mapped);
		pg[i] = page_of(pa);
	}
	if (count == MAPPED)
		san_stack_end(base);
	pmap_kremove(base, base + MIN(count, (size_t)KSTACK_PAGES) * PAGE_SIZE);
	if (count > KSTACK_PAGES)
		pmap_kremove(stack_page(base, KSTACK_PAGES), stack_page(base, KSTACK_PAGES) + PAGE_SIZE);
	for (size_t i = 0; i < count; i++)
		page_free(pg[i]);
}

static int stack_map(vaddr_t base)
{
	struct vm_page *pg;
	size_t mapped = 0;

	for (; mapped < MAPPED; mapped++) {
		pg = page_alloc(PO_KERNEL, 0);
		if (pg == NULL)
			break;
		if (pmap_kenter(stack_page(base, mapped), page_pa(pg), PROT_READ | PROT_WRITE) != 0) {
			page_free(pg);
			break;
		}
	}
	if (mapped == MAPPED) {
		pmap_update(pmap_kernel); /* no hart remembers that there was nothing */
		san_stack_begin(base);
		return 0;
	}
	stack_unmap(base, mapped);
	return ENOMEM;
}

int kstack_alloc(vaddr_t *base)
{
	size_t slot;
	int error;

	if (FAIL("kstack.alloc"))
		return ENOMEM;
	*base = cache_take();
	if (*base) {
		san_unpoison((void *)*base, STACK_SIZE);
		return 0;
	}
	error = slot_take(&slot);
	if (error)
		return error;
	error = stack_map(slot_stack(slot));
	if (error) {
		slot_give(slot);
		return error;
	}
	*base = slot_stack(slot);
	return 0;
}

static void stack_destroy(vaddr_t base)
{
	stack_unmap(base, MAPPED);
	slot_give(stack_slot(base));
}

void kstack_free(vaddr_t base)
{
	KASSERT(base >= KMAP_MIN && base < KMAP_MAX && slot_stack(stack_slot(base)) == base);
	san_poison(stack_link(base) + 1, STACK_SIZE - sizeof(vaddr_t), SAN_OLD_STACK);
	if (!cache_put(base))
		stack_destroy(base);
}

void kstack_drain(void)
{
	vaddr_t base;

	while ((base = cache_take()) != 0)
		stack_destroy(base);
}

size_t kstack_cached(void) { return __atomic_load_n(&cache_count, __ATOMIC_RELAXED); }
