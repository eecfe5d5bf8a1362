/*
 * vm/amap.c and amap_run.c against a plain model: all short sequences of operations
 * on an amap of 130 slots, and long ones at random.
 *
 * The model: an entry sees a row of numbers; entries that share an amap see the
 * same row. A number stands in its anon's page, so that a copy shows.
 */
#include "host.h"

#include "base/kassert.h"
#include "vm/pageq.h"

#define SLOTS 130
#define ENTRIES 4

/* The slots that operations touch: ends and middles of chunks, and of the parts that splits make. */
static const size_t places[] = { 0, 63, 64, 100, 129 };
#define PLACES ARRAY_COUNT(places)

struct row {
	int value[SLOTS];  /* 0: empty */
};

static struct entry {
	bool used;
	struct aref ar;
	size_t n;
	struct row *row;   /* what the amap holds */
	size_t at;         /* where in the row the entry begins */
} entries[ENTRIES];
static struct row rows[64];
static unsigned row_count;
static int last_value;

static struct sleeplock *lock_of(const struct aref *ar) { return &ar->amap->lock->lock; }

static struct entry *entry_free(void)
{
	for (unsigned i = 0; i < ENTRIES; i++)
		if (!entries[i].used)
			return &entries[i];
	return NULL;
}

static void start(void)
{
	struct entry *e = &entries[0];

	row_count = 0;
	last_value = 0;
	rows[row_count] = (struct row){ 0 };
	*e = (struct entry){ .used = true, .n = SLOTS, .row = &rows[row_count++] };
	CHECK_EQ(amap_new(0, SLOTS, &e->ar), 0);
}

/* What the fault does: the anon if it is the only one's, else a copy in its place. ENOMEM. */
static int slot_write(struct entry *e, size_t slot, int value)
{
	struct vm_anon *old, *an;
	int error = 0;

	sleeplock_acquire(lock_of(&e->ar));
	old = amap_lookup(&e->ar, slot);
	if (old && !amap_slot_shared(&e->ar, slot)) {
		*(int *)page_kva(old->page) = value;
		goto out;
	}
	an = anon_new(PAGE_ZERO);
	if (!an) {
		error = ENOMEM;
		goto out;
	}
	if (old)
		error = amap_unshare(&e->ar, slot);
	else
		error = amap_add(&e->ar, slot, an);
	if (error) {
		anon_unref(an);
		goto out;
	}
	if (old) {
		CHECK(amap_replace(&e->ar, slot, an) == old);
		anon_unref(old);
	}
	*(int *)page_kva(an->page) = value;
out:
	sleeplock_release(lock_of(&e->ar));
	return error;
}

enum op { OP_WRITE, OP_CLONE, OP_SHARE, OP_SPLIT, OP_DROP, OP_REMOVE, OP_JOIN, OP_COUNT };

/* False: the operation makes no sense here. */
static bool operate(enum op op, struct entry *e, size_t slot)
{
	struct entry *other = entry_free();
	struct vm_anon *an;
	int error = 0;

	if (!e->used || slot < e->at || slot >= e->at + e->n)
		return false;
	slot -= e->at;
	switch (op) {
	case OP_WRITE:
		error = slot_write(e, slot, ++last_value);
		if (!error)
			e->row->value[e->at + slot] = last_value;
		break;
	case OP_REMOVE:
		if (!e->row->value[e->at + slot])
			return false;
		sleeplock_acquire(lock_of(&e->ar));
		error = amap_unshare(&e->ar, slot);
		if (!error) {
			an = amap_remove(&e->ar, slot);
			anon_unref(an);
			e->row->value[e->at + slot] = 0;
		}
		sleeplock_release(lock_of(&e->ar));
		break;
	case OP_CLONE:
		if (slot || !other || row_count == ARRAY_COUNT(rows))
			return false;
		sleeplock_acquire(lock_of(&e->ar));
		error = amap_clone(&e->ar, e->n, &other->ar);
		sleeplock_release(lock_of(&e->ar));
		if (error)
			break;
		CHECK_EQ(other->ar.slot % AMAP_CHUNK, e->ar.slot % AMAP_CHUNK);
		*other = (struct entry){ true, other->ar, e->n, &rows[row_count], e->at };
		rows[row_count] = (struct row){ 0 };
		for (size_t i = e->at; i < e->at + e->n; i++)
			rows[row_count].value[i] = e->row->value[i];
		row_count++;
		break;
	case OP_SHARE:
		if (slot || !other)
			return false;
		sleeplock_acquire(lock_of(&e->ar));
		amap_ref(&e->ar, e->n);
		sleeplock_release(lock_of(&e->ar));
		*other = *e;
		break;
	case OP_SPLIT:
		if (!slot || !other)
			return false;
		error = amap_split(&e->ar, slot);
		if (error)
			break;
		*other = (struct entry){ true, { e->ar.amap, e->ar.slot + slot }, e->n - slot, e->row, e->at + slot };
		e->n = slot;
		break;
	case OP_JOIN:
		for (other = entries; other < entries + ENTRIES; other++)
			if (other->used && other->row == e->row && other->at == e->at + e->n)
				break;
		if (slot || other == entries + ENTRIES)
			return false;
		amap_join(&e->ar, e->n);
		e->n += other->n;
		other->used = false;
		break;
	case OP_DROP:
		if (slot)
			return false;
		amap_unref(&e->ar, e->n);
		e->used = false;
		break;
	case OP_COUNT:
		break;
	}
	CHECK(error == 0 || (error == ENOMEM && host_fail_fired()));
	return true;
}

/* How many slots of the model lead to this anon, and may it be written? */
static void check_slot(struct entry *e, size_t i)
{
	struct vm_anon *an = amap_lookup(&e->ar, i);
	int want = e->row->value[e->at + i];

	CHECK_EQ(an ? *(int *)page_kva(an->page) : 0, want);
	if (!an || amap_slot_shared(&e->ar, i))
		return;
	/* Not shared: no slot of another amap leads to it. */
	for (unsigned k = 0; k < ENTRIES; k++) {
		struct entry *o = &entries[k];

		if (!o->used || o->row == e->row || e->at + i < o->at || e->at + i >= o->at + o->n)
			continue;
		bool locked = sleeplock_try(lock_of(&o->ar));
		CHECK(amap_lookup(&o->ar, e->at + i - o->at) != an);
		if (locked)
			sleeplock_release(lock_of(&o->ar));
	}
}

static void one_amap(struct vm_amap *am, void *used)
{
	CHECK(amap_check(am));
	++*(size_t *)used;
}

/* A slot of a row that no entry covers any more must have been freed. */
static unsigned values_left(void)
{
	unsigned n = 0;

	for (unsigned r = 0; r < row_count; r++)
		for (unsigned i = 0; i < SLOTS; i++) {
			bool covered = false;

			for (unsigned k = 0; k < ENTRIES; k++)
				covered |= entries[k].used && entries[k].row == &rows[r] && i >= entries[k].at &&
					   i < entries[k].at + entries[k].n;
			n += covered && rows[r].value[i];
		}
	return n;
}

static size_t slots_used;
static void add_used(struct vm_amap *am, void *arg __unused) { slots_used += am->used; }

static void check(void)
{
	size_t amaps = 0;

	amap_for_each(one_amap, &amaps);
	CHECK_EQ(amaps, gauge_read(STAT_amaps));
	for (unsigned k = 0; k < ENTRIES; k++) {
		if (!entries[k].used)
			continue;
		struct entry *e = &entries[k];
		unsigned sharers = 0;

		for (unsigned o = 0; o < ENTRIES; o++)
			sharers += entries[o].used && entries[o].row == e->row && e->at >= entries[o].at &&
				   e->at < entries[o].at + entries[o].n;
		sleeplock_acquire(lock_of(&e->ar));
		CHECK_EQ(amap_run_refs(&e->ar, 0), sharers);
		for (size_t p = 0; p < PLACES; p++)
			if (places[p] >= e->at && places[p] < e->at + e->n)
				check_slot(e, places[p] - e->at);
		sleeplock_release(lock_of(&e->ar));
	}
	slots_used = 0;
	amap_for_each(add_used, NULL);
	CHECK_EQ(slots_used, values_left());
}

static void finish(void)
{
	struct host_use none = { .frames = HOST_FRAMES };

	for (unsigned k = 0; k < ENTRIES; k++)
		operate(OP_DROP, &entries[k], entries[k].at);
	CHECK_NO_LEAK(none);
}

/* The k-th of all operations: op, entry, place. */
#define OPERATIONS (OP_COUNT * 3 * PLACES)
static bool operate_number(unsigned k)
{
	struct entry *e = &entries[k / OP_COUNT % 3];
	enum op op = k % OP_COUNT;
	size_t place = places[k / OP_COUNT / 3];

	if (op == OP_CLONE || op == OP_SHARE || op == OP_DROP || op == OP_JOIN)
		place = k / OP_COUNT / 3 == 0 ? e->at : SLOTS; /* of the entry as a whole: once */
	return operate(op, e, place);
}

#define DEPTH 4

HTEST(all_sequences, "B12 A3", "all sequences of four operations on amap entries see the bytes that the model sees, and leak nothing")
{
	unsigned sequence[DEPTH] = { 0 }, at;

	for (;;) {
		start();
		CHECK(operate(OP_WRITE, &entries[0], 63));
		CHECK(operate(OP_WRITE, &entries[0], 64));
		bool makes_sense = true;
		for (at = 0; at < DEPTH && makes_sense; at++)
			makes_sense = operate_number(sequence[at]);
		if (makes_sense)
			check();
		finish();
		/* The next sequence; what follows a senseless operation is skipped. */
		at = makes_sense ? DEPTH - 1 : at - 1;
		for (unsigned i = at + 1; i < DEPTH; i++)
			sequence[i] = 0;
		while (++sequence[at] == OPERATIONS) {
			sequence[at] = 0;
			if (at-- == 0)
				return;
		}
	}
}

HTEST(random, "B12 A3", "long random sequences of operations on amap entries agree with the model")
{
	for (unsigned run = 0; run < 300; run++) {
		start();
		for (unsigned step = 0; step < 60 && row_count < ARRAY_COUNT(rows); step++) {
			operate(host_pick(OP_COUNT), &entries[host_pick(ENTRIES)], places[host_pick(PLACES)]);
			check();
		}
		finish();
	}
}

HTEST(no_memory, "", "an amap operation that gets no memory changes nothing")
{
	for (unsigned run = 0; run < 600; run++) {
		start();
		for (unsigned step = 0; step < 25; step++) {
			host_fail_at(NULL, host_pick(2) ? 1 + host_pick(4) : 0);
			operate(host_pick(OP_COUNT), &entries[host_pick(ENTRIES)], places[host_pick(PLACES)]);
			host_fail_at(NULL, 0);
			check();
		}
		finish();
	}
}

HTEST(partial_unmap, "B12", "unmapping part of a shared amap frees exactly what nobody else reaches")
{
	start();
	struct entry *a = &entries[0], *b = &entries[1];
	for (size_t i = 0; i < SLOTS; i++)
		CHECK_EQ(slot_write(a, i, a->row->value[i] = i + 1), 0);
	CHECK(operate(OP_SHARE, a, 0));
	CHECK(operate(OP_SPLIT, a, 100)); /* a: 0 to 99, entry 2: 100 to 129 */
	CHECK(operate(OP_DROP, a, 0));
	CHECK_EQ(gauge_read(STAT_anons), SLOTS); /* b still reaches all */
	CHECK(operate(OP_SPLIT, b, 64));  /* b: 0 to 63, a again: 64 to 129 */
	CHECK(operate(OP_DROP, b, 0));
	CHECK_EQ(gauge_read(STAT_anons), SLOTS - 64);
	check();
	CHECK_EQ(entries[0].at, 64);
	CHECK(operate(OP_SPLIT, &entries[0], 100));
	CHECK(operate(OP_DROP, &entries[0], 64));
	CHECK_EQ(gauge_read(STAT_anons), 30);
	check();
	finish();
}

HTEST(clone_is_cheap, "A7", "a clone shares whole chunks and allocates none; the first write copies one chunk")
{
	struct aref big, copy;
	size_t n = 64 * AMAP_CHUNK;

	CHECK_EQ(amap_new(0, n, &big), 0);
	struct entry e = { true, big, n, NULL, 0 };
	for (size_t i = 0; i < n; i += AMAP_CHUNK / 2)
		CHECK_EQ(slot_write(&e, i, i), 0);
	CHECK_EQ(gauge_read(STAT_amap_chunks), 64);
	sleeplock_acquire(lock_of(&big));
	CHECK_EQ(amap_clone(&big, n, &copy), 0);
	sleeplock_release(lock_of(&big));
	CHECK_EQ(gauge_read(STAT_amap_chunks), 64);
	e.ar = copy;
	CHECK_EQ(slot_write(&e, 0, 1), 0);
	CHECK_EQ(gauge_read(STAT_amap_chunks), 65);
	CHECK_EQ(gauge_read(STAT_anons), 129);
	amap_unref(&big, n);
	CHECK_EQ(gauge_read(STAT_anons), 128);
	amap_unref(&copy, n);
	CHECK_EQ(gauge_read(STAT_anons), 0);
}

HTEST(extend, "", "an amap grows over slots that nobody refers to, up and down, and not over others")
{
	struct aref ar, up;

	CHECK_EQ(amap_new(100, 50, &ar), 0);
	CHECK_EQ(amap_extend(&ar, 50, 20), 0);
	CHECK_EQ(amap_extend_down(&ar, 70, 100), 0);
	CHECK_EQ(ar.slot, 0);
	CHECK_EQ(amap_extend_down(&ar, 170, 1), EBUSY);
	CHECK_EQ(amap_split(&ar, 30), 0);
	up = (struct aref){ ar.amap, 30 };
	CHECK_EQ(amap_extend(&ar, 30, 1), EBUSY);
	CHECK_EQ(amap_extend_down(&up, 140, 1), EBUSY);
	amap_unref(&up, 140); /* slots 30 to 169 are nobody's */
	CHECK(amap_check(ar.amap));
	CHECK_EQ(amap_extend(&ar, 30, 10), 0);
	CHECK_EQ(amap_extend(&ar, 40, 500), 0);
	CHECK(amap_check(ar.amap));
	sleeplock_acquire(lock_of(&ar));
	amap_ref(&ar, 540); /* another entry's: the new slots would be its as well */
	sleeplock_release(lock_of(&ar));
	CHECK_EQ(amap_extend(&ar, 540, 1), EBUSY);
	CHECK_EQ(amap_extend_down(&ar, 540, 0), EBUSY);
	amap_unref(&ar, 540);
	amap_unref(&ar, 540);
	CHECK_EQ(gauge_read(STAT_amaps), 0);
}

HTEST(copy_now, "B12", "a copy at once has pages of its own; one that gets no memory leaves nothing")
{
	struct host_use before;
	struct aref copy;
	bool fired = true;
	int error;

	start();
	struct entry *e = &entries[0];
	for (size_t p = 0; p < PLACES; p++)
		CHECK_EQ(slot_write(e, places[p], e->row->value[places[p]] = p + 1), 0);
	before = host_use();
	for (unsigned n = 1; fired; n++) {
		sleeplock_acquire(lock_of(&e->ar));
		host_fail_at(NULL, n);
		error = amap_copy_now(&e->ar, SLOTS, &copy);
		fired = host_fail_fired();
		host_fail_at(NULL, 0);
		sleeplock_release(lock_of(&e->ar));
		CHECK_EQ(error, fired ? ENOMEM : 0);
		if (error)
			CHECK_NO_LEAK(before);
	}
	CHECK_EQ(gauge_read(STAT_anons), 2 * PLACES);
	CHECK_EQ(slot_write(e, 64, 77), 0);
	sleeplock_acquire(lock_of(&copy));
	for (size_t p = 0; p < PLACES; p++) {
		struct vm_anon *an = amap_lookup(&copy, places[p]);

		CHECK(an && an->ref == 1 && *(int *)page_kva(an->page) == (int)p + 1);
	}
	sleeplock_release(lock_of(&copy));
	amap_unref(&copy, SLOTS);
	CHECK_NO_LEAK(before);
	e->row->value[64] = 77;
	check();
	finish();
}

HTEST(lookup_range, "", "a range of slots over the ends of chunks, where there are some and where there are none")
{
	struct vm_anon *anons[SLOTS];

	start();
	struct entry *e = &entries[0];
	CHECK(operate(OP_WRITE, e, 63));
	CHECK(operate(OP_WRITE, e, 129));
	sleeplock_acquire(lock_of(&e->ar));
	CHECK_EQ(amap_lookup_range(&e->ar, 0, SLOTS, anons), 2);
	for (size_t i = 0; i < SLOTS; i++)
		CHECK(anons[i] == amap_lookup(&e->ar, i) && (anons[i] != NULL) == (i == 63 || i == 129));
	CHECK_EQ(amap_lookup_range(&e->ar, 64, 10, anons), 0);
	CHECK(!amap_slot_shared(&e->ar, 64));
	sleeplock_release(lock_of(&e->ar));
	finish();
}

HTEST(no_chunk, "", "a split, or a clone of a part, that gets no chunk of its own changes nothing")
{
	struct aref copy;

	start();
	struct entry *a = &entries[0];
	CHECK(operate(OP_WRITE, a, 100));
	CHECK(operate(OP_WRITE, a, 129));
	CHECK(operate(OP_CLONE, a, 0));
	host_fail_at("pool.amap_chunk", 1);
	CHECK_EQ(amap_split(&a->ar, 101), ENOMEM); /* both sides of a chunk that the clone has too */
	CHECK(host_fail_fired());
	check();
	CHECK(operate(OP_DROP, &entries[1], 0));
	CHECK(operate(OP_SPLIT, a, 101));
	host_fail_at("pool.amap_chunk", 1);
	sleeplock_acquire(lock_of(&a->ar));
	CHECK_EQ(amap_clone(&a->ar, a->n, &copy), ENOMEM); /* the chunk is another entry's as well */
	sleeplock_release(lock_of(&a->ar));
	CHECK(host_fail_fired());
	host_fail_at(NULL, 0);
	check();
	finish();
}

HTEST(freed_mapped, "B1", "a page that is mapped when its last reference goes is unmapped first")
{
	struct vm_anon *an;
	struct pmap *pm;

	CHECK_EQ(pmap_create(&pm), 0);
	CHECK((an = anon_new(PAGE_ZERO)) != NULL);
	CHECK_EQ(pmap_enter(pm, 0x1000, an->page, PROT_READ, PMAP_CANFAIL), 0);
	anon_unref(an);
	CHECK_EQ(pmap_resident_count(pm), 0);
	pmap_destroy(pm);
	CHECK_AUDIT();
}
