/*
 * Changing ranges of a map: clip, merge, enter, remove, protect, grow, and
 * settling needs_copy.
 *
 * Order of work in each: what may fail comes first (clips, new entries), and a
 * failure joins again what was clipped. Mappings are taken from the pmap before
 * the references that stood for them go.
 *
 * Floor: over the map's entries, below map_fork.c and the fault.
 */
#include "vm/map.h"

#include "abi/errno.h"
#include "abi/mman.h"
#include "base/kassert.h"

/* Slots before the first one of a stack's amap, to grow downwards into. They cost nothing. */
#define STACK_SLOTS (USER_STACK_MAX >> PAGE_SHIFT)

static bool map_write_held(const struct vm_map *map) { return rwlock_write_held(&map->lock); }

/* The hardware has no page that can be written and not read. */
static prot_t prot_readable(prot_t prot) { return prot & PROT_WRITE ? prot | PROT_READ : prot; }

/* Clip: entries end where a range does. */

//@lab map  clip: make two entries of one, with a reference to amap and object for each
//| static int entry_split(struct vm_map *map, struct vm_map_entry *e, vaddr_t at, bool keep_upper)
//| {
//| 	int before_split(struct vm_map *map, struct vm_map_entry *e, vaddr_t at, bool keep_upper);
//|
//| 	KASSERT(map_write_held(map));
//| 	return before_split(map, e, at, keep_upper);
//| }
/* Two entries of one, at an address inside it: e keeps the upper or the lower part. ENOMEM: nothing changed. */
static int entry_split(struct vm_map *map, struct vm_map_entry *e, vaddr_t at, bool keep_upper)
{
	struct vm_map_entry *other, *upper;
	vaddr_t start = e->start, end = e->end;
	size_t below = (at - start) >> PAGE_SHIFT;
	int error;

	KASSERT(map_write_held(map));
	KASSERT(at > start && at < end && !(at & PAGE_MASK));
	other = map_entry_new();
	if (!other)
		return ENOMEM;
	error = e->aref.amap ? amap_split(&e->aref, below) : 0;
	if (error) {
		map_entry_free(other);
		return error;
	}
	if (e->object)
		e->object->ops->reference(e->object);

	*other = *e;
	list_init(&other->link);
	other->start = keep_upper ? start : at;
	other->end = keep_upper ? at : end;
	map_resize(map, e, keep_upper ? at : start, keep_upper ? end : at);
	upper = keep_upper ? e : other;
	upper->offset += at - start;
	upper->aref.slot += below;
	map_insert(map, other);
	return 0;
}
//@end

int map_clip_start(struct vm_map *map, struct vm_map_entry *e, vaddr_t at)
{
	return at > e->start ? entry_split(map, e, at, true) : 0;
}

int map_clip_end(struct vm_map *map, struct vm_map_entry *e, vaddr_t at)
{
	return at < e->end ? entry_split(map, e, at, false) : 0;
}

/* Merge: what is alike becomes one again. */

static bool entries_alike(const struct vm_map_entry *a, const struct vm_map_entry *b)
{
	return a->end == b->start && a->prot == b->prot && a->maxprot == b->maxprot && a->inherit == b->inherit &&
	       a->advice == b->advice && a->wired == b->wired && a->copy_on_write == b->copy_on_write &&
	       a->reserved == b->reserved && a->stack == b->stack && a->object == b->object &&
	       (!a->object || a->offset + (a->end - a->start) == b->offset);
}

/*
 * Makes the upper layers of two alike neighbours one, if they can be: neither has one;
 * they are neighbours in the same amap; or one has none yet and the other's amap,
 * its own, has room beside it.
 */
static bool arefs_join(struct vm_map_entry *low, struct vm_map_entry *high)
{
	size_t low_pages = entry_pages(low), high_pages = entry_pages(high);
	struct vm_amap *a = low->aref.amap, *b = high->aref.amap;

	if (!a && !b)
		return low->needs_copy == high->needs_copy;
	if (a && b) {
		if (a != b || low->aref.slot + low_pages != high->aref.slot || low->needs_copy != high->needs_copy)
			return false;
		amap_join(&low->aref, low_pages);
		return true;
	}
	if (low->object || low->needs_copy == high->needs_copy)
		return false;
	if (a)
		return amap_extend(&low->aref, low_pages, high_pages) == 0;
	if (amap_extend_down(&high->aref, high_pages, low_pages) != 0)
		return false;
	low->aref = high->aref;
	low->needs_copy = false;
	return true;
}

/* Makes one of two neighbours; low stays. */
static bool entries_merge(struct vm_map *map, struct vm_map_entry *low, struct vm_map_entry *high)
{
	vaddr_t end = high->end;

	if (!entries_alike(low, high) || !arefs_join(low, high))
		return false;
	high->aref.amap = NULL; /* its reference is low's now; the object's goes when the map is unlocked */
	map_drop(map, high);
	map_resize(map, low, low->start, end);
	return true;
}

/* Merges all that can be in [start, end] and with the neighbours of the range. => an entry ends in the range, or begins in it */
static void range_merge(struct vm_map *map, vaddr_t start, vaddr_t end)
{
	struct vm_map_entry *e = map_first_from(map, start > map->min ? start - 1 : start), *next;

	while (e->start <= end && (next = map_next(map, e)))
		if (!entries_merge(map, e, next))
			e = next;
}

void map_merge(struct vm_map *map, struct vm_map_entry *e)
{
	range_merge(map, e->start, e->end);
}

/* Entries end at both ends of the range. ENOMEM: nothing changed. */
static int range_clip(struct vm_map *map, vaddr_t start, vaddr_t end)
{
	struct vm_map_entry *e;
	int error = 0;

	if (map_lookup(map, start, &e))
		error = map_clip_start(map, e, start);
	if (!error && map_lookup(map, end - 1, &e))
		error = map_clip_end(map, e, end);
	if (error)
		range_merge(map, start, end);
	return error;
}

/* Remove. */

//@lab map  unmap: everything in the range leaves the map, its mappings the pmap
//| int map_remove_locked(struct vm_map *map, vaddr_t start, vaddr_t end)
//| {
//| 	int before_remove(struct vm_map *map, vaddr_t start, vaddr_t end);
//|
//| 	(void)range_clip;
//| 	return before_remove(map, start, end);
//| }
int map_remove_locked(struct vm_map *map, vaddr_t start, vaddr_t end)
{
	struct vm_map_entry *e, *next;
	int error;

	KASSERT(map_write_held(map));
	KASSERT(start < end);
	error = range_clip(map, start, end);
	if (error)
		return error;
	e = map_first_from(map, start);
	if (!e || e->start >= end)
		return 0;
	for (; e && e->start < end; e = next) {
		next = map_next(map, e);
		map_drop(map, e);
	}
	pmap_remove(map->pmap, start, end);
	pmap_update(map->pmap);
	return 0;
}
//@end

int map_remove(struct vm_map *map, vaddr_t start, vaddr_t end)
{
	int error;

	if (start >= end)
		return 0;
	map_lock_write(map);
	error = map_remove_locked(map, start, end);
	map_unlock_write(map);
	return error;
}

/* Enter. */

/* Where the mapping goes, and the place made free. On error nothing has changed. */
static int request_place(struct vm_map *map, const struct map_request *rq, vaddr_t *start)
{
	struct vm_map_entry *e;

	if (!rq->fixed)
		return map_find_space(map, rq->start, rq->size, start);
	if (rq->start < map->min || rq->start >= map->max || rq->size > map->max - rq->start)
		return EINVAL;
	*start = rq->start;
	if (!rq->noreplace)
		return map_remove_locked(map, rq->start, rq->start + rq->size);
	e = map_first_from(map, rq->start);
	return e && e->start < rq->start + rq->size ? EEXIST : 0;
}

int map_enter_locked(struct vm_map *map, const struct map_request *rq, vaddr_t *start)
{
	struct vm_map_entry *e;
	int error;

	KASSERT(map_write_held(map));
	if (rq->size == 0 || (rq->size | rq->offset) & PAGE_MASK || (rq->fixed && rq->start & PAGE_MASK))
		return EINVAL;
	e = map_entry_new();
	if (!e)
		return ENOMEM;
	error = request_place(map, rq, start);
	if (error) {
		map_entry_free(e);
		return error;
	}
	e->start = *start;
	e->end = *start + rq->size;
	e->object = rq->object;
	e->offset = rq->offset;
	e->maxprot = prot_readable(rq->maxprot);
	e->prot = prot_readable(rq->prot);
	e->inherit = rq->inherit;
	e->advice = rq->advice;
	e->reserved = rq->reserved;
	e->stack = rq->stack;
	/* Anonymous memory lives in amaps only, so it is private whatever its inheritance; the amap comes with the first touch. */
	e->copy_on_write = e->needs_copy = !rq->reserved && (rq->copy_on_write || !rq->object);
	map_insert(map, e);
	map_merge(map, e);
	return 0;
}

int map_enter(struct vm_map *map, const struct map_request *rq, vaddr_t *start)
{
	int error;

	map_lock_write(map);
	error = map_enter_locked(map, rq, start);
	map_unlock_write(map);
	return error;
}

/* Protect. */

/* May all of the range get these rights? ENOMEM: a hole; EACCES. */
static int protect_allowed(struct vm_map *map, vaddr_t start, vaddr_t end, prot_t prot)
{
	struct vm_map_entry *e = map_first_from(map, start);
	int error = 0;

	for (vaddr_t at = start; at < end; at = e->end, e = map_next(map, e)) {
		if (!e || e->start > at)
			return ENOMEM;
		if (prot & ~e->maxprot)
			error = EACCES;
	}
	return error;
}

/* Rights are taken from the pmap at once and given by faults, which know who shares a page. */
static void entry_protect(struct vm_map *map, struct vm_map_entry *e, prot_t prot)
{
	prot_t taken = e->prot & ~prot;

	e->prot = prot;
	if (prot == PROT_NONE)
		pmap_remove(map->pmap, e->start, e->end);
	else if (taken)
		pmap_protect(map->pmap, e->start, e->end, prot);
}

int map_protect(struct vm_map *map, vaddr_t start, vaddr_t end, prot_t prot)
{
	int error;

	if (start >= end)
		return 0;
	prot = prot_readable(prot);
	map_lock_write(map);
	error = protect_allowed(map, start, end, prot);
	if (!error)
		error = range_clip(map, start, end);
	if (!error) {
		for (struct vm_map_entry *e = map_first_from(map, start); e && e->start < end; e = map_next(map, e))
			entry_protect(map, e, prot);
		pmap_update(map->pmap);
		range_merge(map, start, end);
	}
	map_unlock_write(map);
	return error;
}

/* Grow. */

/* A like entry below e, merged with it if its amap can follow. */
int map_grow_down(struct vm_map *map, struct vm_map_entry *e, vaddr_t new_start)
{
	struct vm_map_entry *more;

	KASSERT(map_write_held(map));
	KASSERT(!e->object && !e->reserved);
	more = map_entry_new();
	if (!more)
		return ENOMEM;
	*more = *e;
	list_init(&more->link);
	more->start = new_start;
	more->end = e->start;
	more->aref = (struct aref){ NULL, 0 };
	more->needs_copy = true;
	map_insert(map, more);
	map_merge(map, more);
	return 0;
}

/* needs_copy. */

/* An entry without an upper layer gets one, empty. */
static int entry_amap_new(struct vm_map_entry *e)
{
	size_t n = entry_pages(e), before = e->stack && n < STACK_SLOTS ? STACK_SLOTS - n : 0;
	int error = amap_new(before, n, &e->aref);

	if (!error)
		e->needs_copy = false;
	return error;
}

int map_amap_own(struct vm_map *map, struct vm_map_entry *e)
{
	size_t n = entry_pages(e);
	struct vm_lock *lock;
	struct aref copy;
	bool sole;
	int error = 0;

	KASSERT(map_write_held(map) && e->needs_copy);
	if (!e->aref.amap)
		return entry_amap_new(e);
	lock = e->aref.amap->lock;
	sleeplock_acquire(&lock->lock);
	sole = amap_sole(&e->aref, n);
	if (!sole)
		error = amap_clone(&e->aref, n, &copy);
	sleeplock_release(&lock->lock);
	if (error)
		return error;
	if (!sole) {
		amap_unref(&e->aref, n); /* the others keep it: it frees nothing */
		e->aref = copy;
	}
	e->needs_copy = false;
	return 0;
}

int map_amap_copy(struct vm_map *map, struct vm_map_entry *e, vaddr_t start, vaddr_t end)
{
	int error = 0;

	KASSERT(e->needs_copy);
	if (e->aref.amap) {
		error = map_clip_start(map, e, MAX(start, e->start));
		if (!error)
			error = map_clip_end(map, e, MIN(end, e->end));
	}
	if (!error)
		error = map_amap_own(map, e);
	map_merge(map, e);
	return error;
}
