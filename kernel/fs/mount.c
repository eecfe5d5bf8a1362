/*
 * A mounted file system: reading the super block, the syncer, and what the rest of the kernel asks of the root file system.
 *
 * The syncer is a thread that once a second, or when the log is half full, writes dirty files and commits.
 *
 * Floor: fs, above paths.
 */
#include "fs/fs.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "base/string.h"
#include "kern/thread.h"
#include "vm/page.h"
#include "vm/pdaemon.h"
#include "vm/pool.h"

#define SYNC_PERIOD 1000000000UL /* ns */

static struct filesystem *root_fs; /* set at boot */
static struct sleeplock sync_pass; /* RANK_FS_SYNC: the syncer's. It may hold the last reference to a file that has lost its name */
static bool booted;

static bool range_follows(uint64_t start, uint64_t count, uint64_t next, uint64_t blocks)
{
	return count > 0 && start <= blocks && count <= blocks && start + count == next;
}

static bool super_sane(const struct fs_super *s, const struct disk *d)
{
	return s->magic == FS_MAGIC && s->version == FS_VERSION && s->block_size == FS_BLOCK && s->sum == fs_super_sum(s) &&
	       s->blocks <= d->blocks && s->log_start == 1 && s->log_blocks >= 2 &&
	       range_follows(s->log_start, s->log_blocks, s->inode_start, s->blocks) &&
	       range_follows(s->inode_start, s->inode_blocks, s->bitmap_start, s->blocks) &&
	       range_follows(s->bitmap_start, s->bitmap_blocks, s->data_start, s->blocks) && s->data_start < s->blocks &&
	       s->inode_blocks <= FS_INODE_MAX / FS_INODES_PER_BLOCK && s->bitmap_blocks >= (s->blocks + FS_BLOCK * 8 - 1) / (FS_BLOCK * 8);
}

static int super_read(struct filesystem *fs)
{
	struct vm_page *pg = page_alloc(PO_KERNEL, 0);
	int error;

	if (pg == NULL)
		return ENOMEM;
	error = disk_read_block(fs->disk, 0, page_kva(pg));
	if (!error) {
		memcpy(&fs->super, page_kva(pg), sizeof fs->super);
		if (!super_sane(&fs->super, fs->disk)) {
			kprintf("fs: %s holds no file system of ours\n", fs->disk->name);
			error = EINVAL;
		}
	}
	page_free(pg);
	return error;
}

static int root_read(struct filesystem *fs)
{
	int error = inode_get(fs, FS_ROOT_INODE, &fs->root);

	if (error)
		return error;
	error = inode_load(fs->root);
	if (!error && (fs->root->mode & S_IFMT) != S_IFDIR)
		error = EIO;
	return error;
}

static size_t fs_shrink(size_t count)
{
	inode_shrink(count);
	return buf_shrink(count);
}

static struct pdaemon_cache fs_caches = { .shrink = fs_shrink, .drain = fs_drop_caches };

static void fs_boot(void)
{
	if (booted)
		return;
	booted = true;
	sleeplock_init(&sync_pass, RANK_FS_SYNC, "sync pass");
	buf_boot();
	inode_boot();
	pdaemon_register(&fs_caches);
}

int fs_mount(struct disk *d, struct filesystem **out)
{
	struct filesystem *fs;
	int error;

	fs_boot();
	fs = kmalloc(sizeof *fs, POOL_ZERO);
	if (fs == NULL)
		return ENOMEM;
	fs->disk = d;
	radix_init(&fs->buffers);
	radix_init(&fs->inodes);
	list_init(&fs->dirty_inodes);
	sleeplock_init(&fs->rename_lock, RANK_FS_RENAME, "rename");
	error = super_read(fs);
	if (!error)
		error = log_mount(fs);
	if (!error)
		error = alloc_mount(fs);
	if (!error)
		error = root_read(fs);
	if (!error)
		error = inode_recover(fs);
	if (error) {
		kprintf("fs: %s cannot be mounted (error %d)\n", d->name, error);
		fs_release(fs);
		return error;
	}
	*out = fs;
	return 0;
}

void fs_release(struct filesystem *fs)
{
	if (fs->root) {
		fs_sync_one(fs);
		inode_put(fs->root);
		inode_drop_all(fs, true);
		KASSERT(fs->inodes.count == 0);
	}
	if (fs->header)
		log_abandon(fs);
	buf_drop_all(fs);
	KASSERT(fs->buffers.count == 0);
	if (fs->header)
		page_free(fs->header);
	kfree(fs, sizeof *fs);
}

int fs_sync_one(struct filesystem *fs)
{
	int error = inode_flush_dirty(fs);
	int commit = log_commit(fs);

	return error ? error : commit;
}

/* The root file system. */

static void syncer(void *arg)
{
	struct filesystem *fs = arg;
	int last = 0;

	for (;;) {
		int error;

		sleep_prepare(&log_wanted, "syncer");
		if (__atomic_exchange_n(&log_wanted, 0, __ATOMIC_SEQ_CST))
			sleep_cancel();
		else
			sleep_commit_until(clock_ns() + SYNC_PERIOD, 0);
		if (log_idle(fs) && !inode_any_dirty(fs))
			continue;
		sleeplock_acquire(&sync_pass);
		error = fs_sync_one(fs);
		sleeplock_release(&sync_pass);
		if (error && error != last)
			kprintf("fs: %s cannot be written (error %d); trying again\n", fs->disk->name, error);
		last = error;
	}
}

int fs_mount_root(struct disk *d)
{
	int error = fs_mount(d, &root_fs);

	if (error)
		return error;
	path_set_root(root_fs->root);
	return thread_spawn("syncer", syncer, root_fs);
}

int fs_sync(void)
{
	return root_fs ? fs_sync_one(root_fs) : 0;
}

void fs_unmount(void)
{
	if (root_fs == NULL)
		return;
	fs_sync_one(root_fs);
	rwlock_write(&root_fs->gate); /* for good: no transaction begins any more */
}

void fs_drop_caches(void)
{
	if (root_fs == NULL)
		return;
	sleeplock_acquire(&sync_pass);
	fs_sync_one(root_fs);
	inode_drop_all(root_fs, false);
	buf_drop_all(root_fs);
	sleeplock_release(&sync_pass);
}
