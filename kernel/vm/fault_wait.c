/*
 * Where a fault waits with nothing locked: to copy an amap, for a busy page, for memory. A busy page keeps its place
 * meanwhile and whoever waits keeps a reference to what holds its lock; nothing else is believed afterwards.
 */
#include "vm/fault_wait.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "kern/counters.h"
#include "kern/thread.h"

/*
 * An amap is copied for at most this part of an entry at once, so that the
 * first write after a fork costs the same however large the process is.
 */
#define FAULT_COPY_SLOTS (8UL * AMAP_CHUNK)

int __cold fault_amap_copy_part(struct fault *f)
{
	struct vm_map *map = f->map;
	struct vm_map_entry *e = f->entry;
	vaddr_t start, end;
	int error = 0;

	f->map_locked = false;
	if (!rwlock_try_upgrade(&map->lock)) {
		map_unlock_read(map);
		map_lock_write(map);
		/* Unlocked in between: the entry may be gone, or copied by another thread. */
		if (!map_lookup(map, f->va, &e) || !e->needs_copy)
			goto out;
	}

	/* A new amap costs nothing for its span; copying one is done a part at a time. */
	start = e->start;
	end = e->end;
	if (e->aref.amap) {
		vaddr_t slot0 = e->start - (e->aref.slot << PAGE_SHIFT); /* where the amap's first slot would be */
		vaddr_t part = slot0 + ROUND_DOWN(f->va - slot0, FAULT_COPY_SLOTS << PAGE_SHIFT);

		start = MAX(start, part);
		end = MIN(end, part + (FAULT_COPY_SLOTS << PAGE_SHIFT));
	}
	error = map_amap_copy(map, e, start, end);
	if (!error) {
		COUNT(fault_amap_copy);
		f->copy = COPY_DONE;
	}
out:
	map_unlock_write(map);
	f->why = RESTART_AMAP_COPIED;
	return error ? error : ERESTART;
}

int __cold fault_wait_anon(struct fault *f, struct vm_anon *an)
{
	struct vm_lock *lock = f->amap_lock;

	COUNT(fault_busy_waits);
	vm_lock_reference(lock);
	f->held_lock = lock;
	f->amap_lock = NULL;
	map_unlock_read(f->map);
	f->map_locked = false;
	page_wait_busy(an->page, &lock->lock, "anon busy");
	f->why = RESTART_BUSY;
	return ERESTART;
}

int __cold fault_wait_page(struct fault *f, struct vm_page *pg)
{
	struct vm_object *o = f->object_locked;

	COUNT(fault_busy_waits);
	fault_hold(f, o);
	f->object_locked = NULL; /* page_wait_busy lets it go */
	fault_unlock(f);
	page_wait_busy(pg, &o->lock, "page busy");
	f->why = RESTART_BUSY;
	return ERESTART;
}

void fault_hold(struct fault *f, struct vm_object *o)
{
	KASSERT(f->held == NULL);
	o->ops->reference(o);
	f->held = o;
}

int __cold fault_wait(struct fault *f, int error)
{
	if (error == ENOMEM) {
		COUNT(fault_mem_waits);
		f->why = RESTART_MEMORY;
		return page_wait_free("fault") ? ENOMEM : ERESTART;
	}
	if (error == EAGAIN) { /* the pager asks for a pause */
		f->why = RESTART_AGAIN;
		thread_yield();
		return ERESTART;
	}
	return error;
}

void fault_let_go(struct fault *f)
{
	if (f->held)
		f->held->ops->detach(f->held);
	if (f->held_lock)
		vm_lock_release(f->held_lock);
	f->held = NULL;
	f->held_lock = NULL;
}
