/* vm/fault.c over the real maps, amaps and objects: the steps of each case. What happens meanwhile: race.c. */
#include "faults.h"

#include "base/kassert.h"
#include "base/string.h"
#include "vm/pageq.h"

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
	host_busy(map, PG(4), host_unbusy);
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

HTEST(no_memory_first_pass, "A15", "a spare anon that the first pass has no chunk for goes into the amap in the next")
{
	struct host_use before;

	begin();
	host_anon(map, BASE, 2 * AMAP_CHUNK, 3, MAP_INHERIT_COPY);
	expect_write(map, BASE, 1);
	before = host_use();
	host_fail_at("pool.amap_chunk", 1);
	expect_write(map, PG(AMAP_CHUNK), 2); /* untraced: a fault that is traced has no first pass of its own */
	CHECK(host_fail_fired());
	CHECK_EQ(gauge_read(STAT_anons), before.anons + 1);
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
