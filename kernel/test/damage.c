/* Disks that are damaged or partly unreadable: what is whole goes on working. */
#include "abi/errno.h"
#include "test/memdisk.h"
#include "test/test.h"

/* ---- inodes that cannot be read ------------------------------------------------- */

struct unreadable {
	struct filesystem *fs;
	uint64_t number;
	struct fs_inode *disk; /* its place, in a buffer that stays */
	uint16_t mode;         /* what stands there when it is whole */
};

static void read_turns(void *arg, unsigned index)
{
	struct unreadable *u = arg;
	uint32_t random = index + 1;

	for (unsigned n = 0; n < 100; n++) {
		struct inode *ip;
		int error;

		__atomic_store_n(&u->disk->mode, ktest_random(&random) % 2 ? u->mode : 0, __ATOMIC_RELAXED);
		CHECK(inode_get(u->fs, u->number, &ip) == 0);
		error = inode_load(ip);
		CHECK(error == 0 || error == EIO);
		inode_put(ip);
		inode_drop_all(u->fs, false); /* the next one is read anew */
	}
}

/* test: seeds=1,2,3,4 */
KTEST(unreadable, "", "an inode that one thread cannot read, and lets go, may be read by another at that moment: it stays as it is") {
	struct unreadable u = { 0 };
	struct inode *ip;
	struct buf *b;

	memdisk_format();
	u.fs = memdisk_mount();
	ip = memdisk_file(u.fs, "f");
	CHECK(pattern_write(ip, 0, 7) == 0 && inode_fsync(ip) == 0);
	u.number = ip->number;
	u.mode = ip->mode;
	CHECK(inode_buf(ip, &b, &u.disk) == 0);
	inode_put(ip);
	inode_drop_all(u.fs, false);
	CHECK(ktest_threads(4, read_turns, &u));
	u.disk->mode = u.mode;
	CHECK(u.disk->nlink == 1 && u.disk->size == FS_BLOCK);
	buf_release(b);
	inode_drop_all(u.fs, false);
	CHECK(path_lookup("f", u.fs->root, &ip) == 0);
	if (!ktest_has_failed()) {
		CHECK(pattern_is(ip, 0, 7));
		inode_put(ip);
	}
	fs_release(u.fs);
	memdisk_clear();
}

/* ---- what a crash left ----------------------------------------------------------- */

KTEST(orphan, "", "an orphan that is damaged, or a part of the inode table that cannot be read, does not keep the disk from being mounted; other orphans are freed") {
	struct filesystem *fs;
	struct inode *a, *b;
	uint64_t free, number;
	struct fs_inode *table;

	memdisk_format();
	fs = memdisk_mount();
	free = fs->free_blocks;
	a = memdisk_file(fs, "a");
	b = memdisk_file(fs, "b");
	number = a->number;
	CHECK(pattern_write(a, 0, 1) == 0 && pattern_write(b, 0, 2) == 0 && pattern_write(b, 1, 3) == 0);
	CHECK(fs_unlink("a", fs->root, false) == 0 && fs_unlink("b", fs->root, false) == 0);
	CHECK(fs_sync_one(fs) == 0);
	memdisk.stop_after = memdisk.writes;
	inode_put(a);
	inode_put(b);
	fs_release(fs);

	memdisk.stop_after = 0;
	CHECK(memdisk.block[MEMDISK_INODE_START] != NULL && number < FS_INODES_PER_BLOCK);
	table = page_kva(memdisk.block[MEMDISK_INODE_START]);
	table[number].mode = 0xffff;
	memdisk.bad_block = MEMDISK_INODE_START + MEMDISK_INODE_BLOCKS - 1;
	for (unsigned i = 0; i < 2; i++) {
		fs = memdisk_mount();
		if (fs == NULL)
			break;
		CHECK(fs->free_blocks == free - 1);
		b = memdisk_file(fs, "c");
		CHECK(pattern_write(b, 0, 4) == 0 && pattern_is(b, 0, 4));
		inode_put(b);
		CHECK(fs_unlink("c", fs->root, false) == 0);
		fs_release(fs);
		memdisk.bad_block = 0;
	}
	memdisk_clear();
}

KTEST(orphan_directory, "", "a removed directory whose blocks were freed before a crash, and its number not: a mount does it") {
	struct filesystem *fs;
	struct fs_inode *table;
	struct inode *dir;
	uint64_t free, number;

	memdisk_format();
	fs = memdisk_mount();
	free = fs->free_blocks;
	CHECK(fs_mkdir("d", fs->root) == 0 && path_lookup("d", fs->root, &dir) == 0);
	number = dir->number;
	CHECK(fs_unlink("d", fs->root, true) == 0);
	CHECK(inode_lock(dir) == 0 && inode_cut(dir, 0) == 0);
	inode_unlock(dir);
	CHECK(fs_sync_one(fs) == 0);
	memdisk.stop_after = memdisk.writes;
	inode_put(dir);
	fs_release(fs);

	memdisk.stop_after = 0;
	fs = memdisk_mount();
	CHECK(fs->free_blocks == free);
	fs_release(fs);
	CHECK(memdisk.block[MEMDISK_INODE_START] != NULL && number < FS_INODES_PER_BLOCK);
	table = page_kva(memdisk.block[MEMDISK_INODE_START]);
	CHECK(table[number].mode == 0);
	memdisk_clear();
}

/* ---- directories in a circle ------------------------------------------------------ */

static void set_parent(struct filesystem *fs, const char *name, uint64_t parent)
{
	struct inode *dir;
	struct slot up;

	CHECK(path_lookup(name, fs->root, &dir) == 0 && inode_lock(dir) == 0 && tx_begin(fs, TX_NAME) == 0);
	CHECK(dir_find(dir, "..", &up) == 0);
	buf_dirty(up.b);
	up.record->number_type = fs_dirent_pack(parent, S_IFDIR);
	slot_release(&up);
	tx_end(fs, TX_NAME);
	inode_unlock(dir);
	inode_put(dir);
}

static uint64_t number_of(struct filesystem *fs, const char *name)
{
	struct inode *ip;
	uint64_t number = 0;

	CHECK(path_lookup(name, fs->root, &ip) == 0);
	if (!ktest_has_failed()) {
		number = ip->number;
		inode_put(ip);
	}
	return number;
}

KTEST(circle, "", "directories that are each other's parents: a rename that follows them upwards ends with EIO") {
	struct filesystem *fs;

	memdisk_format();
	fs = memdisk_mount();
	CHECK(fs_mkdir("a", fs->root) == 0 && fs_mkdir("b", fs->root) == 0 && fs_mkdir("c", fs->root) == 0);
	set_parent(fs, "a", number_of(fs, "b"));
	set_parent(fs, "b", number_of(fs, "a"));
	CHECK(fs_rename("c", "a/c", fs->root) == EIO);
	CHECK(fs_rename("a", "b/a", fs->root) == EINVAL);
	set_parent(fs, "a", FS_ROOT_INODE);
	set_parent(fs, "b", FS_ROOT_INODE);
	CHECK(fs_rename("c", "a/c", fs->root) == 0 && number_of(fs, "a/c") != 0);
	fs_release(fs);
	memdisk_clear();
}

/* ---- a place that cannot be written ------------------------------------------------ */

KTEST(bad_place, "", "one block that cannot be written: syncs say EIO, nothing else is lost, and all is well once its file is gone or the disk works") {
	struct filesystem *fs;
	struct inode *bad, *good;

	for (unsigned mended = 0; mended < 2; mended++) {
		memdisk_format();
		fs = memdisk_mount();
		good = memdisk_file(fs, "good");
		CHECK(pattern_write(good, 0, 1) == 0 && fs_sync_one(fs) == 0);
		bad = memdisk_file(fs, "bad");
		CHECK(pattern_write(bad, 0, 2) == 0);
		rwlock_read(&bad->vnode.imap);
		CHECK(bmap_find(bad, 0, &memdisk.bad_block) == 0);
		rwlock_release(&bad->vnode.imap);

		CHECK(inode_fsync(bad) == EIO && inode_fsync(bad) == EIO);
		CHECK(pattern_is(bad, 0, 2) && pattern_is(good, 0, 1));
		CHECK(pattern_write(good, 1, 3) == 0 && pattern_is(good, 1, 3));
		CHECK(inode_fsync(good) == EIO); /* its new size is in the same commit */
		if (mended)
			memdisk.bad_block = 0;
		else
			CHECK(fs_unlink("bad", fs->root, false) == 0);
		inode_put(bad);
		CHECK(fs_sync_one(fs) == 0);
		vnode_drop_clean(&good->vnode);
		CHECK(pattern_is(good, 0, 1) && pattern_is(good, 1, 3));
		inode_put(good);
		fs_release(fs);
	}
	memdisk_clear();
}
