/*
 * Maps: which address ranges of a space hold what.
 *
 * A map is a sorted set of entries that do not overlap, found through a tree
 * that also knows the largest gap below each subtree. An entry has up to two
 * layers: an amap above (aref), an object below.
 *
 *	copy_on_write, needs_copy   the amap is shared with another map's entry, or not made
 *	                            yet: before it changes it is copied (amap_clone)
 *	copy_on_write alone         the amap is this entry's own; the object is never written
 *	neither                     shared: writes go to the object's own pages
 *
 * Anonymous memory is copy_on_write over no object: what shares it shares the
 * amap, by inheritance. Without needs_copy it has an amap.
 *
 * An entry that is taken out waits on `gone`: its references are let go when
 * the map has been unlocked, since the last one may sleep for long.
 *
 * Locks: the map's rwlock. (w) written with it held for writing, read with it held either way;
 * needs_copy, aref: changed by a fault under the write lock only (it upgrades).
 */
#ifndef VM_MAP_H
#define VM_MAP_H

#include "base/list.h"
#include "base/tree.h"
#include "kern/rwlock.h"
#include "vm/amap.h"
#include "vm/object.h"
#include "vm/pmap.h"

struct vm_map_entry {
	struct tree_node node;     /* w */
	struct list link;          /* w: in order of address */
	vaddr_t start, end;        /* w: page aligned, start < end */
	vaddr_t gap, max_gap;      /* w: free space below start that a search may hand out; the largest in the subtree */
	struct vm_object *object;  /* w: lower layer, or NULL; counted */
	voff_t offset;             /* w: in the object, of start */
	struct aref aref;          /* w: upper layer */
	uint8_t prot, maxprot;     /* w */
	uint8_t inherit, advice;   /* w: MAP_INHERIT_*, MADV_* */
	uint16_t wired;            /* w: number of wirings */
	bool copy_on_write;        /* w */
	bool needs_copy;           /* w */
	bool reserved;             /* w: a range with no layers that nothing may fault on (case 0) */
	bool stack;                /* w: grows downwards */
};

struct vm_map {
	struct rwlock lock;        /* RANK_MAP */
	struct pmap *pmap;         /* fixed */
	vaddr_t min, max;          /* fixed */
	vaddr_t search_max;        /* fixed: map_find_space stays below; the stack grows above it */
	struct tree tree;          /* w */
	struct list entries;       /* w */
	size_t count;              /* w: entries */
	size_t size;               /* w: bytes mapped */
	uint64_t version;          /* w: counts up with every change under the write lock */
	struct vm_map_entry *hint; /* atomic: found last by a reader, NULL after each change: most often the same one is wanted again */
	struct list gone;          /* w: entries taken out in this write lock */
	struct list all_link;      /* of all maps, for the audit */
};

void map_boot(void);
void map_init(struct vm_map *map, struct pmap *pmap, vaddr_t min, vaddr_t max);

/* Lock calls that keep the version: writing counts it up. Unlocking from writing lets go of what was taken out. => no other lock held */
static inline void map_lock_read(struct vm_map *map) { rwlock_read(&map->lock); }
static inline void map_unlock_read(struct vm_map *map) { rwlock_read_release(&map->lock); }
static inline void map_lock_write(struct vm_map *map) { rwlock_write(&map->lock); }
void map_unlock_write(struct vm_map *map);

/*
 * The entry that holds va. => locked either way. True and *out, or false and *out is the entry below va (NULL: none).
 */
bool map_lookup(struct vm_map *map, vaddr_t va, struct vm_map_entry **out);
/* The same for readers, who ask for one address after the other. NULL: none holds it. => locked for reading */
struct vm_map_entry *map_lookup_anew(struct vm_map *map, vaddr_t va);
static inline struct vm_map_entry *map_lookup_again(struct vm_map *map, vaddr_t va)
{
	struct vm_map_entry *e = __atomic_load_n(&map->hint, __ATOMIC_RELAXED);

	DASSERT(rwlock_read_held(&map->lock));
	return e && va - e->start < e->end - e->start ? e : map_lookup_anew(map, va);
}

/* What a new mapping is to be. */
struct map_request {
	vaddr_t start;             /* page aligned: the place (fixed), or a hint, 0 for none */
	size_t size;               /* page aligned, > 0 */
	bool fixed;                /* at start and nowhere else; what is there is replaced unless noreplace */
	bool noreplace;            /* fixed and something is there: EEXIST */
	struct vm_object *object;  /* its reference moves into the entry on success */
	voff_t offset;
	uint8_t prot, maxprot, inherit, advice;
	bool copy_on_write;        /* private */
	bool reserved, stack;
};

/*
 * Enters a mapping, at the highest free place below the map's end or the hint
 * when not fixed. Anonymous private memory merges with a like neighbour.
 * *start: where. ENOMEM: no room or no memory; EEXIST; EINVAL: outside the map. On error nothing has changed.
 * Takes the write lock itself.
 */
int map_enter(struct vm_map *map, const struct map_request *rq, vaddr_t *start);
int map_enter_locked(struct vm_map *map, const struct map_request *rq, vaddr_t *start); /* => write-locked */

/* Takes everything in [start, end) away. Needs memory only to split: ENOMEM, nothing changed. Takes the lock; references are let go after it. */
int map_remove(struct vm_map *map, vaddr_t start, vaddr_t end);
int map_remove_locked(struct vm_map *map, vaddr_t start, vaddr_t end); /* => write-locked */

/* ENOMEM: a hole in the range, or no memory to split; EACCES: beyond maxprot. On error nothing has changed. Takes the lock. */
int map_protect(struct vm_map *map, vaddr_t start, vaddr_t end, prot_t prot);

/* Entries of a range end at its ends after this. => write-locked; clip_start: at below the entry's end, clip_end: above its start. ENOMEM: nothing changed that matters. */
int map_clip_start(struct vm_map *map, struct vm_map_entry *e, vaddr_t at);
int map_clip_end(struct vm_map *map, struct vm_map_entry *e, vaddr_t at);
/* Makes one of e and its neighbours where they are alike. => write-locked */
void map_merge(struct vm_map *map, struct vm_map_entry *e);

/* A free place of `size` bytes: at or above hint if given, else the highest. => locked. ENOMEM. */
int map_find_space(struct vm_map *map, vaddr_t hint, size_t size, vaddr_t *start);

/*
 * Settles needs_copy for the part [start, end) of the entry: clips the entry to it and gives it an amap
 * of its own. An entry that has none yet gets one for all of it, which costs no more. => write-locked, needs_copy. The entry may be another afterwards: look it up again. ENOMEM: nothing changed.
 */
int map_amap_copy(struct vm_map *map, struct vm_map_entry *e, vaddr_t start, vaddr_t end);
/* The same for a whole entry, which stays as it is: taken over when no other entry refers to the amap, else copied. */
int map_amap_own(struct vm_map *map, struct vm_map_entry *e);

/* The child's map gets what inheritance says. => parent write-locked. ENOMEM: child is left for map_destroy. */
int map_fork(struct vm_map *parent, struct vm_map *child);

/*
 * Moves an entry's start down to new_start (stack growth), its amap with it. Where the amap cannot follow, a like
 * entry beside it takes the new part. => write-locked, the space is free, no object. ENOMEM.
 */
int map_grow_down(struct vm_map *map, struct vm_map_entry *e, vaddr_t new_start);

void map_destroy(struct vm_map *map); /* removes everything; => nobody else uses it */

/* The entries: for the files of this floor. => write-locked, in each. */
struct vm_map_entry *map_entry_new(void);             /* zeroed; NULL: no memory (fail site pool.map_entry). No lock needed */
void map_entry_free(struct vm_map_entry *e);          /* in no map, without references */
void map_insert(struct vm_map *map, struct vm_map_entry *e); /* => its range is free */
void map_take(struct vm_map *map, struct vm_map_entry *e);   /* out of the map, nothing let go */
void map_resize(struct vm_map *map, struct vm_map_entry *e, vaddr_t start, vaddr_t end); /* => the new range is its own or free */
void map_drop(struct vm_map *map, struct vm_map_entry *e);   /* out of the map and on `gone` */
struct vm_map_entry *map_next(struct vm_map *map, struct vm_map_entry *e); /* NULL: the last. e NULL: the first */
struct vm_map_entry *map_prev(struct vm_map *map, struct vm_map_entry *e);
struct vm_map_entry *map_first_from(struct vm_map *map, vaddr_t va); /* the first that ends above va */
static inline size_t entry_pages(const struct vm_map_entry *e) { return (e->end - e->start) >> PAGE_SHIFT; }

/* Threads that are between unlocking a map and having let go of what they took out: the audit waits for 0. */
extern uint32_t map_letting_go; /* atomic */

bool map_check(struct vm_map *map);   /* for the audit; prints what is wrong */
void map_for_each(void (*visit)(struct vm_map *map, void *arg), void *arg); /* => harts quiet */

#endif
