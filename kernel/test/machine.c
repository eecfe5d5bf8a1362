/* Tests of the machine layer: device tree, symbols, user addresses, clock, disks. */
#include "abi/errno.h"
#include "base/string.h"
#include "dev/disk.h"
#include "kern/bootargs.h"
#include "kern/thread.h"
#include "riscv/copyuser.h"
#include "riscv/csr.h"
#include "riscv/fdt.h"
#include "riscv/layout.h"
#include "riscv/machine.h"
#include "test/test.h"

/* Walks a tree to its end. False when anything that comes out of it lies outside. */
static bool tree_walk(const uint8_t *base, unsigned *tokens)
{
	struct fdt f;
	uint32_t at;
	const char *name = NULL;
	struct fdt_value v = { 0 };
	*tokens = 0;
	if (!fdt_open(&f, base))
		return true;
	at = f.structs;
	for (;;) {
		uint32_t before = at;
		enum fdt_token token = fdt_next(&f, &at, &name, &v);
		if (token == FDT_FINISH)
			return true;
		++*tokens;
		if (at <= before)
			return false;
		if (token == FDT_NODE_END)
			continue;
		const uint8_t *n = (const uint8_t *)name;
		if (n < base || n + strlen(name) >= base + f.size)
			return false;
		if (token == FDT_PROPERTY && (v.data < base || v.data + v.size > base + f.size))
			return false;
	}
}

KTEST(fdt_damaged, "", "a device tree with any word damaged is walked to an end within its bounds")
{
	static uint8_t copy[16384];
	static const uint32_t damage[] = { 0, 0xffffffff, 0x7fffffff, 3, 0x01000000 };
	size_t size = machine.fdt.end - machine.fdt.start;
	unsigned tokens;
	CHECK(size <= sizeof(copy));
	size = MIN(size, sizeof(copy));
	memcpy(copy, phys_to_virt(machine.fdt.start), size);
	CHECK(tree_walk(copy, &tokens) && tokens > 100);

	/* The header (but for the size that it claims, which is the reader's own bound), then samples of the rest. */
	for (size_t at = 8; at + 4 <= size; at += at < 64 ? 4 : 52)
		for (size_t i = 0; i < ARRAY_COUNT(damage); i++) {
			uint32_t saved;
			memcpy(&saved, copy + at, 4);
			memcpy(copy + at, &damage[i], 4);
			CHECK(tree_walk(copy, &tokens));
			memcpy(copy + at, &saved, 4);
		}
}

KTEST(machine_sane, "", "what boot read of the machine fits together")
{
	CHECK(machine.timebase > 0 && machine.hart_count >= 1 && machine.hart_count <= HART_MAX);
	CHECK(machine.kernel.start >= machine.ram.start && machine.kernel.end <= machine.ram.end);
	CHECK(machine.hart_count == cpu_count);
	for (uint32_t i = 0; i < cpu_count; i++) {
		CHECK(cpus[i].index == i && cpus[i].hartid == machine.hartid[i] && cpus[i].online);
		for (uint32_t k = 0; k < i; k++)
			CHECK(machine.hartid[i] != machine.hartid[k] && machine.plic_context[i] != machine.plic_context[k]);
	}
	for (uint32_t i = 0; i < machine.reserved_count; i++)
		CHECK(machine.reserved[i].start >= machine.ram.start && machine.reserved[i].end <= machine.ram.end);
}

KTEST(symbols, "", "an address leads to the function that holds it")
{
	uint64_t offset;
	CHECK(strcmp(symbol_name((vaddr_t)machine_off + 2, &offset), "machine_off") == 0 && offset == 2);
	CHECK(strcmp(symbol_name(0, &offset), "?") == 0);
	CHECK(strcmp(symbol_name((vaddr_t)&machine, &offset), "?") == 0);
}

/* No thread of the kernel has user memory: each of these must be refused before any is touched. */
KTEST(copyuser_ranges, "C13", "copies refuse addresses of the kernel, ranges that reach into it and ranges that wrap")
{
	static const struct {
		vaddr_t at;
		size_t n;
	} bad[] = {
		{ DIRECT_MAP, 1 }, { KERNEL_BASE, 8 }, { USER_MAX, 1 }, { USER_MAX - 7, 8 }, { ~0UL, 2 },
		{ ~0UL - 7, 8 }, { 0x10000, ~0UL }, { USER_MAX + 1, 0x10 }, { 1UL << 63, 1 }, { 0x10000, USER_MAX },
	};
	static char buf[16];
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		CHECK(copyin(buf, bad[i].at, bad[i].n) == EFAULT);
		CHECK(copyout(bad[i].at, buf, bad[i].n) == EFAULT);
		CHECK(copyuser_zero(bad[i].at, bad[i].n) == EFAULT);
	}
	CHECK(copyinstr(buf, KERNEL_BASE, sizeof(buf), NULL) == EFAULT);
	CHECK(copyinstr(buf, USER_MAX, sizeof(buf), NULL) == EFAULT);
	CHECK((csr_read(sstatus) & SSTATUS_SUM) == 0);
}

KTEST(pause, "", "a pause lasts at least its time, and the clock never goes back")
{
	uint64_t before = clock_ns();
	CHECK(thread_pause(2000000, 0) == 0);
	CHECK(clock_ns() - before >= 2000000);
	for (int i = 0; i < 1000; i++) {
		uint64_t now = clock_ns();
		CHECK(now >= before);
		before = now;
	}
}

KTEST(relax_gives_way, "", "a hart that waits in cpu_relax lets every other hart run, with interrupts on or off")
{
	/* Under icount a hart that only spins would use up its limit here. */
	uint64_t before = time_read();
	for (int i = 0; i < 200; i++)
		cpu_relax();
	irq_push_off();
	for (int i = 0; i < 200; i++)
		cpu_relax();
	CHECK(!irq_enabled());
	irq_pop_off();
	CHECK(irq_enabled());
	CHECK(time_read() - before < machine.timebase);
}

KTEST(disk_bounds, "", "requests beyond a disk's end, empty or too long ones fail with EIO and do nothing")
{
	static char block[BLOCK_SIZE] __attribute__((aligned(8)));
	struct disk *d = disk_root();
	if (!d)
		return;
	static struct disk_request rq;
	static const struct {
		uint64_t block;
		uint32_t count;
	} bad[] = { { 0, 0 }, { 0, DISK_SEGMENTS + 1 }, { ~0UL, 1 }, { ~0UL, 2 }, { 1UL << 63, 1 } };
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		rq = (struct disk_request){ .op = DISK_READ, .block = bad[i].block, .count = bad[i].count, .segment = { block, block } };
		CHECK(disk_io(d, &rq) == EIO);
	}
	CHECK(disk_read_block(d, d->blocks, block) == EIO);
	CHECK(disk_read_block(d, d->blocks - 1, block) == 0);
	CHECK(disk_read_block(d, 0, block) == 0);
	CHECK(disk_flush(d) == 0);
	CHECK(disk_find("no such disk") == NULL);
}

#define IN_FLIGHT 24

static void request_done(struct disk_request *rq)
{
	__atomic_store_n(&rq->finished, true, __ATOMIC_RELEASE);
	thread_wakeup(rq);
}

KTEST(disk_in_flight, "", "many requests in flight at once all end, with the right bytes")
{
	static struct disk_request rqs[IN_FLIGHT];
	static char blocks[IN_FLIGHT][BLOCK_SIZE] __attribute__((aligned(8))), again[BLOCK_SIZE] __attribute__((aligned(8)));
	struct disk *d = disk_root();
	if (!d || d->blocks < IN_FLIGHT)
		return;
	for (unsigned i = 0; i < IN_FLIGHT; i++) {
		rqs[i] = (struct disk_request){ .op = DISK_READ, .block = i, .count = 1, .segment = { blocks[i] }, .done = request_done };
		disk_submit(d, &rqs[i]);
	}
	for (unsigned i = 0; i < IN_FLIGHT; i++) {
		while (!__atomic_load_n(&rqs[i].finished, __ATOMIC_ACQUIRE)) {
			sleep_prepare(&rqs[i], "test");
			if (__atomic_load_n(&rqs[i].finished, __ATOMIC_ACQUIRE))
				sleep_cancel();
			else
				sleep_commit(0);
		}
		CHECK(rqs[i].error == 0);
		CHECK(disk_read_block(d, i, again) == 0);
		CHECK(memcmp(again, blocks[i], BLOCK_SIZE) == 0);
	}
}

KTEST(bootargs, "", "a boot argument that is unknown, or has a value that it cannot take, is told from one that counts")
{
	static const char *const good[] = { "root=vd0", "exit", "exit=1", "quiet", "seed=7", "mem=8M", "limit=0x10", "ad=soft", "trace=on", "test=a:b=c" };
	static const char *const bad[] = { "roots=vd0", "roo=vd0", "=", "seed", "seed=", "seed=x", "seed=7x", "mem=8MM", "limit=-1", "ad=hard", "ad", "trace=off" };

	for (size_t i = 0; i < ARRAY_COUNT(good); i++)
		CHECK(bootarg_wrong(good[i]) == NULL);
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		CHECK(bootarg_wrong(bad[i]) != NULL);
}
