/* Faults against what takes pages away from below: truncation and the pagedaemon. */
#include "interleave.h"

#include "vm/pdaemon.h"

static uint8_t seen;
static int error;

static void read_it(void) { error = user_read(map, BASE, &seen); }
static void write_it(void) { error = user_write(map, BASE, 9); }
static void unmap_it(void) { CHECK_EQ(map_remove(map, BASE, PG(1)), 0); }
static void child_exits(void)
{
	vmspace_release(child);
	child = NULL;
}

static void mapped_file(bool shared)
{
	begin();
	file = host_object(2 * PAGE_SIZE, 0x77);
	file->announce_writes = true;
	host_file(map, BASE, file, 0, 2, 3, shared);
}

/* ---- truncation --------------------------------------------------------------------- */

/* Leaves busy pages to who holds them (PG_RELEASED). */
static void truncate_it(void) { host_object_truncate(file, 0); }

/* Waits for them. */
static void truncate_waiting(void)
{
	sleeplock_acquire(&file->o.lock);
	file->size = 0;
	object_free_pages(&file->o, 0, 2 * PAGE_SIZE);
	sleeplock_release(&file->o.lock);
}

static void nothing_is_left(void)
{
	CHECK(error == 0 || error == ENXIO);
	CHECK_EQ(file->o.npages, 0);
	CHECK_EQ(file->o.dirty, 0);
	CHECK(!host_mapped(map, BASE, NULL, NULL));
	expect_no_read(map, BASE, ENXIO);
}

ITEST(truncate_read, "A29", "truncation during a page-in: the byte or ENXIO; in the end no page and no mapping is left")
{
	mapped_file(true);
	together(read_it, truncate_it, NULL);
	CHECK(error || seen == 0x77);
	nothing_is_left();
	end();
}

ITEST(truncate_write, "A29", "the same for a store: no dirty page is counted that is not there")
{
	mapped_file(true);
	together(write_it, truncate_it, NULL);
	nothing_is_left();
	end();
}

ITEST(truncate_waits, "A29", "truncation that waits for busy pages, as files do it")
{
	mapped_file(true);
	together(write_it, truncate_waiting, NULL);
	nothing_is_left();
	end();
}

ITEST(truncate_private, "A29 A5", "truncation while a page is promoted: the copy stays the process's own, or the store has failed")
{
	mapped_file(false);
	together(write_it, truncate_it, NULL);
	CHECK(error == 0 || error == ENXIO);
	CHECK_EQ(file->o.npages, 0);
	if (error)
		expect_no_read(map, BASE, ENXIO);
	else
		expect_read(map, BASE, 9);
	end();
}

/* Taking rights from every mapping of a page, while one of them goes. */

ITEST(truncate_unmap, "A24", "truncation of a page that a process unmaps: each mapping is taken away once")
{
	mapped_file(true);
	expect_read(map, BASE, 0x77);
	fork_child();
	CHECK_EQ(user_read(&child->map, BASE, &seen), 0);
	together(unmap_it, truncate_it, NULL);
	CHECK(!host_mapped(map, BASE, NULL, NULL));
	CHECK(!host_mapped(&child->map, BASE, NULL, NULL));
	CHECK_EQ(file->o.npages, 0);
	end();
}

ITEST(truncate_exit, "A24", "truncation of a page that a process maps which exits")
{
	mapped_file(true);
	fork_child();
	CHECK_EQ(user_read(&child->map, BASE, &seen), 0);
	together(child_exits, truncate_it, NULL);
	CHECK_EQ(file->o.npages, 0);
	end();
}

/* ---- the pagedaemon -------------------------------------------------------------------- */

static void reclaim(void) { pdaemon_drain(); }

ITEST(reclaim_read, "A24 A29", "the pagedaemon takes a file's page from a reader, or leaves it: what is read is right")
{
	mapped_file(true);
	together(read_it, reclaim, NULL);
	CHECK_EQ(error, 0);
	CHECK_EQ(seen, 0x77);
	expect_read(map, BASE, 0x77);
	end();
}

static void read_too(void) { expect_read(map, BASE, 0x77); }

ITEST(reclaim_busy, "A24", "the pagedaemon leaves a page alone that a fault has busy")
{
	mapped_file(true);
	together(read_it, read_too, reclaim);
	CHECK_EQ(error, 0);
	CHECK_EQ(seen, 0x77);
	end();
}

static void read_both(void)
{
	error = user_read(map, BASE, &seen);
	if (!error)
		expect_read(map, PG(1), 0x77);
}

ITEST(reclaim_resident, "A24", "the same with pages in memory: their mappings go first")
{
	mapped_file(true);
	expect_read(map, BASE, 0x77);
	expect_read(map, PG(1), 0x77);
	pmap_remove(map->pmap, BASE, PG(1));
	pmap_update(map->pmap);
	together(read_both, reclaim, NULL);
	CHECK_EQ(error, 0);
	CHECK_EQ(seen, 0x77);
	end();
}

ITEST(reclaim_write, "A24", "the pagedaemon never takes a page that has been written to")
{
	mapped_file(true);
	together(write_it, reclaim, read_it);
	CHECK_EQ(error, 0);
	CHECK(seen == 0x77 || seen == 9);
	CHECK_EQ(file->o.dirty, 1);
	expect_read(map, BASE, 9);
	end();
}

ITEST(reclaim_copy, "A24 A5", "the pagedaemon takes the page below while a copy of it is made: the copy is whole")
{
	mapped_file(false);
	together(write_it, reclaim, NULL);
	CHECK_EQ(error, 0);
	expect_read(map, BASE, 9);
	expect_read(map, BASE + 4000, 0x77);
	expect_read(map, BASE + 100, 0x77);
	end();
}

ITEST(reclaim_unmap, "A24", "the pagedaemon and munmap take away the same mapping")
{
	mapped_file(true);
	expect_read(map, BASE, 0x77);
	together(unmap_it, reclaim, NULL);
	CHECK(!host_mapped(map, BASE, NULL, NULL));
	end();
}

ITEST(reclaim_truncate, "A24", "the pagedaemon and truncation free the same page, once")
{
	mapped_file(true);
	expect_read(map, BASE, 0x77);
	together(truncate_it, reclaim, NULL);
	CHECK_EQ(file->o.npages, 0);
	end();
}

ITEST(reclaim_kept, "A24 A15", "the pagedaemon leaves a page alone that is held for a copy, or on loan")
{
	struct vm_page *held, *loaned;

	mapped_file(true);
	expect_read(map, BASE, 0x77);
	expect_read(map, PG(1), 0x77);
	CHECK(host_mapped(map, BASE, NULL, &held) && host_mapped(map, PG(1), NULL, &loaned));
	page_hold(held);
	loaned->loan_count = 1;
	reclaim();
	CHECK_EQ(file->o.npages, 2);
	page_unhold(held);
	loaned->loan_count = 0;
	reclaim();
	CHECK_EQ(file->o.npages, 0);
	end();
}
