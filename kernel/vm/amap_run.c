/*
 * How many map entries refer to which slots of an amap.
 *
 *	parent's entry    |----------------------|        slots 0 to 199
 *	child's entries   |-----|        |-------|        it unmapped 64 to 127
 *	runs              | 2   |   1    |   2   |
 *
 * Invariant: an entry covers whole runs, and a run's refs is the number of
 * entries that cover it; a run with none holds no anon. So every change of a
 * reference finds its boundaries in place, made when the entry was split: only
 * amap_split() needs memory.
 *
 * Floor: over the amap's slots, below maps.
 */
#include "vm/amap.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "vm/pool.h"

static struct pool run_pool;

void amap_run_boot(void)
{
	pool_init(&run_pool, "amap_run", sizeof(struct amap_run));
}

static bool amap_locked(const struct vm_amap *am) { return sleeplock_held(&am->lock->lock); }

/* Is there a boundary at an absolute slot, or the amap's end? */
static bool run_boundary(const struct vm_amap *am, size_t slot)
{
	return slot == am->nslots || amap_run_at(am, slot)->start == slot;
}

/* The first run of an entry's n slots. => they are whole runs */
static struct amap_run *runs_of(const struct aref *ar, size_t n)
{
	KASSERT(amap_locked(ar->amap));
	KASSERT(n > 0 && run_boundary(ar->amap, ar->slot) && run_boundary(ar->amap, ar->slot + n));
	return amap_run_at(ar->amap, ar->slot);
}

static void run_insert(struct vm_amap *am, struct amap_run *run)
{
	struct tree_node **link = &am->runs.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = run->start < tree_entry(parent, struct amap_run, node)->start ? &parent->left : &parent->right;
	}
	tree_insert(&am->runs, &run->node, parent, link);
}

/* The run takes in the one after it. The amap's own first run is never the later of two. */
static void run_absorb_next(struct vm_amap *am, struct amap_run *run)
{
	struct amap_run *next = amap_run_next(run);

	KASSERT(next && next->refs == run->refs);
	tree_remove(&am->runs, &next->node);
	pool_free(&run_pool, next);
}

void amap_ref(const struct aref *ar, size_t n)
{
	for (struct amap_run *run = runs_of(ar, n); run && run->start < ar->slot + n; run = amap_run_next(run)) {
		KASSERT(run->refs > 0);
		run->refs++;
	}
	ar->amap->refs++;
}

/* Makes one of neighbouring runs that no entry covers, from the run before `run` on. */
static void runs_sweep(struct vm_amap *am, struct amap_run *run, size_t end)
{
	struct tree_node *before = tree_prev(&run->node);

	if (before)
		run = tree_entry(before, struct amap_run, node);
	while (run && run->start <= end) {
		struct amap_run *next = amap_run_next(run);

		if (next && run->refs == 0 && next->refs == 0)
			run_absorb_next(am, run);
		else
			run = next;
	}
}

void amap_unref(const struct aref *ar, size_t n)
{
	struct vm_amap *am = ar->amap;
	struct vm_lock *lock = am->lock;

	sleeplock_acquire(&lock->lock);
	struct amap_run *first = runs_of(ar, n);
	for (struct amap_run *run = first; run && run->start < ar->slot + n; run = amap_run_next(run)) {
		KASSERT(run->refs > 0);
		if (--run->refs == 0)
			amap_clear(am, run->start, amap_run_end(am, run));
	}
	runs_sweep(am, first, ar->slot + n);
	KASSERT(am->refs > 0);
	bool last = --am->refs == 0;
	sleeplock_release(&lock->lock);
	if (last)
		amap_free(am); /* without its lock: nobody else can find it any more */
}

int amap_split(struct aref *ar, size_t n)
{
	struct vm_amap *am = ar->amap;
	size_t at = ar->slot + n;
	struct amap_run *run = pool_alloc(&run_pool, POOL_ZERO);
	int error = 0;

	if (!run)
		return ENOMEM;
	sleeplock_acquire(&am->lock->lock);
	KASSERT(at > amap_first(am) && at < am->nslots);
	if (!run_boundary(am, at)) {
		if (at % AMAP_CHUNK)
			error = amap_unshare(ar, n);
		if (!error) {
			*run = (struct amap_run){ .start = at, .refs = amap_run_at(am, at)->refs };
			run_insert(am, run);
			run = NULL;
		}
	}
	if (!error)
		am->refs++;
	sleeplock_release(&am->lock->lock);
	if (run)
		pool_free(&run_pool, run);
	return error;
}

void amap_join(struct aref *low, size_t n)
{
	struct vm_amap *am = low->amap;
	size_t at = low->slot + n;

	sleeplock_acquire(&am->lock->lock);
	struct amap_run *below = amap_run_at(am, at - 1), *above = amap_run_at(am, at);
	KASSERT(above->start == at && below->refs > 0 && above->refs > 0);
	KASSERT(am->refs > 1);
	am->refs--;
	/* With more references than ours, another entry may end here. */
	if (below->refs == 1 && above->refs == 1)
		run_absorb_next(am, below);
	sleeplock_release(&am->lock->lock);
}

bool amap_sole(struct aref *ar, size_t n)
{
	struct amap_run *first = runs_of(ar, n), *next;

	for (struct amap_run *run = first; run && run->start < ar->slot + n; run = amap_run_next(run))
		if (run->refs > 1)
			return false;
	while ((next = amap_run_next(first)) && next->start < ar->slot + n)
		run_absorb_next(ar->amap, first);
	return true;
}

/*
 * The slots above the entry's last run are past the amap's end, or belong to a
 * run that no entry covers: then the boundary moves up.
 */
int amap_extend(struct aref *ar, size_t n, size_t more)
{
	struct vm_amap *am = ar->amap;
	size_t end = ar->slot + n;
	int error = 0;

	sleeplock_acquire(&am->lock->lock);
	runs_of(ar, n);
	struct amap_run *last = amap_run_at(am, end - 1), *free = amap_run_next(last);
	size_t free_end = free ? amap_run_end(am, free) : end;

	if (last->refs > 1 || (free && free->refs > 0) || (free_end < end + more && free_end != am->nslots))
		error = EBUSY;
	else {
		am->nslots = MAX(am->nslots, end + more);
		if (free && free_end <= end + more) {
			free->refs = last->refs;
			run_absorb_next(am, last);
		} else if (free)
			free->start = end + more;
	}
	sleeplock_release(&am->lock->lock);
	return error;
}

/* The same downwards; below the amap's first run there is nothing in the way but slot 0. */
int amap_extend_down(struct aref *ar, size_t n, size_t more)
{
	struct vm_amap *am = ar->amap;
	int error = 0;

	sleeplock_acquire(&am->lock->lock);
	struct amap_run *run = runs_of(ar, n);
	if (run != &am->first_run || run->refs > 1 || ar->slot < more)
		error = EBUSY;
	else {
		run->start -= more;
		ar->slot -= more;
	}
	sleeplock_release(&am->lock->lock);
	return error;
}
