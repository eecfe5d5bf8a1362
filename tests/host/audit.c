/*
 * vm/audit.c and the checks that it asks of each structure: every rule is broken on
 * purpose, one at a time, and the audit has to say so.
 */
#include "host.h"

#include "base/kassert.h"
#include "vm/page_claim.h"
#include "vm/pageq.h"

#define BASE 0x100000UL
#define PG(n) (BASE + (n) * PAGE_SIZE)

static struct vmspace *vs;
static struct vm_map *map;
static struct host_object *file;
static struct vm_map_entry *anon_entry, *file_entry;

/* Two pages of four at PG(0) are written; of a shared file at PG(8) one is read and one written. */
static void begin(void)
{
	uint8_t byte;

	vs = host_space();
	map = &vs->map;
	host_anon(map, PG(0), 4, 3, MAP_INHERIT_COPY);
	CHECK_EQ(user_write(map, PG(0), 1), 0);
	CHECK_EQ(user_write(map, PG(1), 2), 0);
	file = host_object(4 * PAGE_SIZE, 0x77);
	host_file(map, PG(8), file, 0, 4, 3, true);
	CHECK_EQ(user_read(map, PG(8), &byte), 0);
	CHECK_EQ(user_write(map, PG(9), 3), 0);
	map_lock_read(map);
	CHECK(map_lookup(map, PG(0), &anon_entry) && map_lookup(map, PG(8), &file_entry));
	map_unlock_read(map);
	CHECK_AUDIT();
}

static void end(void)
{
	struct host_use none = { .frames = HOST_FRAMES };

	vmspace_release(vs);
	host_object_put(file);
	CHECK_NO_LEAK(none);
}

static struct vm_page *frame(vaddr_t va)
{
	struct vm_page *pg = NULL;

	CHECK(host_mapped(map, va, NULL, &pg));
	return pg;
}

/* With something else in place of what ought to be there, the audit finds fault; with the right thing there, none. */
#define BREAK(place, wrong)                     \
	do {                                    \
		__typeof__(place) right_ = (place); \
		(place) = (wrong);              \
		CHECK(!audit_now("broken"));    \
		(place) = right_;               \
		CHECK_AUDIT();                  \
	} while (0)

/* The same for a node that is missing in a list. */
static void unlink_node(struct list *node)
{
	struct list *before = node->prev;

	list_remove(node);
	CHECK(!audit_now("broken"));
	list_insert_after(before, node);
	CHECK_AUDIT();
}

HTEST(frames, "B12", "free frames: in a cache, in blocks of the right size, and as many as are counted")
{
	struct vm_page *pg, *block = NULL, *used;

	begin();
	pg = page_alloc(PO_KERNEL, 0);
	BREAK(pg->owner, PO_FREE); /* free by its state, and on no list */
	page_free(pg);             /* into a cache */
	BREAK(pg->owner, PO_KERNEL);
	BREAK(pg->order, 0);
	unlink_node(&pg->link);
	CHECK(page_claim(1, 0));
	CHECK(!audit_now("broken"));
	page_unclaim(1);
	CHECK_AUDIT();

	for (size_t i = 0; i < page_count && !block; i++)
		if (pages[i].owner == PO_FREE && pages[i].order != PAGE_NO_ORDER && pages[i].order >= 2)
			block = &pages[i];
	CHECK(block != NULL);
	BREAK(block->order, block->order - 1);
	BREAK(block[1].owner, PO_KERNEL);
	BREAK(block[1].order, 0);
	unlink_node(&block->link);

	/* A block that does not begin where one of its size may. */
	struct list *before = block->link.prev;
	list_remove(&block->link);
	list_insert_after(before, &block[1].link);
	block[1].order = block->order;
	block->order = PAGE_NO_ORDER;
	CHECK(!audit_now("broken"));
	list_remove(&block[1].link);
	list_insert_after(before, &block->link);
	block->order = block[1].order;
	block[1].order = PAGE_NO_ORDER;
	CHECK_AUDIT();

	/* Two halves that ought to be one: the other half of a free frame, in use, claims to be a free block as well. */
	for (used = NULL, pg = pages; pg < pages + page_count && !used; pg++)
		if (pg->owner == PO_FREE && pg->order < PAGE_ORDER_MAX)
			used = page_of(page_pa(pg) ^ (PAGE_SIZE << pg->order));
	pg = page_of(page_pa(used));
	CHECK(used && pg);
	for (unsigned order = 0; order < PAGE_ORDER_MAX; order++) {
		struct vm_page *other = page_of(page_pa(used) ^ (PAGE_SIZE << order));

		if (other && other->owner == PO_FREE && other->order == order)
			BREAK(used->order, order);
	}
	end();
}

HTEST(queues, "B12", "page queues: who is on one says so, is not wired, and is counted")
{
	struct vm_page *pg;

	begin();
	pg = frame(PG(0));
	for (unsigned i = 0; i < 2; i++) {
		CHECK_EQ(pg->queue, i ? PQ_INACTIVE : PQ_ACTIVE);
		BREAK(pg->queue, PQ_NONE);
		BREAK(pg->wire_count, 1);
		BREAK(pg->owner, PO_KERNEL);
		unlink_node(&pg->link);
		pageq_deactivate(pg);
	}
	end();
}

HTEST(objects, "B12", "objects: their pages name them, and are counted; none are left of a dead one")
{
	struct vm_object *o;
	struct vm_page *pg;

	begin();
	o = &file->o;
	pg = frame(PG(8));
	BREAK(pg->owner, PO_ANON);
	BREAK(pg->object, NULL);
	BREAK(pg->offset, PAGE_SIZE);
	BREAK(pg->flags, pg->flags | PG_RELEASED);
	pg->flags |= PG_BUSY | PG_RELEASED; /* somebody will free it when he is done */
	CHECK_AUDIT();
	pg->flags &= ~(PG_BUSY | PG_RELEASED);
	BREAK(o->npages, 1);
	BREAK(o->dirty, 0);
	BREAK(o->dirty, 3);
	BREAK(o->dirty, (size_t)-1);
	BREAK(o->dead, true);
	BREAK(o->refs, 0);
	BREAK(o->pages.count, 1);
	void **slots = (void **)o->pages.root;
	BREAK(slots[7], slots[0]); /* a node holds more than it counts */
	sleeplock_acquire(&o->lock);
	CHECK_EQ(radix_insert(&o->pages, 100, slots[1]), 0); /* one more level */
	slots = (void **)o->pages.root;
	slots = (void **)slots[1];
	CHECK(radix_check(&o->pages));
	void *kept = slots[100 - 64];
	slots[100 - 64] = NULL; /* a node of nothing */
	CHECK(!radix_check(&o->pages));
	slots[100 - 64] = kept;
	CHECK(radix_remove(&o->pages, 100) == kept && radix_check(&o->pages));
	sleeplock_release(&o->lock);
	struct host_object *empty = host_object(0, 0);
	CHECK_AUDIT();
	BREAK(empty->o.pages.count, 1);
	o = &empty->o;
	o->pages.height = 1;
	CHECK(!radix_check(&o->pages));
	o->pages.height = 0;
	o->refs = 0;
	o->dead = true;
	CHECK(object_check(o));
	o->npages = 1;
	CHECK(!object_check(o));
	o->npages = 0;
	o->refs = 1;
	o->dead = false;
	host_object_put(empty);
	end();
}

HTEST(maps, "B12", "maps: entries in order, in the tree and in the list, with what they may be and what is counted")
{
	struct vm_map_entry *e, spare;

	begin();
	e = anon_entry;
	BREAK(e->start, e->end);
	BREAK(e->start, e->start + 1);
	BREAK(e->end, map->max + PAGE_SIZE);
	BREAK(e->end, file_entry->end);
	BREAK(e->max_gap, 0);
	vaddr_t gap = e->gap;
	e->gap = 0;
	CHECK(!audit_now("broken"));
	e->gap = gap;
	CHECK(!audit_now("broken")); /* the look before has made max_gap fit */
	CHECK_AUDIT();
	BREAK(e->prot, 7 & ~e->maxprot ? 7 : 8);
	BREAK(e->reserved, true);
	BREAK(e->copy_on_write, false);
	BREAK(e->needs_copy, true); /* while a page of it may be written */
	BREAK(e->aref.slot, e->aref.amap->nslots);
	BREAK(file_entry->offset, 1);
	BREAK(map->count, 1);
	BREAK(map->size, 0);
	BREAK(map->tree.root, NULL);
	unlink_node(&e->link);
	unlink_node(&file_entry->link); /* the last one: the tree goes on where the list ends */
	BREAK(e->node.parent, e->node.parent ? NULL : &e->node);
	list_init(&spare.link);
	list_push_back(&map->gone, &spare.link);
	CHECK(!audit_now("broken"));
	list_remove(&spare.link);
	CHECK_AUDIT();
	/* In the list, after all that the tree has. */
	spare = *file_entry;
	spare.start = spare.end;
	spare.end += PAGE_SIZE;
	list_insert_after(&file_entry->link, &spare.link);
	CHECK(!audit_now("broken"));
	list_remove(&spare.link);
	CHECK_AUDIT();
	end();
}

HTEST(amaps, "B12", "amaps: every reference is found, no more and no fewer")
{
	struct vm_amap *am;
	struct amap_chunk *ch;
	struct vm_anon *an;

	begin();
	am = anon_entry->aref.amap;
	ch = am->hint;
	an = frame(PG(0))->anon;
	BREAK(am->refs, 0);
	BREAK(am->refs, 2);
	BREAK(am->lock->refs, 2);
	BREAK(am->used, 1);
	BREAK(am->hint_index, 1);
	BREAK(am->nslots, am->nslots - 3);
	BREAK(am->first_run.refs, 2);
	BREAK(am->first_run.start, am->nslots);
	BREAK(am->chunks.count, 2);
	BREAK(ch->refs, 0);
	BREAK(ch->refs, 2);
	BREAK(ch->used, 1);
	BREAK(an->ref, 0);
	BREAK(an->ref, 2);
	BREAK(an->lock, NULL);
	BREAK(an->page, NULL);
	an->slot = 1; /* as if it were in a swap slot */
	BREAK(an->page, NULL);
	an->slot = 0;
	BREAK(an->page->anon, NULL);
	BREAK(an->page->loan_count, 1); /* and it may be written */
	end();
}

/* A mapping of a page of the heap, where it does not belong. */
static void stray(vaddr_t va, prot_t prot, bool wired)
{
	struct vm_page *pg = frame(PG(0));
	struct vm_lock *lock = pg->anon->lock;

	sleeplock_acquire(&lock->lock);
	CHECK_EQ(pmap_enter(map->pmap, va, pg, prot, wired ? PMAP_WIRED : 0), 0);
	sleeplock_release(&lock->lock);
	CHECK(!audit_now("broken"));
	pmap_remove(map->pmap, va, va + PAGE_SIZE);
	pmap_update(map->pmap);
}

HTEST(mappings, "B12 B1", "mappings: each has its entry, its page and the rights that both allow")
{
	begin();
	stray(PG(6), 1, false);  /* no entry */
	stray(PG(2), 1, false);  /* an empty slot with nothing below it */
	stray(PG(10), 1, false); /* not the file's page */
	stray(PG(0), 1, true);   /* wired, and its entry is not */
	CHECK_EQ(user_write(map, PG(0), 1), 0);
	CHECK_AUDIT();
	BREAK(anon_entry->prot, 1);
	BREAK(frame(PG(9))->flags, PG_DIRTY | PG_RDONLY);
	BREAK(frame(PG(9))->loan_count, 1);
	BREAK(file_entry->copy_on_write, true);
	end();
}

HTEST(making, "B12", "a frame whose anon is just being made is in no amap, and nothing is wrong with that")
{
	struct vm_anon *an;

	begin();
	CHECK((an = anon_new(PAGE_ZERO)) != NULL);
	CHECK_AUDIT();
	anon_unref(an);
	struct vm_page *pg = page_alloc(PO_ANON, 0); /* but one of no anon at all is lost */
	pg->anon = NULL;
	CHECK(!audit_now("broken"));
	page_free(pg);
	CHECK_AUDIT();
	end();
}

static void mend(void) { map->size--, host_pause_hook = NULL; }

HTEST(kinds, "B12", "audits by name: what is broken stays so for each look; what is under way is given the time to end; a hart that cannot stop the others looks again")
{
	begin();
	CHECK(audit("test") && audit_try("test"));
	map->size++;
	CHECK(!audit("test"));
	CHECK(!audit_try("test"));
	map->size--;

	map->lock.readers++; /* another thread's */
	CHECK(audit_try("test")); /* not the moment: nothing is said */
	CHECK(!audit("test"));    /* it never comes */
	map->lock.readers--;
	map->lock.writer = host_thread + 1;
	CHECK(!audit("test"));
	map->lock.writer = NULL;
	struct sleeplock *locks[] = { &anon_entry->aref.amap->lock->lock, &file->o.lock };
	for (unsigned i = 0; i < ARRAY_COUNT(locks); i++) {
		locks[i]->holder = host_thread + 1;
		CHECK(!audit("test"));
		locks[i]->holder = NULL;
	}

	map->size++;
	host_pause_hook = mend;
	CHECK(audit("test")); /* it was between two steps */
	host_pause_hook = NULL;

	host_pause_refused = true;
	CHECK(audit_try("test"));
	CHECK(!audit("test"));
	host_pause_refused = false;
	end();
}

HTEST(leaks, "B12", "more of something than before is a leak, fewer is none")
{
	struct audit_snapshot before = { .anons = 2, .amaps = 1 }, after = before;

	CHECK(audit_same(&before, &after));
	after.anons = 1;
	CHECK(audit_same(&before, &after));
	after.amaps = 2;
	CHECK(!audit_same(&before, &after));
}
