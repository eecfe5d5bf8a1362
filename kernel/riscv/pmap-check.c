/*
 * What the audit asks of the pmap: every leaf in turn, and whether tables, counts
 * and PTE lists agree.
 * Floor: riscv/pmap-check, above riscv/pmap.
 */
#include "base/kassert.h"
#include "base/printf.h"
#include "riscv/pmap-int.h"

bool pmap_walk(struct pmap *pm, bool (*visit)(void *arg, vaddr_t va, paddr_t pa, prot_t prot, bool wired), void *arg)
{
	size_t span = 0;
	vaddr_t next;

	for (vaddr_t va = 0; va < USER_MAX; va = next) {
		pte_t open = 0;

		spinlock_acquire(&pm->lock);
		struct vm_page *table = table_find(pm, va, &span);

		next = table ? va + PAGE_SIZE : (va / span + 1) * span;
		if (table)
			open = pte_open(pte_load(&table_ptes(table)[pte_index(va, 0)]));
		spinlock_release(&pm->lock);
		if (open && !visit(arg, va, pte_pa(open), pte_prot(open), open & PTE_WIRED))
			return false;
	}
	return true;
}

/* The rights that a leaf at va must and must not have. */
static bool leaf_check(struct pmap *pm, vaddr_t va, pte_t open)
{
	if (pm == pmap_kernel)
		return va >= DIRECT_MAP && (open & (PTE_U | PTE_G | PTE_A | PTE_D)) == (PTE_G | PTE_A | PTE_D) &&
		       (open & (PTE_W | PTE_X)) != (PTE_W | PTE_X);
	return va >= USER_MIN && va < USER_MAX && (open & (PTE_U | PTE_G)) == PTE_U;
}

/* Is the leaf on its page's list? The kernel's are on none. */
static bool leaf_listed(struct pmap *pm, struct vm_page *table, unsigned index, pte_t open)
{
	struct vm_page *pg = page_of(pte_pa(open));
	bool listed;

	if (pm == pmap_kernel)
		return true;
	if (pg == NULL || pg->owner == PO_FREE || pg->owner == PO_TABLE)
		return false;
	spinlock_acquire(pv_lock(pg));
	listed = pv_find(pg, table, index) != NULL;
	spinlock_release(pv_lock(pg));
	return listed;
}

struct tally {
	size_t leaves, wired;
};

static bool table_check(struct pmap *pm, struct vm_page *table, struct tally *t)
{
	unsigned level = table_level(table), used = 0;
	unsigned end = level == ROOT_LEVEL && pm != pmap_kernel ? ROOT_KERNEL : PTES_PER_TABLE;

	for (unsigned i = 0; i < end; i++) {
		pte_t raw = pte_load(&table_ptes(table)[i]), open = pte_open(raw);
		vaddr_t va = table->offset + i * PTE_SPAN(level);

		if (raw == 0)
			continue;
		used++;
		if (level == ROOT_LEVEL && i >= ROOT_KERNEL)
			va |= ~0UL << 38; /* the upper half is sign extended */
		if (level > 0 && pte_is_table(raw)) {
			struct vm_page *below = page_of(pte_pa(raw));

			if (!below || below->owner != PO_TABLE || below->pmap != pm || table_level(below) != level - 1)
				return false;
			continue;
		}
		if (!leaf_check(pm, va, open) || (level == 0 && !leaf_listed(pm, table, i, open)))
			return false;
		if (level == 0 && (pm != pmap_kernel || in_kmap(va))) {
			t->leaves++;
			t->wired += !!(open & PTE_WIRED);
		}
	}
	return used == table->live && (used || level == ROOT_LEVEL || pm == pmap_kernel);
}

/* The hint is one of the pmap's tables, and pmap_enter() believes what it says of it: no address but a program's. */
static bool hint_check(const struct pmap *pm)
{
	const struct vm_page *table = pm->hint;
	vaddr_t start = pm->enter.start, end = start + pm->enter.size;

	if (table == NULL || pm == pmap_kernel)
		return pm->enter.size == 0;
	return table->owner == PO_TABLE && table->pmap == pm && table_level(table) == 0 && pm->enter.ptes == table_ptes(table) &&
	       start >= MAX(table->offset, USER_MIN) && start < end && end <= MIN(table->offset + PTE_SPAN(1), USER_MAX);
}

bool pmap_check(struct pmap *pm)
{
	struct tally t = { 0 };
	struct vm_page *bad = NULL;
	bool ok, hint;

	spinlock_acquire(&pm->lock);
	list_for_each(node, &pm->tables) {
		struct vm_page *table = list_entry(node, struct vm_page, link);

		if (table->owner != PO_TABLE || table->pmap != pm || !table_check(pm, table, &t))
			bad = table;
	}
	hint = hint_check(pm);
	ok = !bad && hint && t.leaves == pm->resident && t.wired == pm->wired;
	spinlock_release(&pm->lock);
	if (bad)
		kprintf("pmap: the table for %lx, level %u, is not as it should be\n", (unsigned long)bad->offset, table_level(bad));
	else if (!hint)
		kprintf("pmap: the hint is not as it should be\n");
	else if (!ok)
		kprintf("pmap: %zu leaves, %zu wired, but counted %zu and %zu\n", t.leaves, t.wired, pm->resident, pm->wired);
	return ok;
}
