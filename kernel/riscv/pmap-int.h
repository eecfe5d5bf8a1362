/*
 * What the parts of the pmap share: pmap-tlb.c (harts), pmap-pv.c (PTE lists), pmap.c
 * (address spaces) and pmap-page.c (what names a page), in the order of their floors. Nobody else includes this, but for the tests.
 *
 * Locks: (p) the pmap's, (a) atomic, (c) fixed. A pmap's lock comes before a page's PTE-list lock.
 */
#ifndef RISCV_PMAP_INT_H
#define RISCV_PMAP_INT_H

#include "abi/mman.h"
#include "base/atomic.h"
#include "base/kassert.h"
#include "base/list.h"
#include "kern/counters.h"
#include "kern/spinlock.h"
#include "riscv/aside.h"
#include "riscv/pte.h"
#include "vm/page.h"
#include "vm/pmap.h"

struct pmap {
	size_t resident, wired; /* p: leaves; wired ones. First, as struct pmap_counts has them */
	struct spinlock lock;   /* RANK_PMAP */
	uint32_t refs;          /* a */
	uint32_t active;        /* a: harts whose satp holds these tables; of the kernel's: all that are up */
	uint32_t flushing;      /* a: rounds under way for changes that were made without the lock */
	struct vm_page *root;   /* c: the level-2 table */
	struct vm_page *hint;   /* p: the level-0 table that was wanted last, or NULL: most often it is wanted again */
	struct {                /* p: what of the hint's span programs may have mapped, for pmap_enter() */
		vaddr_t start;
		size_t size;         /* 0: nothing, there is no hint or it is the kernel's */
		pte_t *ptes;         /* the hint's entries */
	} enter;
	struct list tables;     /* p: all table pages, the root among them */
	struct pending {        /* p: what pmap_flush() has yet to do */
		vaddr_t start, end;  /* covers every address that changed; empty: nothing did */
		bool full;           /* a table was unlinked: single addresses do not reach what a hart knows of it */
		bool sweep;          /* rights were taken from many entries, whose frames no batch names: see tlb_sweep */
		size_t pages;        /* translations dropped */
		uint64_t batch;      /* names the frames that must not be freed, or 0 */
		struct list dead;    /* tables to free afterwards */
	} pending;
	struct list all_link;   /* of all pmaps */
};
_Static_assert(offsetof(struct pmap, resident) == offsetof(struct pmap_counts, resident), "pmap_resident_count reads it");

#define ROOT_LEVEL 2
/* What pmap_kenter maps: the kernel map, and with the address sanitizer the shadow of it. */
static inline bool in_kmap(vaddr_t va)
{
	return (va >= KMAP_MIN && va < KMAP_MAX) || (va >= shadow_address(KMAP_MIN) && va < shadow_address(KMAP_MAX));
}

#define ROOT_KERNEL (PTES_PER_TABLE / 2) /* first root entry of the kernel's half */

/* ---- entries ------------------------------------------------------ */

/*
 * Where faults set the bits, a mapping not yet accessed is not valid for the hart, and one
 * not yet written has no W: pte_arm() hides them, pte_open() shows what the entry
 * stands for. Elsewhere both leave it as it is. An entry that maps something is never 0.
 */
static inline pte_t pte_load(const pte_t *entry) { return __atomic_load_n(entry, __ATOMIC_RELAXED); }

/* In one piece, as a hart sees it. */
static inline void pte_store(pte_t *entry, pte_t pte) { *(volatile pte_t *)entry = pte; }

static inline pte_t pte_open(pte_t raw)
{
	if (raw == 0 || !pte_soft)
		return raw;
	if (raw & PTE_SOFTW)
		raw |= PTE_W;
	return (raw | PTE_V) & ~PTE_SOFTW;
}

static inline pte_t pte_arm(pte_t open)
{
	if (!pte_soft)
		return open;
	if (open & PTE_W && !(open & PTE_D))
		open = (open | PTE_SOFTW) & ~PTE_W;
	return open & PTE_A ? open : open & ~PTE_V;
}

/* Empties an entry; returns what it was, as it was. Everything before is done before, everything after after. */
static inline pte_t pte_take(pte_t *entry)
{
	pte_t raw;

	__asm__ volatile("amoswap.d.aqrl %0, zero, %1" : "=r"(raw), "+A"(*entry) : : "memory");
	return raw;
}

/* Sets bits; what was done before is seen by who sees them. */
static inline void pte_raise(pte_t *entry, pte_t bits)
{
	__asm__ volatile("amoor.d.rl zero, %1, %0" : "+A"(*entry) : "r"(bits) : "memory");
}

/* Changes an entry that harts may be setting bits in; returns what it was, open. */
static inline pte_t pte_change(pte_t *entry, pte_t clear, pte_t set)
{
	pte_t raw = pte_load(entry);

	while (!__atomic_compare_exchange_n(entry, &raw, pte_arm((pte_open(raw) & ~clear) | set), false, __ATOMIC_ACQ_REL,
					    __ATOMIC_RELAXED))
		;
	return pte_open(raw);
}

static inline prot_t pte_prot(pte_t open)
{
	return (open & PTE_R ? PROT_READ : 0) | (open & PTE_W ? PROT_WRITE : 0) | (open & PTE_X ? PROT_EXEC : 0);
}

/* The page that a program's leaf maps. */
static inline struct vm_page *leaf_page(pte_t leaf)
{
	size_t i = (leaf >> PTE_FRAME_SHIFT) - (page_base >> PAGE_SHIFT);

	KASSERT(i < page_count);
	return &pages[i];
}

static inline pte_t *table_ptes(const struct vm_page *table) { return page_kva(table); }
static inline unsigned table_level(const struct vm_page *table) { return table->pv.index; }

/* The level-0 table of va. NULL: none, and nothing is mapped in the *span bytes around va. => pm->lock held */
struct vm_page *table_find(struct pmap *pm, vaddr_t va, size_t *span);
/* Drops the leaf; its page's bits are gathered. Pending: the caller flushes. => pm->lock held */
void leaf_remove(struct pmap *pm, struct vm_page *table, unsigned index);
/* Unlinks the level-0 table of va, and the one above, if nothing is left in them. => pm->lock held */
void tables_trim(struct pmap *pm, vaddr_t va);

/* ---- PTE lists (pmap-pv.c) ------------------------------------------------- */

void pv_boot(void);
#define PV_LOCKS 64
extern struct pv_lock_line {
	struct spinlock lock;
} __attribute__((aligned(64))) pv_locks[PV_LOCKS]; /* one for many pages, by where the vm_page lies */
static inline struct spinlock *pv_lock(const struct vm_page *pg)
{
	struct spinlock *lock = &pv_locks[((uintptr_t)pg >> 6) % PV_LOCKS].lock;

	__asm__("" : "+r"(lock)); /* in one register: for each of its fields the compiler would keep base and offset, and add them */
	return lock;
}

/* => the PTE-list lock held, as in each */
int pv_insert_more(struct vm_page *pg, struct vm_page *table, unsigned index);
/* ENOMEM: no record. */
static inline int pv_insert(struct vm_page *pg, struct vm_page *table, unsigned index)
{
	KASSERT(spinlock_held(pv_lock(pg)));
	if (pg->pv.table)
		return pv_insert_more(pg, table, index);
	pg->pv.table = table;
	pg->pv.index = index;
	return 0;
}
void pv_remove_some(struct vm_page *pg, struct vm_page *table, unsigned index);
static inline void pv_remove(struct vm_page *pg, struct vm_page *table, unsigned index)
{
	DASSERT(spinlock_held(pv_lock(pg))); /* its one caller has just taken it, as that of pv_gather: leaf_take */
	if (__builtin_expect(pg->pv.table == table && pg->pv.index == index && pg->pv.next == NULL, 1))
		atomic_store_release(&pg->pv.table, NULL);
	else
		ASIDE3(pv_remove_some, pg, table, index);
}
struct pv *pv_find(struct vm_page *pg, const struct vm_page *table, unsigned index);
/* Referenced and modified bits of a leaf that goes: they are the same, hidden or open. */
_Static_assert(PTE_A >> 6 == PGA_REFERENCED && PTE_D >> 6 == PGA_MODIFIED, "pv_gather shifts");
static inline void pv_gather(struct vm_page *pg, pte_t leaf)
{
	DASSERT(spinlock_held(pv_lock(pg)));
	pg->attrs |= (leaf & (PTE_A | PTE_D)) >> 6;
}

/* ---- TLB and instruction caches (pmap-tlb.c) ----------------------------------- */

void tlb_boot(void);
void tlb_boot_hart(void);
void tlb_pending_init(struct pending *p);
void tlb_add(struct pmap *pm, vaddr_t va);                          /* => pm->lock held */
/* The same; pg, whose PTE-list lock is held, or NULL, lost this mapping or rights of it. */
void tlb_drop(struct pmap *pm, vaddr_t va, struct vm_page *pg);
/*
 * Rights of [start, end) are about to be taken, but no mapping. The pages are not named one by one: while any pmap has a sweep
 * that is not flushed, whoever restricts a page's mappings has all such pmaps flushed (tlb_sweeping).
 */
void tlb_sweep(struct pmap *pm, vaddr_t start, vaddr_t end);            /* => pm->lock held */
bool tlb_sweeping(void);
void pmap_flush(struct pmap *pm);                                       /* does all that is pending. => pm->lock held */
void tlb_flush_harts(uint32_t harts, vaddr_t start, vaddr_t end);       /* whatever they run. => interrupts off */
/* No hart that uses pm has a translation of va any more. => pm->lock held, after the entry has changed */
void tlb_flush_elsewhere(struct pmap *pm, vaddr_t va, uint32_t harts) __cold;
static inline void tlb_flush_now(struct pmap *pm, vaddr_t va)
{
	uint32_t active;

	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the entry first, then the look at who is active */
	active = *(volatile uint32_t *)&pm->active;
	if (__builtin_expect(active == 1u << mycpu()->index, 1))
		sfence_page(va);
	else
		ASIDE3(tlb_flush_elsewhere, pm, va, active);
	COUNT(tlb_pages);
}
static inline void tlb_flush_here(struct pmap *pm, vaddr_t va)          /* if this hart uses pm. => interrupts off */
{
	if (mycpu()->pmap == pm)
		sfence_page(va);
}
void tlb_leave(struct pmap *pm);                                        /* every hart drops pm. => no reference left */
void icache_settle(struct pmap *pm, struct vm_page *pg);                /* before pg is entered executable. => pm->lock held */

#endif
