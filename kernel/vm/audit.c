/*
 * The audit: checks each structure by itself, then the references between them.
 *
 * When. Structures are whole whenever nobody holds a lock of theirs and nobody is
 * between taking entries out of a map and letting go of what they referred to. So
 * the other harts are held where they have no spinlock (harts_pause), all VM locks
 * looked at, and if one is held the harts go on and the audit tries again later.
 *
 * Counts. Each reference that is found is taken from the count that it should be
 * part of; then every count must be zero; then all are put back. That needs no
 * memory, and visits in the second walk exactly what the first one visited.
 *
 * It walks the structures itself where the usual functions assert a lock.
 * Floor: the last of vm/.
 */
#include "vm/audit.h"

#include "abi/mman.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "kern/counters.h"
#include "kern/thread.h"
#include "riscv/cpu.h"
#include "vm/kmap.h"
#include "vm/map.h"
#include "vm/pageq.h"
#include "vm/pdaemon.h"
#include "vm/pool.h"

#define REPORTS_MAX 20 /* broken rules that are printed; one fault often breaks many */

/* The audit under way; one at a time, harts_pause() sees to that. */
static unsigned broken;

#define RULE(rule, fmt, ...)                                                                     \
	do {                                                                                     \
		if (!(rule) && broken++ < REPORTS_MAX)                                           \
			kprintf("audit: " fmt ": not %s\n", __VA_ARGS__, #rule);                 \
	} while (0)

static void check_each(void);
static void check_references(void);
static void check_mappings(void);
static void check_frames(void);

/* ---- the moment -------------------------------------------------------------- */

static bool lock_free(const struct sleeplock *l)
{
	return __atomic_load_n(&l->holder, __ATOMIC_RELAXED) == NULL;
}

static void map_quiet(struct vm_map *map, void *quiet)
{
	if (map->lock.writer || map->lock.readers)
		*(bool *)quiet = false;
}

static void amap_quiet(struct vm_amap *am, void *quiet)
{
	if (!lock_free(&am->lock->lock))
		*(bool *)quiet = false;
}

static void object_quiet(struct vm_object *o, void *quiet)
{
	if (!lock_free(&o->lock))
		*(bool *)quiet = false;
}

/* => harts paused */
static bool world_quiet(void)
{
	bool quiet = __atomic_load_n(&map_letting_go, __ATOMIC_ACQUIRE) == 0;

	map_for_each(map_quiet, &quiet);
	amap_for_each(amap_quiet, &quiet);
	object_for_each(object_quiet, &quiet);
	return quiet;
}

bool audit_now(const char *when)
{
	broken = 0;
	check_each();
	if (!broken) { /* what is broken in itself is not followed */
		check_references();
		check_mappings();
		check_frames();
	}
	if (broken)
		kprintf("audit: %u rules broken, %s\n", broken, when);
	return broken == 0;
}

/* False: not the moment. *good: what the audit found. */
static bool audit_once(const char *when, bool *good)
{
	bool quiet;

	assert_sleepable();
	if (!harts_pause())
		return false;
	quiet = world_quiet();
	if (quiet)
		*good = audit_now(when);
	harts_resume();
	return quiet;
}

/*
 * A frame or object that a thread is just taking from its allocator, with no lock
 * held, shows as one too few. That passes once all harts and threads had time to get on; what is broken stays broken.
 */
#define BELIEVED 4
static void let_others_on(void) { thread_pause(200 * 1000, 0); }

bool audit_try(const char *when)
{
	bool good = false;

	for (unsigned tries = 0; tries < BELIEVED && !good; tries++) {
		if (!audit_once(when, &good))
			return true;
		if (!good)
			let_others_on();
	}
	return good;
}

bool audit(const char *when)
{
	unsigned failed = 0;
	bool good = true;

	for (unsigned tries = 0; tries < 2000; tries++) {
		if (audit_once(when, &good)) {
			if (good && failed)
				kprintf("audit: the next look found all in order: a thread was between two steps\n");
			if (good)
				return true;
			if (++failed == BELIEVED)
				return false;
		}
		if (good && tries % 8 < 7)
			thread_yield();
		else
			let_others_on();
	}
	kprintf("audit: memory never stood still, %s\n", when);
	return false;
}

/* ---- each structure by itself ------------------------------------------------ */

static void one_pool(struct pool *p, void *arg __unused)
{
	RULE(pool_check(p), "pool %s", p->name);
}

static void one_amap(struct vm_amap *am, void *count)
{
	RULE(amap_check(am), "amap %p", (void *)am);
	++*(size_t *)count;
}

static void one_map(struct vm_map *map, void *count)
{
	RULE(map_check(map), "map %p", (void *)map);
	*(size_t *)count += map->count;
}

static void one_object(struct vm_object *o, void *arg __unused)
{
	RULE(object_check(o), "object %p", (void *)o);
}

static void one_pmap(struct pmap *pm, void *arg __unused)
{
	RULE(pmap_check(pm), "pmap %p", (void *)pm);
}

static void check_each(void)
{
	size_t amaps = 0, entries = 0;

	RULE(page_check(), "%s", "frames");
	RULE(pageq_check(), "%s", "page queues");
	pool_for_each(one_pool, NULL);
	amap_for_each(one_amap, &amaps);
	map_for_each(one_map, &entries);
	object_for_each(one_object, NULL);
	pmap_for_each(one_pmap, NULL);
	RULE(amaps == gauge_read(STAT_amaps), "amaps: %zu found", amaps);
	/* Entries that left their map may still wait for their object to let them go. */
	RULE(entries <= gauge_read(STAT_map_entries), "entries: %zu found", entries);
}

/* ---- references --------------------------------------------------------------- */

/* Which entries a walk looks at, and whether it takes references away (-1) or puts them back (1). */
struct walk {
	bool needs_copy;
	int sign;
};

static void entry_runs(struct vm_map_entry *e, const struct walk *w)
{
	struct vm_amap *am = e->aref.amap;
	size_t start = e->aref.slot, end = start + entry_pages(e);
	struct amap_run *run = amap_run_at(am, start);

	if (w->sign < 0)
		RULE(run->start == start, "amap %p, entry at %lx", (void *)am, (long)e->start);
	for (; run && run->start < end; run = amap_run_next(run)) {
		run->refs += w->sign;
		if (w->sign < 0)
			RULE(amap_run_end(am, run) <= end, "amap %p, entry at %lx", (void *)am, (long)e->start);
	}
	am->refs += w->sign;
}

static void map_runs(struct vm_map *map, void *arg)
{
	const struct walk *w = arg;

	list_for_each(link, &map->entries) {
		struct vm_map_entry *e = list_entry(link, struct vm_map_entry, link);

		if (e->aref.amap && e->needs_copy == w->needs_copy)
			entry_runs(e, w);
	}
}

/* With the references of all entries gone that write to their amap: nobody refers to it by needs_copy. */
static void map_unshared(struct vm_map *map, void *arg __unused)
{
	list_for_each(link, &map->entries) {
		struct vm_map_entry *e = list_entry(link, struct vm_map_entry, link);

		if (!e->aref.amap || e->needs_copy)
			continue;
		struct amap_run *run = amap_run_at(e->aref.amap, e->aref.slot);
		for (; run && run->start < e->aref.slot + entry_pages(e); run = amap_run_next(run))
			RULE(run->refs == 0, "amap %p from slot %zu, entry at %lx", (void *)e->aref.amap, run->start,
			     (long)e->start);
	}
}

static void map_objects(struct vm_map *map, void *arg)
{
	const struct walk *w = arg;

	list_for_each(link, &map->entries) {
		struct vm_object *o = list_entry(link, struct vm_map_entry, link)->object;

		if (!o)
			continue;
		if (w->sign < 0)
			RULE(o->refs > 0, "object %p of map %p", (void *)o, (void *)map);
		o->refs += w->sign;
	}
}

/*
 * A chunk's anons are visited with the last of its references: when the count comes
 * to 0 on the way down, and when it leaves 0 on the way up.
 */
static void amap_chunks(struct vm_amap *am, void *arg)
{
	const struct walk *w = arg;
	struct amap_chunk *ch;

	am->lock->refs += w->sign;
	for (uint64_t i = 0; (ch = radix_next(&am->chunks, &i)); i++) {
		bool visit = w->sign < 0 ? ch->refs == 1 : ch->refs == 0;

		ch->refs += w->sign;
		for (uint64_t left = visit ? ch->used : 0; left; left &= left - 1)
			ch->anon[__builtin_ctzl(left)]->ref += w->sign;
	}
}

static void amap_all_taken(struct vm_amap *am, void *arg __unused)
{
	struct amap_chunk *ch;

	RULE(am->refs == 0, "amap %p, %u entries too many", (void *)am, am->refs);
	RULE(am->lock->refs == 0, "amap %p, its lock: %u amaps too many", (void *)am, am->lock->refs);
	for (struct amap_run *run = &am->first_run; run; run = amap_run_next(run))
		RULE(run->refs == 0, "amap %p from slot %zu: %u entries too many", (void *)am, run->start, run->refs);
	for (uint64_t i = 0; (ch = radix_next(&am->chunks, &i)); i++) {
		RULE(ch->refs == 0, "amap %p, chunk %zu: %u amaps too many", (void *)am, (size_t)i, ch->refs);
		for (uint64_t left = ch->used; left; left &= left - 1) {
			struct vm_anon *an = ch->anon[__builtin_ctzl(left)];

			RULE(an->ref == 0, "anon %p: %u chunks too many", (void *)an, an->ref);
		}
	}
}

/* A frame of an anon that no amap leads to: lost, unless a fault is just making it. */
static void frames_reached(void)
{
	for (size_t i = 0; i < page_count; i++) {
		struct vm_page *pg = &pages[i];

		if (pg->owner != PO_ANON)
			continue;
		RULE(pg->anon && pg->anon->page == pg, "frame %lx of anon %p", (long)page_pa(pg), (void *)pg->anon);
		if (pg->anon && pg->anon->lock)
			RULE(pg->anon->ref == 0, "frame %lx, anon %p in no amap", (long)page_pa(pg), (void *)pg->anon);
	}
}

static void check_references(void)
{
	struct walk writers = { false, -1 }, readers = { true, -1 };

	map_for_each(map_runs, &writers);
	map_for_each(map_unshared, NULL);
	map_for_each(map_runs, &readers);
	map_for_each(map_objects, &readers);
	amap_for_each(amap_chunks, &readers);

	amap_for_each(amap_all_taken, NULL);
	frames_reached();

	writers.sign = readers.sign = 1;
	amap_for_each(amap_chunks, &readers);
	map_for_each(map_objects, &readers);
	map_for_each(map_runs, &readers);
	map_for_each(map_runs, &writers);
}

/* ---- mappings ------------------------------------------------------------------ */

static struct vm_map_entry *entry_at(struct vm_map *map, vaddr_t va)
{
	struct tree_node *n = map->tree.root;

	while (n) {
		struct vm_map_entry *e = tree_entry(n, struct vm_map_entry, node);

		if (va >= e->start && va < e->end)
			return e;
		n = va < e->start ? n->left : n->right;
	}
	return NULL;
}

/* What a mapping of this page at va through e would have to be; NULL: nothing. *writable: may it be written. */
static struct vm_page *page_at(struct vm_map_entry *e, vaddr_t va, bool *writable)
{
	size_t slot = e->aref.slot + ((va - e->start) >> PAGE_SHIFT);
	struct amap_chunk *ch = e->aref.amap ? radix_lookup(&e->aref.amap->chunks, slot / AMAP_CHUNK) : NULL;
	struct vm_anon *an = ch ? ch->anon[slot % AMAP_CHUNK] : NULL;
	struct vm_page *pg;

	if (an) {
		pg = an->page;
		*writable = !e->needs_copy && ch->refs == 1 && an->ref == 1 && (!pg || pg->loan_count == 0);
		return pg;
	}
	if (!e->object)
		return NULL;
	pg = radix_lookup(&e->object->pages, (e->offset + (va - e->start)) >> PAGE_SHIFT);
	*writable = pg && !e->copy_on_write && !(pg->flags & PG_RDONLY) && pg->loan_count == 0;
	return pg;
}

static bool one_mapping(void *arg, vaddr_t va, paddr_t pa, prot_t prot, bool wired)
{
	struct vm_map *map = arg;
	struct vm_map_entry *e = entry_at(map, va);
	bool writable = false;

	RULE(e != NULL, "map %p, a mapping of %lx", (void *)map, (long)va);
	if (!e)
		return true;
	struct vm_page *pg = page_at(e, va, &writable);
	RULE(pg != NULL && pg == page_of(pa), "map %p at %lx, frame %lx", (void *)map, (long)va, (long)pa);
	RULE((prot & ~e->prot) == 0, "map %p at %lx, rights %x", (void *)map, (long)va, prot);
	RULE(writable || !(prot & PROT_WRITE), "map %p at %lx, frame %lx", (void *)map, (long)va, (long)pa);
	RULE(!wired || e->wired, "map %p at %lx", (void *)map, (long)va);
	return true;
}

static void map_mappings(struct vm_map *map, void *arg __unused)
{
	pmap_walk(map->pmap, one_mapping, map);
}

static void check_mappings(void)
{
	map_for_each(map_mappings, NULL);
}

/* ---- frames -------------------------------------------------------------------- */

static void one_frame(struct vm_page *pg)
{
	long pa = (long)page_pa(pg);

	RULE(!pmap_page_mapped(pg) || pmap_check_page(pg), "frame %lx", pa);
	RULE(pg->wire_count == 0 || pg->queue == PQ_NONE, "frame %lx", pa);
	RULE(page_state(pg) != PS_NOWHERE && page_state(pg) != PS_LEAVING, "frame %lx", pa);
	switch (pg->owner) {
	case PO_FREE:
		RULE(!pmap_page_mapped(pg), "free frame %lx", pa);
		RULE(pg->flags == 0 && pg->wire_count == 0 && pg->loan_count == 0, "free frame %lx", pa);
		break;
	case PO_OBJECT:
		RULE(pg->object && radix_lookup(&pg->object->pages, pg->offset >> PAGE_SHIFT) == pg,
		     "frame %lx of object %p", pa, (void *)pg->object);
		break;
	case PO_ANON: /* its anon: frames_reached() */
		break;
	default:
		RULE(pg->queue == PQ_NONE && !pmap_page_mapped(pg), "frame %lx of the kernel", pa);
	}
}

static void check_frames(void)
{
	for (size_t i = 0; i < page_count; i++)
		one_frame(&pages[i]);
}

/* ---- leaks --------------------------------------------------------------------- */

/* A walk over all pools beside the counts of a snapshot, or of two. */
struct pool_walk {
	struct audit_snapshot *now;
	const struct audit_snapshot *before;
	size_t index;
	bool same;
};

static void pool_note(struct pool *p, void *arg)
{
	struct pool_walk *walk = arg;

	KASSERT(walk->index < AUDIT_POOLS);
	walk->now->live[walk->index++] = __atomic_load_n(&p->live, __ATOMIC_RELAXED);
	walk->now->kernel -= __atomic_load_n(&p->slabs, __ATOMIC_RELAXED);
}

void audit_snapshot(struct audit_snapshot *s)
{
	struct pool_walk walk = { .now = s };

	thread_reap();
	pdaemon_drain();
	kstack_drain();
	pool_drain_all();
	page_drain();
	*s = (struct audit_snapshot){
		.pages = gauge_read(STAT_pages_anon) + gauge_read(STAT_pages_table),
		.kernel = gauge_read(STAT_pages_kernel),
		.anons = gauge_read(STAT_anons),
		.amaps = gauge_read(STAT_amaps),
		.chunks = gauge_read(STAT_amap_chunks),
		.entries = gauge_read(STAT_map_entries),
		.pmaps = gauge_read(STAT_pmaps),
		.inodes = gauge_read(STAT_inodes),
		.files = gauge_read(STAT_files),
		.procs = gauge_read(STAT_procs),
		.threads = gauge_read(STAT_threads),
	};
	pool_for_each(pool_note, &walk);
}

static bool no_more(const char *what, uint64_t before, uint64_t after)
{
	if (after > before)
		kprintf("leak: %s: %lu before, %lu after\n", what, (unsigned long)before, (unsigned long)after);
	return after <= before;
}

static void pool_compare(struct pool *p, void *arg)
{
	struct pool_walk *walk = arg;
	size_t i = walk->index++;

	walk->same &= no_more(p->site, walk->before->live[i], walk->now->live[i]);
}

bool audit_same(const struct audit_snapshot *before, struct audit_snapshot *after)
{
	struct pool_walk walk = { .now = after, .before = before, .same = true };

	pool_for_each(pool_compare, &walk);
	return walk.same & no_more("frames of the kernel", before->kernel, after->kernel) &
	       no_more("frames of anons and page tables", before->pages, after->pages) &
	       no_more("anons", before->anons, after->anons) & no_more("amaps", before->amaps, after->amaps) &
	       no_more("amap chunks", before->chunks, after->chunks) &
	       no_more("map entries", before->entries, after->entries) & no_more("pmaps", before->pmaps, after->pmaps) &
	       no_more("inodes", before->inodes, after->inodes) & no_more("open files", before->files, after->files) &
	       no_more("processes", before->procs, after->procs) & no_more("threads", before->threads, after->threads);
}
