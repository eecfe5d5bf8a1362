/*
 * Amaps: slots and the chunks that hold them. What concerns the references per
 * range is in amap_run.c.
 *
 * Four slots of a process that wrote to two of them, then forked; then the child wrote to slot 0:
 *
 *	before the write                        after it
 *	parent's amap -> chunk (refs 2)         parent's amap -> chunk (refs 1)  [a] [-] [b] [-]
 *	                 [a] [-] [b] [-]                                             a: ref 1, b: ref 2
 *	child's amap  -> the same               child's amap  -> chunk (refs 1)  [c] [-] [b] [-]
 *	a, b: ref 1                                                              c: ref 1
 *
 * amap_unshare() made the child's chunk and counted a and b once more; the
 * fault put c, a copy, in a's place and let that reference to a go.
 *
 * Floor: over anons, below anything that knows a map.
 */
#include "vm/amap.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "base/string.h"
#include "kern/counters.h"
#include "vm/pageq.h"
#include "vm/pmap.h"
#include "vm/pool.h"

static struct pool amap_pool, chunk_pool;

static struct spinlock all_lock = SPINLOCK_INIT(RANK_LISTS, "all amaps");
static struct list all_amaps = LIST_INIT(all_amaps); /* all_lock */

static size_t chunk_of(size_t slot) { return slot / AMAP_CHUNK; }
static unsigned place_of(size_t slot) { return slot % AMAP_CHUNK; }
static bool amap_locked(const struct vm_amap *am) { return sleeplock_held(&am->lock->lock); }

struct amap_chunk *amap_chunk_find(struct vm_amap *am, size_t index)
{
	am->hint = radix_lookup(&am->chunks, index);
	am->hint_index = index;
	return am->hint;
}

/* Bits from .. to - 1. */
static uint64_t place_mask(unsigned from, unsigned to)
{
	return (to == AMAP_CHUNK ? ~0UL : (1UL << to) - 1) & ~((1UL << from) - 1);
}

/* The places of a chunk that lie in the absolute slots [start, end). => the chunk meets the range */
static uint64_t chunk_mask(size_t index, size_t start, size_t end)
{
	size_t low = index * AMAP_CHUNK;

	return place_mask(MAX(start, low) - low, MIN(end, low + AMAP_CHUNK) - low);
}

void amap_boot(void)
{
	pool_init(&amap_pool, "amap", sizeof(struct vm_amap));
	pool_init(&chunk_pool, "amap_chunk", sizeof(struct amap_chunk));
}

/* An empty amap under a lock whose reference moves in. */
static int amap_make(size_t first, size_t n, struct vm_lock *lock, struct vm_amap **out)
{
	struct vm_amap *am = pool_alloc(&amap_pool, POOL_ZERO);

	KASSERT(n > 0);
	if (!am)
		return ENOMEM;
	am->lock = lock;
	am->nslots = first + n;
	am->refs = 1;
	radix_init(&am->chunks);
	am->first_run = (struct amap_run){ .start = first, .refs = 1 };
	tree_insert(&am->runs, &am->first_run.node, NULL, &am->runs.root);

	spinlock_acquire(&all_lock);
	list_push_back(&all_amaps, &am->all_link);
	spinlock_release(&all_lock);
	GAUGE_ADD(amaps, 1);
	*out = am;
	return 0;
}

int amap_new(size_t first, size_t n, struct aref *out)
{
	struct vm_lock *lock;
	struct vm_amap *am;
	int error;

	error = vm_lock_new(&lock);
	if (error)
		return error;
	error = amap_make(first, n, lock, &am);
	if (error) {
		vm_lock_release(lock);
		return error;
	}
	*out = (struct aref){ am, first };
	return 0;
}

void amap_free(struct vm_amap *am)
{
	KASSERT(am->refs == 0 && am->used == 0 && am->chunks.count == 0);
	KASSERT(am->runs.root == &am->first_run.node && !amap_run_next(&am->first_run));
	spinlock_acquire(&all_lock);
	list_remove(&am->all_link);
	spinlock_release(&all_lock);
	GAUGE_ADD(amaps, -1);
	vm_lock_release(am->lock);
	pool_free(&amap_pool, am);
}

/* Look-up. */

size_t amap_lookup_range(const struct aref *ar, size_t slot, size_t n, struct vm_anon **anons)
{
	size_t at = ar->slot + slot, found = 0;
	struct amap_chunk *ch = NULL;

	KASSERT(amap_locked(ar->amap));
	KASSERT(at + n <= ar->amap->nslots);
	for (size_t i = 0; i < n; i++, at++) {
		if (i == 0 || place_of(at) == 0)
			ch = amap_chunk(ar->amap, chunk_of(at));
		anons[i] = ch ? ch->anon[place_of(at)] : NULL;
		found += anons[i] != NULL;
	}
	return found;
}

/* Chunks. */

/* A chunk of our own with the anons of ch in the places of mask, each counted once more. NULL: no memory. */
static struct amap_chunk *chunk_copy(const struct amap_chunk *ch, uint64_t mask)
{
	struct amap_chunk *copy = pool_alloc(&chunk_pool, POOL_ZERO);

	if (!copy)
		return NULL;
	GAUGE_ADD(amap_chunks, 1);
	copy->refs = 1;
	copy->used = ch->used & mask;
	for (uint64_t i = 0, left = copy->used; left; i++, left >>= 1)
		if (left & 1) {
			copy->anon[i] = ch->anon[i];
			copy->anon[i]->ref++;
		}
	return copy;
}

/* Lets go of the anons in the places of mask. => the chunk is not shared */
static void chunk_clear(struct amap_chunk *ch, uint64_t mask)
{
	KASSERT(ch->refs == 1);
	for (uint64_t i = 0, left = ch->used & mask; left; i++, left >>= 1)
		if (left & 1) {
			anon_unref(ch->anon[i]);
			ch->anon[i] = NULL;
		}
	ch->used &= ~mask;
}

static void chunk_free(struct amap_chunk *ch)
{
	KASSERT(ch->used == 0);
	GAUGE_ADD(amap_chunks, -1);
	pool_free(&chunk_pool, ch);
}

/* One amap less holds the chunk; with the last one its anons lose their references. */
static void chunk_release(struct amap_chunk *ch)
{
	if (ch->refs > 1) {
		ch->refs--;
		return;
	}
	chunk_clear(ch, ~0UL);
	chunk_free(ch);
}

int amap_unshare_chunk(struct vm_amap *am, size_t index)
{
	struct amap_chunk *ch = amap_chunk(am, index);
	struct amap_chunk *copy = chunk_copy(ch, ~0UL);

	if (!copy)
		return ENOMEM;
	ch->refs--;
	radix_replace(&am->chunks, index, copy);
	am->hint = NULL;
	return 0;
}

int amap_chunk_make(struct vm_amap *am, size_t slot, struct amap_chunk *ch, struct amap_chunk **out)
{
	struct aref at = { am, slot };
	int error;

	if (ch) {
		error = amap_unshare(&at, 0);
		if (error)
			return error;
		ch = amap_chunk(am, chunk_of(slot));
	}
	if (!ch) {
		ch = pool_alloc(&chunk_pool, POOL_ZERO);
		if (!ch)
			return ENOMEM;
		GAUGE_ADD(amap_chunks, 1);
		ch->refs = 1;
		error = radix_insert(&am->chunks, chunk_of(slot), ch);
		if (error) {
			chunk_free(ch);
			return error;
		}
	}
	*out = ch;
	return 0;
}

/* Changing a slot. */

struct vm_anon *amap_remove(struct aref *ar, size_t slot)
{
	size_t at = ar->slot + slot;
	struct amap_chunk *ch = amap_chunk(ar->amap, chunk_of(at));

	KASSERT(amap_locked(ar->amap));
	KASSERT(ch && ch->refs == 1);
	struct vm_anon *an = ch->anon[place_of(at)];
	KASSERT(an);
	ch->anon[place_of(at)] = NULL;
	ch->used &= ~(1UL << place_of(at));
	ar->amap->used--;
	if (!ch->used) {
		radix_remove(&ar->amap->chunks, chunk_of(at));
		ar->amap->hint = NULL;
		chunk_free(ch);
	}
	return an;
}

void amap_clear(struct vm_amap *am, size_t start, size_t end)
{
	struct amap_chunk *ch;
	uint64_t index = chunk_of(start);

	KASSERT(amap_locked(am));
	for (; (ch = radix_next(&am->chunks, &index)) && index * AMAP_CHUNK < end; index++) {
		uint64_t mask = chunk_mask(index, start, end), gone = ch->used & mask;

		am->used -= __builtin_popcountl(gone);
		if (gone == ch->used) {
			radix_remove(&am->chunks, index);
			am->hint = NULL;
			chunk_release(ch);
		} else
			chunk_clear(ch, mask);
	}
}

/* Copies of an amap. */

/* May a clone of the absolute slots [start, end) share this chunk? When it lies in the range, and in one run. */
static bool chunk_shareable(const struct vm_amap *am, size_t index, size_t start, size_t end)
{
	size_t low = MAX(index * AMAP_CHUNK, amap_first(am));
	size_t high = MIN((index + 1) * AMAP_CHUNK, am->nslots);

	return low >= start && high <= end && amap_run_end(am, amap_run_at(am, low)) >= high;
}

/* Puts one chunk of the range into the clone, whose first chunk is the one of `start`. ENOMEM. */
static int clone_chunk(struct vm_amap *am, struct vm_amap *clone, size_t index, struct amap_chunk *ch,
		       size_t start, size_t end)
{
	uint64_t mask = chunk_mask(index, start, end);
	int error;

	if (!(ch->used & mask))
		return 0;
	if (chunk_shareable(am, index, start, end))
		ch->refs++;
	else {
		ch = chunk_copy(ch, mask);
		if (!ch)
			return ENOMEM;
	}
	error = radix_insert(&clone->chunks, index - chunk_of(start), ch);
	if (error) {
		chunk_release(ch);
		return error;
	}
	clone->used += ch->used == ~0UL ? AMAP_CHUNK : (size_t)__builtin_popcountl(ch->used);
	return 0;
}

//@lab cow  lazy amap copy: a new amap that shares whole chunks and copies none of their pages
//| int amap_clone(const struct aref *ar, size_t n, struct aref *out)
//| {
//| 	(void)clone_chunk;
//| 	return amap_copy_now(ar, n, out);
//| }
int amap_clone(const struct aref *ar, size_t n, struct aref *out)
{
	struct vm_amap *am = ar->amap, *clone;
	size_t start = ar->slot, end = ar->slot + n;
	uint64_t index = chunk_of(start);
	struct amap_chunk *ch;
	int error;

	KASSERT(amap_locked(am));
	KASSERT(start >= amap_first(am) && end <= am->nslots);
	error = amap_make(place_of(start), n, am->lock, &clone);
	if (error)
		return error;
	vm_lock_reference(am->lock);

	for (; (ch = radix_next(&am->chunks, &index)) && index * AMAP_CHUNK < end; index++) {
		error = clone_chunk(am, clone, index, ch, start, end);
		if (error)
			goto fail;
	}
	*out = (struct aref){ clone, place_of(start) };
	return 0;
fail:
	amap_clear(clone, amap_first(clone), clone->nslots);
	clone->refs = 0;
	amap_free(clone);
	return error;
}
//@end

/* A copy of one anon and its page for the slot. => both amaps locked. ENOMEM: nothing changed. */
static int copy_anon(struct vm_anon *from, struct aref *to, size_t slot)
{
	struct vm_anon *an = anon_new(0);
	int error;

	if (!an)
		return ENOMEM;
	pmap_copy_page(from->page, an->page);
	error = amap_add(to, slot, an);
	if (error) {
		anon_unref(an);
		return error;
	}
	pageq_activate(an->page);
	return 0;
}

int amap_copy_now(const struct aref *ar, size_t n, struct aref *out)
{
	struct aref copy;
	int error;

	KASSERT(amap_locked(ar->amap));
	error = amap_new(place_of(ar->slot), n, &copy);
	if (error)
		return error;
	/* Nobody else knows the new lock, so its order among the amaps' locks is no matter. */
	bool taken = sleeplock_try(&copy.amap->lock->lock);
	KASSERT(taken);
	for (size_t slot = 0; slot < n && !error; slot++) {
		struct vm_anon *an = amap_lookup(ar, slot);

		if (an)
			error = copy_anon(an, &copy, slot);
	}
	if (error)
		amap_clear(copy.amap, amap_first(copy.amap), copy.amap->nslots);
	sleeplock_release(&copy.amap->lock->lock);
	if (error) {
		copy.amap->refs = 0;
		amap_free(copy.amap);
		return error;
	}
	*out = copy;
	return 0;
}

/* Where runs begin and end. */

struct amap_run *amap_run_at(const struct vm_amap *am, size_t slot)
{
	struct amap_run *found = NULL;

	KASSERT(slot < am->nslots && slot >= am->first_run.start);
	if (amap_one_run(am))
		return (struct amap_run *)&am->first_run;
	for (struct tree_node *n = am->runs.root; n;) {
		struct amap_run *run = tree_entry(n, struct amap_run, node);

		if (run->start <= slot) {
			found = run;
			n = n->right;
		} else
			n = n->left;
	}
	KASSERT(found);
	return found;
}

struct amap_run *amap_run_next(const struct amap_run *run)
{
	struct tree_node *n = tree_next(&run->node);

	return n ? tree_entry(n, struct amap_run, node) : NULL;
}

size_t amap_run_end(const struct vm_amap *am, const struct amap_run *run)
{
	struct amap_run *next = amap_run_next(run);

	return next ? next->start : am->nslots;
}

/* Checks for the audit. */

#define RULE(am, e) ((e) ? true : (kprintf("audit: amap %p: not %s\n", (void *)(am), #e), false))

static bool chunk_check(struct vm_amap *am, size_t index, struct amap_chunk *ch)
{
	bool good = RULE(am, ch->refs > 0) & RULE(am, ch->used != 0);
	size_t low = index * AMAP_CHUNK;

	for (unsigned i = 0; i < AMAP_CHUNK; i++) {
		struct vm_anon *an = ch->anon[i];

		good &= RULE(am, (an != NULL) == (ch->used >> i & 1));
		if (!an)
			continue;
		good &= RULE(am, low + i >= amap_first(am) && low + i < am->nslots);
		good &= RULE(am, an->lock == am->lock) & RULE(am, an->ref > 0);
		good &= RULE(am, an->page != NULL || an->slot != 0);
		if (an->page)
			good &= RULE(am, an->page->owner == PO_ANON && an->page->anon == an);
	}
	if (ch->refs > 1)
		good &= RULE(am, chunk_shareable(am, index, amap_first(am), am->nslots));
	return good;
}

static bool runs_check(struct vm_amap *am)
{
	bool good = RULE(am, tree_check(&am->runs)) & RULE(am, tree_first(&am->runs) == &am->first_run.node);
	struct aref whole = { am, 0 };

	for (struct amap_run *run = &am->first_run; run; run = amap_run_next(run)) {
		size_t end = amap_run_end(am, run);

		good &= RULE(am, run->start < end) & RULE(am, run->refs <= am->refs);
		if (run->refs > 0)
			continue;
		for (uint64_t i = chunk_of(run->start); i * AMAP_CHUNK < end; i++) {
			struct amap_chunk *ch = radix_next(&whole.amap->chunks, &i);

			if (!ch || i * AMAP_CHUNK >= end)
				break;
			good &= RULE(am, !(ch->used & chunk_mask(i, run->start, end)));
		}
	}
	return good;
}

bool amap_check(struct vm_amap *am)
{
	bool good = RULE(am, am->refs > 0) & RULE(am, am->lock->refs > 0) & RULE(am, radix_check(&am->chunks));
	size_t used = 0;
	struct amap_chunk *ch;

	good &= RULE(am, !am->hint || am->hint == radix_lookup(&am->chunks, am->hint_index));
	for (uint64_t i = 0; (ch = radix_next(&am->chunks, &i)); i++) {
		good &= chunk_check(am, i, ch);
		used += __builtin_popcountl(ch->used);
	}
	return good & RULE(am, used == am->used) & runs_check(am);
}

void amap_for_each(void (*visit)(struct vm_amap *am, void *arg), void *arg)
{
	list_for_each(link, &all_amaps)
		visit(list_entry(link, struct vm_amap, all_link), arg);
}
