/*
 * The page fault: makes one page of a map usable, in the order of the steps below.
 *
 * A map entry has an upper layer, the amap, over a lower one, the object. What
 * is found at the faulting page decides the case:
 *
 *	case 0   no amap, no object: error
 *
 *	case 1   the amap has an anon here       case 2   the slot is empty
 *
 *	   amap   [ anon ]                          amap   [  -   ]
 *	             |                                        |
 *	   object    x (hidden)                     object [ page ] or none
 *
 *	1A  read, or write by the only owner:    2A  read, or write to a shared object:
 *	    use the anon's page                      use the object's page
 *	1B  write to a shared anon:              2B  write to copy-on-write, or no object:
 *	    copy it to an anon of our own            promote - copy or zero into a new anon
 *
 * Nothing is locked during I/O, and after I/O nothing is believed. A step that
 * must wait lets go of everything first; what it comes back to is looked at
 * afresh, either by a recheck that names what may have changed or by starting
 * over (ERESTART). A pass is one walk through the steps:
 *
 *	fault_steps
 *	  fault_lookup       K1      find the entry; the map is locked for reading
 *	  fault_check        K2 K3   rights; a wiring fault asks for all of them
 *	  fault_needs_copy   K4      an amap of our own, or read-only for now
 *	  (no layer)         K0
 *	  fault_range        K5      which pages to look at
 *	  fault_anons        K6      lock the amap, look up its anons
 *	  fault_upper        UL      the slot holds an anon:
 *	    fault_anonget    AG        make its page resident
 *	    fault_upper_direct  UD     1A
 *	    fault_upper_promote UP     1B
 *	  fault_lower        LL      the slot is empty:
 *	    fault_io         IO        get the object's page
 *	    fault_lower_direct  LD     2A
 *	    fault_lower_promote LP     2B
 *	  fault_enter        UE LE   map the page, settle its queue
 *
 * The locks that a pass holds are noted in struct fault (vm/fault_wait.h), so that
 * fault_unlock() is the one way out: object, amap, map, in reverse order of taking.
 *
 * Steps that a lab gives back emit no trace events themselves: their callers do.
 */
#include "vm/fault.h"

#include "abi/errno.h"
#include "abi/mman.h"
#include "base/kassert.h"
#include "kern/counters.h"
#include "kern/thread.h"
#include "kern/trace.h"
#include "vm/fault_wait.h"
#include "vm/pageq.h"

#define FAULT_RANGE_MAX 16

/* What became of an object page after I/O: the second argument of IO's event. */
enum fault_io_result { IO_KEPT, IO_MAP_CHANGED, IO_SLOT_TAKEN, IO_PAGE_RELEASED, IO_FAILED };

/*
 * Release builds make one function of the steps, so that none saves registers for the next. It is compiled twice: in
 * fault_passes(), and in fault() for the first pass of most faults, with notes that stay in registers. That pass makes do
 * without what is SELDOM: where it comes to that it gives up, AFRESH, and fault_passes() begins anew. For the compiler
 * to see that nobody wants the notes' address, what is seldom gets a copy of them.
 *
 * In a debug build each step comes once, in fault_passes(): a debugger stops there. Host tests have both.
 */
#define AFRESH (-2)
#if defined(__riscv) && defined(DEBUG)
#define FIRST_PASS_APART false
#else
#define FIRST_PASS_APART true
#endif
#if defined(__riscv) && !defined(DEBUG)
#define SELDOM(f, function, ...)                                  \
	((f)->first ? AFRESH : ({                                 \
		struct fault notes_ = *(f);                       \
		int error_ = function(&notes_, ##__VA_ARGS__);    \
		*(f) = notes_;                                    \
		error_;                                           \
	}))
#else
#define SELDOM(f, function, ...) ((f)->first ? AFRESH : function(f, ##__VA_ARGS__))
#endif

static int __cold fault_passes(struct vm_map *map, vaddr_t va, prot_t access, unsigned flags, bool trace, struct vm_anon *spare, int error);
static __step int fault_steps(struct fault *f, bool trace);
static __step int fault_lookup(struct fault *f, bool trace);
static __step int fault_check(struct fault *f, bool trace);
static __step int fault_needs_copy(struct fault *f);
static __step void fault_range(struct fault *f, bool trace);
static __step size_t fault_anons(struct fault *f);
static __step int fault_upper(struct fault *f, struct vm_anon *an, bool trace);
static __step int fault_upper_direct(struct fault *f, struct vm_anon *an);
static __step int fault_upper_promote(struct fault *f, struct vm_anon *an);
static __step int fault_lower(struct fault *f, bool trace);
static __step int fault_enter(struct fault *f);
static void fault_count_error(int error);

static bool fault_writes(const struct fault *f) { return f->access & PROT_WRITE; }

/* Slot of va, counted from the entry's first. */
static size_t fault_slot(const struct fault *f) { return f->slot; }

/* The question, and nothing held. The rest is what steps find: it is not cleared, since it would cost more than all of them. */
static __step void fault_begin(struct fault *f, struct vm_map *map, vaddr_t va, prot_t access, unsigned flags)
{
	KASSERT(access != 0);
	f->map = map;
	f->va = page_trunc(va);
	f->wanted = access;
	f->flags = flags;
	f->map_locked = false;
	f->amap_lock = NULL;
	f->object_locked = NULL;
	f->spare = NULL;
	f->held = NULL;
	f->held_lock = NULL;
}

int fault(struct vm_map *map, vaddr_t va, prot_t access, unsigned flags)
{
	bool trace = trace_on; /* looked at once: all of a fault is traced, or nothing of it */
	struct fault f;
	int error;

	COUNT(faults);
	curthread->fault_was_major = false;
	if (__builtin_expect(trace || flags, 0) || !FIRST_PASS_APART)
		return fault_passes(map, va, access, flags, trace, NULL, AFRESH);
	TRACE_IF(false, FAULT, va, access);
	fault_begin(&f, map, va, access, 0);
	f.first = true;
	error = fault_steps(&f, false);
	fault_unlock(&f);
	if (__builtin_expect(error, 0))
		return fault_passes(map, f.va, access, 0, false, f.spare, error);
	TRACE_IF(false, DONE, f.va, 1);
	return 0;
}

/* All passes after the first, which came to `error`; and what is told of the end. */
static int fault_passes(struct vm_map *map, vaddr_t va, prot_t access, unsigned flags, bool trace, struct vm_anon *spare, int error)
{
	struct fault f;
	unsigned passes = error != AFRESH;

	fault_begin(&f, map, va, access, flags);
	f.first = false;
	f.spare = spare;
	TRACE_IF(trace, FAULT, va, access);
	if (error != AFRESH)
		error = fault_wait(&f, error);
	while (error == ERESTART || error == AFRESH) {
		if (passes++) {
			COUNT(fault_restarts);
			TRACE_IF(trace, RESTART, f.why, 0);
		}
		error = fault_steps(&f, trace);
		fault_unlock(&f);
		fault_let_go(&f);
		error = fault_wait(&f, error);
	}
	if (f.spare)
		anon_unref(f.spare);
	if (error) {
		fault_count_error(error);
		TRACE_IF(trace, ERROR, error, f.va);
	} else
		TRACE_IF(trace, DONE, f.va, passes);
	return error;
}

/* The steps up to the choice between the layers. */
static int fault_steps(struct fault *f, bool trace)
{
	struct vm_anon *anons[FAULT_RANGE_MAX], **centre;
	struct vm_map_entry *e;
	size_t found;
	int error;

	error = fault_lookup(f, trace);
	if (error)
		return error;
	error = fault_check(f, trace);
	if (error)
		return error;

	f->copy = COPY_NONE;
	error = fault_needs_copy(f);
	TRACE_IF(trace, K4, f->copy, f->map_locked ? (uintptr_t)f->entry->aref.amap : 0);
	if (error)
		return error;

	e = f->entry;
	if (e->aref.amap == NULL && e->object == NULL) {
		TRACE_IF(trace, K0, f->va, 0);
		COUNT(fault_case0);
		return EFAULT;
	}
	f->slot = (f->va - e->start) >> PAGE_SHIFT;
	f->anons = anons;
	fault_range(f, trace);
	centre = &anons[f->range.centre];
	found = fault_anons(f);
	TRACE_IF(trace, K6, e->aref.amap, found);
	return *centre ? fault_upper(f, *centre, trace) : fault_lower(f, trace);
}

/* K1: the entry that holds va. => the map is locked for reading from here on. EFAULT: none. */
static int fault_lookup(struct fault *f, bool trace)
{
	map_lock_read(f->map);
	f->map_locked = true;
	f->entry = map_lookup_again(f->map, f->va);
	if (f->entry == NULL) {
		TRACE_IF(trace, K1, 0, 0);
		return EFAULT;
	}
	TRACE_IF(trace, K1, f->entry->start, f->entry->end);
	return 0;
}

/*
 * K2: does the entry allow the access? K3: a wiring fault asks for all that the
 * entry allows, or could be made to allow, so that no later access faults again. EACCES.
 */
static int fault_check(struct fault *f, bool trace)
{
	struct vm_map_entry *e = f->entry;
	bool wiring = f->flags & (FAULT_WIRE | FAULT_WIREMAX);
	prot_t allowed = f->flags & FAULT_WIREMAX ? e->maxprot : e->prot;

	TRACE_IF(trace, K2, allowed, f->wanted);
	if ((allowed & f->wanted) != f->wanted)
		return e->reserved ? EFAULT : EACCES;

	f->access = wiring ? allowed : f->wanted;
	f->rights = e->prot;
	TRACE_IF(trace, K3, wiring, f->access);
	return 0;
}

/* What steps call: its result ends their pass, whatever it is (in the first pass AFRESH, and the map is still locked). */
static __step int fault_amap_copy(struct fault *f) { return SELDOM(f, fault_amap_copy_part); }

/* Leaves the copy for later: as long as nobody writes, read-only mappings of what is shared will do. */
static __step void fault_clamp(struct fault *f)
{
	f->rights &= ~PROT_WRITE;
	f->copy = COPY_CLAMPED;
}

//@lab cow  settle needs_copy: an amap of our own when it will be changed, else read-only
//| static int fault_needs_copy(struct fault *f)
//| {
//| 	(void)fault_clamp;
//| 	return f->entry->needs_copy ? fault_amap_copy(f) : 0;
//| }
/*
 * K4: an entry that needs a copy has an amap in common with another entry, or none yet.
 * A write will change the amap, and so will any access that has no object below to be
 * answered from: copy it now. A read of an object changes nothing: the copy can wait.
 */
static int fault_needs_copy(struct fault *f)
{
	if (!f->entry->needs_copy)
		return 0;
	if (fault_writes(f) || f->entry->object == NULL)
		return fault_amap_copy(f);
	fault_clamp(f);
	return 0;
}
//@end

/* K5: the pages to look at. Neighbours come with the lab `prefault`; until then the page itself. */
static void fault_range(struct fault *f, bool trace)
{
	f->range.start = f->va;
	f->range.count = 1;
	f->range.centre = 0;
	TRACE_IF(trace, K5, f->range.start, f->range.count);
}

/* K6: locks the amap and looks up the range's anons, all NULL without an amap. Returns how many there are. */
static size_t fault_anons(struct fault *f)
{
	struct vm_map_entry *e = f->entry;
	size_t slot = f->slot - f->range.centre, count = f->range.count, found = 0;

	if (e->aref.amap) {
		f->amap_lock = e->aref.amap->lock;
		sleeplock_acquire(&f->amap_lock->lock);
		f->chunk = amap_chunk_at(&e->aref, f->slot);
		if (count > 1)
			found = amap_lookup_range(&e->aref, slot, count, f->anons);
		else
			found = (f->anons[0] = amap_anon_at(f->chunk, &e->aref, slot)) != NULL;
	} else
		for (size_t i = 0; i < count; i++)
			f->anons[i] = NULL;
	return found;
}

/* The spare anon with a frame whose contents are still to be made. ENOMEM: there is none. */
static __step int fault_spare(struct fault *f, unsigned flags, struct vm_anon **out)
{
	if (f->spare == NULL)
		f->spare = anon_new(flags);
	*out = f->spare;
	return f->spare ? 0 : ENOMEM;
}

/* The spare went into an amap: it is no longer ours. => the amap is locked */
static __step void fault_spare_used(struct fault *f) { f->spare = NULL; }

/* Another entry may look through the same amap: such sharers must not go on with a page that the slot stands for no more. */
static __step void fault_unmap_sharers(struct fault *f, struct vm_page *old)
{
	if (amap_run_refs(&f->entry->aref, fault_slot(f)) > 1)
		ASIDE2(pmap_page_protect, old, PROT_NONE);
}

/*
 * AG: makes the anon's page resident and not busy. => the amap is locked, and still is on 0. ERESTART: had to wait,
 * nothing is locked. Anonymous memory is always resident so far: nothing is swapped out.
 */
static __step int fault_anonget(struct fault *f, struct vm_anon *an)
{
	KASSERT(sleeplock_held(&f->amap_lock->lock));
	KASSERT(an->page != NULL && an->page->owner == PO_ANON && an->page->anon == an);
	if (__builtin_expect(an->page->flags & PG_BUSY, 0))
		return SELDOM(f, fault_wait_anon, an);
	return 0;
}

/* May the slot's anon be reached through another slot too? => the amap has been locked since K6 */
static bool fault_anon_shared(const struct fault *f, const struct vm_anon *an) { return amap_anon_shared(f->chunk, an); }

//@lab cow  1A: use the anon's page; who shares it may only read it
//| static int fault_upper_direct(struct fault *f, struct vm_anon *an)
//| {
//| 	f->page = an->page;
//| 	return 0;
//| }
/*
 * UD: the anon's own page. Its rights follow its references: while another slot leads
 * to it too it is read-only; the last owner gets it back, writable, without a copy.
 */
static int fault_upper_direct(struct fault *f, struct vm_anon *an)
{
	if (fault_anon_shared(f, an))
		f->rights &= ~PROT_WRITE;
	f->page = an->page;
	return 0;
}
//@end

//@lab cow  1B: give the writer its own copy; the old anon loses one reference
//| static int fault_upper_promote(struct fault *f, struct vm_anon *an)
//| {
//| 	int fault_todo(const char *what);
//|
//| 	(void)f, (void)an, (void)fault_unmap_sharers;
//| 	return fault_todo("cow: promote");
//| }
/*
 * UP: a new anon with a copy of the page takes the old one's place in the slot, and
 * only there: the slot's chunk is made our own first. ENOMEM: nothing has changed.
 */
static int fault_upper_promote(struct fault *f, struct vm_anon *an)
{
	struct aref *ar = &f->entry->aref;
	struct vm_anon *copy;
	int error;

	error = fault_spare(f, 0, &copy);
	if (error)
		return error;
	error = amap_unshare(ar, fault_slot(f));
	if (error)
		return error;

	pmap_copy_page(an->page, copy->page);
	amap_replace(ar, fault_slot(f), copy);
	fault_unmap_sharers(f, an->page);
	KASSERT(an->ref > 1);
	anon_unref(an);
	f->page = copy->page;
	fault_spare_used(f);
	return 0;
}
//@end

/* UL: case 1, the slot holds an anon. => map and amap locked */
static int fault_upper(struct fault *f, struct vm_anon *an, bool trace)
{
	int error;

	TRACE_IF(trace, UL, an, an->ref);
	error = fault_anonget(f, an);
	TRACE_IF(trace, AG, an, error ? 0 : page_pa(an->page));
	if (error)
		return error;

	if (fault_writes(f) && fault_anon_shared(f, an)) {
		error = fault_upper_promote(f, an);
		TRACE_IF(trace, UP, an, error ? 0 : (uintptr_t)f->page->anon);
		if (!error)
			COUNT(fault_1b);
	} else {
		error = fault_upper_direct(f, an);
		TRACE_IF(trace, UD, an, f->rights);
		if (!error)
			COUNT(fault_1a);
	}
	if (!error) {
		error = fault_enter(f);
		TRACE_IF(trace, UE, page_pa(f->page), error ? 0 : f->rights);
	}
	return error;
}

/* Lets go of a page that fault_io brought in and that this pass does not use after all. => object locked */
static void fault_page_done(struct vm_object *o, struct vm_page *pg)
{
	if (pg->flags & PG_RELEASED)
		object_page_free(o, pg); /* somebody wanted it freed and left that to us */
	else {
		pageq_activate(pg);
		page_unbusy(pg);
	}
}

/*
 * Takes the locks again after I/O on pg, which is busy and so still in its place, and
 * finds out what still holds. IO_KEPT: map, amap and object are locked as before and
 * the entry is what it was. Otherwise only the object is locked.
 */
static enum fault_io_result fault_relock(struct fault *f, struct vm_object *o, struct vm_page *pg)
{
	enum fault_io_result result = IO_KEPT;

	map_lock_read(f->map);
	f->map_locked = true;
	if (f->map->version != f->version)
		result = IO_MAP_CHANGED; /* unmapped, protected, split: f->entry may be gone */
	else {
		fault_anons(f);
		if (f->anons[f->range.centre])
			result = IO_SLOT_TAKEN; /* another thread promoted the page */
	}
	if (result != IO_KEPT) {
		COUNT(fault_relock_fail);
		fault_unlock(f);
	}
	sleeplock_acquire(&o->lock);
	f->object_locked = o;
	if (result == IO_KEPT) {
		COUNT(fault_relock_ok);
		if (pg->flags & PG_RELEASED)
			result = IO_PAGE_RELEASED; /* the file was truncated */
	}
	return result;
}

/*
 * IO: has the pager get the page, with nothing locked. => map and amap locked, the
 * object too; on 0 they are again, nothing has changed, and the page is busy by us.
 * ERESTART, or the pager's error.
 */
static int __cold fault_io(struct fault *f, voff_t offset, bool trace)
{
	struct vm_object *o = f->object_locked;
	bool write = fault_writes(f) && !f->entry->copy_on_write;
	enum fault_io_result result;
	struct vm_page *pg;
	int error;

	fault_hold(f, o);
	f->version = f->map->version;
	fault_unlock(f);
	COUNT(fault_object_io);
	curthread->fault_was_major = true;
	error = o->ops->get(o, offset, write ? PROT_WRITE : PROT_READ, &pg);
	if (error) {
		TRACE_IF(trace, IO, offset, IO_FAILED);
		return error == EFAULT ? ENXIO : error;
	}

	result = fault_relock(f, o, pg);
	TRACE_IF(trace, IO, offset, result);
	if (result != IO_KEPT) {
		fault_page_done(o, pg);
		f->why = RESTART_IO;
		return ERESTART;
	}
	f->page = pg;
	f->page_is_busy = true;
	return 0;
}

/*
 * LL: the object's page, resident and ours to use: in f->page. => map and amap
 * locked; on 0 the object is too. A page of which the pager wants to hear before it
 * is written (PG_RDONLY) goes to the pager, like one that is not there.
 */
static __step int fault_lower_page(struct fault *f, bool trace)
{
	struct vm_map_entry *e = f->entry;
	struct vm_object *o = e->object;
	voff_t offset = e->offset + (f->va - e->start);
	struct vm_page *pg;

	sleeplock_acquire(&o->lock);
	f->object_locked = o;
	pg = object_lookup(o, offset);
	TRACE_IF(trace, LL, o, pg ? page_pa(pg) : 0);
	f->page = pg;
	f->page_is_busy = false;
	if (pg && !(pg->flags & PG_BUSY) && !(pg->flags & PG_RDONLY && fault_writes(f) && !e->copy_on_write))
		return 0;
	return pg && pg->flags & PG_BUSY ? SELDOM(f, fault_wait_page, pg) : SELDOM(f, fault_io, offset, trace);
}

/* LD: 2A, the object's own page. Copy-on-write mappings only read it; so do others until the pager has heard of a write. */
static __step int fault_lower_direct(struct fault *f)
{
	if (f->entry->copy_on_write || f->page->flags & PG_RDONLY)
		f->rights &= ~PROT_WRITE;
	return 0;
}

/*
 * LP: 2B, a new anon over the object's page, a copy of it, or zeroes when there is no object.
 * ENOMEM: nothing has changed, the spare is kept.
 */
static __step int fault_lower_promote(struct fault *f)
{
	struct vm_page *from = f->object_locked ? f->page : NULL;
	struct vm_anon *an;
	int error;

	KASSERT(f->entry->aref.amap != NULL && !f->entry->needs_copy);
	error = fault_spare(f, 0, &an);
	if (error)
		return error;
	if (from)
		pmap_copy_page(from, an->page);
	else
		pmap_zero_page(an->page);
	error = amap_add(&f->entry->aref, fault_slot(f), an);
	if (error)
		return error;
	if (from)
		fault_unmap_sharers(f, from);
	f->page = an->page;
	fault_spare_used(f);
	return 0;
}

/* Case 2, the slot is empty. => map and amap locked */
static __step int fault_lower(struct fault *f, bool trace)
{
	struct vm_map_entry *e = f->entry;
	struct vm_page *lower = NULL;
	bool lower_is_busy, promote;
	int error;

	TRACE_IF(trace, UL, 0, 0);
	if (e->object) {
		error = fault_lower_page(f, trace);
		if (error)
			return error;
		lower = f->page;
	}
	lower_is_busy = lower && f->page_is_busy;

	promote = lower == NULL || (e->copy_on_write && fault_writes(f));
	if (promote) {
		error = fault_lower_promote(f);
		TRACE_IF(trace, LP, lower != NULL, error ? 0 : (uintptr_t)f->page->anon);
	} else {
		error = fault_lower_direct(f);
		TRACE_IF(trace, LD, page_pa(lower), f->rights);
	}
	if (!error) {
		if (!promote)
			COUNT(fault_2a);
		else if (lower)
			COUNT(fault_2b_copy);
		else
			COUNT(fault_2b_zero);
		error = fault_enter(f);
		TRACE_IF(trace, LE, page_pa(f->page), error ? 0 : f->rights);
	}
	if (lower_is_busy)
		fault_page_done(f->object_locked, lower);
	return error;
}

/* The page is mapped: keep it from being reclaimed soon, or at all. => its owner is locked */
static __step void fault_settle(struct fault *f)
{
	if (f->flags & (FAULT_WIRE | FAULT_WIREMAX))
		pageq_wire(f->page);
	else
		pageq_activate(f->page);
}

/*
 * UE, LE: enters the mapping. => the page's owner is locked. ENOMEM: no memory for
 * page tables. Nothing is undone then: what was promoted stays promoted, and the
 * next pass finds it.
 */
static int fault_enter(struct fault *f)
{
	unsigned flags = PMAP_CANFAIL | PMAP_REFERENCED;
	int error;

	if (f->access & f->rights & PROT_WRITE)
		flags |= PMAP_MODIFIED;
	if (f->flags & (FAULT_WIRE | FAULT_WIREMAX))
		flags |= PMAP_WIRED;
	error = pmap_enter(f->map->pmap, f->va, f->page, f->rights, flags);
	if (error)
		return error;
	if (f->copy == COPY_CLAMPED)
		COUNT(fault_amap_clamp);
	fault_settle(f);
	return 0;
}

static void fault_count_error(int error)
{
	if (error == EFAULT)
		COUNT(fault_maperr);
	else if (error == EACCES)
		COUNT(fault_accerr);
	else if (error == ENOMEM)
		COUNT(fault_nomem);
	else
		COUNT(fault_buserr);
}
