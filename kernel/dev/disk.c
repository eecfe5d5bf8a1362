/*
 * What all disks share: their names, the checks of a request, waiting for one.
 * Floor: dev. The list of disks is made at boot and only read afterwards.
 */
#include "dev/disk.h"
#include "abi/errno.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "base/string.h"
#include "kern/bootargs.h"
#include "kern/counters.h"
#include "kern/thread.h"

static struct list disks = LIST_INIT(disks);

/* diskfail=NAME:n */
static uint64_t fail_number(const char *name)
{
	const char *arg = bootarg("diskfail");
	size_t length = strlen(name);
	if (!arg || strncmp(arg, name, length) || arg[length] != ':')
		return 0;
	return number_parse(arg + length + 1, NULL);
}

void disk_register(struct disk *d)
{
	KASSERT(!disk_find(d->name));
	d->submitted = 0;
	d->fail_at = fail_number(d->name);
	list_push_back(&disks, &d->link);
	if (!bootarg("quiet"))
		kprintf("%s: %lu MiB%s\n", d->name, d->blocks * BLOCK_SIZE >> 20, d->read_only ? ", read-only" : "");
}

struct disk *disk_find(const char *name)
{
	list_for_each(link, &disks) {
		struct disk *d = list_entry(link, struct disk, link);
		if (strcmp(d->name, name) == 0)
			return d;
	}
	return NULL;
}

struct disk *disk_root(void)
{
	const char *name = bootarg("root");
	if (name)
		return disk_find(name);
	struct disk *d = disk_find("ram0");
	return d ? d : disk_find("vd0");
}

static bool request_ok(const struct disk *d, const struct disk_request *rq)
{
	if (rq->op == DISK_FLUSH)
		return true;
	if (rq->op == DISK_WRITE && d->read_only)
		return false;
	return rq->count > 0 && rq->count <= DISK_SEGMENTS && rq->count <= d->blocks && rq->block <= d->blocks - rq->count;
}

void disk_submit(struct disk *d, struct disk_request *rq)
{
	uint64_t number = __atomic_add_fetch(&d->submitted, 1, __ATOMIC_RELAXED);
	rq->error = 0;
	if (number == d->fail_at || !request_ok(d, rq)) {
		disk_finish(rq, EIO);
		return;
	}
	if (rq->op == DISK_READ)
		COUNT(disk_reads);
	else if (rq->op == DISK_WRITE)
		COUNT(disk_writes);
	d->submit(d, rq);
}

void disk_finish(struct disk_request *rq, int error)
{
	rq->error = error;
	rq->done(rq);
}

/* From finished on the request is its waiter's again and may be gone: only its address is used after. */
static void wait_done(struct disk_request *rq)
{
	__atomic_store_n(&rq->finished, true, __ATOMIC_RELEASE);
	thread_wakeup(rq);
}

int disk_io(struct disk *d, struct disk_request *rq)
{
	rq->finished = false;
	rq->done = wait_done;
	disk_submit(d, rq);
	while (!__atomic_load_n(&rq->finished, __ATOMIC_ACQUIRE)) {
		sleep_prepare(rq, "disk");
		if (__atomic_load_n(&rq->finished, __ATOMIC_ACQUIRE))
			sleep_cancel();
		else
			sleep_commit(0);
	}
	return rq->error;
}

int disk_read_block(struct disk *d, uint64_t block, void *data)
{
	struct disk_request rq = { .op = DISK_READ, .block = block, .count = 1, .segment = { data } };
	return disk_io(d, &rq);
}

int disk_write_block(struct disk *d, uint64_t block, const void *data)
{
	struct disk_request rq = { .op = DISK_WRITE, .block = block, .count = 1, .segment = { (void *)data } };
	return disk_io(d, &rq);
}

int disk_flush(struct disk *d)
{
	struct disk_request rq = { .op = DISK_FLUSH };
	return disk_io(d, &rq);
}
