/*
 * The file system on a disk of its own, in memory: log, block map, directories, failing writes, and the end of the machine after
 * each write. The disk's blocks are frames, made when first written; what was never written reads as zeroes.
 */
#include "abi/errno.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "base/string.h"
#include "fs/fs.h"
#include "test/test.h"
#include "vm/pdaemon.h"
#include "vm/page.h"
#include "vm/pool.h"

#define DISK_BLOCKS 1024

/* ---- the disk ------------------------------------------------------------------- */

static struct memory_disk {
	struct disk disk;
	struct vm_page *block[DISK_BLOCKS];
	uint64_t writes;     /* requests so far */
	uint64_t fail_at;    /* this write fails, once; 0: none */
	uint64_t stop_after; /* the power goes after so many writes: later ones are lost; 0: never */
} md;

static int memory_disk_block(struct memory_disk *m, struct disk_request *rq, uint32_t i)
{
	struct vm_page **pg = &m->block[rq->block + i];

	if (rq->op == DISK_READ) {
		if (*pg)
			memcpy(rq->segment[i], page_kva(*pg), BLOCK_SIZE);
		else
			memset(rq->segment[i], 0, BLOCK_SIZE);
		return 0;
	}
	if (*pg == NULL && (*pg = page_alloc(PO_KERNEL, PAGE_RESERVE)) == NULL)
		return EIO;
	memcpy(page_kva(*pg), rq->segment[i], BLOCK_SIZE);
	return 0;
}

static void memory_disk_submit(struct disk *d, struct disk_request *rq)
{
	struct memory_disk *m = container_of(d, struct memory_disk, disk);

	rq->error = 0;
	if (rq->op == DISK_WRITE && ++m->writes == m->fail_at)
		rq->error = EIO;
	else if (rq->op != DISK_FLUSH && !(rq->op == DISK_WRITE && m->stop_after && m->writes > m->stop_after))
		for (uint32_t i = 0; i < rq->count && !rq->error; i++)
			rq->error = memory_disk_block(m, rq, i);
	rq->done(rq);
}

static void memory_disk_clear(void)
{
	for (size_t i = 0; i < DISK_BLOCKS; i++)
		if (md.block[i])
			page_free(md.block[i]);
	memset(&md, 0, sizeof md);
	md.disk = (struct disk){ .name = "memory", .blocks = DISK_BLOCKS, .submit = memory_disk_submit };
}

static void block_put(uint64_t block, const void *data)
{
	int error = disk_write_block(&md.disk, block, data);
	CHECK(error == 0);
}

/* An empty file system, as mkfs makes it. */
static void memory_disk_format(void)
{
	uint64_t *b = kmalloc(FS_BLOCK, POOL_ZERO);
	struct fs_super *s = (struct fs_super *)b;
	struct fs_log_header *h = (struct fs_log_header *)b;
	struct fs_inode *ip = (struct fs_inode *)b;
	struct fs_dirent *d = (struct fs_dirent *)b;
	const uint64_t log = 49, inodes = 8, data = 1 + log + inodes + 1;

	memory_disk_clear();
	CHECK(b != NULL);
	if (b == NULL)
		return;
	*s = (struct fs_super){ .magic = FS_MAGIC, .version = FS_VERSION, .block_size = FS_BLOCK, .blocks = DISK_BLOCKS, .log_start = 1,
				.log_blocks = log, .inode_start = 1 + log, .inode_blocks = inodes, .bitmap_start = 1 + log + inodes,
				.bitmap_blocks = 1, .data_start = data };
	s->sum = fs_super_sum(s);
	block_put(0, b);
	memset(b, 0, FS_BLOCK);
	h->magic = FS_LOG_MAGIC;
	block_put(1, b);
	memset(b, 0, FS_BLOCK);
	ip[FS_ROOT_INODE] = (struct fs_inode){ .mode = S_IFDIR, .nlink = 2, .size = FS_BLOCK, .blocks = 1, .root = { data } };
	block_put(1 + log, b);
	memset(b, 0xff, FS_BLOCK);
	for (uint64_t i = data + 1; i < DISK_BLOCKS; i++)
		b[i / 64] &= ~(1UL << (i % 64));
	block_put(1 + log + inodes, b);
	memset(b, 0, FS_BLOCK);
	d[0] = (struct fs_dirent){ .number_type = fs_dirent_pack(FS_ROOT_INODE, S_IFDIR), .name = "." };
	d[1] = (struct fs_dirent){ .number_type = fs_dirent_pack(FS_ROOT_INODE, S_IFDIR), .name = ".." };
	block_put(data, b);
	kfree(b, FS_BLOCK);
	md.writes = 0;
}

/* ---- small words for what the tests do ------------------------------------------ */

static struct filesystem *mounted(void)
{
	struct filesystem *fs = NULL;
	int error = fs_mount(&md.disk, &fs);

	CHECK(error == 0);
	return fs;
}

/* Bytes that tell which page of which file they belong to. */
static void pattern_fill(uint64_t *p, uint64_t seed)
{
	for (size_t i = 0; i < FS_BLOCK / 8; i++)
		p[i] = seed * 1000003 + i;
}

static int pattern_write(struct inode *ip, uint64_t page, uint64_t seed)
{
	uint64_t *b = kmalloc(FS_BLOCK, POOL_ZERO), end;
	size_t done;
	int error;

	if (b == NULL)
		return ENOMEM;
	pattern_fill(b, seed);
	error = inode_write(ip, (struct io_target){ .address = (vaddr_t)b }, page * FS_BLOCK, FS_BLOCK, false, &done, &end);
	kfree(b, FS_BLOCK);
	return error ? error : done == FS_BLOCK ? 0 : EIO;
}

/* seed 0: zeroes. */
static bool pattern_is(struct inode *ip, uint64_t page, uint64_t seed)
{
	uint64_t *b = kmalloc(2 * FS_BLOCK, POOL_ZERO);
	size_t done = 0;
	bool same;

	if (b == NULL)
		return false;
	if (seed)
		pattern_fill(b, seed);
	same = inode_read(ip, (struct io_target){ .address = (vaddr_t)b + FS_BLOCK }, page * FS_BLOCK, FS_BLOCK, &done) == 0 &&
	       done == FS_BLOCK && memcmp(b, (char *)b + FS_BLOCK, FS_BLOCK) == 0;
	kfree(b, 2 * FS_BLOCK);
	return same;
}

static struct inode *made(struct filesystem *fs, const char *name)
{
	struct inode *ip = NULL;
	int error = fs_open(name, fs->root, O_RDWR | O_CREAT, &ip);

	CHECK(error == 0);
	return error ? NULL : ip;
}

/* Mounts what is on the disk and shows that all of it can be removed and leaves every block free. */
static void check_whole(uint64_t free_blocks, const char *const *name, const bool *directory, size_t count)
{
	struct filesystem *fs = mounted();

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

	memory_disk_format();
	fs = mounted();
	ip = made(fs, "kept");
	CHECK(pattern_write(ip, 0, 7) == 0);
	CHECK(inode_fsync(ip) == 0);
	inode_put(ip);
	md.stop_after = md.writes;
	ip = made(fs, "lost");
	CHECK(pattern_write(ip, 0, 8) == 0);
	inode_put(ip);
	fs_release(fs); /* its writes go nowhere */

	md.stop_after = 0;
	fs = mounted();
	CHECK(path_lookup("kept", fs->root, &ip) == 0 && pattern_is(ip, 0, 7));
	inode_put(ip);
	CHECK(path_lookup("lost", fs->root, &ip) == ENOENT);
	fs_release(fs);
	memory_disk_clear();
}

KTEST(bmap_reach, "", "a sparse file beyond 1 GiB: each level of pointers, holes read as zero, truncation gives all blocks back") {
	static const uint64_t page[] = { 0, 12, 13, 524, 525, 525 + 511, 525 + 512, 262144, 262668, 262669, 300000, 134480396 };
	struct filesystem *fs;
	struct inode *ip;
	struct stat st;
	uint64_t free;

	memory_disk_format();
	fs = mounted();
	free = fs->free_blocks;
	ip = made(fs, "sparse");
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
	memory_disk_clear();
}

KTEST(tail, "", "bytes beyond the end read as zero when the file grows again") {
	static const uint64_t sizes[] = { 0, 1, 8, 4095, 4096, 4097, 8191 };
	struct filesystem *fs;
	struct inode *ip;

	memory_disk_format();
	fs = mounted();
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++)
		for (int flushed = 0; flushed < 2; flushed++) {
			uint64_t b[2];
			size_t done;

			ip = made(fs, "t");
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
	memory_disk_clear();
}

KTEST(names, "", "names appear, move and go: every errno, loops, links, unlinked but open") {
	char longest[NAME_MAX + 2];
	struct filesystem *fs;
	struct inode *ip, *dir;
	struct stat st;
	uint64_t free;

	memory_disk_format();
	fs = mounted();
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
	ip = made(fs, "a/f");
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
	memory_disk_clear();
}

KTEST(full, "", "a full disk: ENOSPC, everything before it stands, removing gives all of it back") {
	struct filesystem *fs;
	struct inode *ip;
	uint64_t free, pages = 0;
	int error;

	memory_disk_format();
	fs = mounted();
	free = fs->free_blocks;
	for (int round = 0; round < 2; round++) {
		ip = made(fs, "big");
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
	memory_disk_clear();
}

/* The power goes now; the machine comes up again. */
static struct filesystem *after_power_loss(struct filesystem *fs)
{
	md.stop_after = md.writes;
	fs_release(fs);
	md.stop_after = 0;
	return mounted();
}

KTEST(freed_blocks, "E6", "a block of a removed file gets other bytes only once the removal is on the disk") {
	struct filesystem *fs;
	struct inode *a, *b;
	uint64_t pages;
	int error;

	memory_disk_format();
	fs = mounted();
	a = made(fs, "a");
	b = made(fs, "b");
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
	memory_disk_clear();
}

KTEST(data_first, "E6", "a commit that somebody else asked for names no block before its bytes are there") {
	struct filesystem *fs;
	struct inode *ip;

	memory_disk_format();
	fs = mounted();
	ip = made(fs, "f");
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
	memory_disk_clear();
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
			*synced = md.writes;
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

		memory_disk_format();
		fs = mounted();
		free = fs->free_blocks;
		md.stop_after = n; /* 0: the first round goes to the end, and counts */
		crash_story(fs, &synced);
		if (n == 0)
			total = md.writes;
		fs_release(fs);

		md.stop_after = 0;
		if (n == 0 || n > synced) {
			fs = mounted();
			CHECK(path_lookup("a", fs->root, &a) == 0);
			for (uint64_t p = 0; p < 20 && !ktest_has_failed(); p++)
				CHECK(pattern_is(a, p, 100 + p));
			inode_put(a);
			fs_release(fs);
		}
		check_whole(free, crash_name, crash_directory, ARRAY_COUNT(crash_name));
	}
	CHECK(total > 30 && synced > 5 && synced < total);
	memory_disk_clear();
}

KTEST(write_errors, "E6", "each write fails in turn: the error is reported, nothing is lost, the next sync repairs it") {
	uint64_t total = 0, free = 0, synced;

	for (uint64_t n = 0; n <= total && !ktest_has_failed(); n++) {
		struct filesystem *fs;

		memory_disk_format();
		fs = mounted();
		free = fs->free_blocks;
		md.fail_at = n;
		crash_story(fs, &synced);
		if (n == 0)
			total = md.writes;
		md.fail_at = 0;
		CHECK(fs_sync_one(fs) == 0);
		fs_release(fs);
		check_whole(free, crash_name, crash_directory, ARRAY_COUNT(crash_name));
	}
	CHECK(total > 30);
	memory_disk_clear();
}

KTEST(one_cache, "C15", "read, write and a mapping's page are one copy of the bytes, with nothing written to the disk in between") {
	const struct pgops *ops;
	struct filesystem *fs;
	struct vm_object *o;
	struct vm_page *pg;
	struct inode *ip;
	uint64_t writes;

	memory_disk_format();
	fs = mounted();
	ip = made(fs, "f");
	o = &ip->vnode.object;
	ops = o->ops;
	CHECK(pattern_write(ip, 2, 5) == 0);
	writes = md.writes;
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
	CHECK(md.writes == writes);
	CHECK(ops->get(o, 3 * PAGE_SIZE, 1, &pg) == EFAULT && ops->get(o, 3 * PAGE_SIZE, 2, &pg) == EFAULT);

	CHECK(inode_fsync(ip) == 0 && md.writes > writes);
	CHECK(ops->get(o, 0, 1, &pg) == 0 && pg->flags & PG_RDONLY); /* as on the disk: the next write is to be told */
	vnode_page_put(&ip->vnode, pg);
	CHECK(vnode_drop_clean(&ip->vnode) >= 2);
	CHECK(pattern_is(ip, 0, 7) && pattern_is(ip, 2, 5));
	inode_put(ip);
	fs_release(fs);
	memory_disk_clear();
}

/* test: mem=32M */
KTEST(gives_back, "C7", "the cache keeps what it has read while there is room, and gives it back when memory is wanted") {
	const uint64_t count = 400;
	struct list mine = LIST_INIT(mine);
	struct filesystem *fs;
	struct inode *ip;
	struct list *link;
	struct vm_page *pg;

	memory_disk_format();
	fs = mounted();
	ip = made(fs, "f");
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
	memory_disk_clear();
}

/* test: limit=900M */
KTEST(damage, "", "any bytes at all in the metadata: errors, but the kernel goes on and lets go of everything") {
	uint32_t random = 1;

	for (unsigned round = 0; round < 80 && !ktest_has_failed(); round++) {
		struct filesystem *fs = NULL;
		uint64_t synced;

		memory_disk_format();
		if (fs_mount(&md.disk, &fs) == 0) {
			crash_story(fs, &synced);
			fs_release(fs);
		}
		for (unsigned n = 0; n < 1 + round % 8; n++) { /* in the inodes, the bitmap, or the blocks after them */
			uint64_t block = 50 + ktest_random(&random) % 24;
			size_t at = ktest_random(&random) % (FS_BLOCK / 8);

			if (block < 52)
				at %= 6 * sizeof(struct fs_inode) / 8; /* those that are in use */
			if (md.block[block])
				((uint64_t *)page_kva(md.block[block]))[at] ^= (uint64_t)ktest_random(&random) << ktest_random(&random) % 40;
		}
		if (fs_mount(&md.disk, &fs) != 0)
			continue;
		crash_story(fs, &synced);
		for (size_t i = 0; i < ARRAY_COUNT(crash_name); i++)
			fs_unlink(crash_name[i], fs->root, crash_directory[i]);
		fs_release(fs);
	}
	memory_disk_clear();
}
