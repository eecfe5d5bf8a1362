/*
 * fork: the child's map, entry by entry, as inheritance says.
 *
 * No page is touched. The copy is a promise: parent and child refer to the same
 * amap, both entries say needs_copy, and the parent's mappings lose the right to
 * write, once. Whoever writes first gets an amap of its own then.
 *
 * Invariant: the entries that cover a run of an amap all say needs_copy, or none
 * does; those that do not share the memory by inheritance.
 *
 * Floor: over map_change.c.
 */
#include "vm/map.h"

#include "abi/errno.h"
#include "abi/mman.h"
#include "base/kassert.h"

#define BATCH 16

/* An entry of the child's like e but not wired, without layers. */
static int child_entry(struct vm_map *child, const struct vm_map_entry *e, struct vm_map_entry **out)
{
	struct vm_map_entry *c = map_entry_new();

	if (!c)
		return ENOMEM;
	*c = *e;
	list_init(&c->link);
	c->wired = 0;
	c->object = NULL;
	c->aref = (struct aref){ NULL, 0 };
	map_insert(child, c);
	*out = c;
	return 0;
}

static void child_object(struct vm_map_entry *c, const struct vm_map_entry *e)
{
	if (!e->object)
		return;
	e->object->ops->reference(e->object);
	c->object = e->object;
}

/* One more entry, the child's, refers to what e's aref covers. */
static void child_aref(struct vm_map_entry *c, const struct vm_map_entry *e)
{
	struct vm_lock *lock = e->aref.amap->lock;

	sleeplock_acquire(&lock->lock);
	amap_ref(&e->aref, entry_pages(e));
	sleeplock_release(&lock->lock);
	c->aref = e->aref;
}

/* MAP_INHERIT_SHARE: both write to the same memory, so an amap that is still to be made or copied is so now. */
static int fork_share(struct vm_map *parent, struct vm_map *child, struct vm_map_entry *e)
{
	struct vm_map_entry *c;
	int error = 0;

	if (e->needs_copy)
		error = map_amap_own(parent, e);
	if (!error)
		error = child_entry(child, e, &c);
	if (error)
		return error;
	child_object(c, e);
	if (e->aref.amap)
		child_aref(c, e);
	return 0;
}

/* Does another entry write to e's amap? Then e cannot leave it by needs_copy. */
static bool entry_amap_shared(struct vm_map_entry *e)
{
	struct vm_lock *lock;
	bool sole;

	if (!e->aref.amap || e->needs_copy)
		return false;
	lock = e->aref.amap->lock;
	sleeplock_acquire(&lock->lock);
	sole = amap_sole(&e->aref, entry_pages(e));
	sleeplock_release(&lock->lock);
	return !sole;
}

/* No sharer of e's amap may write on to pages that a clone of it now leads to as well. => amap locked */
static void anons_protect(struct vm_map_entry *e)
{
	struct vm_anon *anons[BATCH];
	size_t n = entry_pages(e);

	for (size_t slot = 0; slot < n; slot += BATCH) {
		size_t count = MIN(n - slot, (size_t)BATCH);

		if (!amap_lookup_range(&e->aref, slot, count, anons))
			continue;
		for (size_t i = 0; i < count; i++)
			if (anons[i] && anons[i]->page)
				pmap_page_protect(anons[i]->page, PROT_READ | PROT_EXEC);
	}
}

/* A private copy of memory that others share: the child's amap is cloned at once. */
static int fork_copy_shared(struct vm_map *parent, struct vm_map *child, struct vm_map_entry *e)
{
	struct vm_lock *lock = e->aref.amap->lock;
	struct vm_map_entry *c;
	struct aref copy;
	int error;

	error = child_entry(child, e, &c);
	if (error)
		return error;
	child_object(c, e);
	c->needs_copy = true; /* it has no amap yet; a failure leaves it so for map_destroy */
	sleeplock_acquire(&lock->lock);
	error = amap_clone(&e->aref, entry_pages(e), &copy);
	if (!error) {
		anons_protect(e);
		pmap_update(parent->pmap);
		c->aref = copy;
		c->needs_copy = false;
	}
	sleeplock_release(&lock->lock);
	return error;
}

//@lab cow  fork by needs_copy: share the amap, take the right to write from the parent's mappings
//| static int fork_copy(struct vm_map *parent, struct vm_map *child, struct vm_map_entry *e)
//| {
//| 	(void)entry_amap_shared;
//| 	if (!e->aref.amap) {
//| 		struct vm_map_entry *c;
//| 		int error = child_entry(child, e, &c);
//| 		if (!error) {
//| 			child_object(c, e);
//| 			c->copy_on_write = c->needs_copy = !e->reserved;
//| 		}
//| 		return error;
//| 	}
//| 	return fork_copy_shared(parent, child, e);
//| }
static int fork_copy(struct vm_map *parent, struct vm_map *child, struct vm_map_entry *e)
{
	struct vm_map_entry *c;
	int error;

	if (entry_amap_shared(e))
		return fork_copy_shared(parent, child, e);
	error = child_entry(child, e, &c);
	if (error)
		return error;
	child_object(c, e);
	if (e->reserved)
		return 0;
	c->copy_on_write = c->needs_copy = true;
	if (!e->aref.amap)
		return 0;
	child_aref(c, e);
	if (!e->needs_copy) {
		e->needs_copy = true;
		if (e->prot & PROT_WRITE)
			pmap_protect(parent->pmap, e->start, e->end, e->prot & ~PROT_WRITE);
	}
	return 0;
}
//@end

/* MAP_INHERIT_ZERO: fresh anonymous memory at the same place. */
static int fork_zero(struct vm_map *child, struct vm_map_entry *e)
{
	struct vm_map_entry *c;
	int error = child_entry(child, e, &c);

	if (!error)
		c->copy_on_write = c->needs_copy = !e->reserved;
	return error;
}

static int fork_entry(struct vm_map *parent, struct vm_map *child, struct vm_map_entry *e)
{
	switch (e->inherit) {
	case MAP_INHERIT_SHARE:
		return fork_share(parent, child, e);
	case MAP_INHERIT_COPY:
		return fork_copy(parent, child, e);
	case MAP_INHERIT_ZERO:
		return fork_zero(child, e);
	default:
		KASSERT(e->inherit == MAP_INHERIT_NONE);
		return 0;
	}
}

int map_fork(struct vm_map *parent, struct vm_map *child)
{
	int error = 0;

	KASSERT(rwlock_write_held(&parent->lock));
	map_lock_write(child); /* nobody else knows it */
	for (struct vm_map_entry *e = map_next(parent, NULL); e && !error; e = map_next(parent, e))
		error = fork_entry(parent, child, e);
	pmap_update(parent->pmap);
	map_unlock_write(child);
	return error;
}
