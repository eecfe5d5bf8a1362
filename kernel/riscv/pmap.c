/*
 * Address spaces of Sv39: tables, mappings by address, the kernel's own half.
 *
 * Invariants. Every table page belongs to one pmap, is on its list, knows its level and
 * the address that its first entry maps, and counts its entries in use (`live`). A user pmap
 * has no empty table but its root. The upper half of every root is the kernel's and is
 * fixed at boot. User leaves are of 4 KiB, have U, and are on their page's PTE list;
 * the kernel's have G, never U, and are on no list.
 *
 * Every entry is changed by its pmap's lock holder or, atomically, by the holder of its page's
 * PTE-list lock (pmap-page.c); harts set bits at any time.
 * Floor: riscv/pmap, above riscv/pmap-pv.
 */
#include "abi/errno.h"
#include "abi/mman.h"
#include "base/kassert.h"
#include "base/string.h"
#include "kern/counters.h"
#include "kern/failpoint.h"
#include "riscv/aside.h"
#include "riscv/cpu.h"
#include "riscv/machine.h"
#include "riscv/pmap-int.h"
#include "san/san.h"
#include "vm/pool.h"

bool pte_soft;

extern char kernel_text_start[], kernel_text_end[], kernel_rodata_start[], kernel_rodata_end[];
extern char kernel_data_start[], kernel_end[];

static struct pool pmap_pool;
static struct spinlock all_lock = SPINLOCK_INIT(RANK_PMAP, "all pmaps"); /* never with a pmap's */
static struct list all_pmaps = LIST_INIT(all_pmaps);                      /* all_lock */

static int table_new(struct pmap *pm, unsigned level, vaddr_t va, struct vm_page **out);
static struct vm_page *table_below(const struct vm_page *table, vaddr_t va);
static int __cold tables_make(struct pmap *pm, vaddr_t va);
static void hint_set(struct pmap *pm, struct vm_page *table);
static pte_t *leaf_find(struct pmap *pm, vaddr_t va, struct vm_page **table);

static bool table_hinted(const struct pmap *pm, vaddr_t va) { return pm->hint && pm->hint->offset == ROUND_DOWN(va, PTE_SPAN(1)); }

/* ---- the life of a pmap --------------------------------------------------------- */

static void pmap_init(struct pmap *pm)
{
	*pm = (struct pmap){ .refs = 1 };
	spinlock_init(&pm->lock, RANK_PMAP, "pmap");
	list_init(&pm->tables);
	tlb_pending_init(&pm->pending);
}

int pmap_create(struct pmap **out)
{
	struct pmap *pm = FAIL("pmap.create") ? NULL : pool_alloc(&pmap_pool, 0);
	int error;

	if (pm == NULL)
		return ENOMEM;
	pmap_init(pm);
	error = table_new(pm, ROOT_LEVEL, 0, &pm->root);
	if (error) {
		pool_free(&pmap_pool, pm);
		return error;
	}
	memcpy(&table_ptes(pm->root)[ROOT_KERNEL], &table_ptes(pmap_kernel->root)[ROOT_KERNEL],
	       (PTES_PER_TABLE - ROOT_KERNEL) * sizeof(pte_t));
	spinlock_acquire(&all_lock);
	list_push_back(&all_pmaps, &pm->all_link);
	spinlock_release(&all_lock);
	GAUGE_ADD(pmaps, 1);
	*out = pm;
	return 0;
}

void pmap_reference(struct pmap *pm)
{
	uint32_t before = __atomic_fetch_add(&pm->refs, 1, __ATOMIC_RELAXED);

	KASSERT(before > 0);
}

void pmap_destroy(struct pmap *pm)
{
	struct list *node;

	spinlock_acquire(&pm->lock);
	pmap_flush(pm); /* while it is still on the list: pmap_page_protect looks for pending work there */
	spinlock_release(&pm->lock);
	if (__atomic_sub_fetch(&pm->refs, 1, __ATOMIC_ACQ_REL))
		return;
	KASSERT(pm != pmap_kernel && pm->resident == 0);
	spinlock_acquire(&all_lock);
	list_remove(&pm->all_link);
	spinlock_release(&all_lock);
	tlb_leave(pm);
	while ((node = list_pop_front(&pm->tables)) != NULL) {
		struct vm_page *table = list_entry(node, struct vm_page, link);

		KASSERT(table == pm->root && table->live == 0);
		page_free(table);
	}
	pool_free(&pmap_pool, pm);
	GAUGE_ADD(pmaps, -1);
}

/* One more reference, unless the last is gone already. */
static bool reference_alive(struct pmap *pm)
{
	uint32_t refs = __atomic_load_n(&pm->refs, __ATOMIC_RELAXED);

	while (refs && !__atomic_compare_exchange_n(&pm->refs, &refs, refs + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		;
	return refs != 0;
}

void pmap_for_each(void (*visit)(struct pmap *pm, void *arg), void *arg)
{
	struct pmap *pm = NULL, *next;

	do {
		struct list *node = pm ? &pm->all_link : &all_pmaps;

		next = NULL;
		spinlock_acquire(&all_lock);
		for (node = node->next; node != &all_pmaps && !next; node = node->next)
			if (reference_alive(list_entry(node, struct pmap, all_link)))
				next = list_entry(node, struct pmap, all_link);
		spinlock_release(&all_lock);
		if (pm)
			pmap_destroy(pm);
		if (next)
			visit(next, arg);
		pm = next;
	} while (pm);
}

/* ---- mappings by address ----------------------------------------------------------- */

static bool in_user(vaddr_t start, vaddr_t end)
{
	return start <= end && end <= USER_MAX && ((start | end) & PAGE_MASK) == 0;
}

/* The bits of prot and of an entry come in the same order; those of the flags are the same, and A stands below D, R below W. */
_Static_assert(PROT_READ << 1 == PTE_R && PROT_WRITE << 1 == PTE_W && PROT_EXEC << 1 == PTE_X, "leaf_make shifts");
_Static_assert(PMAP_WIRED == PTE_WIRED && PMAP_MODIFIED == PTE_D && PMAP_REFERENCED == PTE_A, "leaf_make masks");
_Static_assert(PTE_D >> 1 == PTE_A && PTE_W >> 1 == PTE_R, "leaf_make shifts");

static inline pte_t leaf_make(paddr_t pa, prot_t prot, unsigned flags)
{
	pte_t bits = (pte_t)(int)prot << 1 | (flags & (PTE_WIRED | PTE_D | PTE_A)); /* an int is extended already */

	return pte_frame(pa) | PTE_V | bits | (bits & (PTE_D | PTE_W)) >> 1; /* Sv39 knows no writing without reading */
}

/* A page that is mapped already gets one more mapping. ENOMEM: no record for its PTE list. => pm->lock held */
static int __cold leaf_list_more(struct vm_page *table, unsigned index, struct vm_page *pg, pte_t pte)
{
	int error;

	spinlock_acquire(pv_lock(pg));
	error = pv_insert(pg, table, index);
	if (!error)
		__atomic_store_n(&table_ptes(table)[index], pte_arm(pte), __ATOMIC_RELEASE);
	spinlock_release(pv_lock(pg));
	return error;
}

/*
 * An entry where there is none, and its place on the PTE list; nothing is counted. ENOMEM: no record for the list. => pm->lock
 * held, and the lock of pg's owner: while the page is mapped nowhere nobody else enters it, and who takes the last mapping away
 * clears pv.table when he is through. So the first mapping needs no lock of the list.
 */
static inline int leaf_list(struct vm_page *table, size_t index, pte_t *entry, struct vm_page *pg, pte_t pte)
{
	struct vm_page *mapped = *(struct vm_page *volatile *)&pg->pv.table;

	/* What he did who cleared it comes before what is done here; so do the page's bytes before the entry that shows them. */
	__atomic_thread_fence(__ATOMIC_ACQ_REL);
	if (__builtin_expect(mapped != NULL, 0))
		return ASIDE4(leaf_list_more, table, index, pg, pte);
	pte_store(entry, pte_arm(pte));
	pg->pv.index = index;
	atomic_store_release(&pg->pv.table, table);
	return 0;
}

/* A new leaf where there is none. Locks and errors as leaf_list. */
static inline int leaf_insert(struct pmap *pm, struct vm_page *table, size_t index, pte_t *entry, struct vm_page *pg, pte_t pte)
{
	int error = leaf_list(table, index, entry, pg, pte);

	if (__builtin_expect(error, 0))
		return error;
	table->live++;
	pm->resident++;
	if (pte & PTE_WIRED)
		pm->wired++;
	return 0;
}

static inline void leaf_uncount(struct pmap *pm, struct vm_page *table, pte_t old)
{
	table->live--;
	pm->resident--;
	pm->wired -= !!(old & PTE_WIRED);
}

/*
 * Takes a leaf out, and off its page's list; nothing is counted. Returns what it was. now: no hart uses it any more when it is off
 * the list; else that is pending. => pm->lock held; va: what the entry maps
 */
static inline pte_t leaf_take(struct pmap *pm, struct vm_page *table, size_t index, pte_t *entry, vaddr_t va, bool now)
{
	struct vm_page *pg = leaf_page(pte_load(entry));
	struct spinlock *lock = pv_lock(pg);
	pte_t old;

	spinlock_enter_inner(lock);
	old = pte_take(entry);
	pv_gather(pg, old);
	if (now)
		tlb_flush_now(pm, va);
	else
		tlb_drop(pm, va, pg); /* first, for who looks without the lock: mapped, or pending */
	pv_remove(pg, table, index);
	spinlock_leave_inner(lock);
	return old;
}

void leaf_remove(struct pmap *pm, struct vm_page *table, unsigned index)
{
	KASSERT(spinlock_held(&pm->lock));
	leaf_uncount(pm, table, leaf_take(pm, table, index, &table_ptes(table)[index], table->offset + index * PAGE_SIZE, false));
}

/* Takes bits from a leaf. Pending, if one of them was there. => pm->lock held */
static pte_t leaf_restrict(struct pmap *pm, struct vm_page *table, unsigned index, pte_t lose)
{
	pte_t *entry = &table_ptes(table)[index];
	struct vm_page *pg = leaf_page(pte_load(entry));
	pte_t old;

	KASSERT(spinlock_held(&pm->lock));
	spinlock_acquire(pv_lock(pg));
	old = pte_change(entry, lose, 0);
	if (old & lose)
		tlb_drop(pm, table->offset + index * PAGE_SIZE, pg);
	spinlock_release(pv_lock(pg));
	return old;
}

/* The same page again, and maybe rights are lost, or the wiring is another, or bits are hidden. => pm->lock held, va in the hint */
static void __cold leaf_replace(struct pmap *pm, vaddr_t va, pte_t pte)
{
	unsigned index = pte_index(va, 0);
	pte_t *entry = &pm->enter.ptes[index], old = pte_open(pte_load(entry)), lose = old & ~pte & PTE_RWX;

	if (lose) {
		leaf_restrict(pm, pm->hint, index, lose);
		pmap_flush(pm);
	}
	pte_change(entry, PTE_WIRED, pte);
	pm->wired += !!(pte & PTE_WIRED) - !!(old & PTE_WIRED);
}

/* The same page again: its bits stay, its rights are the new ones. => pm->lock held, va in the hint */
static inline void leaf_replace_rights(struct pmap *pm, pte_t *entry, vaddr_t va, pte_t old, pte_t pte)
{
	/* Of what differs: rights that it had, and WIRED either way. */
	if (__builtin_expect(pte_soft || (old ^ pte) & (old | PTE_WIRED) & (PTE_RWX | PTE_WIRED), 0))
		ASIDE3(leaf_replace, pm, va, pte);
	else
		pte_raise(entry, pte); /* harts may be setting others */
	tlb_flush_here(pm, va); /* rights that were gained show here at once */
}

/*
 * Another page takes the place of the one that is mapped. No hart uses the old one when its mapping is taken off the list, so
 * nothing is pending afterwards. ENOMEM: the old mapping is gone all the same. => pm->lock held
 */
static inline int leaf_exchange(struct pmap *pm, struct vm_page *table, pte_t *entry, vaddr_t va, struct vm_page *pg, pte_t pte)
{
	size_t index = pte_index(va, 0);
	pte_t old = leaf_take(pm, table, index, entry, va, true);
	int error = leaf_list(table, index, entry, pg, pte);

	if (__builtin_expect(error, 0))
		leaf_uncount(pm, table, old);
	else if (__builtin_expect((old ^ pte) & PTE_WIRED, 0))
		pm->wired += pte & PTE_WIRED ? 1 : -1;
	return error;
}

/* No memory for the entry: a table that is left empty goes too. => pm->lock held */
static void __cold enter_failed(struct pmap *pm, vaddr_t va)
{
	tables_trim(pm, va);
	pmap_flush(pm);
}

static void __cold insert_failed(struct pmap *pm, vaddr_t va, unsigned flags)
{
	KASSERT(flags & PMAP_CANFAIL);
	enter_failed(pm, va);
}

/* The rest of pmap_enter() where another page is mapped. The last thing that it does, so that it need not keep anything for afterwards. */
static int __attribute__((noinline)) enter_exchange(struct pmap *pm, vaddr_t va, struct vm_page *pg, pte_t pte, struct vm_page *table,
						    uint64_t irqs, pte_t *entry)
{
	int error = leaf_exchange(pm, table, entry, va, pg, pte);

	if (__builtin_expect(error, 0))
		ASIDE2(enter_failed, pm, va);
	spinlock_leave(&pm->lock, irqs);
	return error;
}

/* Of an address that the hint is not for: is it a program's at all? Then its table becomes the hint. => pm->lock held */
static int __cold enter_elsewhere(struct pmap *pm, vaddr_t va, unsigned flags)
{
	int error;

	KASSERT(pm != pmap_kernel && va >= USER_MIN && va < USER_MAX);
	error = tables_make(pm, va);
	KASSERT(!error || flags & PMAP_CANFAIL);
	return error;
}

int pmap_enter(struct pmap *pm, vaddr_t va, struct vm_page *pg, prot_t prot, unsigned flags)
{
	size_t index = pte_index(va, 0);
	pte_t pte, old, *entry;
	uint64_t irqs;
	int error = 0;

	if (FAIL("pmap.enter") && flags & PMAP_CANFAIL)
		return ENOMEM;
	pte = leaf_make(page_pa(pg), prot, flags) | PTE_U;
	KASSERT((va & PAGE_MASK) == 0 && prot != PROT_NONE && (pte & (PTE_D | PTE_W)) != PTE_D); /* what has been written to is writable */
	irqs = spinlock_enter(&pm->lock);
	if (__builtin_expect(va - pm->enter.start >= pm->enter.size, 0) && (error = ASIDE3(enter_elsewhere, pm, va, flags)) != 0)
		goto out;
	if (__builtin_expect(pte & PTE_X, 0))
		ASIDE2(icache_settle, pm, pg);
	if (__builtin_expect(pte & PTE_W, 1))
		page_written(pg);
	entry = &pm->enter.ptes[index];
	old = pte_load(entry);
	if (old == 0)
		error = leaf_insert(pm, pm->hint, index, entry, pg, pte);
	else if (pte_same_frame(old, pte))
		leaf_replace_rights(pm, entry, va, old, pte);
	else
		return enter_exchange(pm, va, pg, pte, pm->hint, irqs, entry);
	if (__builtin_expect(error, 0))
		ASIDE3(insert_failed, pm, va, flags);
out:
	spinlock_leave(&pm->lock, irqs);
	return error;
}

/* Where the next level-0 table of [*va, end) begins its part of the range, and in *next ends it. NULL: no more. => pm->lock held */
static struct vm_page *table_next(struct pmap *pm, vaddr_t *va, vaddr_t end, vaddr_t *next)
{
	struct vm_page *table = NULL;
	size_t span = 0;

	for (; *va < end; *va = *next) {
		table = table_find(pm, *va, &span);
		*next = MIN(ROUND_DOWN(*va, span) + span, end);
		if (table)
			return table;
	}
	return NULL;
}

/* Calls visit for what each table has of [start, end): entries from .. to - 1. A table at a time under the lock. */
static void range_visit(struct pmap *pm, vaddr_t start, vaddr_t end,
			void (*visit)(struct pmap *pm, struct vm_page *table, unsigned from, unsigned to, unsigned arg), unsigned arg)
{
	struct vm_page *table;
	vaddr_t next;

	KASSERT(pm != pmap_kernel && in_user(start, end));
	do {
		spinlock_acquire(&pm->lock);
		table = table_next(pm, &start, end, &next);
		if (table) {
			visit(pm, table, pte_index(start, 0), pte_index(next - PAGE_SIZE, 0) + 1, arg);
			if (table->live == 0)
				tables_trim(pm, start);
			start = next;
		}
		spinlock_release(&pm->lock);
	} while (table);
}

/* The first entry in use of from .. to - 1, or to. */
static unsigned next_used(const struct vm_page *table, unsigned from, unsigned to)
{
	const pte_t *first = table_ptes(table), *entry = first + from, *end = first + to;

	for (; entry + 4 <= end && !(pte_load(entry) | pte_load(entry + 1) | pte_load(entry + 2) | pte_load(entry + 3)); entry += 4)
		continue;
	while (entry < end && pte_load(entry) == 0)
		entry++;
	return entry - first;
}

#define KEEP_WIRED 1u

static void visit_remove(struct pmap *pm, struct vm_page *table, unsigned from, unsigned to, unsigned keep)
{
	for (unsigned i = from; table->live && (i = next_used(table, i, to)) < to; i++)
		if (!(keep == KEEP_WIRED && pte_load(&table_ptes(table)[i]) & PTE_WIRED))
			leaf_remove(pm, table, i);
}

void pmap_remove(struct pmap *pm, vaddr_t start, vaddr_t end) { range_visit(pm, start, end, visit_remove, 0); }
void pmap_remove_all(struct pmap *pm) { range_visit(pm, 0, USER_MAX, visit_remove, KEEP_WIRED); }

/*
 * Takes the right to write from a whole row, atomically: harts may be setting bits in it. What a hart still knows is not
 * noted page by page, but as a sweep that is under way (pmap-int.h). Returns the bits that the entries had, together.
 */
static pte_t row_sweep(struct pmap *pm, struct vm_page *table, unsigned from, unsigned to)
{
	pte_t *entry = &table_ptes(table)[from], *end = &table_ptes(table)[to], had = 0;

	tlb_sweep(pm, table->offset + from * PAGE_SIZE, table->offset + to * PAGE_SIZE);
	for (; entry < end; entry++)
		had |= __atomic_fetch_and(entry, ~(PTE_W | PTE_SOFTW), __ATOMIC_ACQ_REL);
	return had;
}

static void visit_protect(struct pmap *pm, struct vm_page *table, unsigned from, unsigned to, unsigned prot)
{
	pte_t lose = (prot & PROT_READ ? 0 : PTE_R) | (prot & PROT_EXEC ? 0 : PTE_X);

	if (!(prot & PROT_WRITE) && (row_sweep(pm, table, from, to) & lose) == 0)
		return;
	for (unsigned i = from; table->live && (i = next_used(table, i, to)) < to; i++) {
		/* What could be read may be left with nothing: PROT_EXEC does not bring PROT_READ. An entry without rights would be a table's. */
		if (pte_load(&table_ptes(table)[i]) & (PTE_R | PTE_X) & ~lose)
			leaf_restrict(pm, table, i, lose);
		else
			leaf_remove(pm, table, i);
	}
}

void pmap_protect(struct pmap *pm, vaddr_t start, vaddr_t end, prot_t prot)
{
	if (prot == PROT_NONE)
		pmap_remove(pm, start, end);
	else
		range_visit(pm, start, end, visit_protect, prot);
}

void pmap_unwire(struct pmap *pm, vaddr_t va)
{
	pte_t *entry;

	spinlock_acquire(&pm->lock);
	entry = leaf_find(pm, va, NULL);
	KASSERT(entry);
	if (pte_change(entry, PTE_WIRED, 0) & PTE_WIRED)
		pm->wired--;
	spinlock_release(&pm->lock);
}

/* ---- looking ----------------------------------------------------------------------- */

static bool extract(struct pmap *pm, vaddr_t va, paddr_t *pa, prot_t *prot)
{
	pte_t *entry, open;

	if (va >= DIRECT_MAP && va < DIRECT_MAP + DIRECT_MAP_SIZE) {
		*pa = va - DIRECT_MAP;
		*prot = PROT_READ | PROT_WRITE;
		return pm == pmap_kernel;
	}
	entry = leaf_find(pm, va, NULL);
	if (entry == NULL)
		return false;
	open = pte_open(pte_load(entry));
	*pa = pte_pa(open) | (va & PAGE_MASK);
	*prot = pte_prot(open);
	return true;
}

bool pmap_extract(struct pmap *pm, vaddr_t va, paddr_t *pa, prot_t *prot)
{
	paddr_t at;
	prot_t rights;
	bool mapped;

	spinlock_acquire(&pm->lock);
	mapped = extract(pm, va, &at, &rights);
	spinlock_release(&pm->lock);
	if (mapped && pa)
		*pa = at;
	if (mapped && prot)
		*prot = rights;
	return mapped;
}

struct vm_page *pmap_extract_and_hold(struct pmap *pm, vaddr_t va, prot_t prot)
{
	struct vm_page *pg = NULL;
	paddr_t pa;
	prot_t rights;

	spinlock_acquire(&pm->lock);
	if (extract(pm, va, &pa, &rights) && (prot & ~rights) == 0 && (pg = page_of(pa)) != NULL)
		page_hold(pg); /* it is mapped, so it is not free yet */
	spinlock_release(&pm->lock);
	return pg;
}

size_t pmap_wired_count(struct pmap *pm) { return __atomic_load_n(&pm->wired, __ATOMIC_RELAXED); }

bool pmap_fault_ad(struct pmap *pm, vaddr_t va, prot_t access)
{
	pte_t *entry, old, set = access & PROT_WRITE ? PTE_A | PTE_D : PTE_A;
	bool allowed;

	if (va >= USER_MAX)
		return false;
	spinlock_acquire(&pm->lock);
	entry = leaf_find(pm, va, NULL);
	allowed = entry && (access & ~pte_prot(pte_open(pte_load(entry)))) == 0;
	if (allowed) {
		old = pte_change(entry, 0, set);
		if (~old & set)
			COUNT(pmap_soft_ad);
		tlb_flush_here(pm, page_trunc(va));
	}
	spinlock_release(&pm->lock);
	return allowed;
}

/* ---- tables -------------------------------------------------------------------------- */

/* va: the address that its first entry will map. */
static int table_new(struct pmap *pm, unsigned level, vaddr_t va, struct vm_page **out)
{
	struct vm_page *table = page_alloc(PO_TABLE, PAGE_ZERO);

	if (table == NULL)
		return ENOMEM;
	table->pmap = pm;
	table->offset = va;
	table->pv.index = level;
	list_push_back(&pm->tables, &table->link);
	*out = table;
	return 0;
}

/* The table one level down, towards va; NULL: none, or a leaf. */
static struct vm_page *table_below(const struct vm_page *table, vaddr_t va)
{
	pte_t pte = table_ptes(table)[pte_index(va, table_level(table))];

	return pte_is_table(pte) ? page_of(pte_pa(pte)) : NULL;
}

/* The level-0 table of va, made with all that lead to it: it is pm->hint then. ENOMEM: no table was left empty. => pm->lock held */
static int tables_make(struct pmap *pm, vaddr_t va)
{
	struct vm_page *table = table_hinted(pm, va) ? pm->hint : pm->root, *below;
	int error;

	KASSERT(spinlock_held(&pm->lock));
	for (; table_level(table) > 0; table = below) {
		unsigned level = table_level(table);

		below = table_below(table, va);
		if (below)
			continue;
		error = table_new(pm, level - 1, ROUND_DOWN(va, PTE_SPAN(level)), &below);
		if (error) {
			tables_trim(pm, va);
			pmap_flush(pm);
			return error;
		}
		__atomic_store_n(&table_ptes(table)[pte_index(va, level)], pte_frame(page_pa(below)) | PTE_V, __ATOMIC_RELEASE);
		table->live++;
	}
	hint_set(pm, table);
	return 0;
}

/* table: of level 0, or NULL. The first page of the address space and what is above USER_MAX are no program's. => pm->lock held */
static void hint_set(struct pmap *pm, struct vm_page *table)
{
	vaddr_t start = table ? MAX(table->offset, USER_MIN) : 0, end = table ? MIN(table->offset + PTE_SPAN(1), USER_MAX) : 0;

	pm->hint = table;
	pm->enter.start = start;
	pm->enter.size = start < end ? end - start : 0;
	pm->enter.ptes = table ? table_ptes(table) : NULL;
}

struct vm_page *table_find(struct pmap *pm, vaddr_t va, size_t *span)
{
	struct vm_page *table = pm->root;

	KASSERT(spinlock_held(&pm->lock));
	*span = PTE_SPAN(1);
	if (table_hinted(pm, va))
		return pm->hint;
	while (table && table_level(table) > 0) {
		*span = PTE_SPAN(table_level(table));
		table = table_below(table, va);
	}
	if (table && table->pmap == pm) /* the kernel's half of a root leads to the kernel's tables, which go when the kernel likes */
		hint_set(pm, table);
	return table;
}

/* The entry that maps va, or NULL when there is none in use. => pm->lock held */
static pte_t *leaf_find(struct pmap *pm, vaddr_t va, struct vm_page **table)
{
	size_t span = 0;
	struct vm_page *t = table_find(pm, va, &span);
	pte_t *entry = t ? &table_ptes(t)[pte_index(va, 0)] : NULL;

	if (table)
		*table = t;
	return entry && pte_load(entry) ? entry : NULL;
}

/* The kernel's tables above level 0 stay: every pmap's root leads to them. */
void tables_trim(struct pmap *pm, vaddr_t va)
{
	struct vm_page *path[ROOT_LEVEL + 1] = { NULL };
	unsigned stay = pm == pmap_kernel ? 1 : ROOT_LEVEL;

	for (struct vm_page *t = pm->root; t; t = table_level(t) ? table_below(t, va) : NULL)
		path[table_level(t)] = t;
	for (unsigned level = 0; level < stay; level++) {
		struct vm_page *table = path[level], *above = path[level + 1];

		if (table == NULL)
			continue;
		if (table->live)
			return;
		__atomic_store_n(&table_ptes(above)[pte_index(va, level + 1)], 0, __ATOMIC_RELEASE);
		above->live--;
		if (table == pm->hint)
			hint_set(pm, NULL);
		list_remove(&table->link);
		list_push_back(&pm->pending.dead, &table->link);
		pm->pending.full = true;
	}
}

/* ---- the kernel's mappings -------------------------------------------------------------- */

/* Maps for good, before anything else runs. Kernel leaves have A and D from the start. */
static void kernel_map(vaddr_t va, paddr_t pa, prot_t prot)
{
	struct vm_page *table;

	if (tables_make(pmap_kernel, va) != 0)
		panic("no memory for the kernel's page tables");
	table = pmap_kernel->hint;
	table_ptes(table)[pte_index(va, 0)] = leaf_make(pa, prot, PMAP_REFERENCED | PMAP_WIRED) | PTE_G | PTE_D;
	table->live++;
}

static void kernel_map_image(char *start, char *end, prot_t prot)
{
	for (vaddr_t va = (vaddr_t)start; va < (vaddr_t)end; va += PAGE_SIZE)
		kernel_map(va, virt_to_phys((void *)va), prot);
}

/* Leaves of 1 GiB at the root. */
static void kernel_map_direct(void)
{
	for (paddr_t pa = 0; pa < DIRECT_MAP_SIZE; pa += PTE_SPAN(2)) {
		pte_t *entry = &table_ptes(pmap_kernel->root)[pte_index(DIRECT_MAP + pa, 2)];

		*entry = leaf_make(pa, PROT_READ | PROT_WRITE, PMAP_REFERENCED | PMAP_WIRED) | PTE_G | PTE_D;
		pmap_kernel->root->live++;
	}
}

/* The level-1 table for the kernel map: made now, because roots are copied. */
static void kernel_map_area(void)
{
	for (vaddr_t va = ROUND_DOWN(KMAP_MIN, PTE_SPAN(2)); va >= KMAP_MIN && va < KMAP_MAX; va += PTE_SPAN(2))
		if (tables_make(pmap_kernel, va) != 0)
			panic("no memory for the kernel's page tables");
}

/* The shadow of the image; that of each kernel stack comes with it (vm/kmap.c). */
static void kernel_map_shadow(void)
{
	vaddr_t va = shadow_address((vaddr_t)kernel_text_start);

	for (char *p = san_image_shadow; p < san_image_shadow + SAN_IMAGE_SHADOW_SIZE; p += PAGE_SIZE, va += PAGE_SIZE)
		kernel_map(va, virt_to_phys(p), PROT_READ | PROT_WRITE);
}

void pmap_boot(void)
{
	pte_soft = machine.svade;
	pv_boot();
	pool_init(&pmap_pool, "pmap", sizeof(struct pmap));
	pmap_init(pmap_kernel);
	list_push_back(&all_pmaps, &pmap_kernel->all_link);
	if (table_new(pmap_kernel, ROOT_LEVEL, 0, &pmap_kernel->root) != 0)
		panic("no memory for the kernel's page table");
	spinlock_acquire(&pmap_kernel->lock);
	kernel_map_direct();
	kernel_map_image(kernel_text_start, kernel_text_end, PROT_READ | PROT_EXEC);
	kernel_map_image(kernel_rodata_start, kernel_rodata_end, PROT_READ);
	kernel_map_image(kernel_data_start, kernel_end, PROT_READ | PROT_WRITE);
	kernel_map_area();
	kernel_map_shadow();
	spinlock_release(&pmap_kernel->lock);
	tlb_boot();
}

void pmap_boot_hart(void) { tlb_boot_hart(); }

int pmap_kenter(vaddr_t va, paddr_t pa, prot_t prot)
{
	struct vm_page *table;
	pte_t *entry;
	int error;

	KASSERT(in_kmap(va) && ((va | pa) & PAGE_MASK) == 0 && !(prot & PROT_EXEC));
	spinlock_acquire(&pmap_kernel->lock);
	error = tables_make(pmap_kernel, va);
	if (!error) {
		table = pmap_kernel->hint;
		entry = &table_ptes(table)[pte_index(va, 0)];
		KASSERT(pte_load(entry) == 0);
		__atomic_store_n(entry, leaf_make(pa, prot, PMAP_REFERENCED | PMAP_WIRED) | PTE_G | PTE_D, __ATOMIC_RELEASE);
		table->live++;
		pmap_kernel->resident++;
		pmap_kernel->wired++;
		tlb_add(pmap_kernel, va); /* a hart may remember that there was nothing */
	}
	spinlock_release(&pmap_kernel->lock);
	return error;
}

void pmap_kremove(vaddr_t start, vaddr_t end)
{
	KASSERT(start <= end && (start == end || (in_kmap(start) && in_kmap(end - 1))));
	spinlock_acquire(&pmap_kernel->lock);
	for (vaddr_t va = start; va < end; va += PAGE_SIZE) {
		struct vm_page *table;
		pte_t *entry = leaf_find(pmap_kernel, va, &table), old;

		if (entry == NULL)
			continue;
		old = __atomic_exchange_n(entry, 0, __ATOMIC_ACQ_REL);
		table->live--;
		pmap_kernel->resident--;
		pmap_kernel->wired--;
		tlb_drop(pmap_kernel, va, page_of(pte_pa(old)));
		tables_trim(pmap_kernel, va);
	}
	pmap_flush(pmap_kernel);
	spinlock_release(&pmap_kernel->lock);
}
