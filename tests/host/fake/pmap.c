/*
 * The fake pmap: a list of mappings for each, nothing about tables. What was taken
 * away may still be used until pmap_update(), as in a TLB, and frames that it names must
 * not be freed before: page_free() asserts that.
 */
#include <stdlib.h>

#include "../host.h"

#include "base/kassert.h"
#include "base/string.h"
#include "kern/failpoint.h"

struct mapping {
	vaddr_t va;
	struct vm_page *pg;
	prot_t prot;
	bool wired, referenced, modified;
};

struct pmap {
	struct mapping *m;
	size_t count, room;
	uint32_t refs;
	uint64_t batch; /* of the invalidations since the last update; 0: none */
	struct pmap *next;
};

static struct pmap kernel_pmap = { .refs = 1 };
struct pmap *const pmap_kernel = &kernel_pmap;
static struct pmap *all;

static void update(struct pmap *pm)
{
	if (pm->batch)
		page_batch_close(pm->batch);
	pm->batch = 0;
}

static void invalidate(struct pmap *pm, struct vm_page *pg)
{
	if (!pm->batch)
		pm->batch = page_batch_open();
	if (!page_batch_name(pg, pm->batch))
		update(pm); /* another pmap's batch names it, and a page has room for one */
}

/* Whatever is pending for the page is done, whoever owes it. */
static void settle(struct vm_page *pg)
{
	uint64_t batch = page_batch_of(pg);

	for (struct pmap *pm = all; pm && batch; pm = pm->next)
		if (pm->batch == batch)
			update(pm);
}

void pmap_update(struct pmap *pm)
{
	if (pm->batch)
		host_step("update", pm);
	update(pm);
}

int pmap_create(struct pmap **out)
{
	struct pmap *pm;

	if (FAIL("pmap.create"))
		return ENOMEM;
	pm = calloc(1, sizeof(*pm));
	pm->refs = 1;
	pm->next = all;
	all = pm;
	GAUGE_ADD(pmaps, 1);
	*out = pm;
	return 0;
}

void pmap_destroy(struct pmap *pm)
{
	KASSERT(pm->refs > 0);
	if (--pm->refs)
		return;
	KASSERT(pm->count == 0 && pm->batch == 0);
	struct pmap **link = &all;
	while (*link != pm)
		link = &(*link)->next;
	*link = pm->next;
	GAUGE_ADD(pmaps, -1);
	free(pm->m);
	free(pm);
}

static struct mapping *find(struct pmap *pm, vaddr_t va)
{
	for (size_t i = 0; i < pm->count; i++)
		if (pm->m[i].va == va)
			return &pm->m[i];
	return NULL;
}

static size_t mappings_of(struct vm_page *pg)
{
	size_t n = 0;

	for (struct pmap *pm = all; pm; pm = pm->next)
		for (size_t i = 0; i < pm->count; i++)
			n += pm->m[i].pg == pg;
	return n;
}

/* The frame's record of being mapped, for page_free() to see. */
static void mark(struct vm_page *pg) { pg->pv.table = mappings_of(pg) ? pg : NULL; }

static void drop(struct pmap *pm, struct mapping *m)
{
	struct vm_page *pg = m->pg;

	pg->attrs |= (m->referenced ? PGA_REFERENCED : 0) | (m->modified ? PGA_MODIFIED : 0);
	*m = pm->m[--pm->count];
	mark(pg);
	invalidate(pm, pg);
}

/* The lock that a page's mappings are made under. */
static void assert_owner_locked(struct vm_page *pg)
{
	if (pg->owner == PO_OBJECT)
		KASSERT(sleeplock_held(&pg->object->lock));
	else if (pg->anon->lock)
		KASSERT(sleeplock_held(&pg->anon->lock->lock));
}

int pmap_enter(struct pmap *pm, vaddr_t va, struct vm_page *pg, prot_t prot, unsigned flags)
{
	struct mapping *m;

	KASSERT(!(va & PAGE_MASK) && prot);
	host_step("enter", pg);
	m = find(pm, va);
	assert_owner_locked(pg);
	if (FAIL("pmap.enter")) {
		KASSERT(flags & PMAP_CANFAIL);
		return ENOMEM;
	}
	if (m && m->pg != pg) {
		drop(pm, m);
		update(pm);
		m = NULL;
	}
	if (!m) {
		if (pm->count == pm->room) {
			pm->room = pm->room * 2 + 16;
			pm->m = realloc(pm->m, pm->room * sizeof(*pm->m));
		}
		m = &pm->m[pm->count++];
		*m = (struct mapping){ .va = va, .pg = pg };
		mark(pg);
	}
	m->prot = prot;
	m->wired = flags & PMAP_WIRED;
	m->modified |= !!(flags & PMAP_MODIFIED);
	return 0;
}

void pmap_remove(struct pmap *pm, vaddr_t start, vaddr_t end)
{
	host_step("remove", pm);
	for (size_t i = 0; i < pm->count;)
		if (pm->m[i].va >= start && pm->m[i].va < end)
			drop(pm, &pm->m[i]);
		else
			i++;
}

void pmap_remove_all(struct pmap *pm)
{
	host_step("remove all", pm);
	while (pm->count)
		drop(pm, &pm->m[0]);
}

void pmap_protect(struct pmap *pm, vaddr_t start, vaddr_t end, prot_t prot)
{
	host_step("protect", pm);
	for (size_t i = 0; i < pm->count; i++)
		if (pm->m[i].va >= start && pm->m[i].va < end && pm->m[i].prot & ~prot) {
			pm->m[i].prot &= prot;
			invalidate(pm, pm->m[i].pg);
		}
	if (prot == PROT_NONE)
		pmap_remove(pm, start, end);
}

void pmap_page_protect(struct vm_page *pg, prot_t prot)
{
	host_step("page protect", pg);
	if (mappings_of(pg))
		assert_owner_locked(pg);
	for (struct pmap *pm = all; pm; pm = pm->next)
		for (size_t i = 0; i < pm->count;) {
			struct mapping *m = &pm->m[i];

			if (m->pg == pg && prot == PROT_NONE && !(m->wired && pg->wire_count)) {
				drop(pm, m);
				continue;
			}
			if (m->pg == pg && m->prot & ~prot) {
				m->prot &= prot;
				invalidate(pm, pg);
			}
			i++;
		}
	settle(pg);
}

bool pmap_clear_referenced(struct vm_page *pg)
{
	bool was = pg->attrs & PGA_REFERENCED;

	host_step("referenced", pg);
	pg->attrs &= ~PGA_REFERENCED;
	for (struct pmap *pm = all; pm; pm = pm->next)
		for (size_t i = 0; i < pm->count; i++)
			if (pm->m[i].pg == pg) {
				was |= pm->m[i].referenced;
				pm->m[i].referenced = false;
			}
	return was;
}

bool pmap_page_mapped(struct vm_page *pg) { return pg->pv.table != NULL || page_batch_of(pg); }
size_t pmap_resident_count(struct pmap *pm) { return pm->count; }

void pmap_zero_page(struct vm_page *pg) { memset(page_kva(pg), 0, PAGE_SIZE); }

/* In two halves, so that a write meanwhile shows. */
void pmap_copy_page(struct vm_page *from, struct vm_page *to)
{
	for (size_t half = 0; half < PAGE_SIZE; half += PAGE_SIZE / 2) {
		host_step("copy", from);
		memcpy((char *)page_kva(to) + half, (char *)page_kva(from) + half, PAGE_SIZE / 2);
	}
}

bool pmap_walk(struct pmap *pm, bool (*visit)(void *, vaddr_t, paddr_t, prot_t, bool), void *arg)
{
	for (size_t i = 0; i < pm->count; i++)
		if (!visit(arg, pm->m[i].va, page_pa(pm->m[i].pg), pm->m[i].prot, pm->m[i].wired))
			return false;
	return true;
}

bool pmap_check(struct pmap *pm __unused) { return true; }
bool pmap_check_page(struct vm_page *pg) { return pg->owner == PO_FREE || (pg->pv.table != NULL) == (mappings_of(pg) > 0); }
void pmap_for_each(void (*visit)(struct pmap *pm, void *arg) __unused, void *arg __unused) {}

bool host_mapped(struct vm_map *map, vaddr_t va, prot_t *prot, struct vm_page **pg)
{
	struct mapping *m = find(map->pmap, page_trunc(va));

	if (!m)
		return false;
	if (prot)
		*prot = m->prot;
	if (pg)
		*pg = m->pg;
	return true;
}

/* A load or store: by the mapping, if it allows the access, else a fault first, as often as it takes. */
static int access(struct vm_map *map, vaddr_t va, prot_t how, uint8_t **byte)
{
	for (unsigned tries = 0; tries < 10; tries++) {
		struct mapping *m;

		host_step(how == PROT_WRITE ? "store" : "load", map->pmap);
		m = find(map->pmap, page_trunc(va));

		if (m && (m->prot & how) == how) {
			m->referenced = true;
			m->modified |= how == PROT_WRITE;
			*byte = (uint8_t *)page_kva(m->pg) + (va & PAGE_MASK);
			return 0;
		}
		int error = fault(map, va, how, 0);
		CHECK(curthread->lock_count == 0);
		CHECK(!host_alone || map->pmap->batch == 0);
		if (error)
			return error;
	}
	panic("the fault says that %lx is mapped, and it is not", (long)va);
}

int user_read(struct vm_map *map, vaddr_t va, uint8_t *byte)
{
	uint8_t *p;
	int error = access(map, va, PROT_READ, &p);

	if (!error)
		*byte = *p;
	return error;
}

int user_write(struct vm_map *map, vaddr_t va, uint8_t byte)
{
	uint8_t *p;
	int error = access(map, va, PROT_WRITE, &p);

	if (!error)
		*p = byte;
	return error;
}
