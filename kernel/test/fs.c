/* The file system on a disk in memory: log, block map, directories, failing writes, and the end of the machine after each write. */
#include "abi/errno.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "base/string.h"
#include "fs/fs.h"
#include "test/memdisk.h"
#include "test/test.h"
#include "vm/pdaemon.h"
#include "vm/page.h"
#include "vm/pool.h"

/* ---- small words for what the tests do ------------------------------------------ */

/* Mounts what is on the disk and shows that all of it can be removed and leaves every block free. */
static void check_whole(uint64_t free_blocks, const char *const *name, const bool *directory, size_t count)
{
	struct filesystem *fs = memdisk_mount();

	if (fs == NULL)
		return;
	for (size_t i = 0; i < count; i++) {
		int error = fs_unlink(name[i], fs->root, directory[i]);
		CHECK(error == 0 || error == ENOENT);
	}
	CHECK(inode_lock(fs->root) == 0 && dir_is_empty(fs->root) == 0);
	inode_unlock(fs->root);
	CHECK(fs_sync_one(fs) == 0);
	CHECK(fs->free_blocks == free_blocks);
	fs_release(fs);
}

/* ---- tests ------------------------------------------------------------------------ */

KTEST(log_survives, "", "what was synced is there after a mount, what was not is gone as a whole") {
	struct filesystem *fs;
	struct inode *ip;

	memdisk_format();
	fs = memdisk_mount();
	ip = memdisk_file(fs, "kept");
	CHECK(pattern_write(ip, 0, 7) == 0);
	CHECK(inode_fsync(ip) == 0);
	inode_put(ip);
	memdisk.stop_after = memdisk.writes;
	ip = memdisk_file(fs, "lost");
	CHECK(pattern_write(ip, 0, 8) == 0);
	inode_put(ip);
	fs_release(fs); /* its writes go nowhere */

	memdisk.stop_after = 0;
	fs = memdisk_mount();
	CHECK(path_lookup("kept", fs->root, &ip) == 0 && pattern_is(ip, 0, 7));
	inode_put(ip);
	CHECK(path_lookup("lost", fs->root, &ip) == ENOENT);
	fs_release(fs);
	memdisk_clear();
}

KTEST(bmap_reach, "", "a sparse file beyond 1 GiB: each level of pointers, holes read as zero, truncation gives all blocks back") {
	static const uint64_t page[] = { 0, 12, 13, 524, 525, 525 + 511, 525 + 512, 262144, 262668, 262669, 300000, 134480396 };
	struct filesystem *fs;
	struct inode *ip;
	struct stat st;
	uint64_t free;

	memdisk_format();
	fs = memdisk_mount();
	free = fs->free_blocks;
	ip = memdisk_file(fs, "sparse");
	for (size_t i = 0; i < ARRAY_COUNT(page); i++)
		CHECK(pattern_write(ip, page[i], i + 1) == 0);
	CHECK(inode_fsync(ip) == 0);
	vnode_drop_clean(&ip->vnode);
	for (size_t i = 0; i < ARRAY_COUNT(page); i++)
		CHECK(pattern_is(ip, page[i], i + 1));
	CHECK(pattern_is(ip, 1, 0) && pattern_is(ip, 262143, 0) && pattern_is(ip, 100000000, 0));
	CHECK(inode_stat(ip, &st) == 0 && st.st_size == (134480396UL + 1) * FS_BLOCK);
	CHECK(fs->free_blocks == free - st.st_blocks);

	for (size_t i = ARRAY_COUNT(page); i-- > 0; ) { /* each cut takes one page, and the pointers that only it needed */
		CHECK(inode_truncate(ip, page[i] * FS_BLOCK) == 0);
		CHECK(i == 0 || pattern_is(ip, page[i - 1], i));
		CHECK(inode_stat(ip, &st) == 0 && fs->free_blocks == free - st.st_blocks);
	}
	CHECK(fs->free_blocks == free);
	inode_put(ip);
	fs_release(fs);
	memdisk_clear();
}

KTEST(tail, "", "bytes beyond the end read as zero when the file grows again") {
	static const uint64_t sizes[] = { 0, 1, 8, 4095, 4096, 4097, 8191 };
	struct filesystem *fs;
	struct inode *ip;

	memdisk_format();
	fs = memdisk_mount();
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++)
		for (int flushed = 0; flushed < 2; flushed++) {
			uint64_t b[2];
			size_t done;

			ip = memdisk_file(fs, "t");
			CHECK(pattern_write(ip, 0, 3) == 0 && pattern_write(ip, 1, 4) == 0);
			CHECK(!flushed || inode_fsync(ip) == 0);
			CHECK(inode_truncate(ip, sizes[i]) == 0);
			CHECK(!flushed || (inode_fsync(ip) == 0 && vnode_drop_clean(&ip->vnode) < 3));
			CHECK(inode_truncate(ip, 8192) == 0);
			for (uint64_t at = sizes[i]; at < 8192; at += MAX(done, 1UL)) {
				b[0] = b[1] = 1;
				CHECK(inode_read(ip, (struct io_target){ .address = (vaddr_t)b }, at, MIN(8192 - at, 8UL), &done) == 0);
				CHECK(done > 0 && (done < 8 || b[0] == 0) && (b[0] & 0xff) == 0);
			}
			inode_put(ip);
			CHECK(fs_unlink("t", fs->root, false) == 0);
		}
	fs_release(fs);
	memdisk_clear();
}

KTEST(names, "", "names appear, move and go: every errno, loops, links, unlinked but open") {
	char longest[NAME_MAX + 2];
	struct filesystem *fs;
	struct inode *ip, *dir;
	struct stat st;
	uint64_t free;

	memdisk_format();
	fs = memdisk_mount();
	free = fs->free_blocks;
	memset(longest, 'x', sizeof longest);
	longest[NAME_MAX + 1] = 0;
	CHECK(fs_mkdir(longest, fs->root) == ENAMETOOLONG);
	longest[NAME_MAX] = 0;
	CHECK(fs_mkdir(longest, fs->root) == 0 && fs_mkdir(longest, fs->root) == EEXIST);
	CHECK(fs_unlink(longest, fs->root, true) == 0);

	CHECK(fs_mkdir("a", fs->root) == 0 && fs_mkdir("a/b/", fs->root) == 0 && fs_mkdir("a/b/c", fs->root) == 0);
	CHECK(fs_mkdir("x/y", fs->root) == ENOENT && fs_mkdir("", fs->root) == ENOENT && fs_mkdir("/", fs->root) == EEXIST);
	CHECK(fs_rename("a", "a/b/c/d", fs->root) == EINVAL && fs_rename("a", "a", fs->root) == 0);
	CHECK(fs_unlink("a", fs->root, true) == ENOTEMPTY && fs_unlink("a", fs->root, false) == EISDIR);
	ip = memdisk_file(fs, "a/f");
	CHECK(fs_link("a/f", "g", fs->root) == 0 && inode_stat(ip, &st) == 0 && st.st_nlink == 2);
	CHECK(fs_link("a", "h", fs->root) == EPERM && fs_link("a/f", "g", fs->root) == EEXIST);
	CHECK(fs_rename("a/f", "g", fs->root) == 0); /* the same file: both names stay */
	CHECK(inode_stat(ip, &st) == 0 && st.st_nlink == 2);
	CHECK(fs_unlink("g/", fs->root, false) == ENOTDIR && fs_unlink("a/f/z", fs->root, false) == ENOTDIR);
	CHECK(fs_rename("g", "a/b", fs->root) == EISDIR && fs_rename("a/b", "g", fs->root) == ENOTDIR);
	CHECK(fs_rename("a/b/c", "moved", fs->root) == 0);
	CHECK(path_lookup("moved/..", fs->root, &dir) == 0 && dir == fs->root);
	inode_put(dir);
	CHECK(inode_stat(fs->root, &st) == 0 && st.st_nlink == 4);

	CHECK(fs_unlink("a/f", fs->root, false) == 0 && fs_unlink("g", fs->root, false) == 0);
	CHECK(pattern_write(ip, 20, 5) == 0 && pattern_is(ip, 20, 5)); /* it has no name, and lives */
	CHECK(path_lookup("moved", fs->root, &dir) == 0);
	CHECK(fs_unlink("moved", fs->root, true) == 0);
	CHECK(fs_mkdir("in", dir) == ENOENT && fs_unlink(".", dir, true) == EINVAL && fs_unlink("..", dir, true) == ENOTEMPTY);
	inode_put(dir);
	inode_put(ip);
	CHECK(fs_unlink("a/b", fs->root, true) == 0 && fs_unlink("a", fs->root, true) == 0);
	CHECK(fs_sync_one(fs) == 0 && fs->free_blocks == free);
	fs_release(fs);
	memdisk_clear();
}

KTEST(full, "", "a full disk: ENOSPC, everything before it stands, removing gives all of it back") {
	struct filesystem *fs;
	struct inode *ip;
	uint64_t free, pages = 0;
	int error;

	memdisk_format();
	fs = memdisk_mount();
	free = fs->free_blocks;
	for (int round = 0; round < 2; round++) {
		ip = memdisk_file(fs, "big");
		for (pages = 0; (error = pattern_write(ip, pages, pages + 1)) == 0; pages++)
			;
		CHECK(error == ENOSPC && pages > free - 10);
		CHECK(fs_mkdir("d", fs->root) == ENOSPC);
		CHECK(pattern_is(ip, pages - 1, pages));
		inode_put(ip);
		CHECK(fs_unlink("big", fs->root, false) == 0);
		CHECK(fs->free_blocks == free); /* the next round needs the commit that makes them usable */
	}
	fs_release(fs);
	memdisk_clear();
}

/* The power goes now; the machine comes up again. */
static struct filesystem *after_power_loss(struct filesystem *fs)
{
	memdisk.stop_after = memdisk.writes;
	fs_release(fs);
	memdisk.stop_after = 0;
	return memdisk_mount();
}

KTEST(freed_blocks, "E6", "a block of a removed file gets other bytes only once the removal is on the disk") {
	struct filesystem *fs;
	struct inode *a, *b;
	uint64_t pages;
	int error;

	memdisk_format();
	fs = memdisk_mount();
	a = memdisk_file(fs, "a");
	b = memdisk_file(fs, "b");
	for (pages = 0; pattern_write(a, pages, pages + 1) == 0; pages++)
		;
	CHECK(fs_sync_one(fs) == 0);
	CHECK(fs_unlink("a", fs->root, false) == 0);
	inode_put(a);
	for (uint64_t i = 0; i < 10; i++) /* there is no block but those of a */
		CHECK(pattern_write(b, i, 1000) == 0);
	CHECK(vnode_flush(&b->vnode, 0, UINT64_MAX) == 0);
	inode_put(b);

	fs = after_power_loss(fs);
	error = path_lookup("a", fs->root, &a);
	CHECK(error == 0 || error == ENOENT);
	if (!error) {
		for (uint64_t i = 0; i < pages && !ktest_has_failed(); i++)
			CHECK(pattern_is(a, i, i + 1));
		inode_put(a);
	}
	fs_release(fs);
	memdisk_clear();
}

KTEST(data_first, "E6", "a commit that somebody else asked for names no block before its bytes are there") {
	struct filesystem *fs;
	struct inode *ip;

	memdisk_format();
	fs = memdisk_mount();
	ip = memdisk_file(fs, "f");
	for (uint64_t i = 0; i < 20; i++)
		CHECK(pattern_write(ip, i, i + 1) == 0);
	CHECK(log_commit(fs) == 0);
	inode_put(ip);

	fs = after_power_loss(fs);
	CHECK(path_lookup("f", fs->root, &ip) == 0);
	for (uint64_t i = 0; i < 20; i++)
		CHECK(pattern_is(ip, i, i + 1));
	inode_put(ip);
	fs_release(fs);
	memdisk_clear();
}

static const char *const crash_name[] = { "a", "b", "c", "d/e", "e", "d" };
static const bool crash_directory[] = { false, false, false, false, false, true };

/* A little of everything; a.1 and b are synced before the rest. Errors are the disk's and do not matter here. */
static void crash_story(struct filesystem *fs, uint64_t *synced)
{
	struct inode *a = NULL, *b = NULL;

	if (fs_open("a", fs->root, O_RDWR | O_CREAT, &a) == 0) {
		for (uint64_t p = 0; p < 20; p++)
			pattern_write(a, p, 100 + p);
		if (inode_fsync(a) == 0)
			*synced = memdisk.writes;
		pattern_write(a, 600, 9);
	}
	if (fs_open("b", fs->root, O_RDWR | O_CREAT, &b) == 0)
		pattern_write(b, 3, 11);
	fs_mkdir("d", fs->root);
	fs_rename("b", "d/e", fs->root);
	fs_sync_one(fs);
	fs_link("d/e", "c", fs->root);
	fs_unlink("d/e", fs->root, false);
	fs_sync_one(fs);
	fs_unlink("c", fs->root, false); /* open: an orphan until b is put */
	fs_sync_one(fs);
	if (a)
		inode_truncate(a, 20 * FS_BLOCK);
	fs_sync_one(fs);
	if (b)
		inode_put(b);
	if (a)
		inode_put(a);
}

KTEST(power_loss, "E6", "the power goes after each write in turn: the disk mounts, synced bytes are there, every block is accounted for") {
	uint64_t total = 0, free = 0, synced = 0;

	for (uint64_t n = 0; n <= total && !ktest_has_failed(); n++) {
		struct filesystem *fs;
		struct inode *a;

		memdisk_format();
		fs = memdisk_mount();
		free = fs->free_blocks;
		memdisk.stop_after = n; /* 0: the first round goes to the end, and counts */
		crash_story(fs, &synced);
		if (n == 0)
			total = memdisk.writes;
		fs_release(fs);

		memdisk.stop_after = 0;
		if (n == 0 || n > synced) {
			fs = memdisk_mount();
			CHECK(path_lookup("a", fs->root, &a) == 0);
			for (uint64_t p = 0; p < 20 && !ktest_has_failed(); p++)
				CHECK(pattern_is(a, p, 100 + p));
			inode_put(a);
			fs_release(fs);
		}
		check_whole(free, crash_name, crash_directory, ARRAY_COUNT(crash_name));
	}
	CHECK(total > 30 && synced > 5 && synced < total);
	memdisk_clear();
}

KTEST(write_errors, "E6", "each write fails in turn: the error is reported, nothing is lost, the next sync repairs it") {
	uint64_t total = 0, free = 0, synced;

	for (uint64_t n = 0; n <= total && !ktest_has_failed(); n++) {
		struct filesystem *fs;

		memdisk_format();
		fs = memdisk_mount();
		free = fs->free_blocks;
		memdisk.fail_at = n;
		crash_story(fs, &synced);
		if (n == 0)
			total = memdisk.writes;
		memdisk.fail_at = 0;
		CHECK(fs_sync_one(fs) == 0);
		fs_release(fs);
		check_whole(free, crash_name, crash_directory, ARRAY_COUNT(crash_name));
	}
	CHECK(total > 30);
	memdisk_clear();
}

KTEST(one_cache, "C15", "read, write and a mapping's page are one copy of the bytes, with nothing written to the disk in between") {
	const struct pgops *ops;
	struct filesystem *fs;
	struct vm_object *o;
	struct vm_page *pg;
	struct inode *ip;
	uint64_t writes;

	memdisk_format();
	fs = memdisk_mount();
	ip = memdisk_file(fs, "f");
	o = &ip->vnode.object;
	ops = o->ops;
	CHECK(pattern_write(ip, 2, 5) == 0);
	writes = memdisk.writes;
	CHECK(ops->get(o, 2 * PAGE_SIZE, 1, &pg) == 0); /* what a read fault maps */
	CHECK(*(uint64_t *)page_kva(pg) == 5 * 1000003 && !(pg->flags & PG_RDONLY));
	vnode_page_put(&ip->vnode, pg);
	CHECK(ops->get(o, 0, 1, &pg) == 0 && pg->flags & PG_RDONLY && *(uint64_t *)page_kva(pg) == 0); /* a hole */
	vnode_page_put(&ip->vnode, pg);
	CHECK(ops->get(o, 0, 2, &pg) == 0 && !(pg->flags & PG_RDONLY)); /* a write fault gives it a block */
	pattern_fill(page_kva(pg), 6);
	vnode_page_put(&ip->vnode, pg);
	CHECK(pattern_is(ip, 0, 6));
	CHECK(pattern_write(ip, 0, 7) == 0 && pattern_is(ip, 0, 7) && *(uint64_t *)page_kva(pg) == 7 * 1000003);
	CHECK(memdisk.writes == writes);
	CHECK(ops->get(o, 3 * PAGE_SIZE, 1, &pg) == EFAULT && ops->get(o, 3 * PAGE_SIZE, 2, &pg) == EFAULT);

	CHECK(inode_fsync(ip) == 0 && memdisk.writes > writes);
	CHECK(ops->get(o, 0, 1, &pg) == 0 && pg->flags & PG_RDONLY); /* as on the disk: the next write is to be told */
	vnode_page_put(&ip->vnode, pg);
	CHECK(vnode_drop_clean(&ip->vnode) >= 2);
	CHECK(pattern_is(ip, 0, 7) && pattern_is(ip, 2, 5));
	inode_put(ip);
	fs_release(fs);
	memdisk_clear();
}

/* test: mem=32M */
KTEST(gives_back, "C7", "the cache keeps what it has read while there is room, and gives it back when memory is wanted") {
	const uint64_t count = 400;
	struct list mine = LIST_INIT(mine);
	struct filesystem *fs;
	struct inode *ip;
	struct list *link;
	struct vm_page *pg;

	memdisk_format();
	fs = memdisk_mount();
	ip = memdisk_file(fs, "f");
	for (uint64_t i = 0; i < count && !ktest_has_failed(); i++)
		CHECK(pattern_write(ip, i, i + 1) == 0);
	CHECK(ip->vnode.object.npages == count); /* dirty or not: nobody wanted the memory */
	do
		while ((pg = page_alloc(PO_KERNEL, 0)) != NULL)
			list_push_back(&mine, &pg->link);
	while (page_wait_free("test") == 0);
	CHECK(ip->vnode.object.npages <= pdaemon_file_min()); /* what was dirty was written first: it is read again below */
	while ((link = list_pop_front(&mine)) != NULL)
		page_free(list_entry(link, struct vm_page, link));
	for (uint64_t i = 0; i < count && !ktest_has_failed(); i++)
		CHECK(pattern_is(ip, i, i + 1));
	inode_put(ip);
	fs_release(fs);
	memdisk_clear();
}

/* test: limit=900M */
KTEST(damage, "", "any bytes at all in the metadata: errors, but the kernel goes on and lets go of everything") {
	uint32_t random = 1;

	for (unsigned round = 0; round < 80 && !ktest_has_failed(); round++) {
		struct filesystem *fs = NULL;
		uint64_t synced;

		memdisk_format();
		if (fs_mount(&memdisk.disk, &fs) == 0) {
			crash_story(fs, &synced);
			fs_release(fs);
		}
		for (unsigned n = 0; n < 1 + round % 8; n++) { /* in the inodes, the bitmap, or the blocks after them */
			uint64_t block = 50 + ktest_random(&random) % 24;
			size_t at = ktest_random(&random) % (FS_BLOCK / 8);

			if (block < 52)
				at %= 6 * sizeof(struct fs_inode) / 8; /* those that are in use */
			if (memdisk.block[block])
				((uint64_t *)page_kva(memdisk.block[block]))[at] ^= (uint64_t)ktest_random(&random) << ktest_random(&random) % 40;
		}
		if (fs_mount(&memdisk.disk, &fs) != 0)
			continue;
		crash_story(fs, &synced);
		for (size_t i = 0; i < ARRAY_COUNT(crash_name); i++)
			fs_unlink(crash_name[i], fs->root, crash_directory[i]);
		fs_release(fs);
	}
	memdisk_clear();
}
