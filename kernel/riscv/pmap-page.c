/*
 * The pmap calls that name a page: rights, referenced and modified bits of all its mappings, its bytes.
 *
 * Lock order. A pmap's lock comes before a page's PTE-list lock, but a page leads from its list to
 * the pmaps. Rights and bits are changed under the list's lock alone: entries are changed
 * atomically, and a mapping that is listed keeps its table and its pmap alive. Removal needs the
 * pmap's lock: a reference is taken under the list's lock, that lock let go, the pmap
 * locked, and the entry looked at again.
 *
 * Each does its own shootdown before it returns, and whatever is pending elsewhere for the page: a thread
 * that has just unmapped it may not have come to its pmap_update() yet, and the owner is about
 * to rely on nobody using the page.
 * Floor: riscv/pmap-page, above riscv/pmap.
 */
#include "abi/mman.h"
#include "base/kassert.h"
#include "kern/counters.h"
#include "riscv/cpu.h"
#include "riscv/pmap-int.h"

static pte_t *pv_entry(const struct pv *pv) { return &table_ptes(pv->table)[pv->index]; }
static vaddr_t pv_va(const struct pv *pv) { return pv->table->offset + pv->index * PAGE_SIZE; }

#define pv_for_each(pv, pg) for (struct pv *pv = &(pg)->pv; pv && pv->table; pv = pv->next)

/* ---- rights and bits --------------------------------------------------------- */

/* The harts that may hold the mappings of pg, and the addresses, gathered while walking the list. */
struct affected {
	uint32_t harts;
	vaddr_t start, end;
	size_t pages;
};

static void affected_add(struct affected *a, const struct pv *pv)
{
	vaddr_t va = pv_va(pv);

	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the entry first, then the look at who is active */
	a->harts |= __atomic_load_n(&pv->table->pmap->active, __ATOMIC_SEQ_CST);
	a->start = a->pages ? MIN(a->start, va) : va;
	a->end = MAX(a->end, va + PAGE_SIZE);
	a->pages++;
}

/* pmap_update() of a pmap that a round is under way for waits for its end. */
static void flushing_add(struct vm_page *pg, uint32_t n)
{
	pv_for_each(pv, pg)
		__atomic_fetch_add(&pv->table->pmap->flushing, n, __ATOMIC_SEQ_CST);
}

/*
 * Takes bits from all entries of pg. flush: no hart uses the old ones on return.
 * *had: the bits that the entries had, together.
 */
static void entries_clear(struct vm_page *pg, pte_t bits, bool flush, pte_t *had)
{
	struct affected a = { 0 };
	pte_t old;

	KASSERT(spinlock_held(pv_lock(pg)));
	*had = 0;
	flushing_add(pg, 1);
	pv_for_each(pv, pg) {
		old = pte_change(pv_entry(pv), bits, 0);
		*had |= old;
		if (old & bits)
			affected_add(&a, pv);
	}
	if (flush && a.pages) {
		tlb_flush_harts(a.harts, a.start, a.end);
		COUNT_N(tlb_pages, a.pages);
	} else if (a.pages) {
		tlb_flush_harts(a.harts & 1u << mycpu()->index, a.start, a.end);
	}
	flushing_add(pg, -1);
}

static void page_restrict(struct vm_page *pg, prot_t prot)
{
	pte_t lose = (prot & PROT_WRITE ? 0 : PTE_W) | (prot & PROT_EXEC ? 0 : PTE_X);
	pte_t had;

	spinlock_acquire(pv_lock(pg));
	entries_clear(pg, lose, true, &had);
	spinlock_release(pv_lock(pg));
}

/* Do the entries or what was gathered before have this bit? */
static bool page_has(struct vm_page *pg, pte_t bit, uint8_t attr)
{
	bool has;

	spinlock_acquire(pv_lock(pg));
	has = pg->attrs & attr;
	pv_for_each(pv, pg)
		has = has || pte_load(pv_entry(pv)) & bit;
	spinlock_release(pv_lock(pg));
	return has;
}

static bool page_clear(struct vm_page *pg, pte_t bit, uint8_t attr, bool flush)
{
	pte_t had;
	bool was;

	spinlock_acquire(pv_lock(pg));
	entries_clear(pg, bit, flush, &had);
	was = had & bit || pg->attrs & attr;
	pg->attrs &= ~attr;
	spinlock_release(pv_lock(pg));
	return was;
}

bool pmap_is_referenced(struct vm_page *pg) { return page_has(pg, PTE_A, PGA_REFERENCED); }
bool pmap_is_modified(struct vm_page *pg) { return page_has(pg, PTE_D, PGA_MODIFIED); }

/* Other harts are not asked: one that goes on by a translation it holds costs a little accuracy, no data. */
bool pmap_clear_referenced(struct vm_page *pg) { return page_clear(pg, PTE_A, PGA_REFERENCED, false); }

/* All are asked: a write through a translation that has the bit already would not set it again. */
bool pmap_clear_modified(struct vm_page *pg) { return page_clear(pg, PTE_D, PGA_MODIFIED, true); }

/* ---- removal -------------------------------------------------------------------- */

/* A wired mapping stays as long as the page itself is wired. */
static bool keeps(const struct vm_page *pg, pte_t raw) { return raw & PTE_WIRED && pg->wire_count; }

static bool maps(pte_t raw, const struct vm_page *pg) { return raw && pte_pa(raw) == page_pa(pg); }

/* A mapping that has to go, its pmap referenced; false: none is left. */
static bool removable(struct vm_page *pg, struct pv *out, struct pmap **pm)
{
	bool found = false;

	spinlock_acquire(pv_lock(pg));
	pv_for_each(pv, pg) {
		if (keeps(pg, pte_load(pv_entry(pv))))
			continue;
		*out = *pv;
		*pm = pv->table->pmap;
		pmap_reference(*pm);
		found = true;
		break;
	}
	spinlock_release(pv_lock(pg));
	return found;
}

/* => pm referenced. Meanwhile the mapping may have gone, and its table with it: nothing is believed but what is seen under the lock. */
static void remove_one(struct vm_page *pg, struct pmap *pm, const struct pv *pv)
{
	struct vm_page *table = pv->table;
	pte_t raw;

	spinlock_acquire(&pm->lock);
	if (__atomic_load_n(&table->owner, __ATOMIC_ACQUIRE) == PO_TABLE && table->pmap == pm && table_level(table) == 0) {
		raw = pte_load(&table_ptes(table)[pv->index]);
		if (maps(raw, pg) && !keeps(pg, raw)) {
			vaddr_t va = pv_va(pv);

			leaf_remove(pm, table, pv->index);
			tables_trim(pm, va);
		}
	}
	pmap_flush(pm);
	spinlock_release(&pm->lock);
}

static void settle_pmap(struct pmap *pm, void *batch)
{
	spinlock_acquire(&pm->lock);
	if (pm->pending.sweep || pm->pending.batch == *(uint64_t *)batch)
		pmap_flush(pm);
	spinlock_release(&pm->lock);
}

/* Does the pending work that names pg, in whatever pmap it is. */
static void page_settle(struct vm_page *pg)
{
	uint64_t batch = page_batch_of(pg);

	if (batch || tlb_sweeping())
		pmap_for_each(settle_pmap, &batch);
}

void pmap_page_protect(struct vm_page *pg, prot_t prot)
{
	struct pmap *pm = NULL;
	struct pv pv = { 0 };

	if (prot != PROT_NONE)
		page_restrict(pg, prot);
	else
		while (removable(pg, &pv, &pm)) {
			remove_one(pg, pm, &pv);
			pmap_destroy(pm);
		}
	page_settle(pg);
}

bool pmap_page_mapped(struct vm_page *pg)
{
	return __atomic_load_n(&pg->pv.table, __ATOMIC_ACQUIRE) != NULL || page_batch_of(pg);
}

bool pmap_check_page(struct vm_page *pg)
{
	bool ok = true;

	spinlock_acquire(pv_lock(pg));
	pv_for_each(pv, pg)
		ok = ok && pv->table->owner == PO_TABLE && table_level(pv->table) == 0 && maps(pte_load(pv_entry(pv)), pg);
	spinlock_release(pv_lock(pg));
	return ok;
}

/* ---- bytes ------------------------------------------------------------------------ */

/* In a row, without a loop: its counting would cost more than the rest of what is done here, beside the words. */
#define WORDS (PAGE_SIZE / sizeof(uint64_t))

void pmap_zero_page(struct vm_page *pg)
{
	uint64_t *to = page_kva(pg);

	KASSERT(pg->owner != PO_FREE);
#pragma GCC unroll 512
	for (unsigned i = 0; i < WORDS; i++)
		to[i] = 0;
	page_written(pg);
	COUNT(page_zeroed);
}

void pmap_copy_page(struct vm_page *src, struct vm_page *dst)
{
	const uint64_t *from = page_kva(src);
	uint64_t *to = page_kva(dst);

	KASSERT(dst->owner != PO_FREE);
#pragma GCC unroll 128
	for (unsigned i = 0; i < WORDS; i += 4) {
		uint64_t a = from[i], b = from[i + 1], c = from[i + 2], d = from[i + 3];

		to[i] = a, to[i + 1] = b, to[i + 2] = c, to[i + 3] = d;
	}
	page_written(dst);
	COUNT(page_copied);
}
