/*
 * Radix trees: index -> pointer, 6 bits of the index a level.
 *
 *	height 2, pointers at 1, 2 and 65:
 *
 *	root -> [ . . ]          slot 0: indices 0 to 63, slot 1: 64 to 127
 *	          |  \
 *	  [ - a b - ] [ - c - ]  level 0: the pointers themselves
 *
 * Invariants. A node's count is the number of its slots in use and is not 0. An
 * empty tree has no node and height 0; another is as high as its largest index needs.
 * Floor: vm/radix, above vm/pool.
 */
#include "vm/radix.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "kern/failpoint.h"
#include "vm/pool.h"

#define BITS 6
#define SLOTS 64
#define HEIGHT_MAX 11 /* 11 * 6 bits are more than 64 */

struct radix_node {
	void *slot[SLOTS]; /* level 0: values; above: nodes */
	uint32_t count;    /* slots that are not NULL */
};

static struct pool node_pool;

void radix_boot(void) { pool_init(&node_pool, "radix", sizeof(struct radix_node)); }

void radix_init(struct radix *r) { *r = (struct radix){ 0 }; }

static void lower(struct radix *r);

static unsigned slot_of(uint64_t index, unsigned level) { return index >> (BITS * level) & (SLOTS - 1); }

/* Levels that an index needs: 1 for 0 to 63, 2 up to 4095, and so on. */
static unsigned height_for(uint64_t index)
{
	unsigned height = 1;

	while (height < HEIGHT_MAX && index >> (BITS * height))
		height++;
	return height;
}

static bool reaches(const struct radix *r, uint64_t index)
{
	return r->height && (r->height == HEIGHT_MAX || index >> (BITS * r->height) == 0);
}

/* The level-0 node for index, or NULL. */
static inline struct radix_node *find(const struct radix *r, uint64_t index)
{
	struct radix_node *n = reaches(r, index) ? r->root : NULL;

	for (unsigned level = r->height; n && level > 1; level--)
		n = n->slot[slot_of(index, level - 1)];
	return n;
}

void *radix_lookup(const struct radix *r, uint64_t index)
{
	struct radix_node *n = find(r, index);

	return n ? n->slot[slot_of(index, 0)] : NULL;
}

void *radix_replace(struct radix *r, uint64_t index, void *value)
{
	struct radix_node *n = find(r, index);

	KASSERT(n && n->slot[slot_of(index, 0)] && value);
	void *old = n->slot[slot_of(index, 0)];
	n->slot[slot_of(index, 0)] = value;
	return old;
}

/* ---- insertion: all nodes first, then the change --------------------------------- */

/* => there is no level-0 node for index */
static size_t nodes_wanted(const struct radix *r, uint64_t index)
{
	unsigned height = MAX(r->height, height_for(index));
	struct radix_node *n = r->root;
	unsigned level = r->height;

	if (n == NULL)
		return height;
	if (!reaches(r, index))
		return height - r->height + height - 1; /* new roots, and a new path below the highest */
	while (n->slot[slot_of(index, level - 1)])
		n = n->slot[slot_of(index, --level)];
	return level - 1;
}

/* `count` clear nodes, linked by their first slot. */
static int nodes_alloc(size_t count, struct radix_node **out)
{
	struct radix_node *chain = NULL, *n;

	for (; count; count--) {
		n = FAIL("radix.node") ? NULL : pool_alloc(&node_pool, POOL_ZERO);
		if (n == NULL) {
			for (; chain; chain = n) {
				n = chain->slot[0];
				pool_free(&node_pool, chain);
			}
			return ENOMEM;
		}
		n->slot[0] = chain;
		chain = n;
	}
	*out = chain;
	return 0;
}

static struct radix_node *node_next(struct radix_node **chain)
{
	struct radix_node *n = *chain;

	*chain = n->slot[0];
	n->slot[0] = NULL;
	return n;
}

static void grow(struct radix *r, unsigned height, struct radix_node **spare)
{
	while (r->height < height) {
		struct radix_node *n = r->root || r->height + 1 == height ? node_next(spare) : NULL;

		r->height++;
		if (n == NULL)
			continue; /* an empty tree gets only its root; the path below comes with the value */
		if (r->root) {
			n->slot[0] = r->root;
			n->count = 1;
		}
		r->root = n;
	}
}

static void node_fill(struct radix *r, struct radix_node *n, uint64_t index, void *value)
{
	n->slot[slot_of(index, 0)] = value;
	n->count++;
	r->count++;
}

int radix_insert(struct radix *r, uint64_t index, void *value)
{
	struct radix_node *spare = NULL, *n;
	int error;

	KASSERT(value);
	n = find(r, index);
	if (n && n->slot[slot_of(index, 0)])
		return EEXIST;
	if (n) { /* all nodes are there */
		node_fill(r, n, index, value);
		return 0;
	}
	error = nodes_alloc(nodes_wanted(r, index), &spare);
	if (error)
		return error;
	grow(r, height_for(index), &spare);
	n = r->root;
	for (unsigned level = r->height - 1; level > 0; level--) {
		void **slot = &n->slot[slot_of(index, level)];

		if (*slot == NULL) {
			*slot = node_next(&spare);
			n->count++;
		}
		n = *slot;
	}
	KASSERT(spare == NULL);
	node_fill(r, n, index, value);
	return 0;
}

/* ---- removal and walks -------------------------------------------------------------- */

void *radix_remove(struct radix *r, uint64_t index)
{
	struct radix_node *path[HEIGHT_MAX]; /* by level */
	struct radix_node *n = reaches(r, index) ? r->root : NULL;
	void *value;
	unsigned level;

	for (level = r->height; n && level > 0; level--) {
		path[level - 1] = n;
		n = n->slot[slot_of(index, level - 1)];
	}
	value = n; /* below level 0 lies the value */
	if (value == NULL)
		return NULL;
	r->count--;
	for (level = 0; level < r->height; level++) {
		path[level]->slot[slot_of(index, level)] = NULL;
		if (--path[level]->count) {
			lower(r);
			return value;
		}
		pool_free(&node_pool, path[level]);
	}
	r->root = NULL;
	r->height = 0;
	return value;
}

/* Takes off the levels that only the removed index needed. */
static void lower(struct radix *r)
{
	struct radix_node *top = r->root;

	for (; r->height > 1 && top->count == 1 && top->slot[0]; top = r->root) {
		r->root = top->slot[0];
		r->height--;
		pool_free(&node_pool, top);
	}
}

void *radix_next(const struct radix *r, uint64_t *index)
{
	uint64_t at = *index;
	const struct radix_node *leaf = find(r, at);

	if (leaf && leaf->slot[slot_of(at, 0)])
		return leaf->slot[slot_of(at, 0)]; /* most often it is the very next */

	while (reaches(r, at)) {
		struct radix_node *n = r->root;
		unsigned level = r->height - 1;

		for (; level > 0 && n->slot[slot_of(at, level)]; level--)
			n = n->slot[slot_of(at, level)];
		if (level == 0 && n->slot[slot_of(at, 0)]) {
			*index = at;
			return n->slot[slot_of(at, 0)];
		}
		/* Nothing under this slot: on to the first index of the next one. */
		at = ((at >> (BITS * level)) + 1) << (BITS * level);
		if (at == 0)
			return NULL; /* past the last index of all */
	}
	return NULL;
}

static bool check(const struct radix_node *n, unsigned level, size_t *values)
{
	uint32_t used = 0;

	for (unsigned i = 0; i < SLOTS; i++) {
		if (n->slot[i] == NULL)
			continue;
		used++;
		if (level == 0)
			(*values)++;
		else if (!check(n->slot[i], level - 1, values))
			return false;
	}
	return used && used == n->count;
}

bool radix_check(const struct radix *r)
{
	size_t values = 0;

	if (r->root == NULL)
		return r->height == 0 && r->count == 0;
	return check(r->root, r->height - 1, &values) && values == r->count;
}
