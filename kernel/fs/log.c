/*
 * The log: a redo log of whole blocks, with group commit.
 *
 * Many transactions share one commit. tx_begin() passes the gate for reading and reserves room; changed buffers gather on a list
 * and stay in memory. A commit closes the gate, so that every transaction is either wholly in it or not at all, and writes
 *
 *	data of files whose blocks are new       so that no name leads to a stranger's old bytes
 *	the copies, a flush, the record, a flush the transaction is durable from here on
 *	each block to its home, a flush          and from here on the log is not needed
 *	an empty record
 *
 * The record's sum covers the copies as well: a record whose copies were being overwritten by the next commit when the machine stopped
 * does not match, and has been installed. Blocks that a transaction frees leave its list and are given out only after all this.
 *
 * A write that fails before the record changes nothing: the next commit tries again. If the record may be on the disk, that attempt
 * first installs what the disk holds.
 *
 * Floor: fs, above the buffers.
 */
#include "fs/fs.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "base/string.h"
#include "kern/counters.h"
#include "kern/thread.h"
#include "vm/page.h"

static struct spinlock log_lock = SPINLOCK_INIT(RANK_LOG, "log");
uint32_t log_wanted;

/* The syncer is not to wait for its second to be over. */
static void log_want(void)
{
	__atomic_store_n(&log_wanted, 1, __ATOMIC_SEQ_CST);
	thread_wakeup(&log_wanted);
}

int tx_begin(struct filesystem *fs, size_t blocks)
{
	int error;

	KASSERT(blocks <= fs->log_capacity);
	for (;;) {
		bool fits;

		rwlock_read(&fs->gate);
		spinlock_acquire(&log_lock);
		fits = fs->logged_count + fs->reserved + blocks <= fs->log_capacity;
		if (fits)
			fs->reserved += blocks;
		spinlock_release(&log_lock);
		if (fits)
			return 0;
		rwlock_release(&fs->gate);
		error = log_commit(fs);
		if (error)
			return error;
	}
}

void tx_end(struct filesystem *fs, size_t blocks)
{
	bool half;

	DASSERT(rwlock_read_held(&fs->gate));
	spinlock_acquire(&log_lock);
	fs->reserved -= blocks;
	half = fs->logged_count > fs->log_capacity / 2;
	spinlock_release(&log_lock);
	rwlock_release(&fs->gate);
	if (half)
		log_want();
}

void buf_dirty(struct buf *b)
{
	struct filesystem *fs = b->fs;
	bool joins;

	DASSERT(rwlock_read_held(&fs->gate));
	buf_reference(b); /* the log's, if the buffer is new in it */
	spinlock_acquire(&log_lock);
	joins = !b->logged;
	if (joins) {
		KASSERT(fs->logged_count < fs->log_capacity);
		b->logged = true;
		list_push_back(&fs->logged, &b->log_link);
		fs->logged_count++;
	}
	spinlock_release(&log_lock);
	if (!joins)
		buf_release(b);
}

bool log_forget(struct buf *b)
{
	bool was;

	spinlock_acquire(&log_lock);
	was = b->logged;
	if (was) {
		b->logged = false;
		list_remove(&b->log_link);
		b->fs->logged_count--;
	}
	spinlock_release(&log_lock);
	return was;
}

bool log_idle(struct filesystem *fs)
{
	bool idle;

	spinlock_acquire(&log_lock);
	idle = fs->logged_count == 0;
	spinlock_release(&log_lock);
	return idle;
}

/* Runs of blocks through the one request that the gate protects. */

static int run_io(struct filesystem *fs, enum disk_op op)
{
	int error = 0;

	if (fs->rq.count > 0 || op == DISK_FLUSH) {
		fs->rq.op = op;
		fs->rq.error = 0;
		error = disk_io(fs->disk, &fs->rq);
	}
	fs->rq.count = 0;
	return error;
}

/* Adds a block to the run, which is written out when the block does not follow or when it is full. */
static int run_add(struct filesystem *fs, uint64_t block, void *data)
{
	int error = 0;

	if (fs->rq.count == DISK_SEGMENTS || (fs->rq.count > 0 && block != fs->rq.block + fs->rq.count))
		error = run_io(fs, DISK_WRITE);
	if (fs->rq.count == 0)
		fs->rq.block = block;
	fs->rq.segment[fs->rq.count++] = data;
	return error;
}

static uint64_t header_sum(const struct fs_log_header *h)
{
	return fs_sum(fs_sum(FS_SUM_START, &h->sequence, 16), h->home, h->count * 8);
}

/* The copies, in the order of the list, and the record that names them, made but not written. */
static int copies_write(struct filesystem *fs, struct fs_log_header *h)
{
	uint64_t at = fs->super.log_start + 1;
	int error = 0;

	memset(h, 0, sizeof *h);
	h->magic = FS_LOG_MAGIC;
	h->sequence = fs->sequence;
	list_for_each(link, &fs->logged)
		h->home[h->count++] = list_entry(link, struct buf, log_link)->block;
	h->sum = header_sum(h);
	list_for_each(link, &fs->logged) {
		struct buf *b = list_entry(link, struct buf, log_link);
		h->sum = fs_sum(h->sum, b->data, FS_BLOCK);
		error = run_add(fs, at++, b->data);
		if (error)
			return error;
	}
	return run_io(fs, DISK_WRITE);
}

static int homes_write(struct filesystem *fs)
{
	int error;

	list_for_each(link, &fs->logged) {
		struct buf *b = list_entry(link, struct buf, log_link);
		error = run_add(fs, b->block, b->data);
		if (error)
			return error;
	}
	return run_io(fs, DISK_WRITE);
}

static int record_erase(struct filesystem *fs, struct fs_log_header *h)
{
	h->count = 0;
	h->sum = 0;
	return disk_write_block(fs->disk, fs->super.log_start, h);
}

/* Installs what the disk's own record says, if it is whole. At mount, and after a commit that failed half-way. */
static int log_replay(struct filesystem *fs)
{
	struct fs_log_header *h = page_kva(fs->header);
	struct vm_page *copy = page_alloc(PO_KERNEL, 0);
	uint64_t at = fs->super.log_start, sum;
	int error;

	if (copy == NULL)
		return ENOMEM;
	error = disk_read_block(fs->disk, at, h);
	if (!error && h->magic != FS_LOG_MAGIC) {
		kprintf("fs: %s: the log has no header\n", fs->disk->name);
		error = EIO;
	}
	if (error || h->count == 0)
		goto out;
	if (h->count > fs->log_capacity) {
		error = EIO;
		goto out;
	}
	fs->sequence = MAX(fs->sequence, h->sequence + 1);
	sum = header_sum(h);
	for (uint64_t i = 0; i < h->count && !error; i++) {
		if (h->home[i] >= fs->super.blocks || (h->home[i] >= at && h->home[i] < fs->super.inode_start))
			error = EIO;
		else
			error = disk_read_block(fs->disk, at + 1 + i, page_kva(copy));
		sum = fs_sum(sum, page_kva(copy), FS_BLOCK);
	}
	if (!error && sum == h->sum) {
		for (uint64_t i = 0; i < h->count && !error; i++) {
			error = disk_read_block(fs->disk, at + 1 + i, page_kva(copy));
			if (!error)
				error = disk_write_block(fs->disk, h->home[i], page_kva(copy));
		}
		if (!error)
			error = disk_flush(fs->disk);
	}
	if (!error)
		error = record_erase(fs, h);
	if (!error)
		error = disk_flush(fs->disk);
out:
	page_free(copy);
	return error;
}

int log_mount(struct filesystem *fs)
{
	list_init(&fs->logged);
	rwlock_init(&fs->gate, RANK_TRANSACTION, "transaction");
	fs->log_capacity = MIN(fs->super.log_blocks - 1, (uint64_t)FS_LOG_MAX);
	if (fs->log_capacity < TX_RENAME)
		return EINVAL;
	fs->sequence = 1;
	fs->header = page_alloc(PO_KERNEL, PAGE_ZERO);
	if (fs->header == NULL)
		return ENOMEM;
	return log_replay(fs);
}

/* => gate held for writing, the data that must be there first is on its way */
static int log_write(struct filesystem *fs)
{
	struct fs_log_header *h = page_kva(fs->header);
	int error = 0;

	if (fs->uninstalled) {
		error = log_replay(fs);
		if (error)
			return error;
		fs->uninstalled = false;
	}
	if (list_empty(&fs->logged))
		return disk_flush(fs->disk);

	error = copies_write(fs, h);
	if (!error)
		error = disk_flush(fs->disk);
	if (error)
		return error;
	fs->uninstalled = true;
	error = disk_write_block(fs->disk, fs->super.log_start, h);
	if (!error)
		error = disk_flush(fs->disk);
	if (!error)
		error = homes_write(fs);
	if (!error)
		error = disk_flush(fs->disk);
	if (!error)
		error = record_erase(fs, h);
	if (error)
		return error;
	fs->uninstalled = false;
	fs->sequence++;
	COUNT(log_commits);
	return 0;
}

/* The transaction is installed: its buffers are like any others now. */
static void log_clear(struct filesystem *fs)
{
	struct list *link;

	while ((link = list_first(&fs->logged)) != NULL) {
		struct buf *b = list_entry(link, struct buf, log_link);
		bool was = log_forget(b);
		KASSERT(was);
		if (b->freed) { /* what the transaction freed may be used again */
			page_free(b->freed);
			b->freed = NULL;
		}
		buf_release(b);
	}
	fs->free_pending = 0;
}

void log_abandon(struct filesystem *fs)
{
	log_clear(fs);
}

int log_commit(struct filesystem *fs)
{
	struct list held = LIST_INIT(held);
	int error;

	rwlock_write(&fs->gate);
	error = inode_flush_ordered(fs, &held);
	if (!error)
		error = log_write(fs);
	fs->rq.count = 0; /* what a failure left of a run */
	if (!error)
		log_clear(fs);
	rwlock_release(&fs->gate);
	inode_put_list(&held); /* the last reference may free a file, which is a transaction */
	return error;
}

/*
 * Want of memory: waits for the pagedaemon, which never waits for what a thread may hold here. Want of blocks: those
 * that were freed lately can be used after a commit.
 */
bool fs_again(struct filesystem *fs, int error)
{
	if (error == ENOMEM)
		return page_wait_free("fs memory") == 0;
	if (error == ENOSPC && __atomic_load_n(&fs->free_pending, __ATOMIC_RELAXED) > 0)
		return log_commit(fs) == 0;
	return false;
}
