/*
 * PTE lists: for each page the entries that map it.
 *
 * Invariant: the first record is inline in the vm_page; it is in use exactly when
 * the page is mapped at all. The others come from a pool. A record and its entry are made
 * and dropped together under the list's lock, which is one of a few; but the first mapping is made without (leaf_list).
 * Floor: riscv/pmap-pv, above riscv/pmap-tlb.
 */
#include "abi/errno.h"
#include "base/kassert.h"
#include "riscv/pmap-int.h"
#include "vm/pool.h"

struct pv_lock_line pv_locks[PV_LOCKS];
static struct pool pv_pool;

void pv_boot(void)
{
	for (unsigned i = 0; i < PV_LOCKS; i++)
		spinlock_init(&pv_locks[i].lock, RANK_PV, "pv");
	pool_init(&pv_pool, "pv", sizeof(struct pv));
}

/* The page is mapped already: a record beside the inline one. */
int pv_insert_more(struct vm_page *pg, struct vm_page *table, unsigned index)
{
	struct pv *pv = pool_alloc(&pv_pool, 0);

	if (pv == NULL)
		return ENOMEM;
	*pv = (struct pv){ .table = table, .index = index, .next = pg->pv.next };
	pg->pv.next = pv;
	return 0;
}

/* One of several. */
void pv_remove_some(struct vm_page *pg, struct vm_page *table, unsigned index)
{
	struct pv *pv, *prev = &pg->pv;

	pv = pv_find(pg, table, index);
	KASSERT(pv);
	if (pv == prev) {
		pv = prev->next;
		KASSERT(pv);
		prev->table = pv->table; /* the inline one is always in use: the next moves in */
		prev->index = pv->index;
	} else {
		while (prev->next != pv)
			prev = prev->next;
	}
	prev->next = pv->next;
	pool_free(&pv_pool, pv);
}

struct pv *pv_find(struct vm_page *pg, const struct vm_page *table, unsigned index)
{
	KASSERT(spinlock_held(pv_lock(pg)));
	for (struct pv *pv = &pg->pv; pv && pv->table; pv = pv->next)
		if (pv->table == table && pv->index == index)
			return pv;
	return NULL;
}
