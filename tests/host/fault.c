/* vm/fault.c over the real maps, amaps and objects: the steps of each case, and what happens meanwhile. */
#include "host.h"

#include "base/kassert.h"
#include "base/string.h"
#include "vm/pageq.h"

#define BASE 0x100000UL
#define PG(n) (BASE + (n) * PAGE_SIZE)

static struct vmspace *vs, *child;
static struct vm_map *map;
static struct host_object *file;

static void begin(void)
{
	vs = host_space();
	map = &vs->map;
}

static void fork_child(void) { CHECK_EQ(vmspace_fork(vs, &child), 0); }

/* Everything let go, and nothing left of it. */
static void end(void)
{
	struct host_use none = { .frames = HOST_FRAMES };

	if (child)
		vmspace_release(child);
	vmspace_release(vs);
	if (file)
		host_object_put(file);
	CHECK_NO_LEAK(none);
}

static void expect_read(struct vm_map *m, vaddr_t va, int value)
{
	uint8_t byte = 0;

	CHECK_EQ(user_read(m, va, &byte), 0);
	CHECK_EQ(byte, value);
	CHECK_AUDIT();
}

static void expect_write(struct vm_map *m, vaddr_t va, int value)
{
	CHECK_EQ(user_write(m, va, value), 0);
	CHECK_AUDIT();
}

static prot_t rights(struct vm_map *m, vaddr_t va)
{
	prot_t prot = 0;

	CHECK(host_mapped(m, va, &prot, NULL));
	return prot;
}

static struct vm_page *frame(struct vm_map *m, vaddr_t va)
{
	struct vm_page *pg = NULL;

	CHECK(host_mapped(m, va, NULL, &pg));
	return pg;
}

#define STEPS(want)                                                                                \
	do {                                                                                       \
		const char *got_ = host_steps();                                                   \
		if (__builtin_strcmp(got_, want))                                                  \
			host_fail(__FILE__, __LINE__, "steps were %s, not %s", got_, want);        \
	} while (0)
#define KK "K1 K2 K3 K4 K5 K6 "
#define COPY "K1 K2 K3 K4 RESTART "

HTEST(told_address, "A23", "the trace tells the very address that was touched, not that of its page")
{
	begin();
	host_anon(map, BASE, 4, 3, MAP_INHERIT_COPY);
	host_steps();
	CHECK_EQ(fault(map, PG(1) + 0x123, PROT_WRITE, 0), 0);
	CHECK_EQ(host_fault_address, PG(1) + 0x123);
	end();
}

HTEST(zfod, "A5 A7 C10", "the first touch of anonymous memory makes an amap and a zeroed page, writable at once by a write")
{
	begin();
	host_anon(map, BASE, 4, 3, MAP_INHERIT_COPY);
	host_steps();
	expect_write(map, PG(1), 7);
	STEPS(COPY KK "UL LP LE DONE");
	CHECK_EQ(rights(map, PG(1)), 3);
	expect_read(map, PG(2), 0);
	STEPS(KK "UL LP LE DONE");
	CHECK_EQ(rights(map, PG(2)), 3);
	CHECK_EQ(gauge_read(STAT_anons), 2);
	end();
}

HTEST(no_entry, "A1 A6", "no entry and a reserved range are EFAULT, a missing right is EACCES")
{
	uint8_t byte;

	begin();
	host_anon(map, BASE, 1, 1, MAP_INHERIT_COPY);
	const struct map_request bare = { .start = PG(1), .size = PAGE_SIZE, .fixed = true, .prot = 3, .maxprot = 3, .reserved = true };
	vaddr_t where;
	CHECK_EQ(map_enter(map, &bare, &where), 0);
	host_steps();
	CHECK_EQ(user_read(map, PG(2), &byte), EFAULT);
	STEPS("K1 ERROR");
	CHECK_EQ(user_read(map, PG(1), &byte), EFAULT);
	STEPS("K1 K2 K3 K4 K0 ERROR");
	CHECK_EQ(user_write(map, PG(1), 1), EFAULT);
	STEPS("K1 K2 K3 K4 K0 ERROR");
	CHECK(!host_mapped(map, PG(1), NULL, NULL));
	CHECK_AUDIT();
	CHECK_EQ(user_write(map, PG(0), 1), EACCES);
	STEPS("K1 K2 ERROR");
	CHECK_EQ(map_protect(map, PG(1), PG(2), 1), 0);
	CHECK_EQ(user_write(map, PG(1), 1), EFAULT); /* reserved: nothing there, whatever its rights */
	STEPS("K1 K2 ERROR");
	end();
}

HTEST(read_shared, "A2", "1A: a child reads what its parent wrote: the same frame, read-only for both")
{
	begin();
	host_anon(map, BASE, 2, 3, MAP_INHERIT_COPY);
	expect_write(map, BASE, 5);
	fork_child();
	CHECK_EQ(rights(map, BASE), 1);
	host_steps();
	expect_read(&child->map, BASE, 5);
	STEPS(COPY KK "UL AG UD UE DONE");
	CHECK(frame(map, BASE) == frame(&child->map, BASE));
	CHECK_EQ(rights(&child->map, BASE), 1);
	end();
}

HTEST(write_shared, "A3", "1B: a sharer's write copies the page; the old anon loses one reference, the other process keeps its page")
{
	begin();
	host_anon(map, BASE, 2, 3, MAP_INHERIT_COPY);
	expect_write(map, BASE, 5);
	expect_write(map, BASE + 4095, 4);
	expect_write(map, PG(1), 6);
	fork_child();
	expect_read(&child->map, BASE, 5);
	CHECK_EQ(gauge_read(STAT_anons), 2);
	host_steps();
	expect_write(&child->map, BASE, 9);
	STEPS(KK "UL AG UP UE DONE");
	CHECK_EQ(gauge_read(STAT_anons), 3);
	CHECK(frame(map, BASE) != frame(&child->map, BASE));
	CHECK_EQ(frame(map, BASE)->anon->ref, 1);
	CHECK_EQ(frame(map, PG(1))->anon->ref, 2);
	expect_read(map, BASE, 5);
	expect_read(&child->map, BASE, 9);
	expect_read(&child->map, BASE + 4095, 4);
	end();
}

HTEST(write_last, "A2 C10", "1A: the last owner writes to the very page, without a copy")
{
	struct vm_page *pg;

	begin();
	host_anon(map, BASE, 2, 3, MAP_INHERIT_COPY);
	expect_write(map, BASE, 5);
	pg = frame(map, BASE);
	fork_child();
	expect_write(&child->map, BASE, 9);
	CHECK_EQ(pg->anon->ref, 1);
	host_steps();
	expect_write(map, BASE, 8);
	STEPS(COPY KK "UL AG UD UE DONE");
	CHECK(frame(map, BASE) == pg);
	CHECK_EQ(rights(map, BASE), 3);
	expect_read(&child->map, BASE, 9);
	end();
}

HTEST(read_last, "A2 C10", "1A: rights come back with the last reference: a read by the last owner maps its page writable, one that is shared still read-only")
{
	struct vm_page *pg;

	begin();
	host_anon(map, BASE, 2, 3, MAP_INHERIT_COPY);
	expect_write(map, BASE, 5);
	expect_write(map, PG(1), 6);
	pg = frame(map, BASE);
	fork_child();
	expect_write(&child->map, BASE, 9);
	CHECK_EQ(pg->anon->ref, 1);
	pmap_remove(map->pmap, BASE, PG(2));
	pmap_update(map->pmap);
	expect_read(map, BASE, 5);
	CHECK(frame(map, BASE) == pg);
	CHECK_EQ(rights(map, BASE), 3);
	expect_read(map, PG(1), 6);
	CHECK_EQ(rights(map, PG(1)), 1);
	host_steps();
	expect_write(map, BASE, 8);
	STEPS(""); /* no second fault */
	expect_read(&child->map, BASE, 9);
	expect_read(&child->map, PG(1), 6);
	end();
}

HTEST(write_after_exit, "A2", "when the sharer has exited without writing, the owner's write copies nothing")
{
	struct vm_page *pg;

	begin();
	host_anon(map, BASE, 2, 3, MAP_INHERIT_COPY);
	expect_write(map, BASE, 5);
	pg = frame(map, BASE);
	fork_child();
	expect_read(&child->map, BASE, 5);
	vmspace_release(child);
	child = NULL;
	expect_write(map, BASE, 6);
	CHECK(frame(map, BASE) == pg);
	CHECK_EQ(gauge_read(STAT_anons), 1);
	end();
}

HTEST(file_read, "A4", "2A: a miss is read by the pager, a hit is not; a shared mapping's write goes to the object's page")
{
	begin();
	file = host_object(4 * PAGE_SIZE, 0x77);
	host_file(map, BASE, file, 0, 4, 3, true);
	host_steps();
	expect_read(map, BASE, 0x77);
	STEPS(KK "UL LL IO LD LE DONE");
	CHECK(curthread->fault_was_major);
	CHECK_EQ(frame(map, BASE)->owner, PO_OBJECT);
	CHECK_EQ(rights(map, BASE), 3);
	pmap_remove(map->pmap, BASE, PG(1));
	pmap_update(map->pmap);
	expect_write(map, BASE, 1);
	STEPS(KK "UL LL LD LE DONE");
	CHECK_EQ(file->gets, 1);
	CHECK_EQ(*(uint8_t *)page_kva(frame(map, BASE)), 1);
	end();
}

HTEST(file_private, "A4 A5 A7", "a private file mapping: a read clamps, makes no amap and maps the file's own page; a write promotes a copy for its page only")
{
	begin();
	file = host_object(4 * PAGE_SIZE, 0x77);
	host_file(map, BASE, file, 0, 4, 3, false);
	host_steps();
	expect_read(map, PG(1), 0x77);
	STEPS(KK "UL LL IO LD LE DONE");
	CHECK_EQ(rights(map, PG(1)), 1);
	CHECK_EQ(gauge_read(STAT_amaps), 0);
	expect_write(map, PG(1), 3);
	STEPS(COPY KK "UL LL LP LE DONE");
	CHECK_EQ(gauge_read(STAT_anons), 1);
	expect_read(map, PG(1), 3);
	expect_read(map, PG(1) + 100, 0x77);
	expect_read(map, PG(2), 0x77);
	CHECK_EQ(rights(map, PG(2)), 1);
	CHECK_EQ(frame(map, PG(2))->owner, PO_OBJECT);
	CHECK_EQ(*(uint8_t *)page_kva(object_lookup((sleeplock_acquire(&file->o.lock), &file->o), PAGE_SIZE)), 0x77);
	sleeplock_release(&file->o.lock);
	end();
}

HTEST(clamp, "A7", "under needs_copy reads of both layers of a file mapping are mapped read-only and copy no amap; the first write copies it")
{
	begin();
	file = host_object(4 * PAGE_SIZE, 0x77);
	host_file(map, BASE, file, 0, 4, 3, false);
	expect_write(map, BASE, 5); /* page 0: an anon, which the child has in common */
	fork_child();
	CHECK_EQ(gauge_read(STAT_amaps), 1);
	host_steps();
	expect_read(&child->map, BASE, 5);
	STEPS(KK "UL AG UD UE DONE");
	CHECK_EQ(rights(&child->map, BASE), 1);
	expect_read(&child->map, PG(1), 0x77);
	STEPS(KK "UL LL IO LD LE DONE");
	CHECK_EQ(rights(&child->map, PG(1)), 1);
	CHECK_EQ(gauge_read(STAT_amaps), 1);
	CHECK_EQ(gauge_read(STAT_anons), 1);
	CHECK_EQ(counter_read(STAT_fault_amap_clamp), 2);
	expect_write(&child->map, BASE, 6);
	STEPS(COPY KK "UL AG UP UE DONE");
	CHECK_EQ(gauge_read(STAT_amaps), 2);
	expect_read(map, BASE, 5);
	expect_read(&child->map, BASE, 6);
	end();
}

/* What a wiring fault has done is undone as munlock(2) will do it. */
static void unwire(vaddr_t va)
{
	struct vm_page *pg = frame(map, va);
	struct vm_lock *lock = pg->anon->lock;

	sleeplock_acquire(&lock->lock);
	CHECK_EQ(pg->wire_count, 1);
	pageq_unwire(pg);
	sleeplock_release(&lock->lock);
	pmap_remove(map->pmap, va, va + PAGE_SIZE);
	pmap_update(map->pmap);
}

HTEST(wire_max, "A6", "a wiring fault may be checked against the maximum protection, and asks for all of it; the mapping gets the entry's rights alone")
{
	begin();
	file = host_object(4 * PAGE_SIZE, 0x77);
	host_file(map, BASE, file, 0, 2, 1, false); /* may become writable */
	const struct map_request text = { .start = PG(2), .size = PAGE_SIZE, .fixed = true, .object = &file->o,
					  .prot = 1, .maxprot = 5, .inherit = MAP_INHERIT_COPY, .copy_on_write = true };
	vaddr_t where;
	file->o.ops->reference(&file->o);
	CHECK_EQ(map_enter(map, &text, &where), 0);

	host_steps();
	CHECK_EQ(fault(map, BASE, PROT_WRITE, 0), EACCES);
	STEPS("K1 K2 ERROR");
	CHECK_EQ(fault(map, BASE, PROT_WRITE, FAULT_WIRE), EACCES);
	STEPS("K1 K2 ERROR");
	CHECK_EQ(fault(map, BASE, PROT_WRITE, FAULT_WIREMAX), 0);
	STEPS(COPY KK "UL LL IO LP LE DONE");
	CHECK_EQ(rights(map, BASE), 1);
	CHECK_EQ(frame(map, BASE)->owner, PO_ANON); /* private at once: a later write copies nothing */
	CHECK_EQ(fault(map, PG(1), PROT_READ, FAULT_WIREMAX), 0);
	CHECK_EQ(frame(map, PG(1))->owner, PO_ANON);
	CHECK_EQ(gauge_read(STAT_pages_wired), 2);
	host_steps();
	CHECK_EQ(fault(map, PG(2), PROT_WRITE, FAULT_WIREMAX), EACCES);
	STEPS("K1 K2 ERROR");
	unwire(BASE);
	unwire(PG(1));
	end();
}

HTEST(write_announced, "", "a page whose pager wants to hear of the first write is read-only until then")
{
	begin();
	file = host_object(PAGE_SIZE, 1);
	file->announce_writes = true;
	host_file(map, BASE, file, 0, 1, 3, true);
	expect_read(map, BASE, 1);
	CHECK_EQ(rights(map, BASE), 1);
	host_steps();
	expect_write(map, BASE, 2);
	STEPS(KK "UL LL IO LD LE DONE");
	CHECK_EQ(rights(map, BASE), 3);
	end();
}

/* Promotion in memory that two processes share by inheritance. */
HTEST(promote_shared, "A5", "promotion into an amap that two processes share unmaps the object's page for both")
{
	begin();
	file = host_object(PAGE_SIZE, 0x11);
	host_file(map, BASE, file, 0, 1, 3, false);
	map_lock_write(map);
	map_next(map, NULL)->inherit = MAP_INHERIT_SHARE;
	map_unlock_write(map);
	fork_child();
	expect_read(map, BASE, 0x11);
	expect_read(&child->map, BASE, 0x11);
	expect_write(map, BASE, 0x22);
	CHECK(!host_mapped(&child->map, BASE, NULL, NULL));
	host_steps();
	expect_read(&child->map, BASE, 0x22);
	STEPS(KK "UL AG UD UE DONE");
	CHECK(frame(map, BASE) == frame(&child->map, BASE));
	end();
}

/* Races: what another thread does while the page is read. */

static void unmap_it(struct host_object *ho __unused, voff_t offset __unused, struct vm_page *pg __unused)
{
	host_as (1)
		CHECK_EQ(map_remove(map, BASE, PG(4)), 0);
}

HTEST(race_unmap, "A29 A24", "the entry is unmapped during the page-in: the fault starts over and finds nothing")
{
	uint8_t byte;

	begin();
	file = host_object(4 * PAGE_SIZE, 0x77);
	host_file(map, BASE, file, 0, 4, 3, true);
	file->during = unmap_it;
	host_steps();
	CHECK_EQ(user_read(map, BASE, &byte), EFAULT);
	STEPS(KK "UL LL IO RESTART K1 ERROR");
	CHECK(!host_mapped(map, BASE, NULL, NULL));
	CHECK_AUDIT();
	end();
}

static void remap_anon(struct host_object *ho __unused, voff_t offset __unused, struct vm_page *pg __unused)
{
	host_as (1) {
		host_anon(map, BASE, 4, 3, MAP_INHERIT_COPY);
		CHECK_EQ(user_write(map, BASE, 0x33), 0);
	}
}

HTEST(race_remap, "A29 A24", "another mapping takes the place during the page-in: its memory is found, not the file's")
{
	begin();
	file = host_object(4 * PAGE_SIZE, 0x77);
	host_file(map, BASE, file, 0, 4, 3, true);
	file->during = remap_anon;
	expect_read(map, BASE, 0x33);
	end();
}

static void write_slot(struct host_object *ho __unused, voff_t offset __unused, struct vm_page *pg)
{
	/* The page is busy, but another thread can have had its copy of it before: puts an anon into the slot. */
	host_as (1) {
		struct vm_map_entry *e;
		struct vm_anon *an;

		map_lock_read(map);
		CHECK(map_lookup(map, BASE, &e));
		CHECK((an = anon_new(PAGE_ZERO)) != NULL);
		*(uint8_t *)page_kva(an->page) = 0x44;
		sleeplock_acquire(&e->aref.amap->lock->lock);
		CHECK_EQ(amap_add(&e->aref, 0, an), 0);
		sleeplock_release(&e->aref.amap->lock->lock);
		map_unlock_read(map);
	}
	CHECK(pg->flags & PG_BUSY);
}

HTEST(race_slot, "A29", "the slot is filled during the page-in: the anon is used, the object's page is not")
{
	begin();
	file = host_object(4 * PAGE_SIZE, 0x77);
	host_file(map, BASE, file, 0, 4, 3, false);
	expect_write(map, PG(1), 1); /* the amap is there */
	file->during = write_slot;
	host_steps();
	expect_read(map, BASE, 0x44);
	STEPS(KK "UL LL IO RESTART " KK "UL AG UD UE DONE");
	end();
}

static void truncate_it(struct host_object *ho, voff_t offset __unused, struct vm_page *pg)
{
	host_as (1)
		host_object_truncate(ho, 0);
	CHECK(pg->flags & PG_RELEASED);
}

HTEST(race_released_dirty, "A29", "the same for a store, for which the pager had made the page dirty: the object counts it no longer")
{
	begin();
	file = host_object(4 * PAGE_SIZE, 0x77);
	file->announce_writes = true;
	file->during = truncate_it;
	host_file(map, BASE, file, 0, 4, 3, true);
	host_steps();
	CHECK_EQ(user_write(map, BASE, 1), ENXIO);
	STEPS(KK "UL LL IO RESTART " KK "UL LL IO ERROR");
	CHECK_EQ(file->o.dirty, 0);
	CHECK(object_check(&file->o));
	end();
}

HTEST(race_released, "A29", "the file is truncated during the page-in: the page is freed, once, and the fault is beyond the end")
{
	uint8_t byte;

	begin();
	file = host_object(4 * PAGE_SIZE, 0x77);
	host_file(map, BASE, file, 0, 4, 3, true);
	file->during = truncate_it;
	host_steps();
	CHECK_EQ(user_read(map, BASE, &byte), ENXIO);
	STEPS(KK "UL LL IO RESTART " KK "UL LL IO ERROR");
	CHECK_EQ(file->o.npages, 0);
	CHECK_AUDIT();
	end();
}

HTEST(io_error, "", "a page that cannot be read fails the fault; the next one tries again")
{
	uint8_t byte;

	begin();
	file = host_object(4 * PAGE_SIZE, 0x77);
	host_file(map, BASE, file, 0, 4, 3, true);
	file->error = EIO;
	CHECK_EQ(user_read(map, BASE, &byte), EIO);
	expect_read(map, BASE, 0x77);
	end();
}

HTEST(again, "", "a pager that asks for a pause is asked again")
{
	begin();
	file = host_object(4 * PAGE_SIZE, 0x77);
	host_file(map, BASE, file, 0, 4, 3, true);
	file->error = EAGAIN;
	host_steps();
	expect_read(map, BASE, 0x77);
	STEPS(KK "UL LL IO RESTART " KK "UL LL IO LD LE DONE");
	end();
}

static struct vm_page *busy_page;

static void end_busy(const void *chan __unused)
{
	host_as (1)
		page_unbusy(busy_page);
}

HTEST(busy, "", "an object page that another thread has busy is waited for with nothing locked")
{
	begin();
	file = host_object(4 * PAGE_SIZE, 0x77);
	host_file(map, BASE, file, 0, 4, 3, true);
	expect_read(map, BASE, 0x77);
	busy_page = frame(map, BASE);
	pmap_remove(map->pmap, BASE, PG(1));
	pmap_update(map->pmap);
	page_busy(busy_page);
	host_sleep_hook = end_busy;
	host_steps();
	expect_read(map, BASE, 0x77);
	STEPS(KK "UL LL RESTART " KK "UL LL LD LE DONE");
	CHECK_EQ(host_sleeps, 1);
	end();
}

HTEST(busy_anon, "A29", "an anon's page that another thread has busy is waited for with nothing locked, and the amap's lock outlives the wait")
{
	begin();
	host_anon(map, BASE, 4, 3, MAP_INHERIT_COPY);
	expect_write(map, BASE, 5);
	busy_page = frame(map, BASE);
	pmap_remove(map->pmap, BASE, PG(1));
	pmap_update(map->pmap);
	page_busy(busy_page);
	host_sleep_hook = end_busy;
	host_steps();
	expect_read(map, BASE, 5);
	STEPS(KK "UL AG RESTART " KK "UL AG UD UE DONE");
	CHECK_EQ(host_sleeps, 1);
	end();
}

static void end_released(const void *chan __unused)
{
	host_as (1) {
		sleeplock_acquire(&file->o.lock);
		page_unbusy(busy_page);
		object_page_free(&file->o, busy_page);
		sleeplock_release(&file->o.lock);
	}
}

HTEST(busy_released, "A29", "a busy page that is on its way out is waited for as well; then the pager is asked for another")
{
	begin();
	file = host_object(4 * PAGE_SIZE, 0x77);
	host_file(map, BASE, file, 0, 4, 3, true);
	expect_read(map, BASE, 0x77);
	busy_page = frame(map, BASE);
	pmap_remove(map->pmap, BASE, PG(1));
	pmap_update(map->pmap);
	page_busy(busy_page);
	busy_page->flags |= PG_RELEASED;
	host_sleep_hook = end_released;
	host_steps();
	expect_read(map, BASE, 0x77);
	STEPS(KK "UL LL RESTART " KK "UL LL IO LD LE DONE");
	CHECK_EQ(file->gets, 2);
	end();
}

HTEST(free_part, "", "freeing some of an object's pages leaves those behind the range")
{
	begin();
	file = host_object(4 * PAGE_SIZE, 0x77);
	host_file(map, BASE, file, 0, 4, 3, true);
	expect_read(map, PG(0), 0x77);
	expect_read(map, PG(2), 0x77);
	sleeplock_acquire(&file->o.lock);
	object_free_pages(&file->o, 0, 2 * PAGE_SIZE);
	CHECK(!object_lookup(&file->o, 0) && object_lookup(&file->o, 2 * PAGE_SIZE));
	sleeplock_release(&file->o.lock);
	CHECK(!host_mapped(map, PG(0), NULL, NULL));
	expect_read(map, PG(2), 0x77);
	end();
}

/* A34: another reader keeps the map, so the upgrade fails; meanwhile the entry goes. */

static void reader_leaves_and_unmaps(const void *lock __unused)
{
	host_as (1) {
		map_unlock_read(map);
		CHECK_EQ(map_remove(map, BASE, PG(4)), 0);
	}
}

HTEST(copy_gone, "A34", "the entry is unmapped while the fault waits to copy its amap: nothing is there")
{
	begin();
	host_anon(map, BASE, 4, 3, MAP_INHERIT_COPY);
	host_as (1)
		(void)0;
	unsigned before;
	host_switch(1, &before);
	map_lock_read(map);
	host_thread = host_thread - 1;
	host_block_hook = reader_leaves_and_unmaps;
	CHECK_EQ(user_write(map, BASE, 1), EFAULT);
	CHECK_AUDIT();
	end();
}

static void reader_copies(const void *lock __unused)
{
	host_as (1) {
		map_unlock_read(map);
		CHECK_EQ(user_write(map, PG(1), 4), 0);
	}
}

HTEST(copy_done, "A34", "another thread copies the amap first: the fault goes on with that one")
{
	unsigned before;

	begin();
	host_anon(map, BASE, 4, 3, MAP_INHERIT_COPY);
	host_switch(1, &before);
	map_lock_read(map);
	host_thread = host_thread - 1;
	host_block_hook = reader_copies;
	expect_write(map, BASE, 1);
	CHECK_EQ(gauge_read(STAT_amaps), 1);
	expect_read(map, PG(1), 4);
	end();
}

/* Every allocation fails once: the fault starts over, the result is the same. */

static void scenario(void)
{
	expect_write(map, BASE, 5);
	int error = vmspace_fork(vs, &child);
	if (error) {
		CHECK_EQ(error, ENOMEM);
		CHECK_AUDIT();
		fork_child();
	}
	expect_read(&child->map, BASE, 5);
	expect_write(&child->map, BASE, 6);
	expect_write(map, BASE, 7);
	expect_read(map, PG(4), 0x77);
	expect_write(map, PG(4), 8);
	expect_read(&child->map, PG(4), 0x77);
	expect_write(&child->map, PG(70), 9);
	expect_read(map, BASE, 7);
	expect_read(&child->map, BASE, 6);
	vmspace_release(child);
	child = NULL;
	expect_write(map, PG(4), 9);
}

HTEST(no_memory, "A34", "with each allocation failing in turn, faults wait, start over and end with the same bytes")
{
	bool fired = true;
	unsigned n;

	for (n = 1; fired; n++) {
		struct host_use none = { .frames = HOST_FRAMES };

		begin();
		file = host_object(80 * PAGE_SIZE, 0x77);
		host_anon(map, BASE, 4, 3, MAP_INHERIT_COPY);
		host_file(map, PG(4), file, 0, 80, 3, false);
		host_steps(); /* traced: also what steps say when they fail */
		host_fail_at(NULL, n);
		scenario();
		fired = host_fail_fired();
		host_fail_at(NULL, 0);
		vmspace_release(vs);
		host_object_put(file);
		CHECK_NO_LEAK(none);
	}
	CHECK(n > 15);
	file = NULL;
}

/* A22: what each path counts, and for whom. */

#define COUNTER_NAME(name, text) [STAT_##name] = #name,
static const char *const counter_names[] = { COUNTERS(COUNTER_NAME) };
static uint64_t counted[STAT_pmap_soft_ad];

static void count_from_here(void)
{
	for (unsigned i = 0; i < ARRAY_COUNT(counted); i++)
		counted[i] = counter_read(i);
}

/* want: "name name*2 ...", in the order of abi/stats.h. Counts from here on afterwards. */
static void check_counts(int line, const char *want)
{
	char got[400] = "";
	size_t used = 0;

	for (unsigned i = 0; i < ARRAY_COUNT(counted); i++) {
		uint64_t n = counter_read(i) - counted[i];

		if (n == 0)
			continue;
		used += __builtin_snprintf(got + used, sizeof(got) - used, "%s%s", used ? " " : "", counter_names[i]);
		if (n > 1)
			used += __builtin_snprintf(got + used, sizeof(got) - used, "*%u", (unsigned)n);
	}
	if (strcmp(got, want))
		host_fail(__FILE__, line, "counted \"%s\", not \"%s\"", got, want);
	count_from_here();
}
#define COUNTED(want) check_counts(__LINE__, want)

HTEST(counters, "A22", "each path of the fault counts what it is, and nothing else")
{
	uint8_t byte;

	begin();
	file = host_object(6 * PAGE_SIZE, 0x77);
	host_anon(map, BASE, 2, 3, MAP_INHERIT_COPY);
	host_file(map, PG(2), file, 0, 2, 3, false);
	host_file(map, PG(4), file, 2 * PAGE_SIZE, 6, 3, true);
	const struct map_request bare = { .start = PG(10), .size = PAGE_SIZE, .fixed = true, .prot = 3, .maxprot = 3, .reserved = true };
	vaddr_t where;
	CHECK_EQ(map_enter(map, &bare, &where), 0);

	count_from_here();
	CHECK_EQ(user_read(map, PG(11), &byte), EFAULT);
	COUNTED("faults fault_maperr");
	CHECK_EQ(user_read(map, PG(10), &byte), EFAULT);
	COUNTED("faults fault_maperr fault_case0");
	CHECK_EQ(fault(map, BASE, PROT_EXEC, 0), EACCES);
	COUNTED("faults fault_accerr");
	expect_write(map, BASE, 1);
	COUNTED("faults fault_restarts fault_2b_zero fault_amap_copy");
	expect_write(map, PG(1), 1);
	COUNTED("faults fault_2b_zero");
	expect_read(map, PG(2), 0x77);
	COUNTED("faults fault_2a fault_amap_clamp fault_object_io fault_relock_ok");
	expect_write(map, PG(2), 2);
	COUNTED("faults fault_restarts fault_2b_copy fault_amap_copy");
	expect_write(map, PG(4), 3);
	COUNTED("faults fault_2a fault_object_io fault_relock_ok");
	CHECK_EQ(user_read(map, PG(9), &byte), ENXIO);
	COUNTED("faults fault_buserr fault_object_io");
	file->error = EIO;
	CHECK_EQ(user_read(map, PG(5), &byte), EIO);
	COUNTED("faults fault_buserr fault_object_io");

	fork_child();
	count_from_here();
	expect_read(&child->map, BASE, 1);
	COUNTED("faults fault_restarts fault_1a fault_amap_copy");
	expect_write(&child->map, BASE, 2);
	COUNTED("faults fault_1b");
	expect_write(map, BASE, 3);
	COUNTED("faults fault_restarts fault_1a fault_amap_copy");

	file->during = unmap_it; /* it takes pages 0 to 3: the map has changed, page 5 is there still */
	expect_read(map, PG(5), 0x77);
	COUNTED("faults fault_restarts fault_2a fault_object_io fault_relock_fail");
	busy_page = frame(map, PG(4));
	pmap_remove(map->pmap, PG(4), PG(5));
	pmap_update(map->pmap);
	page_busy(busy_page);
	host_sleep_hook = end_busy;
	expect_read(map, PG(4), 3);
	COUNTED("faults fault_restarts fault_2a fault_busy_waits");
	end();
}

HTEST(for_whom, "A22", "a fault is minor or major for the process that has it; its peak of resident pages moves when the map is its own, not by faults in another's")
{
	begin();
	file = host_object(4 * PAGE_SIZE, 0x77);
	host_anon(map, BASE, 8, 3, MAP_INHERIT_COPY);
	host_file(map, PG(8), file, 0, 4, 1, false);
	fork_child();

	curthread->vmspace = vs;
	for (unsigned i = 0; i < 5; i++)
		CHECK_EQ(vmspace_fault(vs, PG(i), PROT_WRITE, 0), 0);
	CHECK_EQ(vs->minor, 5);
	CHECK_EQ(vs->major, 0);
	CHECK_EQ(vs->rss_peak, 5);
	CHECK_EQ(vmspace_fault(vs, PG(8), PROT_READ, 0), 0);
	CHECK_EQ(vs->minor, 5);
	CHECK_EQ(vs->major, 1);
	CHECK_EQ(vs->rss_peak, 6);
	CHECK_EQ(vmspace_fault(vs, PG(20), PROT_READ, 0), EFAULT);
	CHECK_EQ(vs->minor + vs->major, 6);

	/* Another's memory, as a debugger reaches it. */
	for (unsigned i = 0; i < 8; i++)
		CHECK_EQ(vmspace_fault(child, PG(i), PROT_WRITE, 0), 0);
	CHECK_EQ(vs->minor, 13);
	CHECK_EQ(vs->rss_peak, 6);
	CHECK_EQ(child->minor + child->major, 0);
	CHECK_EQ(child->rss_peak, 0);

	/* What is unmapped stays in the peak. */
	CHECK_EQ(map_remove(map, BASE, PG(8)), 0);
	CHECK_EQ(vmspace_fault(vs, PG(9), PROT_READ, 0), 0);
	CHECK_EQ(vs->rss_peak, 6);
	curthread->vmspace = NULL;
	CHECK_EQ(vmspace_fault(vs, PG(10), PROT_READ, 0), 0); /* a kernel thread: for nobody */
	CHECK_EQ(vs->minor + vs->major, 15);
	end();
}

/* Frames out of reach. */
static struct vm_page *hoard[HOST_FRAMES];
static size_t hoarded;

static void hoard_frames(size_t left)
{
	while (page_free_count() > left)
		CHECK((hoard[hoarded++] = page_alloc(PO_KERNEL, 0)) != NULL);
}

static void hoard_free(void)
{
	while (hoarded)
		page_free(hoard[--hoarded]);
}

HTEST(no_memory_at_all, "A34", "a fault that waits in vain gives back what it had: a spare anon, or one that got no page")
{
	struct host_use before;

	begin();
	host_anon(map, BASE, 4, 3, MAP_INHERIT_COPY);
	expect_write(map, BASE, 1);
	fork_child();
	hoard_frames(page_reserve + 1);
	before = host_use();
	host_steps();
	host_fail_at("pool.amap_chunk", 1);
	CHECK_EQ(user_write(&child->map, BASE, 2), ENOMEM); /* the page is there, the chunk is not */
	CHECK(host_fail_fired());
	STEPS(COPY KK "UL AG UP ERROR");
	CHECK_EQ(page_free_count(), before.frames);
	hoard_frames(page_reserve);
	CHECK_EQ(user_write(&child->map, BASE, 2), ENOMEM);
	CHECK_EQ(page_free_count(), page_reserve);
	CHECK_EQ(gauge_read(STAT_anons), before.anons);
	hoard_free();
	expect_write(&child->map, BASE, 2);
	expect_read(map, BASE, 1);
	end();
}

HTEST(no_memory_copy, "A34", "where there is no memory to split an entry at either end of the part to copy, the fault starts over")
{
	begin();
	host_anon(map, BASE, 2000, 3, MAP_INHERIT_COPY);
	expect_write(map, PG(700), 5);
	for (unsigned n = 1; n <= 2; n++) {
		fork_child();
		host_fail_at("pool.map_entry", n);
		expect_write(&child->map, PG(700), 6);
		CHECK(host_fail_fired());
		expect_read(map, PG(700), 5);
		vmspace_release(child);
		child = NULL;
	}
	end();
}

HTEST(fork_reserved, "A1", "a reserved range is reserved in the child as well")
{
	const struct map_request rq = { .start = BASE, .size = PAGE_SIZE, .fixed = true, .prot = 1, .maxprot = 1,
					.inherit = MAP_INHERIT_COPY, .reserved = true };
	vaddr_t where;

	begin();
	CHECK_EQ(map_enter(map, &rq, &where), 0);
	fork_child();
	CHECK_EQ(child->map.count, 1);
	CHECK_EQ(user_write(&child->map, BASE, 1), EFAULT);
	CHECK_AUDIT();
	end();
}
