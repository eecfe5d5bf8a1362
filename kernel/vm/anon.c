/*
 * Anons and the counted lock that amaps of one family share.
 *
 * Invariant: an anon with a lock is in an amap, and its ref is the number of
 * chunks that hold it; an anon without one belongs to the thread that makes it.
 * Floor: over the pmap and the page queues, below the amap.
 */
#include "vm/anon.h"

#include "abi/errno.h"
#include "abi/mman.h"
#include "base/kassert.h"
#include "kern/counters.h"
#include "vm/pageq.h"
#include "vm/pmap.h"
#include "vm/pool.h"

static struct pool anon_pool, lock_pool;

void anon_boot(void)
{
	pool_init(&anon_pool, "anon", sizeof(struct vm_anon));
	pool_init(&lock_pool, "vm_lock", sizeof(struct vm_lock));
}

int vm_lock_new(struct vm_lock **out)
{
	struct vm_lock *l = pool_alloc(&lock_pool, 0);

	if (!l)
		return ENOMEM;
	sleeplock_init(&l->lock, RANK_AMAP, "amap");
	l->refs = 1;
	*out = l;
	return 0;
}

void vm_lock_reference(struct vm_lock *l)
{
	uint32_t before = __atomic_fetch_add(&l->refs, 1, __ATOMIC_RELAXED);

	KASSERT(before > 0);
}

void vm_lock_release(struct vm_lock *l)
{
	uint32_t before = __atomic_fetch_sub(&l->refs, 1, __ATOMIC_ACQ_REL);

	KASSERT(before > 0);
	if (before == 1)
		pool_free(&lock_pool, l);
}

struct vm_anon *anon_new(unsigned flags)
{
	struct vm_anon *an = pool_alloc(&anon_pool, 0);
	struct vm_page *pg;

	if (!an)
		return NULL;
	pg = page_alloc(PO_ANON, flags);
	if (!pg) {
		pool_free(&anon_pool, an);
		return NULL;
	}
	*an = (struct vm_anon){ .page = pg, .ref = 1 };
	pg->anon = an;
	GAUGE_ADD(anons, 1);
	return an;
}

/* The page of an anon that nobody reaches any more. So nobody has it busy. */
static void anon_page_free(struct vm_anon *an)
{
	struct vm_page *pg = an->page;

	KASSERT(pg->owner == PO_ANON && pg->anon == an);
	if (pmap_page_mapped(pg)) {
		pmap_page_protect(pg, PROT_NONE);
		pmap_update(pmap_kernel);
	}
	an->page = NULL;
	page_free(pg);
}

void anon_free(struct vm_anon *an)
{
	anon_page_free(an);
	GAUGE_ADD(anons, -1);
	pool_free(&anon_pool, an);
}
