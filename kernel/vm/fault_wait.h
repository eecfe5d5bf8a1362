/*
 * The notes of a fault's pass, and where it waits. Every wait lets go of all locks first, and what it comes back to is
 * looked at afresh: the pass starts over. The one wait with a recheck instead is I/O, in fault.c.
 */
#ifndef VM_FAULT_WAIT_H
#define VM_FAULT_WAIT_H

#include "vm/map.h"
#include "vm/page.h"

/* How K4 left an entry that needs a copy: the first argument of its event. */
enum fault_copy { COPY_NONE, COPY_DONE, COPY_CLAMPED };

/* Why a pass starts over: the argument of RESTART's event. */
enum fault_restart { RESTART_AMAP_COPIED, RESTART_IO, RESTART_BUSY, RESTART_MEMORY, RESTART_AGAIN };

struct fault {
	/* The question. */
	struct vm_map *map;
	vaddr_t va;                  /* page aligned */
	prot_t wanted;               /* the access that faulted */
	unsigned flags;              /* FAULT_* */

	/* What this pass has found. Good while the map stays locked. */
	struct vm_map_entry *entry;
	uint64_t version;            /* the map's, before it was unlocked for I/O */
	prot_t access;               /* wanted, or all rights when wiring */
	prot_t rights;               /* what the new mapping may give; steps take away */
	enum fault_copy copy;
	size_t slot;                 /* of va, counted from the entry's first; once K4 has let the entry be */
	struct {
		vaddr_t start;       /* first page looked at */
		size_t count;        /* pages */
		size_t centre;       /* index of va */
	} range;
	struct vm_anon **anons;      /* of the range, FAULT_RANGE_MAX; good while the amap stays locked */
	struct amap_chunk *chunk;    /* the slot's, likewise; NULL: there is none */
	struct vm_page *page;        /* the page to map, once a step has chosen it */
	bool page_is_busy;           /* by us, since fault_io */
	enum fault_restart why;

	bool first;                  /* the first pass, which gives up where it comes to something seldom */

	/* Locks that this pass holds. */
	bool map_locked;             /* for reading */
	struct vm_lock *amap_lock;
	struct vm_object *object_locked;

	/* Kept over passes. */
	struct vm_anon *spare;       /* for a promotion; a failed try keeps it */
	struct vm_object *held;      /* a reference over an unlock, let go when nothing is locked */
	struct vm_lock *held_lock;   /* the same for an amap's lock */
};

/* The one way out of a pass: everything that it still holds, in reverse order. */
static __step void fault_unlock(struct fault *f)
{
	if (f->object_locked)
		sleeplock_release(&f->object_locked->lock);
	if (f->amap_lock)
		sleeplock_release(&f->amap_lock->lock);
	if (f->map_locked)
		map_unlock_read(f->map);
	f->object_locked = NULL;
	f->amap_lock = NULL;
	f->map_locked = false;
}

/*
 * Gives the entry an amap of its own for the part around va: the entry may have been split. => the map is locked for
 * reading; no lock held on return. ERESTART, or ENOMEM.
 */
int fault_amap_copy_part(struct fault *f);

/* Waits until somebody else is done with the anon's page. => map and amap locked; no lock held on return. ERESTART */
int fault_wait_anon(struct fault *f, struct vm_anon *an);

/* The same for a page of the locked object. => map locked, the amap too if there is one; no lock held on return. ERESTART */
int fault_wait_page(struct fault *f, struct vm_page *pg);

/* Keeps the object alive until fault_let_go(). => the object is locked, nothing is held yet */
void fault_hold(struct fault *f, struct vm_object *o);

/* Waits for what a pass's error says: memory, or the pager. => no lock held. ERESTART, or the error when waiting won't help */
int fault_wait(struct fault *f, int error);

/* Lets go of what the pass kept over an unlock. => no lock held: the last reference may sleep */
void fault_let_go(struct fault *f);

#endif
