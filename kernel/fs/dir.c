/*
 * Directories: blocks of 16 fixed records, kept in the buffer cache, so that they are changed in transactions.
 *
 * A new name takes the first free record; a directory grows by a block when there is none, and never shrinks. A
 * slot is a record with its buffer held: what fails is finding it, changing it cannot.
 *
 * Floor: fs, above inodes.
 */
#include "fs/fs.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "base/string.h"
#include "riscv/copyuser.h"
#include "vm/pool.h"

/* The buffer of one block of a directory. EIO also for a hole: directories have none. */
static int dir_block(struct inode *dir, uint64_t page, struct buf **out)
{
	uint64_t block;
	int error;

	KASSERT(sleeplock_held(&dir->lock));
	rwlock_read(&dir->vnode.imap);
	error = bmap_find(dir, page, &block);
	rwlock_release(&dir->vnode.imap);
	if (!error && block == BLOCK_NONE)
		error = EIO;
	return error ? error : buf_read(dir->fs, block, out);
}

static uint64_t dir_blocks(struct inode *dir)
{
	return dir->vnode.size / FS_BLOCK;
}

static bool name_is(const struct fs_dirent *d, const char *name)
{
	return strncmp(d->name, name, sizeof d->name) == 0;
}

/* The first record that suits: by name, or by number when name is NULL (0: a free one). From record `from` of the directory on. */
static int dir_scan(struct inode *dir, const char *name, uint64_t number, struct slot *out)
{
	int error = ENOENT;

	for (uint64_t page = 0; page < dir_blocks(dir); page++) {
		struct fs_dirent *d;
		struct buf *b;

		error = dir_block(dir, page, &b);
		if (error)
			return error;
		d = b->data;
		for (unsigned i = page == 0 && name == NULL ? 2 : 0; i < FS_DIRENTS_PER_BLOCK; i++) {
			uint64_t has = fs_dirent_number(&d[i]);

			if (name ? has != 0 && name_is(&d[i], name) : has == number) {
				*out = (struct slot){ .b = b, .record = &d[i] };
				return 0;
			}
		}
		buf_release(b);
		error = ENOENT;
	}
	return error;
}

int dir_find(struct inode *dir, const char *name, struct slot *out)
{
	out->b = NULL;
	return dir_scan(dir, name, 0, out);
}

int dir_name_of(struct inode *dir, uint64_t number, char *name)
{
	struct slot s;
	int error = dir_scan(dir, NULL, number, &s);

	if (error)
		return error;
	memcpy(name, s.record->name, NAME_MAX);
	name[NAME_MAX] = 0;
	slot_release(&s);
	return 0;
}

/* One more block, empty. => transaction open */
static int dir_grow(struct inode *dir, struct buf **out)
{
	struct buf *place;
	bool fresh;
	int error = inode_buf(dir, &place, NULL);

	if (error)
		return error;
	rwlock_write(&dir->vnode.imap);
	error = bmap_alloc(dir, dir_blocks(dir), &fresh, out);
	if (!error && !fresh) {
		buf_release(*out);
		error = EIO; /* a block beyond the end */
	}
	if (!error) {
		vnode_set_size(&dir->vnode, dir->vnode.size + FS_BLOCK);
		inode_store_map(dir, place);
	}
	rwlock_release(&dir->vnode.imap);
	buf_release(place);
	return error;
}

int dir_reserve(struct inode *dir, struct slot *out)
{
	struct buf *b;
	int error;

	out->b = NULL;
	error = dir_scan(dir, NULL, 0, out);
	if (error != ENOENT)
		return error;
	error = dir_grow(dir, &b);
	if (!error)
		*out = (struct slot){ .b = b, .record = b->data };
	return error;
}

void slot_fill(struct slot *s, const char *name, uint64_t number, uint32_t mode)
{
	buf_dirty(s->b);
	memset(s->record, 0, sizeof *s->record);
	memcpy(s->record->name, name, strlen(name));
	s->record->number_type = fs_dirent_pack(number, mode & S_IFMT);
}

void slot_clear(struct slot *s)
{
	buf_dirty(s->b);
	memset(s->record, 0, sizeof *s->record);
}

void slot_release(struct slot *s)
{
	buf_release(s->b);
	s->b = NULL;
}

int dir_is_empty(struct inode *dir)
{
	for (uint64_t page = 0; page < dir_blocks(dir); page++) {
		struct fs_dirent *d;
		struct buf *b;
		bool used = false;
		int error = dir_block(dir, page, &b);

		if (error)
			return error;
		d = b->data;
		for (unsigned i = page == 0 ? 2 : 0; i < FS_DIRENTS_PER_BLOCK; i++)
			used |= fs_dirent_number(&d[i]) != 0;
		buf_release(b);
		if (used)
			return ENOTEMPTY;
	}
	return 0;
}

int dir_init(struct inode *dir, uint64_t parent)
{
	struct buf *b;
	struct slot s;
	int error = dir_grow(dir, &b);

	if (error)
		return error;
	s = (struct slot){ .b = b, .record = b->data };
	slot_fill(&s, ".", dir->number, S_IFDIR);
	s.record++;
	slot_fill(&s, "..", parent, S_IFDIR);
	slot_release(&s);
	return 0;
}

/* One record as programs see it. Returns its length, 0 when it does not fit. */
static size_t dirent_make(const struct fs_dirent *d, char *at, size_t room)
{
	size_t length = strnlen(d->name, sizeof d->name - 1);
	size_t size = ROUND_UP(offsetof(struct dirent, d_name) + length + 1, 8);
	struct dirent *e = (struct dirent *)at;

	if (size > room)
		return 0;
	memset(at, 0, size);
	e->d_ino = fs_dirent_number(d);
	e->d_type = fs_dirent_mode(d);
	e->d_reclen = (uint16_t)size;
	e->d_namlen = (uint16_t)length;
	memcpy(e->d_name, d->name, length);
	return size;
}

/* Records from index *position on, as many as there is room for. => lock held */
static int dirents_fill(struct inode *dir, uint64_t *position, char *at, size_t room, size_t *done)
{
	*done = 0;
	while (*position / FS_DIRENTS_PER_BLOCK < dir_blocks(dir)) {
		struct buf *b;
		int error = dir_block(dir, *position / FS_DIRENTS_PER_BLOCK, &b);

		if (error)
			return error;
		do {
			const struct fs_dirent *d = (struct fs_dirent *)b->data + *position % FS_DIRENTS_PER_BLOCK;
			size_t size = fs_dirent_number(d) ? dirent_make(d, at + *done, room - *done) : 0;

			if (size == 0 && fs_dirent_number(d)) {
				buf_release(b);
				return *done > 0 ? 0 : EINVAL; /* no room for even one */
			}
			*done += size;
			++*position;
		} while (*position % FS_DIRENTS_PER_BLOCK != 0);
		buf_release(b);
	}
	return 0;
}

int inode_getdents(struct inode *ip, uint64_t *position, vaddr_t buf, size_t size, size_t *done)
{
	size_t room = MIN(size, FS_BLOCK);
	uint64_t next = *position;
	char *bounce;
	int error;

	*done = 0;
	if ((ip->mode & S_IFMT) != S_IFDIR)
		return ENOTDIR;
	if (room == 0)
		return EINVAL;
	bounce = kmalloc(room, POOL_ZERO);
	if (bounce == NULL)
		return ENOMEM;
	error = inode_lock(ip);
	if (!error) {
		error = ip->nlink ? dirents_fill(ip, &next, bounce, room, done) : 0; /* nothing is in a directory that was removed */
		inode_unlock(ip);
	}
	if (!error)
		error = copyout(buf, bounce, *done);
	if (!error)
		*position = next;
	else
		*done = 0;
	kfree(bounce, room);
	return error;
}
