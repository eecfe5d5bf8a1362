/*
 * Families of processes that fork, write, unmap and exit at random, against a model
 * of bytes. A region is seen by a process through a row of bytes; inheritance says
 * whether a child sees the same row, a copy, zeroes or nothing.
 */
#include "host.h"

#include "base/kassert.h"
#include "base/string.h"
#include "vm/pageq.h"

#define PROCS 4
#define REGIONS 3 /* anonymous, anonymous, private file */
#define PAGES 5
#define ROWS 256

/* The pages that are used of a region of 130: both sides of a chunk's edge, and the ends. */
static const size_t places[PAGES] = { 0, 62, 63, 64, 129 };
#define REGION_PAGES 130

/* Two bytes of each page are used, so that a page whose copy lost the other one shows. */
#define CELLS (2 * PAGES)

static struct row {
	uint8_t byte[CELLS];
} rows[ROWS];
static unsigned row_count;

static struct proc_model {
	struct vmspace *vs;
	struct row *row[REGIONS];
	bool mapped[REGIONS][PAGES];
	int inherit[REGIONS];
} procs[PROCS];
static struct host_object *file;

#define FILL 0x77

static vaddr_t region_start(unsigned r) { return 0x1000000UL * (r + 1); }
static vaddr_t address(unsigned r, unsigned page) { return region_start(r) + places[page] * PAGE_SIZE; }
static vaddr_t cell_address(unsigned r, unsigned cell) { return address(r, cell / 2) + cell % 2 * 4000; }

/* What an untouched page of the region reads. */
static uint8_t fresh(unsigned r) { return r == 2 ? FILL : 0; }

static struct row *row_new(const struct row *like, uint8_t fill)
{
	struct row *row = &rows[row_count++];

	CHECK(row_count <= ROWS);
	if (like)
		*row = *like;
	else
		memset(row, fill, sizeof(*row));
	return row;
}

static void first_process(void)
{
	struct proc_model *p = &procs[0];

	row_count = 0;
	memset(procs, 0, sizeof(procs));
	file = host_object(REGION_PAGES * PAGE_SIZE, FILL);
	p->vs = host_space();
	for (unsigned r = 0; r < REGIONS; r++) {
		p->row[r] = row_new(NULL, fresh(r));
		p->inherit[r] = MAP_INHERIT_COPY;
		memset(p->mapped[r], true, PAGES);
		if (r == 2)
			host_file(&p->vs->map, region_start(r), file, 0, REGION_PAGES, 3, false);
		else
			host_anon(&p->vs->map, region_start(r), REGION_PAGES, 3, MAP_INHERIT_COPY);
	}
}

/* What minherit(2) will do. */
static void set_inherit(struct proc_model *p, unsigned r, int inherit)
{
	struct vm_map *map = &p->vs->map;

	p->inherit[r] = inherit;
	map_lock_write(map);
	for (struct vm_map_entry *e = map_first_from(map, region_start(r)); e && e->start < region_start(r + 1); e = map_next(map, e))
		e->inherit = inherit;
	map_unlock_write(map);
}

static int model_fork(struct proc_model *p, struct proc_model *c)
{
	int error = vmspace_fork(p->vs, &c->vs);

	if (error) {
		c->vs = NULL;
		return error;
	}
	for (unsigned r = 0; r < REGIONS; r++) {
		bool keeps = p->inherit[r] != MAP_INHERIT_NONE;

		c->inherit[r] = p->inherit[r];
		for (unsigned i = 0; i < PAGES; i++)
			c->mapped[r][i] = keeps && p->mapped[r][i];
		c->row[r] = p->inherit[r] == MAP_INHERIT_SHARE ? p->row[r] :
			row_new(p->inherit[r] == MAP_INHERIT_COPY ? p->row[r] : NULL, 0);
	}
	return 0;
}

static void model_write(struct proc_model *p, unsigned r, unsigned cell, uint8_t byte)
{
	int error = user_write(&p->vs->map, cell_address(r, cell), byte);

	CHECK_EQ(error, p->mapped[r][cell / 2] ? 0 : EFAULT);
	if (!error)
		p->row[r]->byte[cell] = byte;
}

static void model_read(struct proc_model *p, unsigned r, unsigned cell)
{
	uint8_t byte;
	int error = user_read(&p->vs->map, cell_address(r, cell), &byte);

	CHECK_EQ(error, p->mapped[r][cell / 2] ? 0 : EFAULT);
	if (!error)
		CHECK_EQ(byte, p->row[r]->byte[cell]);
}

/* Unmaps from one place up to before another. */
static int model_unmap(struct proc_model *p, unsigned r, unsigned from, unsigned to)
{
	vaddr_t end = to == PAGES ? region_start(r) + REGION_PAGES * PAGE_SIZE : address(r, to);
	int error = map_remove(&p->vs->map, address(r, from), end);

	for (unsigned i = from; i < to && !error; i++)
		p->mapped[r][i] = false;
	return error;
}

static void exit_all(void)
{
	struct host_use none = { .frames = HOST_FRAMES };

	for (unsigned i = 0; i < PROCS; i++)
		if (procs[i].vs)
			vmspace_release(procs[i].vs);
	host_object_put(file);
	CHECK_NO_LEAK(none);
}

static void check_all(void)
{
	for (unsigned i = 0; i < PROCS; i++)
		for (unsigned r = 0; r < REGIONS && procs[i].vs; r++)
			for (unsigned cell = 0; cell < CELLS; cell++)
				model_read(&procs[i], r, cell);
}

static void random_step(bool inherits, bool unmaps)
{
	struct proc_model *p = &procs[host_pick(PROCS)], *other = &procs[host_pick(PROCS)];
	unsigned r = host_pick(REGIONS), cell = host_pick(CELLS), from = host_pick(PAGES);
	int error = 0;

	if (!p->vs)
		return;
	switch (host_pick(10)) {
	case 0:
		if (!other->vs && row_count + REGIONS <= ROWS)
			error = model_fork(p, other);
		break;
	case 1:
		if (other->vs && other != p) {
			vmspace_release(other->vs);
			other->vs = NULL;
		}
		break;
	case 2:
		if (inherits)
			set_inherit(p, r, host_pick(4));
		break;
	case 3:
		if (unmaps && host_pick(4) == 0)
			error = model_unmap(p, r, from, from + 1 + host_pick(PAGES - from));
		break;
	case 4:
	case 5:
		model_read(p, r, cell);
		break;
	default:
		model_write(p, r, cell, 1 + host_pick(250));
	}
	if (error)
		CHECK(error == ENOMEM && host_fail_fired());
}

HTEST(copies, "B1 A3 B12", "families that only copy: each process sees its own bytes, and nothing is lost or leaked")
{
	for (unsigned run = 0; run < 40; run++) {
		first_process();
		for (unsigned step = 0; step < 150; step++) {
			random_step(false, false);
			CHECK_AUDIT();
		}
		check_all();
		exit_all();
	}
}

HTEST(inheritance, "B1 B12", "families that share, copy, clear and drop by inheritance, and unmap parts")
{
	for (unsigned run = 0; run < 80; run++) {
		first_process();
		for (unsigned step = 0; step < 150; step++) {
			random_step(true, true);
			CHECK_AUDIT();
		}
		check_all();
		exit_all();
	}
}

HTEST(no_memory, "B1 A34", "the same with an allocation failing at nearly every step: a fork may fail, no byte is wrong")
{
	for (unsigned run = 0; run < 60; run++) {
		first_process();
		for (unsigned step = 0; step < 120; step++) {
			host_fail_at(NULL, 1 + host_pick(8));
			random_step(true, true);
			host_fail_at(NULL, 0);
			CHECK_AUDIT();
		}
		check_all();
		exit_all();
	}
}

HTEST(every_failure, "B1", "one fork with each of its allocations failing in turn: ENOMEM, nothing changed, nothing leaked")
{
	bool fired = true;
	unsigned n;

	for (n = 1; fired; n++) {
		first_process();
		for (unsigned r = 0; r < REGIONS; r++)
			for (unsigned cell = 0; cell < CELLS; cell++)
				model_write(&procs[0], r, cell, 1 + r * CELLS + cell);
		set_inherit(&procs[0], 1, MAP_INHERIT_SHARE);
		CHECK_EQ(model_fork(&procs[0], &procs[1]), 0);
		set_inherit(&procs[0], 1, MAP_INHERIT_COPY); /* a copy of shared memory */
		host_fail_at(NULL, n);
		int error = model_fork(&procs[0], &procs[2]);
		fired = host_fail_fired();
		host_fail_at(NULL, 0);
		CHECK_EQ(error, fired ? ENOMEM : 0);
		CHECK_AUDIT();
		check_all();
		exit_all();
	}
	CHECK(n > 5);
}

HTEST(fork_is_cheap, "B1 A7", "fork allocates no frame, anon, amap or chunk, and takes only the right to write from the parent's mappings")
{
	first_process();
	struct vm_map *map = &procs[0].vs->map;
	for (unsigned page = 0; page < PAGES; page++)
		model_write(&procs[0], 0, 2 * page, page + 1);
	struct host_use before = host_use();
	CHECK_EQ(model_fork(&procs[0], &procs[1]), 0);
	struct host_use after = host_use();
	CHECK_EQ(after.frames, before.frames);
	CHECK_EQ(after.anons, before.anons);
	CHECK_EQ(after.amaps, before.amaps);
	CHECK_EQ(after.chunks, before.chunks);
	for (unsigned page = 0; page < PAGES; page++) {
		prot_t prot = 0;

		CHECK(host_mapped(map, address(0, page), &prot, NULL));
		CHECK_EQ(prot, 1);
	}
	CHECK_AUDIT();
	exit_all();
}

HTEST(partial_unmap_shared, "B12", "each of two sharers unmaps another part: what neither maps is freed at once")
{
	first_process();
	set_inherit(&procs[0], 0, MAP_INHERIT_SHARE);
	for (unsigned page = 0; page < PAGES; page++)
		model_write(&procs[0], 0, 2 * page, page + 1);
	CHECK_EQ(model_fork(&procs[0], &procs[1]), 0);
	CHECK_EQ(model_unmap(&procs[0], 0, 1, 4), 0);
	CHECK_EQ(gauge_read(STAT_anons), PAGES);
	CHECK_EQ(model_unmap(&procs[1], 0, 2, 5), 0);
	CHECK_EQ(gauge_read(STAT_anons), PAGES - 2); /* pages 2 and 3 */
	CHECK_AUDIT();
	vmspace_release(procs[0].vs);
	procs[0].vs = NULL;
	CHECK_EQ(gauge_read(STAT_anons), 2); /* pages 0 and 1 */
	CHECK_AUDIT();
	check_all();
	exit_all();
}

HTEST(copy_part, "A7", "a large amap is copied only where the write is: the rest still needs its copy")
{
	struct vmspace *vs = host_space(), *child;
	struct vm_map_entry *e;
	size_t pages = 3 * 8 * AMAP_CHUNK;
	vaddr_t base = 0x10000000UL;

	host_anon(&vs->map, base, pages, 3, MAP_INHERIT_COPY);
	for (size_t i = 0; i < pages; i += 8 * AMAP_CHUNK)
		CHECK_EQ(user_write(&vs->map, base + i * PAGE_SIZE, 1), 0);
	CHECK_EQ(vmspace_fork(vs, &child), 0);
	CHECK_EQ(user_write(&child->map, base + (pages / 2) * PAGE_SIZE, 2), 0);
	map_lock_read(&child->map);
	CHECK(map_lookup(&child->map, base, &e) && e->needs_copy);
	CHECK(map_lookup(&child->map, base + (pages / 2) * PAGE_SIZE, &e) && !e->needs_copy);
	CHECK_EQ(entry_pages(e), 8 * AMAP_CHUNK);
	CHECK(map_lookup(&child->map, base + (pages - 1) * PAGE_SIZE, &e) && e->needs_copy);
	map_unlock_read(&child->map);
	CHECK_AUDIT();
	vmspace_release(child);
	/* The parent is the only one again: its parts become one entry as it writes to them. */
	for (size_t i = 0; i < pages; i += 8 * AMAP_CHUNK)
		CHECK_EQ(user_write(&vs->map, base + i * PAGE_SIZE, 1), 0);
	CHECK_EQ(vs->map.count, 1);
	CHECK_AUDIT();
	vmspace_release(vs);
}
