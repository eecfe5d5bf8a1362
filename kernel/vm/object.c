/*
 * Memory objects: the set of pages that an object has in memory. What fills them
 * is the pager's business.
 *
 * Invariant: a page is in its object's radix if and only if it names the object as
 * its owner and its offset is its place there. A page that leaves the object has no
 * mapping left, on any hart, before its frame is free.
 *
 * Floor: vm, above the page queues and the pmap, below the pagers.
 */
#include "vm/object.h"

#include "abi/mman.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "kern/failpoint.h"
#include "vm/pageq.h"
#include "vm/pmap.h"

static struct spinlock objects_lock = SPINLOCK_INIT(RANK_LISTS, "objects");
static struct list objects = LIST_INIT(objects); /* objects_lock */

void object_init(struct vm_object *o, const struct pgops *ops)
{
	sleeplock_init(&o->lock, RANK_OBJECT, "object");
	o->ops = ops;
	radix_init(&o->pages);
	o->npages = 0;
	o->dirty = 0;
	o->refs = 0;
	o->dead = false;
	spinlock_acquire(&objects_lock);
	list_push_back(&objects, &o->all_link);
	spinlock_release(&objects_lock);
}

void object_destroy(struct vm_object *o)
{
	KASSERT(o->npages == 0 && o->pages.count == 0);
	KASSERT(__atomic_load_n(&o->refs, __ATOMIC_RELAXED) == 0);
	spinlock_acquire(&objects_lock);
	list_remove(&o->all_link);
	spinlock_release(&objects_lock);
}

struct vm_object *object_try_lock(struct vm_page *pg)
{
	struct vm_object *o = NULL;

	/*
	 * Whoever takes a page from its owner takes it off its queue first, with the object locked. So a queued page
	 * keeps its owner here, and once the try has succeeded it stays in the object, and the object alive, by that lock.
	 */
	pageq_freeze();
	if (pg->queue != PQ_NONE && pg->owner == PO_OBJECT && sleeplock_try(&pg->object->lock))
		o = pg->object;
	pageq_thaw();
	return o;
}

struct vm_page *object_lookup(struct vm_object *o, voff_t offset)
{
	KASSERT(sleeplock_held(&o->lock));
	return radix_lookup(&o->pages, offset >> PAGE_SHIFT);
}

struct vm_page *object_page_alloc(struct vm_object *o, voff_t offset, unsigned flags)
{
	struct vm_page *pg;

	KASSERT(sleeplock_held(&o->lock));
	KASSERT((offset & PAGE_MASK) == 0);
	if (FAIL("object.page"))
		return NULL;
	pg = page_alloc(PO_OBJECT, flags);
	if (pg == NULL)
		return NULL;
	pg->object = o;
	pg->offset = offset;
	if (radix_insert(&o->pages, offset >> PAGE_SHIFT, pg) != 0) {
		pg->object = NULL;
		page_free(pg);
		return NULL;
	}
	o->npages++;
	page_busy(pg);
	return pg;
}

void object_page_dirty(struct vm_object *o, struct vm_page *pg)
{
	KASSERT(sleeplock_held(&o->lock));
	if (!(pg->flags & PG_DIRTY))
		o->dirty++;
	pg->flags = (pg->flags | PG_DIRTY) & ~PG_RDONLY;
}

void object_page_free(struct vm_object *o, struct vm_page *pg)
{
	struct vm_page *was;

	KASSERT(sleeplock_held(&o->lock));
	KASSERT(pg->owner == PO_OBJECT && pg->object == o);
	KASSERT(pg->wire_count == 0);
	pmap_page_protect(pg, PROT_NONE);
	pmap_update(pmap_kernel);
	was = radix_remove(&o->pages, pg->offset >> PAGE_SHIFT);
	KASSERT(was == pg);
	o->npages--;
	if (pg->flags & PG_DIRTY)
		o->dirty--;
	if (pg->flags & PG_BUSY)
		page_unbusy(pg); /* who waited looks the page up again and does not find it */
	pageq_remove(pg);
	pg->object = NULL;
	page_free(pg);
}

void object_free_pages(struct vm_object *o, voff_t start, voff_t end)
{
	uint64_t index = start >> PAGE_SHIFT;
	struct vm_page *pg;

	while ((pg = radix_next(&o->pages, &index)) != NULL && index << PAGE_SHIFT < end) {
		if (pg->flags & PG_BUSY) {
			page_wait_busy(pg, &o->lock, "page free");
			sleeplock_acquire(&o->lock);
			continue; /* it may be gone, or another may stand in its place */
		}
		object_page_free(o, pg);
	}
}

void object_for_each(void (*visit)(struct vm_object *o, void *arg), void *arg)
{
	spinlock_acquire(&objects_lock);
	list_for_each(link, &objects)
		visit(list_entry(link, struct vm_object, all_link), arg);
	spinlock_release(&objects_lock);
}

bool object_check(struct vm_object *o)
{
	uint64_t index = 0;
	size_t count = 0, dirty = 0, busy = 0;
	bool ok = radix_check(&o->pages);

	for (struct vm_page *pg; (pg = radix_next(&o->pages, &index)) != NULL; index++, count++) {
		dirty += pg->flags & PG_DIRTY ? 1 : 0;
		busy += (pg->flags & (PG_BUSY | PG_DIRTY)) == PG_BUSY;
		if (pg->owner != PO_OBJECT || pg->object != o || pg->offset != index << PAGE_SHIFT) {
			kprintf("audit: object %p: page %lu names owner %u %p offset 0x%lx\n", (void *)o, index,
				pg->owner, (void *)pg->object, pg->offset);
			ok = false;
		}
		if (pg->flags & PG_RELEASED && !(pg->flags & PG_BUSY)) {
			kprintf("audit: object %p: page %lu released, but nobody is at work on it\n", (void *)o, index);
			ok = false;
		}
	}
	if (count != o->npages) {
		kprintf("audit: object %p: %zu pages counted, %zu found\n", (void *)o, o->npages, count);
		ok = false;
	}
	if (o->dirty < dirty || o->dirty > dirty + busy) { /* a busy one may be on its way to the disk */
		kprintf("audit: object %p: %zu dirty pages counted, %zu found, %zu busy\n", (void *)o, o->dirty, dirty, busy);
		ok = false;
	}
	if (o->dead && (o->refs != 0 || o->npages != 0)) {
		kprintf("audit: object %p is dead, with %u references and %zu pages\n", (void *)o, o->refs, o->npages);
		ok = false;
	}
	return ok;
}
