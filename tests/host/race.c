/* vm/fault.c: what another thread does while a fault reads a page, waits for one, or waits to copy an amap. */
#include "faults.h"

#include "base/kassert.h"
#include "base/string.h"
#include "vm/pageq.h"

/* Races: what another thread does while the page is read. */

HTEST(unmap, "A29 A24", "the entry is unmapped during the page-in: the fault starts over and finds nothing")
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

HTEST(remap, "A29 A24", "another mapping takes the place during the page-in: its memory is found, not the file's")
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

HTEST(slot, "A29", "the slot is filled during the page-in: the anon is used, the object's page is not")
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

HTEST(released_dirty, "A29", "the same for a store, for which the pager had made the page dirty: the object counts it no longer")
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

HTEST(released, "A29", "the file is truncated during the page-in: the page is freed, once, and the fault is beyond the end")
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

HTEST(busy, "", "an object page that another thread has busy is waited for with nothing locked")
{
	begin();
	file = host_object(4 * PAGE_SIZE, 0x77);
	host_file(map, BASE, file, 0, 4, 3, true);
	expect_read(map, BASE, 0x77);
	host_busy(map, BASE, host_unbusy);
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
	host_busy(map, BASE, host_unbusy);
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
		page_unbusy(host_busy_page);
		object_page_free(&file->o, host_busy_page);
		sleeplock_release(&file->o.lock);
	}
}

HTEST(busy_released, "A29", "a busy page that is on its way out is waited for as well; then the pager is asked for another")
{
	begin();
	file = host_object(4 * PAGE_SIZE, 0x77);
	host_file(map, BASE, file, 0, 4, 3, true);
	expect_read(map, BASE, 0x77);
	host_busy(map, BASE, end_released);
	host_busy_page->flags |= PG_RELEASED;
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
