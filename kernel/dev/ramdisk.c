/*
 * RAM disks: a range of memory that answers like a disk. Floor: dev.
 *
 * Requests are served in the order of their submission, one at a time: within
 * submit, or with ramdelay= by the disk's own thread.
 */
#include "dev/ramdisk.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "base/string.h"
#include "dev/disk.h"
#include "kern/bootargs.h"
#include "kern/thread.h"
#include "riscv/layout.h"

struct ramdisk {
	struct disk disk;
	char *memory;          /* fixed */
	struct spinlock lock;  /* RANK_DISK */
	struct list queue;     /* lock: requests that wait for the thread */
	uint64_t delay_ns;     /* fixed; 0: no thread */
};

static struct ramdisk ramdisks[2];
static struct machine_range swap_range;

static bool overlaps(const struct machine_range *a, const struct machine_range *b)
{
	return a->start < b->end && b->start < a->end;
}

/* Moves r down until it overlaps none of what boot left in RAM. */
static void avoid(struct machine_range *r, const struct machine_range *used, bool *moved)
{
	if (!overlaps(r, used))
		return;
	uint64_t size = r->end - r->start;
	paddr_t top = page_trunc(used->start);
	r->end = top;
	r->start = top >= size ? top - size : 0;
	*moved = true;
}

struct machine_range ramdisk_reserve(void)
{
	uint64_t size = page_round(bootarg_number("ramswap", 0));
	if (size == 0)
		return swap_range;
	if (size >= machine.ram.end - machine.ram.start) {
		kprintf("ramswap: larger than RAM, ignored\n");
		return swap_range;
	}

	struct machine_range r = { machine.ram.end - size, machine.ram.end };
	bool moved = true;
	while (moved) {
		moved = false;
		avoid(&r, &machine.kernel, &moved);
		avoid(&r, &machine.initrd, &moved);
		avoid(&r, &machine.fdt, &moved);
		for (uint32_t i = 0; i < machine.reserved_count; i++)
			avoid(&r, &machine.reserved[i], &moved);
	}
	if (r.start < machine.ram.start || r.end - r.start != size)
		kprintf("ramswap: no room for it, ignored\n");
	else
		swap_range = r;
	return swap_range;
}

static void serve(struct ramdisk *rd, struct disk_request *rq)
{
	char *p = rd->memory + rq->block * BLOCK_SIZE;
	for (uint32_t i = 0; rq->op != DISK_FLUSH && i < rq->count; i++, p += BLOCK_SIZE) {
		if (rq->op == DISK_READ)
			memcpy(rq->segment[i], p, BLOCK_SIZE);
		else
			memcpy(p, rq->segment[i], BLOCK_SIZE);
	}
	disk_finish(rq, 0);
}

static void ramdisk_submit(struct disk *d, struct disk_request *rq)
{
	struct ramdisk *rd = d->driver;
	if (rd->delay_ns == 0) {
		serve(rd, rq);
		return;
	}
	spinlock_acquire(&rd->lock);
	list_push_back(&rd->queue, &rq->link);
	spinlock_release(&rd->lock);
	thread_wakeup(rd);
}

static void ramdisk_thread(void *arg)
{
	struct ramdisk *rd = arg;
	for (;;) {
		spinlock_acquire(&rd->lock);
		while (list_empty(&rd->queue))
			thread_sleep(rd, &rd->lock, "ramdisk", 0);
		struct list *link = list_pop_front(&rd->queue);
		spinlock_release(&rd->lock);

		thread_pause(rd->delay_ns, 0);
		serve(rd, list_entry(link, struct disk_request, link));
	}
}

static void ramdisk_add(struct ramdisk *rd, const char *name, const struct machine_range *range)
{
	if (range->end - range->start < BLOCK_SIZE)
		return;
	rd->memory = phys_to_virt(range->start);
	spinlock_init(&rd->lock, RANK_DISK, name);
	list_init(&rd->queue);
	rd->delay_ns = bootarg_number("ramdelay", 0) * 1000;
	if (rd->delay_ns && thread_spawn(name, ramdisk_thread, rd)) {
		kprintf("%s: no memory for its thread; answers at once\n", name);
		rd->delay_ns = 0;
	}
	rd->disk = (struct disk){
		.name = name,
		.blocks = (range->end - range->start) / BLOCK_SIZE,
		.submit = ramdisk_submit,
		.driver = rd,
	};
	disk_register(&rd->disk);
}

void ramdisk_init(void)
{
	ramdisk_add(&ramdisks[0], "ram0", &machine.initrd);
	ramdisk_add(&ramdisks[1], "ram1", &swap_range);
}
