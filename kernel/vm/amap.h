/*
 * Amaps: the upper layer of a map entry, slots that hold anons.
 *
 * Memory is used for what an amap holds, not for what it spans: slots come in
 * chunks of 64 under a radix. amap_clone() shares whole chunks; a shared chunk
 * is copied at the first change to it (amap_unshare), and only then do its
 * anons count another reference.
 *
 *	parent's amap  ->  chunk (refs 2)  <-  child's amap
 *	                   [3] -> anon (ref 1)
 *
 * So an anon may be written in place only when its ref is 1 and its chunk's
 * refs is 1: amap_anon_shared().
 *
 * References are counted per range: an amap is a row of runs, each with the
 * number of map entries that refer to it. A run ends wherever an entry was ever
 * split; so each entry covers whole runs, taking a reference away never needs
 * memory, and what falls to 0 is freed at once.
 *
 * Invariant: a chunk with refs > 1 lies within one run in each amap that holds
 * it (but for slots outside the amap, which are empty). So dropping a run
 * never has to take apart a shared chunk.
 *
 * An amap reaches from the start of its first run, not always slot 0, to nslots:
 * a clone keeps its slots' places within their chunks, and the amap of a stack
 * leaves room to grow downwards.
 *
 * Locks: everything here is under the amap's lock but where a line says otherwise.
 */
#ifndef VM_AMAP_H
#define VM_AMAP_H

#include "base/kassert.h"
#include "base/tree.h"
#include "vm/anon.h"
#include "vm/radix.h"

#define AMAP_CHUNK 64

struct amap_chunk {
	uint32_t refs;     /* amaps that hold it */
	uint64_t used;     /* bit i: anon[i] is set */
	struct vm_anon *anon[AMAP_CHUNK];
};

struct amap_run {
	struct tree_node node;
	size_t start;      /* slot; the run ends where the next one starts, or at nslots */
	uint32_t refs;     /* map entries that refer to it */
};

struct vm_amap {
	struct vm_lock *lock;  /* fixed, counted */
	size_t nslots;         /* one past the last slot */
	size_t used;           /* anons in it, shared chunks' too */
	uint32_t refs;         /* map entries that refer to any of it */
	struct radix chunks;   /* slot / 64 -> chunk */
	struct amap_chunk *hint; /* the chunk that was looked up last, number hint_index, or NULL: faults come in rows */
	size_t hint_index;
	struct tree runs;      /* by start; never empty */
	struct amap_run first_run; /* the lowest, so that most amaps need no node */
	struct list all_link;  /* of all amaps, for the audit */
};

/* A place in an amap: what a map entry holds. amap NULL: no upper layer. */
struct aref {
	struct vm_amap *amap;
	size_t slot;
};

void amap_boot(void);

/*
 * An empty amap for n slots from `first`, with one reference and a lock of its own (not held). out->slot is first.
 * ENOMEM (fail site pool.amap). No lock needed.
 */
int amap_new(size_t first, size_t n, struct aref *out);

/* A chunk by its number, or NULL. => lock held */
struct amap_chunk *amap_chunk_find(struct vm_amap *am, size_t index);
static inline struct amap_chunk *amap_chunk(struct vm_amap *am, size_t index)
{
	return am->hint && am->hint_index == index ? am->hint : ASIDE2(amap_chunk_find, am, index);
}

/* A slot's chunk, or NULL. slot counts from ar->slot, in all calls. => lock held */
static inline struct amap_chunk *amap_chunk_at(const struct aref *ar, size_t slot)
{
	size_t at = ar->slot + slot;

	KASSERT(sleeplock_held(&ar->amap->lock->lock) && at < ar->amap->nslots);
	return amap_chunk(ar->amap, at / AMAP_CHUNK);
}
/* The anon in the slot, whose chunk this is, or NULL. */
static inline struct vm_anon *amap_anon_at(const struct amap_chunk *ch, const struct aref *ar, size_t slot)
{
	return ch ? ch->anon[(ar->slot + slot) % AMAP_CHUNK] : NULL;
}
static inline struct vm_anon *amap_lookup(const struct aref *ar, size_t slot) { return amap_anon_at(amap_chunk_at(ar, slot), ar, slot); }

/* anons[i] for slots slot .. slot + n - 1, NULL where empty; returns how many are not. */
size_t amap_lookup_range(const struct aref *ar, size_t slot, size_t n, struct vm_anon **anons);

/* May an anon of this chunk be reached through more than one slot? Then a write must copy it. => lock held */
static inline bool amap_anon_shared(const struct amap_chunk *ch, const struct vm_anon *an) { return an->ref > 1 || ch->refs > 1; }
/* The same for whatever is in the slot. */
static inline bool amap_slot_shared(const struct aref *ar, size_t slot)
{
	const struct amap_chunk *ch = amap_chunk_at(ar, slot);
	const struct vm_anon *an = amap_anon_at(ch, ar, slot);

	return an && amap_anon_shared(ch, an);
}

/* Makes the slot's chunk this amap's own. ENOMEM: nothing changed (fail site pool.amap_chunk). */
int amap_unshare_chunk(struct vm_amap *am, size_t index) __cold;
static inline int amap_unshare(struct aref *ar, size_t slot)
{
	size_t index = (ar->slot + slot) / AMAP_CHUNK;

	const struct amap_chunk *ch = amap_chunk_at(ar, slot);

	return __builtin_expect(ch && ch->refs > 1, 0) ? ASIDE2(amap_unshare_chunk, ar->amap, index) : 0;
}

/* The chunk of an absolute slot made this amap's own, or made when ch is NULL. ENOMEM: nothing changed. => lock held */
int amap_chunk_make(struct vm_amap *am, size_t slot, struct amap_chunk *ch, struct amap_chunk **out) __cold;

/* Puts an anon into an empty slot; the caller's reference moves in; sets the anon's lock. ENOMEM: nothing changed. */
static inline __step int amap_add(struct aref *ar, size_t slot, struct vm_anon *an)
{
	struct amap_chunk *ch = amap_chunk_at(ar, slot);
	struct vm_amap *am = ar->amap;
	size_t at = ar->slot + slot, place = at % AMAP_CHUNK;
	struct amap_chunk *made;
	int error;

	KASSERT(at >= am->first_run.start);
	KASSERT(an->lock == NULL && an->ref == 1);
	if (__builtin_expect(ch == NULL || ch->refs > 1, 0)) {
		error = ASIDE4(amap_chunk_make, am, at, ch, &made);
		if (error)
			return error;
		ch = made;
	}
	KASSERT(ch->anon[place] == NULL);
	ch->anon[place] = an;
	ch->used |= 1UL << place;
	am->used++;
	an->lock = am->lock;
	return 0;
}

/* Puts an anon where another is; returns the old one, whose reference is now the caller's. => chunk not shared */
static inline __step struct vm_anon *amap_replace(struct aref *ar, size_t slot, struct vm_anon *an)
{
	struct amap_chunk *ch = amap_chunk_at(ar, slot);
	struct vm_anon *old = amap_anon_at(ch, ar, slot);

	KASSERT(old && ch->refs == 1);
	KASSERT(an->lock == NULL && an->ref == 1);
	ch->anon[(ar->slot + slot) % AMAP_CHUNK] = an;
	an->lock = ar->amap->lock;
	return old;
}

/* Takes the anon out; its reference is now the caller's. => chunk not shared */
struct vm_anon *amap_remove(struct aref *ar, size_t slot);

/*
 * A new amap for slots [ar->slot, + n) of ar with the same lock and the same
 * anons, chunks shared where the invariant allows and copied where not. One
 * reference. => lock held on entry and return. ENOMEM: nothing changed.
 */
int amap_clone(const struct aref *ar, size_t n, struct aref *out);
/* The same at once: each anon and page copied, no sharing; the new amap has a lock of its own. For kernels without copy-on-write. */
int amap_copy_now(const struct aref *ar, size_t n, struct aref *out);

/* One more entry refers to slots [ar->slot, + n). => whole runs */
void amap_ref(const struct aref *ar, size_t n);
/*
 * One entry less: takes and lets go of the lock itself. Frees anons that nobody
 * can reach any more (=> no mapping of them is left, or they are removed here),
 * and the amap with its last reference. Needs no memory.
 */
void amap_unref(const struct aref *ar, size_t n);

/*
 * Prepares the split of an entry n slots above ar->slot: a run boundary, and the chunk
 * there is no longer shared. Takes the lock itself. ENOMEM: nothing changed. Then the two entries' arefs are
 * {amap, slot} and {amap, slot + n}, and amap->refs counts one more.
 */
int amap_split(struct aref *ar, size_t n);
/* The reverse of amap_split: two neighbouring entries become one. amap->refs counts one less; a boundary that nobody needs goes. Takes the lock. */
void amap_join(struct aref *low, size_t n);

/*
 * Is the entry at ar, of n slots, the only one that refers to any of them? Then
 * boundaries inside it, left from entries that are gone, go too. => lock held
 */
bool amap_sole(struct aref *ar, size_t n);

/*
 * Lets the amap of an entry of n slots cover `more` slots after, or before, them; the latter moves ar->slot.
 * EBUSY: another entry is in the way, or there are no such slots. Needs no memory. Takes the lock.
 */
int amap_extend(struct aref *ar, size_t n, size_t more);
int amap_extend_down(struct aref *ar, size_t n, size_t more);

/* The run that holds an absolute slot of the amap, and one past its last slot. */
struct amap_run *amap_run_at(const struct vm_amap *am, size_t slot);
/* Most amaps have but their first run. */
static inline bool amap_one_run(const struct vm_amap *am) { return !am->first_run.node.parent && !am->first_run.node.right; }
/* Number of entries that refer to the slot. */
static inline uint32_t amap_run_refs(const struct aref *ar, size_t slot)
{
	const struct vm_amap *am = ar->amap;

	return amap_one_run(am) ? am->first_run.refs : amap_run_at(am, ar->slot + slot)->refs;
}
struct amap_run *amap_run_next(const struct amap_run *run);
size_t amap_run_end(const struct vm_amap *am, const struct amap_run *run);
static inline size_t amap_first(const struct vm_amap *am) { return am->first_run.start; }

/* Empties the absolute slots [start, end), letting their anons go. => a shared chunk lies in the range whole */
void amap_clear(struct vm_amap *am, size_t start, size_t end);
/* Frees an empty amap that no entry refers to; its lock loses a reference. => lock not held, or kept by another amap */
void amap_free(struct vm_amap *am);

/* The pool of run nodes; map_boot() calls it. */
void amap_run_boot(void);

/* Every rule above, for one amap; prints what is wrong. For the audit: harts quiet, no lock needed. */
bool amap_check(struct vm_amap *am);
/* => harts quiet, or the list may change under the walk */
void amap_for_each(void (*visit)(struct vm_amap *am, void *arg), void *arg);

#endif
