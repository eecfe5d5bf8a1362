/* Faults against faults. */
#include "interleave.h"

static uint8_t seen_a, seen_b;

/* ---- new pages ------------------------------------------------------------------ */

static void write_first(void) { expect_write(map, BASE + 1, 1); }
static void write_second(void) { expect_write(map, BASE + 2, 2); }
static void write_next_page(void) { expect_write(map, PG(1) + 2, 2); }
static void read_first(void) { CHECK_EQ(user_read(map, BASE + 1, &seen_a), 0); }

ITEST(zero, "A5 A29", "two threads write to one untouched page: it is made once, and has both bytes")
{
	begin();
	host_anon(map, BASE, 2, 3, MAP_INHERIT_COPY);
	together(write_first, write_second, NULL);
	CHECK_EQ(gauge_read(STAT_anons), 1);
	expect_read(map, BASE + 1, 1);
	expect_read(map, BASE + 2, 2);
	end();
}

ITEST(zero_beside, "A5 A7", "two threads write to two untouched pages of an entry: one amap is made, and both pages are in it")
{
	begin();
	host_anon(map, BASE, 2, 3, MAP_INHERIT_COPY);
	together(write_first, write_next_page, NULL);
	CHECK_EQ(gauge_read(STAT_amaps), 1);
	CHECK_EQ(gauge_read(STAT_anons), 2);
	expect_read(map, BASE + 1, 1);
	expect_read(map, PG(1) + 2, 2);
	end();
}

ITEST(zero_read, "A5", "a thread reads what another one writes first: the page is zero, or has the byte, and has it in the end")
{
	begin();
	host_anon(map, BASE, 2, 3, MAP_INHERIT_COPY);
	together(write_first, read_first, write_second);
	CHECK_EQ(gauge_read(STAT_anons), 1);
	CHECK(seen_a == 0 || seen_a == 1);
	expect_read(map, BASE + 1, 1);
	expect_read(map, BASE + 2, 2);
	end();
}

/* ---- copies ---------------------------------------------------------------------- */

static void child_writes(void) { expect_write(&child->map, BASE + 3000, 9); }
static void child_writes_first(void) { expect_write(&child->map, BASE + 1, 8); }
static void child_reads(void) { CHECK_EQ(user_read(&child->map, BASE + 3000, &seen_b), 0); }
static void parent_writes(void) { expect_write(map, BASE + 3000, 7); }

static void shared_page(void)
{
	begin();
	host_anon(map, BASE, 1, 3, MAP_INHERIT_COPY);
	expect_write(map, BASE + 1, 4);
	expect_write(map, BASE + 3000, 5);
	fork_child();
}

ITEST(copy_both, "A3 A2", "1B: both sharers write at once: each has its own byte and what was there before, in a page of its own")
{
	shared_page();
	together(parent_writes, child_writes, NULL);
	CHECK_EQ(gauge_read(STAT_anons), 2);
	expect_read(map, BASE + 3000, 7);
	expect_read(&child->map, BASE + 3000, 9);
	expect_read(map, BASE + 1, 4);
	expect_read(&child->map, BASE + 1, 4);
	end();
}

ITEST(copy_threads, "A3 A29", "1B: two threads of a child write to the shared page: it is copied once, with both bytes; the parent keeps its own")
{
	shared_page();
	together(child_writes, child_writes_first, NULL);
	CHECK_EQ(gauge_read(STAT_anons), 2);
	expect_read(&child->map, BASE + 3000, 9);
	expect_read(&child->map, BASE + 1, 8);
	expect_read(map, BASE + 3000, 5);
	expect_read(map, BASE + 1, 4);
	end();
}

ITEST(copy_read, "A3 A2", "a child that reads while its parent writes never sees the parent's byte")
{
	shared_page();
	together(parent_writes, child_reads, NULL);
	CHECK_EQ(seen_b, 5);
	expect_read(&child->map, BASE + 3000, 5);
	expect_read(map, BASE + 3000, 7);
	end();
}

static struct vmspace *grandchild;

static void grandchild_writes(void) { expect_write(&grandchild->map, BASE + 3000, 6); }

ITEST(copy_three, "A3", "1B: three sharers write at once: three pages, each with its own byte")
{
	shared_page();
	CHECK_EQ(vmspace_fork(child, &grandchild), 0);
	together(parent_writes, child_writes, grandchild_writes);
	CHECK_EQ(gauge_read(STAT_anons), 3);
	expect_read(map, BASE + 3000, 7);
	expect_read(&child->map, BASE + 3000, 9);
	expect_read(&grandchild->map, BASE + 3000, 6);
	expect_read(&grandchild->map, BASE + 1, 4);
	vmspace_release(grandchild);
	end();
}

/* Inherited as shared: parent and child write to one amap. */
static void inherited_file(void)
{
	begin();
	file = host_object(PAGE_SIZE, 0x11);
	host_file(map, BASE, file, 0, 1, 3, false);
	map_lock_write(map);
	map_next(map, NULL)->inherit = MAP_INHERIT_SHARE;
	map_unlock_write(map);
	fork_child();
}

static void child_reads_twice(void)
{
	uint8_t again = 0;

	CHECK_EQ(user_read(&child->map, BASE + 3000, &seen_b), 0);
	CHECK_EQ(user_read(&child->map, BASE + 3000, &again), 0);
	CHECK(seen_b == 0x11 || again == seen_b);
}

ITEST(promote_shared, "A5", "2B in an amap that two processes share: who reads meanwhile sees the file's byte or the new one, and never goes back")
{
	inherited_file();
	together(parent_writes, child_reads_twice, NULL);
	CHECK(seen_b == 0x11 || seen_b == 7);
	expect_read(map, BASE + 3000, 7);
	expect_read(&child->map, BASE + 3000, 7);
	expect_read(&child->map, BASE, 0x11);
	end();
}

ITEST(promote_both, "A5 A29", "2B in an amap that two processes share, by both at once: one promotes, the other finds its page")
{
	inherited_file();
	together(parent_writes, child_writes_first, NULL);
	CHECK_EQ(gauge_read(STAT_anons), 1);
	for (int i = 0; i < 2; i++) {
		struct vm_map *m = i ? &child->map : map;

		expect_read(m, BASE + 3000, 7);
		expect_read(m, BASE + 1, 8);
		expect_read(m, BASE, 0x11);
	}
	end();
}

/* ---- files -------------------------------------------------------------------------- */

static void read_file(void) { CHECK_EQ(user_read(map, BASE + 3000, &seen_a), 0); }
static void read_file_too(void) { CHECK_EQ(user_read(map, BASE + 3000, &seen_b), 0); }

static void mapped_file(bool shared)
{
	begin();
	file = host_object(PAGE_SIZE, 0x77);
	file->announce_writes = true;
	host_file(map, BASE, file, 0, 1, 3, shared);
}

ITEST(file_both, "A4", "2A: two threads miss the same page: one reads it, the other waits, both see it whole")
{
	mapped_file(true);
	together(read_file, read_file_too, NULL);
	CHECK_EQ(seen_a, 0x77);
	CHECK_EQ(seen_b, 0x77);
	CHECK_EQ(file->o.npages, 1);
	end();
}

ITEST(file_write, "A4", "2A: of two threads one reads, one writes the page for the first time: the pager hears of it, the byte stays")
{
	mapped_file(true);
	together(read_file, parent_writes, NULL);
	CHECK(seen_a == 0x77 || seen_a == 7);
	CHECK_EQ(file->o.dirty, 1);
	expect_read(map, BASE + 3000, 7);
	expect_read(map, BASE, 0x77);
	end();
}

ITEST(slot, "A29", "2A against 2B in one slot: a reader whose page is being read while another thread promotes it uses the new page")
{
	uint8_t byte = 0;

	begin();
	file = host_object(2 * PAGE_SIZE, 0x77);
	host_file(map, BASE, file, 0, 2, 3, false);
	expect_write(map, PG(1), 1); /* the amap is there: no later fault changes the map */
	together(read_file, parent_writes, NULL);
	CHECK(seen_a == 0x77 || seen_a == 7);
	CHECK_EQ(user_read(map, BASE + 3000, &byte), 0);
	CHECK_EQ(byte, 7);
	end();
}
