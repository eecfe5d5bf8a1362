/* Faults against what changes the map below them, and such changes against each other. */
#include "interleave.h"

static uint8_t seen;
static int error;

static void read_it(void) { error = user_read(map, BASE, &seen); }
static void write_it(void) { error = user_write(map, BASE, 9); }

static void mapped_file(bool shared)
{
	begin();
	file = host_object(2 * PAGE_SIZE, 0x77);
	host_file(map, BASE, file, 0, 2, 3, shared);
}

static void anonymous(void)
{
	begin();
	host_anon(map, BASE, 2, 3, MAP_INHERIT_COPY);
	expect_write(map, BASE, 5);
	expect_write(map, PG(1), 6);
}

/* ---- unmapping ---------------------------------------------------------------------- */

static void unmap_it(void)
{
	CHECK_EQ(map_remove(map, BASE, PG(1)), 0);
	expect_no_read(map, BASE, EFAULT);
}

ITEST(unmap_file, "A29 A24", "munmap during a page-in: the reader has the byte or EFAULT, and nothing stays mapped")
{
	mapped_file(true);
	together(read_it, unmap_it, NULL);
	CHECK(error ? error == EFAULT : seen == 0x77);
	expect_no_read(map, BASE, EFAULT);
	expect_read(map, PG(1), 0x77);
	end();
}

ITEST(unmap_private, "A29 A24", "munmap while a page is promoted: no page is left behind")
{
	mapped_file(false);
	together(write_it, unmap_it, NULL);
	CHECK(error == 0 || error == EFAULT);
	expect_no_read(map, BASE, EFAULT);
	CHECK_EQ(gauge_read(STAT_anons), 0);
	end();
}

static void read_beside(void)
{
	uint8_t byte;

	CHECK_EQ(user_read(map, PG(3), &byte), 0);
	CHECK_EQ(map_remove(map, BASE, PG(1)), 0);
}

ITEST(unmap_copy, "A34 A24", "munmap while a fault waits for the map to give the entry its amap: it looks the entry up again")
{
	begin();
	host_anon(map, BASE, 1, 3, MAP_INHERIT_COPY);
	host_anon(map, PG(3), 1, 3, MAP_INHERIT_COPY);
	expect_write(map, PG(3), 1);
	pmap_remove(map->pmap, PG(3), PG(4)); /* it will fault again, with the map locked for reading */
	pmap_update(map->pmap);
	together(write_it, read_beside, NULL);
	CHECK(error == 0 || error == EFAULT);
	expect_no_read(map, BASE, EFAULT);
	end();
}

static void remap_it(void)
{
	host_anon(map, BASE, 1, 3, MAP_INHERIT_COPY);
	expect_write(map, BASE, 0x33);
}

ITEST(remap, "A29 A24", "another mapping takes the place during a page-in: the reader sees either, never a hole, and the new one stays")
{
	mapped_file(true);
	together(read_it, remap_it, NULL);
	CHECK_EQ(error, 0);
	CHECK(seen == 0x77 || seen == 0 || seen == 0x33);
	expect_read(map, BASE, 0x33);
	end();
}

static void unmap_child(void) { CHECK_EQ(map_remove(&child->map, BASE, PG(2)), 0); }
static void child_writes(void) { expect_write(&child->map, BASE, 8); }
static void child_exits(void)
{
	vmspace_release(child);
	child = NULL;
}

ITEST(unmap_shared, "A3 A24", "a child unmaps the page that its parent writes to: a copy or the page itself, no frame too many")
{
	anonymous();
	fork_child();
	together(write_it, unmap_child, NULL);
	CHECK_EQ(error, 0);
	CHECK_EQ(gauge_read(STAT_anons), 2);
	expect_read(map, BASE, 9);
	expect_read(map, PG(1), 6);
	end();
}

ITEST(exit, "A2 A24", "a child exits while its parent writes to what they share: no copy too many, nothing left")
{
	anonymous();
	fork_child();
	together(write_it, child_exits, NULL);
	CHECK_EQ(error, 0);
	CHECK_EQ(gauge_read(STAT_anons), 2);
	expect_read(map, BASE, 9);
	expect_read(map, PG(1), 6);
	end();
}

/* ---- protecting ---------------------------------------------------------------------- */

static uint8_t after;

static void protect_it(void)
{
	CHECK_EQ(map_protect(map, BASE, PG(1), PROT_READ), 0);
	CHECK_EQ(user_read(map, BASE, &after), 0);
}

static void write_on(void)
{
	for (uint8_t i = 10; i < 12 && !error; i++)
		error = user_write(map, BASE, i);
}

ITEST(protect, "A6 A26", "mprotect against writes: when it has returned none succeeds any more")
{
	error = 0;
	anonymous();
	together(write_on, protect_it, NULL);
	CHECK(error == 0 || error == EACCES);
	expect_read(map, BASE, after);
	expect_no_write(map, BASE, EACCES);
	expect_read(map, PG(1), 6);
	end();
}

ITEST(protect_file, "A6 A29", "mprotect during the page-in of a write: the page is not entered with rights that are gone")
{
	mapped_file(true);
	together(write_it, protect_it, NULL);
	CHECK(error == 0 || error == EACCES);
	expect_read(map, BASE, after);
	expect_no_write(map, BASE, EACCES);
	end();
}

static void protect_beside(void) { CHECK_EQ(map_protect(map, PG(1), PG(2), PROT_READ), 0); }

ITEST(split, "A26 A34", "a fault on one part of an entry while mprotect cuts it: the byte arrives, the other part is protected")
{
	anonymous();
	fork_child();
	together(write_it, protect_beside, NULL);
	CHECK_EQ(error, 0);
	expect_read(map, BASE, 9);
	expect_no_write(map, PG(1), EACCES);
	expect_read(&child->map, BASE, 5);
	expect_write(&child->map, PG(1), 4);
	expect_read(map, PG(1), 6);
	end();
}

/* ---- fork ------------------------------------------------------------------------------- */

static struct vmspace *second;

static void write_both(void)
{
	expect_write(map, BASE, 9);
	expect_write(map, PG(1), 8);
}

static void fork_second(void) { CHECK_EQ(vmspace_fork(vs, &second), 0); }

/* What a child of anonymous() may have, whose parent wrote 9, then 8: a moment in between. */
static void expect_moment(struct vm_map *m)
{
	uint8_t first = 0, last = 0;

	CHECK_EQ(user_read(m, BASE, &first), 0);
	CHECK_EQ(user_read(m, PG(1), &last), 0);
	CHECK(first == 5 || first == 9);
	CHECK(last == 6 || (last == 8 && first == 9));
	expect_write(map, BASE, 21);
	expect_write(map, PG(1), 22);
	expect_read(m, BASE, first);
	expect_read(m, PG(1), last);
}

ITEST(fork, "A3 A7", "a thread writes while another one forks: the child has what was there at one moment, and keeps it")
{
	anonymous();
	together(write_both, fork_child, NULL);
	expect_read(map, BASE, 9);
	expect_read(map, PG(1), 8);
	expect_moment(&child->map);
	end();
}

ITEST(fork_untouched, "A3 A7", "the same with memory that nobody has touched: the amap is made for the parent alone, or for both")
{
	begin();
	host_anon(map, BASE, 2, 3, MAP_INHERIT_COPY);
	together(write_it, fork_child, NULL);
	CHECK_EQ(error, 0);
	CHECK_EQ(user_read(&child->map, BASE, &seen), 0);
	CHECK(seen == 0 || seen == 9);
	expect_write(&child->map, BASE, 3);
	expect_read(map, BASE, 9);
	end();
}

ITEST(fork_file, "A29 A3", "a fork during a page-in: both see the file, and the reader's mapping is no more than its entry allows")
{
	mapped_file(false);
	together(read_it, fork_child, NULL);
	CHECK_EQ(error, 0);
	CHECK_EQ(seen, 0x77);
	expect_write(map, BASE, 1);
	expect_read(&child->map, BASE, 0x77);
	end();
}

ITEST(fork_twice, "A3", "two threads fork while a third one writes: each child has one moment's bytes, and keeps them")
{
	anonymous();
	together(write_it, fork_child, fork_second);
	CHECK_EQ(error, 0);
	expect_moment(&child->map);
	expect_write(&child->map, BASE, 33);
	vmspace_release(second);
	expect_read(&child->map, BASE, 33);
	end();
}

ITEST(fork_child_writes, "A3", "a child writes while its parent forks again: three spaces, three values")
{
	anonymous();
	fork_child();
	together(fork_second, child_writes, NULL);
	expect_write(map, BASE, 9);
	expect_read(&child->map, BASE, 8);
	expect_read(&second->map, BASE, 5);
	vmspace_release(second);
	end();
}

ITEST(fork_exit, "A3 A24", "a child exits while its parent forks again: what they share is counted right")
{
	anonymous();
	fork_child();
	together(fork_second, child_exits, NULL);
	expect_write(map, BASE, 9);
	expect_read(&second->map, BASE, 5);
	vmspace_release(second);
	end();
}
