/*
 * Maps: the set of entries, its tree and list, look-up and free space.
 *
 * Invariant: entries are in order of address in the list and in the tree, do not
 * overlap, and each knows the gap below it:
 *
 *	   gap       A       gap   B          C: gap 0
 *	|--------|#######|-------|###||###############|-----| search_max
 *
 * max_gap is the largest gap of an entry's subtree in the tree, so that a search
 * goes straight down to a gap that is large enough. Space above search_max
 * counts as no gap: the stack grows there.
 *
 * Floor: over amaps and objects. map_change.c changes ranges, map_fork.c copies maps.
 */
#include "vm/map.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "kern/counters.h"
#include "vm/pool.h"

static struct pool entry_pool;
static struct spinlock all_lock = SPINLOCK_INIT(RANK_LISTS, "all maps");
static struct list all_maps = LIST_INIT(all_maps); /* all_lock */

uint32_t map_letting_go;

#define ENTRY(n) tree_entry((n), struct vm_map_entry, node)
#define ENTRY_AT(l) list_entry((l), struct vm_map_entry, link)

static void entry_update(struct tree_node *n);

void map_boot(void)
{
	amap_run_boot();
	pool_init(&entry_pool, "map_entry", sizeof(struct vm_map_entry));
}

void map_init(struct vm_map *map, struct pmap *pmap, vaddr_t min, vaddr_t max)
{
	rwlock_init(&map->lock, RANK_MAP, "map");
	map->pmap = pmap;
	map->min = min;
	map->max = map->search_max = max;
	map->tree = (struct tree){ .update = entry_update };
	list_init(&map->entries);
	list_init(&map->gone);
	map->count = map->size = 0;
	map->version = 1;
	map->hint = NULL;
	spinlock_acquire(&all_lock);
	list_push_back(&all_maps, &map->all_link);
	spinlock_release(&all_lock);
}

void map_destroy(struct vm_map *map)
{
	map_lock_write(map);
	for (struct vm_map_entry *e = map_next(map, NULL); e; e = map_next(map, e))
		pmap_remove(map->pmap, e->start, e->end);
	pmap_update(map->pmap);
	while (!list_empty(&map->entries))
		map_drop(map, ENTRY_AT(map->entries.next));
	map_unlock_write(map);

	spinlock_acquire(&all_lock);
	list_remove(&map->all_link);
	spinlock_release(&all_lock);
}

/* Locks. */

static bool map_write_held(const struct vm_map *map) { return rwlock_write_held(&map->lock); }

static bool map_held(const struct vm_map *map)
{
	return rwlock_write_held(&map->lock) || rwlock_read_held(&map->lock);
}

/* Upper layers first: until they are gone, amaps count more references than there are entries. */
static void entries_let_go(struct list *gone)
{
	list_for_each(link, gone) {
		struct vm_map_entry *e = ENTRY_AT(link);

		if (e->aref.amap)
			amap_unref(&e->aref, entry_pages(e));
		e->aref.amap = NULL;
	}
	__atomic_fetch_sub(&map_letting_go, 1, __ATOMIC_RELEASE);
	list_for_each_safe(link, gone) {
		struct vm_map_entry *e = ENTRY_AT(link);

		list_remove(link);
		if (e->object)
			e->object->ops->detach(e->object);
		e->object = NULL;
		map_entry_free(e);
	}
}

void map_unlock_write(struct vm_map *map)
{
	struct list gone;

	KASSERT(map_write_held(map));
	map->version++;
	map->hint = NULL;
	list_init(&gone);
	list_splice_back(&gone, &map->gone);
	if (list_empty(&gone)) {
		rwlock_release(&map->lock);
		return;
	}
	__atomic_fetch_add(&map_letting_go, 1, __ATOMIC_RELAXED);
	rwlock_release(&map->lock);
	entries_let_go(&gone);
}

/* Entries. */

struct vm_map_entry *map_entry_new(void)
{
	struct vm_map_entry *e = pool_alloc(&entry_pool, POOL_ZERO);

	if (e) {
		list_init(&e->link);
		GAUGE_ADD(map_entries, 1);
	}
	return e;
}

void map_entry_free(struct vm_map_entry *e)
{
	KASSERT(!e->aref.amap && !e->object && list_empty(&e->link));
	GAUGE_ADD(map_entries, -1);
	pool_free(&entry_pool, e);
}

struct vm_map_entry *map_next(struct vm_map *map, struct vm_map_entry *e)
{
	struct list *l = e ? e->link.next : map->entries.next;

	return l == &map->entries ? NULL : ENTRY_AT(l);
}

struct vm_map_entry *map_prev(struct vm_map *map, struct vm_map_entry *e)
{
	struct list *l = e ? e->link.prev : map->entries.prev;

	return l == &map->entries ? NULL : ENTRY_AT(l);
}

//@lab map  look-up: the entry that holds va, or the one below it
//| bool map_lookup(struct vm_map *map, vaddr_t va, struct vm_map_entry **out)
//| {
//| 	bool before_lookup(struct vm_map *map, vaddr_t va, struct vm_map_entry **out); /* labs/map/before */
//|
//| 	KASSERT(map_held(map));
//| 	return before_lookup(map, va, out);
//| }
bool map_lookup(struct vm_map *map, vaddr_t va, struct vm_map_entry **out)
{
	struct vm_map_entry *below = NULL; /* the highest entry that starts at or below va */

	KASSERT(map_held(map));
	for (struct tree_node *n = map->tree.root; n;) {
		if (ENTRY(n)->start <= va) {
			below = ENTRY(n);
			n = n->right;
		} else
			n = n->left;
	}
	*out = below;
	return below && va < below->end;
}
//@end

/* The entry is not the one of the last look-up: that of this one is remembered. */
struct vm_map_entry *map_lookup_anew(struct vm_map *map, vaddr_t va)
{
	struct vm_map_entry *e;

	if (!map_lookup(map, va, &e))
		return NULL;
	__atomic_store_n(&map->hint, e, __ATOMIC_RELAXED);
	return e;
}

struct vm_map_entry *map_first_from(struct vm_map *map, vaddr_t va)
{
	struct vm_map_entry *e;

	return map_lookup(map, va, &e) ? e : map_next(map, e);
}

/* The tree's data. */

static void entry_update(struct tree_node *n)
{
	vaddr_t largest = ENTRY(n)->gap;

	if (n->left)
		largest = MAX(largest, ENTRY(n->left)->max_gap);
	if (n->right)
		largest = MAX(largest, ENTRY(n->right)->max_gap);
	ENTRY(n)->max_gap = largest;
}

static vaddr_t entry_gap(struct vm_map *map, struct vm_map_entry *e)
{
	struct vm_map_entry *below = map_prev(map, e);
	vaddr_t from = below ? below->end : map->min, to = MIN(e->start, map->search_max);

	return to > from ? to - from : 0;
}

/* The gap below e has changed; e may be NULL. */
static void gap_changed(struct vm_map *map, struct vm_map_entry *e)
{
	if (!e)
		return;
	e->gap = entry_gap(map, e);
	tree_update(&map->tree, &e->node);
}

//@lab map  insert: a new entry into list and tree, with its gap and its neighbour's
//| void map_insert(struct vm_map *map, struct vm_map_entry *e)
//| {
//| 	void before_insert(struct vm_map *map, struct vm_map_entry *e);
//|
//| 	KASSERT(map_write_held(map));
//| 	before_insert(map, e);
//| 	gap_changed(map, e);
//| 	gap_changed(map, map_next(map, e));
//| }
void map_insert(struct vm_map *map, struct vm_map_entry *e)
{
	struct tree_node **link = &map->tree.root, *parent = NULL;
	struct vm_map_entry *below = NULL;

	KASSERT(map_write_held(map));
	KASSERT(e->start < e->end && e->start >= map->min && e->end <= map->max);
	while (*link) {
		parent = *link;
		if (ENTRY(parent)->start < e->start) {
			below = ENTRY(parent);
			link = &parent->right;
		} else
			link = &parent->left;
	}
	list_insert_after(below ? &below->link : &map->entries, &e->link);
	KASSERT(!below || below->end <= e->start);
	KASSERT(!map_next(map, e) || e->end <= map_next(map, e)->start);
	e->gap = entry_gap(map, e);
	tree_insert(&map->tree, &e->node, parent, link);
	gap_changed(map, map_next(map, e));
	map->count++;
	map->size += e->end - e->start;
}
//@end

void map_take(struct vm_map *map, struct vm_map_entry *e)
{
	struct vm_map_entry *above = map_next(map, e);

	KASSERT(map_write_held(map));
	tree_remove(&map->tree, &e->node);
	list_remove(&e->link);
	gap_changed(map, above);
	map->count--;
	map->size -= e->end - e->start;
}

void map_drop(struct vm_map *map, struct vm_map_entry *e)
{
	map_take(map, e);
	list_push_back(&map->gone, &e->link);
}

void map_resize(struct vm_map *map, struct vm_map_entry *e, vaddr_t start, vaddr_t end)
{
	KASSERT(map_write_held(map));
	KASSERT(start < end);
	map->size += (end - start) - (e->end - e->start);
	e->start = start;
	e->end = end;
	gap_changed(map, e);
	gap_changed(map, map_next(map, e));
}

/* Free space. */

/* The highest place for size bytes below entry n's subtree's entries. => its max_gap is large enough */
static vaddr_t highest_gap(struct vm_map *map, struct tree_node *n, size_t size)
{
	for (;;) {
		if (n->right && ENTRY(n->right)->max_gap >= size)
			n = n->right;
		else if (ENTRY(n)->gap >= size)
			return MIN(ENTRY(n)->start, map->search_max) - size;
		else
			n = n->left;
	}
}

/* The lowest entry at or after e, in order of address, with a gap large enough below it; NULL: none. */
static struct vm_map_entry *next_gap(struct vm_map_entry *e, size_t size)
{
	struct tree_node *n = &e->node, *from;

	if (e->gap >= size)
		return e;
	for (;;) {
		if (n->right && ENTRY(n->right)->max_gap >= size) {
			n = n->right;
			while (ENTRY(n)->gap < size || (n->left && ENTRY(n->left)->max_gap >= size))
				n = n->left && ENTRY(n->left)->max_gap >= size ? n->left : n->right;
			return ENTRY(n);
		}
		do { /* up to the next entry in order: the one whose left subtree we come from */
			from = n;
			n = n->parent;
		} while (n && n->right == from);
		if (!n || ENTRY(n)->gap >= size)
			return n ? ENTRY(n) : NULL;
	}
}

/* The lowest place at or above hint. */
static int space_above(struct vm_map *map, vaddr_t hint, size_t size, vaddr_t *start)
{
	struct vm_map_entry *e, *last = map_prev(map, NULL);

	hint = MAX(hint, map->min);
	if (hint > map->search_max || size > map->search_max - hint)
		return ENOMEM;
	if (map_lookup(map, hint, &e))
		hint = e->end;
	e = map_next(map, e);
	if (e && e->start - hint < size) {
		e = map_next(map, e);
		e = e ? next_gap(e, size) : NULL;
		hint = e ? map_prev(map, e)->end : last->end;
	}
	if (hint > map->search_max || size > map->search_max - hint)
		return ENOMEM;
	*start = hint;
	return 0;
}

//@lab map  free-space search: straight to a gap that is large enough
//| int map_find_space(struct vm_map *map, vaddr_t hint, size_t size, vaddr_t *start)
//| {
//| 	int before_find_space(struct vm_map *map, vaddr_t hint, size_t size, vaddr_t *start);
//|
//| 	(void)highest_gap, (void)space_above;
//| 	return before_find_space(map, hint, size, start);
//| }
int map_find_space(struct vm_map *map, vaddr_t hint, size_t size, vaddr_t *start)
{
	struct vm_map_entry *last = map_prev(map, NULL);
	vaddr_t top = last ? last->end : map->min;

	KASSERT(map_held(map));
	if (hint && space_above(map, hint, size, start) == 0)
		return 0;
	if (top <= map->search_max && map->search_max - top >= size) {
		*start = map->search_max - size;
		return 0;
	}
	if (!map->tree.root || ENTRY(map->tree.root)->max_gap < size)
		return ENOMEM;
	*start = highest_gap(map, map->tree.root, size);
	return 0;
}
//@end

/* Checks for the audit. */

#define RULE(e, rule) \
	((rule) ? true \
		: (kprintf("audit: map %p entry %lx-%lx: not %s\n", (void *)map, (long)(e)->start, (long)(e)->end, #rule), \
		   false))

static bool entry_check(struct vm_map *map, struct vm_map_entry *e)
{
	bool good = RULE(e, e->start < e->end && e->start >= map->min && e->end <= map->max);

	good &= RULE(e, !((e->start | e->end) & PAGE_MASK));
	good &= RULE(e, e->gap == entry_gap(map, e));
	vaddr_t max_gap = e->max_gap;
	entry_update(&e->node);
	good &= RULE(e, e->max_gap == max_gap);
	good &= RULE(e, (e->prot & ~e->maxprot) == 0);
	good &= RULE(e, !e->reserved || (!e->aref.amap && !e->object));
	good &= RULE(e, !e->needs_copy || e->copy_on_write);
	good &= RULE(e, e->reserved || e->copy_on_write || e->object);
	good &= RULE(e, !e->copy_on_write || e->needs_copy || e->aref.amap);
	if (e->aref.amap) {
		good &= RULE(e, e->aref.slot >= amap_first(e->aref.amap));
		good &= RULE(e, e->aref.slot + entry_pages(e) <= e->aref.amap->nslots);
	}
	if (e->object)
		good &= RULE(e, !e->object->dead && e->object->refs > 0 && !(e->offset & PAGE_MASK));
	return good;
}

bool map_check(struct vm_map *map)
{
	struct tree_node *n = tree_first(&map->tree);
	struct vm_map_entry *below = NULL;
	size_t count = 0, size = 0;
	bool good = true;

	if (!tree_check(&map->tree)) {
		kprintf("audit: map %p: the tree breaks its rules\n", (void *)map);
		good = false;
	}
	list_for_each(link, &map->entries) {
		struct vm_map_entry *e = ENTRY_AT(link);

		good &= RULE(e, n == &e->node) & RULE(e, !below || below->end <= e->start);
		good &= entry_check(map, e);
		n = n ? tree_next(n) : NULL;
		below = e;
		count++;
		size += e->end - e->start;
	}
	if (n || count != map->count || size != map->size || !list_empty(&map->gone)) {
		kprintf("audit: map %p: %zu entries of %zu bytes, not %zu of %zu\n", (void *)map, count, size,
			map->count, map->size);
		good = false;
	}
	return good;
}

void map_for_each(void (*visit)(struct vm_map *map, void *arg), void *arg)
{
	list_for_each(link, &all_maps)
		visit(list_entry(link, struct vm_map, all_link), arg);
}
