/*
 * The map before the lab: the same entries, found by walking the list from its
 * start. Correct, and slow: each function costs what the map holds.
 */
#include "abi/errno.h"
#include "base/kassert.h"
#include "vm/map.h"

bool before_lookup(struct vm_map *map, vaddr_t va, struct vm_map_entry **out);
void before_insert(struct vm_map *map, struct vm_map_entry *e);
int before_find_space(struct vm_map *map, vaddr_t hint, size_t size, vaddr_t *start);
int before_split(struct vm_map *map, struct vm_map_entry *e, vaddr_t at, bool keep_upper);
int before_remove(struct vm_map *map, vaddr_t start, vaddr_t end);

bool before_lookup(struct vm_map *map, vaddr_t va, struct vm_map_entry **out)
{
	struct vm_map_entry *e = map_next(map, NULL), *below = NULL;

	for (; e && e->start <= va; e = map_next(map, e))
		below = e;
	*out = below;
	return below && va < below->end;
}

/* The tree is kept too, so that the audit finds the map as it should be: a new node is a child of its neighbour. */
void before_insert(struct vm_map *map, struct vm_map_entry *e)
{
	struct vm_map_entry *above = map_next(map, NULL), *below = NULL;

	for (; above && above->start < e->start; above = map_next(map, above))
		below = above;
	list_insert_after(below ? &below->link : &map->entries, &e->link);
	if (below && !below->node.right)
		tree_insert(&map->tree, &e->node, &below->node, &below->node.right);
	else if (above)
		tree_insert(&map->tree, &e->node, &above->node, &above->node.left);
	else
		tree_insert(&map->tree, &e->node, NULL, &map->tree.root);
	map->count++;
	map->size += e->end - e->start;
}

/* The free space below e, or at the end when e is NULL, that a search may hand out. */
static bool gap_below(struct vm_map *map, struct vm_map_entry *e, vaddr_t *from, vaddr_t *to)
{
	struct vm_map_entry *below = map_prev(map, e);

	*from = below ? below->end : map->min;
	*to = e ? MIN(e->start, map->search_max) : map->search_max;
	return *from < *to;
}

int before_find_space(struct vm_map *map, vaddr_t hint, size_t size, vaddr_t *start)
{
	struct vm_map_entry *e = NULL;
	vaddr_t from, to;
	bool found = false, more = true;

	while (more) {
		e = map_next(map, e);
		more = e != NULL;
		if (!gap_below(map, e, &from, &to))
			continue;
		if (hint && MAX(from, hint) < to && to - MAX(from, hint) >= size) {
			*start = MAX(from, hint); /* the lowest at or above the hint */
			return 0;
		}
		if (to - from >= size) {
			*start = to - size; /* otherwise the highest of all */
			found = true;
		}
	}
	return found ? 0 : ENOMEM;
}

/* The entry is taken out and two others go in. */
int before_split(struct vm_map *map, struct vm_map_entry *e, vaddr_t at, bool keep_upper)
{
	struct vm_map_entry *other = map_entry_new();
	size_t below = (at - e->start) >> PAGE_SHIFT;
	int error;

	if (!other)
		return ENOMEM;
	error = e->aref.amap ? amap_split(&e->aref, below) : 0;
	if (error) {
		map_entry_free(other);
		return error;
	}
	if (e->object)
		e->object->ops->reference(e->object);
	map_take(map, e);
	*other = *e;
	list_init(&other->link);

	struct vm_map_entry *low = keep_upper ? other : e, *high = keep_upper ? e : other;
	low->end = at;
	high->offset += at - high->start;
	high->aref.slot += below;
	high->start = at;
	map_insert(map, low);
	map_insert(map, high);
	return 0;
}

/* Finds the next entry of the range from the start of the map, each time. */
int before_remove(struct vm_map *map, vaddr_t start, vaddr_t end)
{
	struct vm_map_entry *e;
	int error;

	KASSERT(rwlock_write_held(&map->lock));
	for (e = map_first_from(map, start); e && e->start < end; e = map_next(map, e)) {
		error = map_clip_start(map, e, start);
		if (!error)
			error = map_clip_end(map, e, end);
		if (error) {
			map_merge(map, e);
			return error;
		}
	}
	while ((e = map_first_from(map, start)) && e->start < end)
		map_drop(map, e);
	pmap_remove(map->pmap, start, end);
	pmap_update(map->pmap);
	return 0;
}
