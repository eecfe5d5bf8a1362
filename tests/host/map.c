/*
 * vm/map.c and map_change.c against a row of pages: all sequences of three
 * operations over five pages, the free-space search against a walk over all places,
 * merging, and failures.
 */
#include "host.h"

#include "base/kassert.h"
#include "base/string.h"

#define PAGES 5
#define BASE 0x40000UL
#define PG(n) (BASE + (n) * PAGE_SIZE)

static struct vmspace *vs;
static struct vm_map *map;

/* The model: of each page its rights + 1, or 0 when nothing is mapped. */
static uint8_t model[PAGES];

enum op { ENTER_RW, ENTER_R, REMOVE, PROTECT_R, PROTECT_RW, OP_COUNT };
#define RANGES (PAGES * (PAGES + 1) / 2)
static unsigned range_start[RANGES], range_end[RANGES];

static void ranges(void)
{
	unsigned r = 0;

	for (unsigned start = 0; start < PAGES; start++)
		for (unsigned end = start + 1; end <= PAGES; end++, r++)
			range_start[r] = start, range_end[r] = end;
}

static int enter(vaddr_t at, size_t pages, prot_t prot, bool noreplace, vaddr_t *where)
{
	const struct map_request rq = {
		.start = at, .size = pages * PAGE_SIZE, .fixed = true, .noreplace = noreplace, .prot = prot, .maxprot = 7,
		.inherit = MAP_INHERIT_COPY, .copy_on_write = true,
	};

	return map_enter(map, &rq, where);
}

static int operate(enum op op, unsigned start, unsigned end)
{
	prot_t prot = op == ENTER_RW || op == PROTECT_RW ? 3 : 1;
	vaddr_t where;

	switch (op) {
	case ENTER_RW:
	case ENTER_R:
		return enter(PG(start), end - start, prot, false, &where);
	case REMOVE:
		return map_remove(map, PG(start), PG(end));
	default:
		return map_protect(map, PG(start), PG(end), prot);
	}
}

/* The same on the model. ENOMEM where the map must say so, for a hole. */
static int operate_model(enum op op, unsigned start, unsigned end)
{
	for (unsigned i = start; i < end; i++)
		if (op >= PROTECT_R && !model[i])
			return ENOMEM;
	for (unsigned i = start; i < end; i++)
		model[i] = op == REMOVE ? 0 : op == ENTER_RW || op == PROTECT_RW ? 4 : 2;
	return 0;
}

/* The map holds what the model says, in as few entries as that takes. */
static void check(void)
{
	struct vm_map_entry *e;
	unsigned runs = 0;

	CHECK(map_check(map));
	map_lock_read(map);
	for (unsigned i = 0; i < PAGES; i++) {
		bool found = map_lookup(map, PG(i), &e);

		CHECK_EQ(found, model[i] != 0);
		CHECK_EQ(found ? e->prot + 1 : 0, model[i]);
		runs += model[i] && (i == 0 || model[i - 1] != model[i]);
	}
	CHECK_EQ(map->count, runs);
	map_unlock_read(map);
}

HTEST(all_sequences, "", "all sequences of three operations over five pages leave what a row of pages holds, merged")
{
	unsigned operations = OP_COUNT * RANGES;

	vs = host_space();
	map = &vs->map;
	ranges();
	for (unsigned a = 0; a < operations; a++)
		for (unsigned b = 0; b < operations; b++)
			for (unsigned c = 0; c < operations; c++) {
				unsigned sequence[] = { a, b, c };

				memset(model, 0, sizeof(model));
				for (unsigned i = 0; i < 3; i++) {
					enum op op = sequence[i] / RANGES;
					unsigned start = range_start[sequence[i] % RANGES], end = range_end[sequence[i] % RANGES];

					CHECK_EQ(operate(op, start, end), operate_model(op, start, end));
				}
				check();
				CHECK_EQ(map_remove(map, PG(0), PG(PAGES)), 0);
				CHECK_EQ(map->count, 0);
			}
	vmspace_release(vs);
}

/* The same with pages that have been written: amaps are split, joined and cut. */
static uint8_t bytes[PAGES];

static void touch(unsigned i)
{
	uint8_t byte = 0;

	if (model[i] == 4) {
		bytes[i] = 1 + host_pick(200);
		CHECK_EQ(user_write(map, PG(i), bytes[i]), 0);
	} else if (model[i]) {
		CHECK_EQ(user_read(map, PG(i), &byte), 0);
		CHECK_EQ(user_write(map, PG(i), 1), EACCES);
	} else
		CHECK_EQ(user_read(map, PG(i), &byte), EFAULT);
}

static void check_bytes(void)
{
	uint8_t byte;

	check();
	CHECK_AUDIT();
	for (unsigned i = 0; i < PAGES; i++)
		if (model[i]) {
			CHECK_EQ(user_read(map, PG(i), &byte), 0);
			CHECK_EQ(byte, bytes[i]);
		}
}

/* Entries with amaps of their own cannot always become one. */
static void check_loosely(void)
{
	size_t count = map->count;
	struct vm_map_entry *e;

	CHECK(map_check(map));
	CHECK(count <= PAGES);
	map_lock_read(map);
	for (unsigned i = 0; i < PAGES; i++)
		CHECK_EQ(map_lookup(map, PG(i), &e) ? e->prot + 1 : 0, model[i]);
	map_unlock_read(map);
}

HTEST(random_bytes, "B12 A6", "random operations with writes in between keep every byte, and an audit after each holds")
{
	struct host_use none = { .frames = HOST_FRAMES };

	ranges();
	for (unsigned run = 0; run < 60; run++) {
		vs = host_space();
		map = &vs->map;
		memset(model, 0, sizeof(model));
		memset(bytes, 0, sizeof(bytes));
		for (unsigned step = 0; step < 60; step++) {
			enum op op = host_pick(OP_COUNT);
			unsigned r = host_pick(RANGES);

			CHECK_EQ(operate(op, range_start[r], range_end[r]), operate_model(op, range_start[r], range_end[r]));
			for (unsigned i = range_start[r]; i < range_end[r] && op <= REMOVE; i++)
				bytes[i] = 0;
			touch(host_pick(PAGES));
			touch(host_pick(PAGES));
			check_loosely();
			CHECK_AUDIT();
			for (unsigned i = 0; i < PAGES; i++) {
				uint8_t byte = 0;

				if (model[i]) {
					CHECK_EQ(user_read(map, PG(i), &byte), 0);
					CHECK_EQ(byte, bytes[i]);
				}
			}
		}
		vmspace_release(vs);
		CHECK_NO_LEAK(none);
	}
}

HTEST(clip_and_merge, "", "protecting part of written memory and back leaves one entry again, with its bytes")
{
	vs = host_space();
	map = &vs->map;
	host_anon(map, BASE, PAGES, 3, MAP_INHERIT_COPY);
	for (unsigned i = 0; i < PAGES; i++) {
		model[i] = 4;
		touch(i);
	}
	check_bytes();
	for (unsigned start = 0; start < PAGES; start++)
		for (unsigned end = start + 1; end <= PAGES; end++) {
			CHECK_EQ(operate(PROTECT_R, start, end), operate_model(PROTECT_R, start, end));
			check_bytes();
			CHECK_EQ(operate(PROTECT_RW, start, end), operate_model(PROTECT_RW, start, end));
			check_bytes();
			CHECK_EQ(map->count, 1);
		}
	vmspace_release(vs);
}

HTEST(files, "", "file mappings merge where their offsets go on, keep one reference an entry, and split with their offset")
{
	struct host_object *ho = host_object(64 * PAGE_SIZE, 9);
	struct vm_map_entry *e;

	vs = host_space();
	map = &vs->map;
	host_file(map, PG(0), ho, 4 * PAGE_SIZE, 2, 3, true);
	host_file(map, PG(2), ho, 6 * PAGE_SIZE, 2, 3, true);
	CHECK_EQ(map->count, 1);
	CHECK_EQ(ho->o.refs, 2);
	host_file(map, PG(4), ho, 9 * PAGE_SIZE, 1, 3, true);
	CHECK_EQ(map->count, 2);
	CHECK_EQ(ho->o.refs, 3);
	CHECK_EQ(map_remove(map, PG(1), PG(2)), 0);
	CHECK_EQ(ho->o.refs, 4);
	map_lock_read(map);
	CHECK(map_lookup(map, PG(3), &e));
	CHECK_EQ(e->offset + (PG(3) - e->start), 7 * PAGE_SIZE);
	map_unlock_read(map);
	CHECK_AUDIT();
	vmspace_release(vs);
	CHECK_EQ(ho->o.refs, 1);
	host_object_put(ho);
}

HTEST(space, "", "the free-space search finds what a walk over all places finds, with hint and without")
{
	enum { SPAN = 40 };
	static bool taken[SPAN];
	static struct vm_map m; /* a map of its own: forty pages, the top eight of them kept from the search */
	struct pmap *pm;

	CHECK_EQ(pmap_create(&pm), 0);
	map_init(&m, pm, PG(0), PG(SPAN));
	m.search_max = PG(SPAN - 8);
	map = &m;
	for (unsigned step = 0; step < 20000; step++) {
		unsigned at = host_pick(SPAN), n = 1 + host_pick(5), size = 1 + host_pick(8), hint = host_pick(SPAN + 2);
		long highest = -1, above = -1;
		vaddr_t where = 0;

		n = MIN(n, SPAN - at);
		if (host_pick(2))
			CHECK_EQ(enter(PG(at), n, host_pick(2) ? 1 : 3, false, &where), 0);
		else
			CHECK_EQ(map_remove(&m, PG(at), PG(at + n)), 0);
		map_lock_read(&m);
		for (unsigned i = 0; i < SPAN; i++) {
			struct vm_map_entry *e;

			taken[i] = map_lookup(&m, PG(i), &e);
		}
		for (unsigned i = 0; i + size <= SPAN - 8; i++) {
			bool free = true;

			for (unsigned j = 0; j < size; j++)
				free &= !taken[i + j];
			if (free) {
				highest = i;
				above = above < 0 && i >= hint ? (long)i : above;
			}
		}
		int error = map_find_space(&m, 0, size * PAGE_SIZE, &where);
		CHECK_EQ(error, highest < 0 ? ENOMEM : 0);
		CHECK(error || where == PG((vaddr_t)highest));
		error = map_find_space(&m, PG(hint), size * PAGE_SIZE, &where);
		CHECK_EQ(error, highest < 0 ? ENOMEM : 0);
		CHECK(error || where == PG((vaddr_t)(above < 0 ? highest : above)));
		map_unlock_read(&m);
		if (step % 16 == 0)
			CHECK(map_check(&m));
	}
	map_destroy(&m);
	pmap_destroy(pm);
}

HTEST(enter_errors, "", "a refused mapping leaves the map as it was")
{
	vaddr_t where;

	vs = host_space();
	map = &vs->map;
	host_anon(map, PG(1), 2, 3, MAP_INHERIT_COPY);
	CHECK_EQ(enter(PG(0), 2, 3, true, &where), EEXIST);
	CHECK_EQ(enter(USER_MAX, 1, 3, false, &where), EINVAL);
	CHECK_EQ(enter(USER_MAX - PAGE_SIZE, 2, 3, false, &where), EINVAL);
	CHECK_EQ(enter(0, 1, 3, false, &where), EINVAL);
	CHECK_EQ(enter(PG(0), 0, 3, false, &where), EINVAL);
	CHECK_EQ(map_protect(map, PG(1), PG(4), 1), ENOMEM);
	CHECK_EQ(map->count, 1);
	CHECK_EQ(map->size, 2 * PAGE_SIZE);
	vmspace_release(vs);
}

HTEST(maxprot, "A6", "no right beyond the maximum is given, for any part of the range")
{
	const struct map_request rq = { .start = PG(0), .size = PAGE_SIZE, .fixed = true, .prot = 1, .maxprot = 1, .copy_on_write = true };
	struct vm_map_entry *e;
	vaddr_t where;

	vs = host_space();
	map = &vs->map;
	CHECK_EQ(map_enter(map, &rq, &where), 0);
	host_anon(map, PG(1), 1, 1, MAP_INHERIT_COPY);
	CHECK_EQ(map_protect(map, PG(0), PG(2), 3), EACCES);
	map_lock_read(map);
	CHECK(map_lookup(map, PG(1), &e));
	CHECK_EQ(e->prot, 1);
	map_unlock_read(map);
	vmspace_release(vs);
}

HTEST(no_memory, "", "a change of a map that gets no memory changes nothing, wherever it fails")
{
	struct host_use none = { .frames = HOST_FRAMES };

	ranges();
	for (unsigned run = 0; run < 300; run++) {
		vs = host_space();
		map = &vs->map;
		memset(model, 0, sizeof(model));
		memset(bytes, 0, sizeof(bytes));
		for (unsigned step = 0; step < 20; step++) {
			enum op op = host_pick(OP_COUNT);
			unsigned r = host_pick(RANGES);

			host_fail_at(NULL, 1 + host_pick(6));
			int error = operate(op, range_start[r], range_end[r]);
			bool fired = host_fail_fired();
			host_fail_at(NULL, 0);
			if (fired && error)
				CHECK_EQ(error, ENOMEM);
			else {
				CHECK_EQ(error, operate_model(op, range_start[r], range_end[r]));
				for (unsigned i = range_start[r]; i < range_end[r] && op <= REMOVE; i++)
					bytes[i] = 0;
			}
			touch(host_pick(PAGES));
			check_loosely();
			CHECK_AUDIT();
		}
		vmspace_release(vs);
		CHECK_NO_LEAK(none);
	}
}

HTEST(version, "A24", "the version counts with every change under the write lock, and with nothing else")
{
	uint64_t v;

	vs = host_space();
	map = &vs->map;
	host_anon(map, BASE, PAGES, 3, MAP_INHERIT_COPY);
	v = map->version;
	map_lock_read(map);
	map_unlock_read(map);
	CHECK_EQ(map->version, v);
	CHECK_EQ(map_protect(map, PG(1), PG(2), 1), 0);
	CHECK_EQ(map->version, v + 1);
	CHECK_EQ(map_remove(map, PG(0), PG(1)), 0);
	CHECK_EQ(map->version, v + 2);
	vmspace_release(vs);
}

/* Two neighbours of which the second differs in one thing stay two. */
static void differ(const struct map_request *second, size_t entries)
{
	vaddr_t where;

	CHECK_EQ(map_enter(map, second, &where), 0);
	CHECK_EQ(map->count, entries);
	CHECK(map_check(map));
	CHECK_EQ(map_remove(map, PG(2), PG(4)), 0);
}

HTEST(unlike, "A6", "neighbours that differ in anything stay two entries; those alike become one, but for an amap that only one has")
{
	struct host_object *a = host_object(8 * PAGE_SIZE, 1), *b = host_object(8 * PAGE_SIZE, 2);
	const struct map_request alike = { .start = PG(2), .size = 2 * PAGE_SIZE, .fixed = true, .prot = 3, .maxprot = 7,
					   .inherit = MAP_INHERIT_COPY, .copy_on_write = true };
	struct map_request rq;
	struct vm_map_entry *e;

	vs = host_space();
	map = &vs->map;
	host_anon(map, PG(0), 2, 3, MAP_INHERIT_COPY);
	differ(&alike, 1);
	rq = alike, rq.prot = 1, differ(&rq, 2);
	rq = alike, rq.maxprot = 3, differ(&rq, 2);
	rq = alike, rq.inherit = MAP_INHERIT_NONE, differ(&rq, 2);
	rq = alike, rq.advice = MADV_RANDOM, differ(&rq, 2);
	rq = alike, rq.reserved = true, differ(&rq, 2);
	rq = alike, rq.stack = true, differ(&rq, 2);
	rq = alike, rq.copy_on_write = false, differ(&rq, 1); /* anonymous memory always is */
	map_lock_write(map);
	CHECK(map_lookup(map, PG(0), &e));
	e->wired = 1;
	map_unlock_write(map);
	differ(&alike, 2);
	CHECK_EQ(map_remove(map, PG(0), PG(2)), 0);

	host_file(map, PG(0), a, 0, 2, 3, true);
	host_file(map, PG(2), b, 2 * PAGE_SIZE, 2, 3, true);
	CHECK_EQ(map->count, 2);
	rq = alike, rq.inherit = MAP_INHERIT_SHARE, rq.reserved = true, rq.copy_on_write = false, differ(&rq, 2);
	rq = alike, rq.inherit = MAP_INHERIT_SHARE, rq.stack = true, differ(&rq, 2);
	host_file(map, PG(0), a, 0, 2, 3, false);
	CHECK_EQ(user_write(map, PG(0), 9), 0);
	host_file(map, PG(2), a, 2 * PAGE_SIZE, 2, 3, false);
	CHECK_EQ(map->count, 2);
	CHECK_AUDIT();
	vmspace_release(vs);
	host_object_put(a);
	host_object_put(b);
}

HTEST(nothing, "", "an empty range holds nothing to remove or protect; one that is no row of pages is refused")
{
	struct map_request rq = { .start = PG(0), .size = PAGE_SIZE, .prot = 3, .maxprot = 7, .copy_on_write = true };
	vaddr_t where;

	vs = host_space();
	map = &vs->map;
	CHECK_EQ(map_remove(map, PG(1), PG(1)), 0);
	CHECK_EQ(map_protect(map, PG(1), PG(1), 1), 0);
	rq.size = PAGE_SIZE + 1;
	CHECK_EQ(map_enter(map, &rq, &where), EINVAL);
	rq.size = PAGE_SIZE;
	rq.offset = 1;
	CHECK_EQ(map_enter(map, &rq, &where), EINVAL);
	rq.offset = 0;
	rq.fixed = true;
	rq.start = PG(0) + 1;
	CHECK_EQ(map_enter(map, &rq, &where), EINVAL);
	rq.fixed = false;
	rq.size = map->search_max;
	CHECK_EQ(map_enter(map, &rq, &where), ENOMEM);
	CHECK_EQ(map->count, 0);
	vmspace_release(vs);
}
