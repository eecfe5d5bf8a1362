/*
 * Inodes in memory: the table, their reading and storing, and their end.
 *
 * An inode is in the table of its file system from the first inode_get() on. Without a reference it stays, with its pages, as a cache:
 * on one list, oldest first. It leaves when it is freed on the disk, or when it has no pages and memory is wanted.
 *
 * A file without a name lives until its last reference goes; a crash before that leaves an orphan, which the super block counts and
 * the next mount frees. The same count says that a long truncation was not finished.
 *
 * Floor: fs, above the block map.
 */
#include "fs/fs.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "base/string.h"
#include "kern/counters.h"
#include "vm/pool.h"

static struct pool inode_pool;
static struct spinlock table_lock = SPINLOCK_INIT(RANK_INODE_CACHE, "inodes");
static struct list unused = LIST_INIT(unused); /* table_lock: oldest first */

static const struct vnode_ops inode_vnode_ops;

void inode_boot(void)
{
	pool_init(&inode_pool, "inode", sizeof(struct inode));
}

static struct inode *of_vnode(struct vnode *vn)
{
	return container_of(vn, struct inode, vnode);
}

/* The table. */

static struct inode *inode_find(struct filesystem *fs, uint64_t number)
{
	struct inode *ip = radix_lookup(&fs->inodes, number);

	if (ip && ip->refs++ == 0)
		list_remove(&ip->unused_link);
	return ip;
}

/* An inode that is in no table and has no page. */
static void inode_destroy(struct inode *ip)
{
	vnode_destroy(&ip->vnode);
	GAUGE_ADD(inodes, -1);
	pool_free(&inode_pool, ip);
}

static struct inode *inode_make(struct filesystem *fs, uint64_t number)
{
	struct inode *ip = pool_alloc(&inode_pool, POOL_ZERO);

	if (ip == NULL)
		return NULL;
	vnode_init(&ip->vnode, fs->disk, &inode_vnode_ops);
	ip->fs = fs;
	ip->number = number;
	list_init(&ip->unused_link);
	list_init(&ip->dirty_link);
	list_init(&ip->held_link);
	sleeplock_init(&ip->lock, RANK_INODE, "inode");
	GAUGE_ADD(inodes, 1);
	return ip;
}

int inode_get(struct filesystem *fs, uint64_t number, struct inode **out)
{
	struct inode *ip, *made;

	if (number == 0 || number >= fs->super.inode_blocks * FS_INODES_PER_BLOCK)
		return EIO;
	spinlock_acquire(&table_lock);
	ip = inode_find(fs, number);
	spinlock_release(&table_lock);
	if (ip == NULL) {
		made = inode_make(fs, number);
		if (made == NULL)
			return ENOMEM;
		spinlock_acquire(&table_lock);
		ip = inode_find(fs, number);
		if (ip == NULL && radix_insert(&fs->inodes, number, made) == 0) {
			ip = made;
			ip->refs = 1;
		}
		spinlock_release(&table_lock);
		if (ip != made)
			inode_destroy(made);
		if (ip == NULL)
			return ENOMEM;
	}
	*out = ip;
	return 0;
}

struct inode *inode_reference(struct inode *ip)
{
	spinlock_acquire(&table_lock);
	KASSERT(ip->refs > 0);
	ip->refs++;
	spinlock_release(&table_lock);
	return ip;
}

/* Takes it out of the table. */
static void inode_forget(struct inode *ip)
{
	spinlock_acquire(&table_lock);
	if (radix_lookup(&ip->fs->inodes, ip->number) == ip)
		radix_remove(&ip->fs->inodes, ip->number);
	list_remove(&ip->dirty_link);
	spinlock_release(&table_lock);
}

/* The inode is free on the disk, and out of the table in memory. => transaction open */
static int number_free(struct filesystem *fs, struct inode *ip)
{
	struct buf *b, *super;
	int error;

	error = inode_buf(ip, &b, NULL);
	if (error)
		return error;
	error = pending_get(fs, &super);
	if (error) {
		buf_release(b);
		return error;
	}
	buf_dirty(b);
	/* Out of the table before anybody can be given the number again. */
	sleeplock_acquire(&fs->alloc_lock);
	((struct fs_inode *)b->data)[ip->number % FS_INODES_PER_BLOCK] = (struct fs_inode){ .mode = 0 };
	inode_forget(ip);
	fs->inode_hint = MIN(fs->inode_hint, ip->number);
	sleeplock_release(&fs->alloc_lock);
	pending_add(super, -1);
	buf_release(super);
	buf_release(b);
	return 0;
}

/* The last reference of a file without a name: its blocks and its number are free again. */
static void inode_free(struct inode *ip)
{
	struct filesystem *fs = ip->fs;
	int error;

	sleeplock_acquire(&ip->lock);
	do {
		error = inode_cut(ip, 0);
		if (!error && ip->cut)
			error = inode_finish_cut(ip);
		if (!error)
			error = tx_begin(fs, TX_FREE);
		if (!error) {
			error = number_free(fs, ip);
			tx_end(fs, TX_FREE);
		}
	} while (error && fs_again(fs, error));
	sleeplock_release(&ip->lock);
	if (error) {
		kprintf("fs: inode %lu could not be freed (error %d); the next mount will\n", ip->number, error);
		inode_forget(ip);
	}
	inode_destroy(ip);
}

void inode_put(struct inode *ip)
{
	bool last, unread;

	spinlock_acquire(&table_lock);
	KASSERT(ip->refs > 0);
	/* With one reference left, ours, and no name, nobody can find it any more: nlink stays what it is. */
	last = ip->refs == 1 && (!ip->valid || ip->nlink == 0);
	unread = last && !ip->valid;
	if (last)
		list_remove(&ip->dirty_link); /* no syncer finds it, and nobody writes to it any more */
	else if (--ip->refs == 0)
		list_push_back(&unused, &ip->unused_link);
	if (unread) { /* its reading failed: who comes now begins with a new one */
		ip->refs = 0;
		radix_remove(&ip->fs->inodes, ip->number);
	}
	spinlock_release(&table_lock);
	if (unread)
		inode_destroy(ip);
	else if (last)
		inode_free(ip);
}

/* From and to the disk. */

int inode_buf(struct inode *ip, struct buf **out, struct fs_inode **disk)
{
	int error = buf_read(ip->fs, ip->fs->super.inode_start + ip->number / FS_INODES_PER_BLOCK, out);

	if (!error && disk)
		*disk = (struct fs_inode *)(*out)->data + ip->number % FS_INODES_PER_BLOCK;
	return error;
}

static bool inode_sane(const struct fs_inode *d)
{
	switch (d->mode & S_IFMT) {
	case S_IFREG:
		return d->size <= FS_FILE_BLOCKS * FS_BLOCK;
	case S_IFDIR: /* its blocks go before its number: one that was removed may have none left */
		return (d->size > 0 || d->nlink == 0) && d->size % FS_BLOCK == 0 && d->size <= FS_FILE_BLOCKS * FS_BLOCK;
	case S_IFCHR:
		return d->size == 0;
	default:
		return false;
	}
}

int inode_lock(struct inode *ip)
{
	struct fs_inode *d;
	struct buf *b;
	int error;

	sleeplock_acquire(&ip->lock);
	if (ip->valid)
		return 0;
	error = inode_buf(ip, &b, &d);
	if (!error) {
		if (inode_sane(d)) {
			ip->mode = d->mode;
			ip->nlink = d->nlink;
			ip->rdev = d->rdev;
			rwlock_write(&ip->vnode.imap);
			memcpy(ip->root, d->root, sizeof ip->root);
			ip->blocks = d->blocks;
			ip->cut = d->flags & FS_INODE_CUT;
			vnode_set_size(&ip->vnode, d->size);
			rwlock_release(&ip->vnode.imap);
			__atomic_store_n(&ip->valid, true, __ATOMIC_RELEASE);
		} else {
			error = EIO;
		}
		buf_release(b);
	}
	if (error)
		sleeplock_release(&ip->lock);
	return error;
}

void inode_unlock(struct inode *ip)
{
	sleeplock_release(&ip->lock);
}

int inode_load(struct inode *ip)
{
	int error = 0;

	if (!__atomic_load_n(&ip->valid, __ATOMIC_ACQUIRE)) {
		error = inode_lock(ip);
		if (!error)
			inode_unlock(ip);
	}
	return error;
}

static struct fs_inode *place_in(struct inode *ip, struct buf *b)
{
	return (struct fs_inode *)b->data + ip->number % FS_INODES_PER_BLOCK;
}

void inode_store_attr(struct inode *ip, struct buf *b)
{
	struct fs_inode *d = place_in(ip, b);

	KASSERT(sleeplock_held(&ip->lock));
	buf_dirty(b);
	d->mode = ip->mode;
	d->nlink = ip->nlink;
	d->rdev = ip->rdev;
}

void inode_store_map(struct inode *ip, struct buf *b)
{
	struct fs_inode *d = place_in(ip, b);

	DASSERT(rwlock_write_held(&ip->vnode.imap) || rwlock_read_held(&ip->vnode.imap));
	buf_dirty(b);
	d->size = ip->vnode.size;
	d->blocks = ip->blocks;
	d->flags = ip->cut ? FS_INODE_CUT : 0;
	memcpy(d->root, ip->root, sizeof d->root);
}

/* What the vnode pager asks. */

static int op_bmap(struct vnode *vn, uint64_t page, uint64_t *block)
{
	return bmap_find(of_vnode(vn), page, block);
}

static int op_begin(struct vnode *vn)
{
	return tx_begin(of_vnode(vn)->fs, TX_BLOCK);
}

static void op_end(struct vnode *vn)
{
	tx_end(of_vnode(vn)->fs, TX_BLOCK);
}

static int op_alloc(struct vnode *vn, uint64_t page)
{
	struct inode *ip = of_vnode(vn);
	struct buf *b;
	bool fresh;
	int error;

	if ((ip->mode & S_IFMT) != S_IFREG)
		return EIO;
	error = inode_buf(ip, &b, NULL);
	if (error)
		return error;
	error = bmap_alloc(ip, page, &fresh, NULL);
	if (!error) {
		if (fresh)
			inode_store_map(ip, b);
		inode_mark_dirty(ip, fresh);
	}
	buf_release(b);
	return error;
}

static bool op_more_blocks(struct vnode *vn)
{
	return fs_again(of_vnode(vn)->fs, ENOSPC);
}

static void op_reference(struct vnode *vn)
{
	inode_reference(of_vnode(vn));
}

static void op_release(struct vnode *vn)
{
	inode_put(of_vnode(vn));
}

static const struct vnode_ops inode_vnode_ops = {
	.bmap = op_bmap,
	.begin = op_begin,
	.end = op_end,
	.alloc = op_alloc,
	.more_blocks = op_more_blocks,
	.reference = op_reference,
	.release = op_release,
};

/* Files with pages to write. */

void inode_mark_dirty(struct inode *ip, bool ordered)
{
	spinlock_acquire(&table_lock);
	ip->marked = true;
	ip->ordered |= ordered;
	if (list_empty(&ip->dirty_link))
		list_push_back(&ip->fs->dirty_inodes, &ip->dirty_link);
	spinlock_release(&table_lock);
}

bool inode_any_dirty(struct filesystem *fs)
{
	bool any;

	spinlock_acquire(&table_lock);
	any = !list_empty(&fs->dirty_inodes);
	spinlock_release(&table_lock);
	return any;
}

/*
 * Flushes one inode and takes it off the list if nothing became dirty meanwhile. Whoever makes a page dirty marks the inode
 * first and holds imap from then until the page is dirty; the flush takes imap after the mark was cleared here. So a page whose mark
 * is lost here is seen by the flush. An ordered inode stays for the commit.
 */
static int inode_flush_one(struct inode *ip)
{
	int error;

	spinlock_acquire(&table_lock);
	ip->marked = false;
	spinlock_release(&table_lock);
	error = vnode_flush(&ip->vnode, 0, UINT64_MAX);
	spinlock_acquire(&table_lock);
	if (!error && !ip->marked && !ip->ordered)
		list_remove(&ip->dirty_link);
	spinlock_release(&table_lock);
	return error;
}

int inode_flush_dirty(struct filesystem *fs)
{
	size_t count = 0;
	int error, first = 0;

	spinlock_acquire(&table_lock);
	list_for_each(link, &fs->dirty_inodes)
		count++;
	spinlock_release(&table_lock);
	while (count-- > 0) { /* each goes to the end of the list, so that one that cannot be written holds up none */
		struct inode *ip;
		struct list *link;

		spinlock_acquire(&table_lock);
		link = list_pop_front(&fs->dirty_inodes);
		if (link == NULL) {
			spinlock_release(&table_lock);
			break;
		}
		list_push_back(&fs->dirty_inodes, link);
		ip = list_entry(link, struct inode, dirty_link);
		if (ip->refs++ == 0)
			list_remove(&ip->unused_link);
		spinlock_release(&table_lock);
		error = inode_flush_one(ip);
		first = first ? first : error;
		inode_put(ip);
	}
	return first;
}

int inode_flush_ordered(struct filesystem *fs, struct list *held)
{
	KASSERT(rwlock_write_held(&fs->gate));
	for (;;) {
		struct inode *ip = NULL;
		int error;

		spinlock_acquire(&table_lock);
		list_for_each(link, &fs->dirty_inodes) {
			ip = list_entry(link, struct inode, dirty_link);
			if (ip->ordered)
				break;
			ip = NULL;
		}
		if (ip) {
			if (list_empty(&ip->held_link)) {
				if (ip->refs++ == 0)
					list_remove(&ip->unused_link);
				list_push_back(held, &ip->held_link);
			}
			ip->ordered = false;
		}
		spinlock_release(&table_lock);
		if (ip == NULL)
			return 0;
		error = inode_flush_one(ip);
		if (error) {
			spinlock_acquire(&table_lock);
			ip->ordered = true;
			spinlock_release(&table_lock);
			return error;
		}
	}
}

void inode_put_list(struct list *held)
{
	for (;;) {
		struct list *link;

		spinlock_acquire(&table_lock);
		link = list_pop_front(held);
		spinlock_release(&table_lock);
		if (link == NULL)
			return;
		inode_put(list_entry(link, struct inode, held_link));
	}
}

/* Giving memory back. */

/* Takes unused inodes without pages to write off the table, at most count; with pages: also those that have clean ones. */
static size_t unused_free(struct filesystem *fs, size_t count, bool pages, bool abandon)
{
	struct list mine = LIST_INIT(mine);
	struct list *link;
	size_t freed = 0;

	spinlock_acquire(&table_lock);
	list_for_each_safe(node, &unused) {
		struct inode *ip = list_entry(node, struct inode, unused_link);

		if (freed == count)
			break;
		if ((fs && ip->fs != fs) || (!list_empty(&ip->dirty_link) && !abandon) || (!pages && ip->vnode.object.npages > 0))
			continue;
		list_remove(&ip->dirty_link);
		list_remove(node);
		radix_remove(&ip->fs->inodes, ip->number);
		list_push_back(&mine, node);
		freed++;
	}
	spinlock_release(&table_lock);
	while ((link = list_pop_front(&mine)) != NULL)
		inode_destroy(list_entry(link, struct inode, unused_link));
	return freed;
}

size_t inode_shrink(size_t count)
{
	return unused_free(NULL, count, false, false);
}

void inode_drop_all(struct filesystem *fs, bool abandon)
{
	unused_free(fs, SIZE_MAX, true, abandon);
}

/* After a crash. */

/* An inode that a crash left: frees an orphan, finishes a truncation. */
static int recover_one(struct filesystem *fs, uint64_t number)
{
	struct inode *ip;
	int error = inode_get(fs, number, &ip);

	if (error)
		return error;
	error = inode_lock(ip);
	if (!error) {
		if (ip->nlink > 0)
			error = inode_finish_cut(ip);
		inode_unlock(ip);
	}
	inode_put(ip); /* frees an orphan */
	return error;
}

/* Does the disk's table say that a crash left this one? */
static int recover_wanted(struct filesystem *fs, uint64_t number, bool *wanted)
{
	const struct fs_inode *d;
	struct buf *b;
	int error = buf_read(fs, fs->super.inode_start + number / FS_INODES_PER_BLOCK, &b);

	if (error)
		return error;
	d = (struct fs_inode *)b->data + number % FS_INODES_PER_BLOCK;
	*wanted = d->mode != 0 && (d->nlink == 0 || d->flags & FS_INODE_CUT);
	buf_release(b);
	return 0;
}

/* One that is damaged, or cannot be read, stays as it is, for mkfs --check to tell of: the rest of the disk is as good as before. */
int inode_recover(struct filesystem *fs)
{
	uint64_t pending, left = 0;
	struct buf *super;
	int error = pending_get(fs, &super);

	if (error)
		return error;
	pending = ((struct fs_super *)super->data)->pending;
	buf_release(super);
	if (pending == 0)
		return 0;
	for (uint64_t number = 0; number < fs->super.inode_blocks * FS_INODES_PER_BLOCK; number++) {
		bool wanted = false;

		do {
			error = recover_wanted(fs, number, &wanted);
			if (!error && wanted)
				error = recover_one(fs, number);
		} while (error && fs_again(fs, error));
		if (error == ENOMEM)
			return error;
		left += error != 0;
	}
	if (left)
		kprintf("fs: %s: of the inodes that a crash left, %lu cannot be dealt with; mkfs --check tells more\n", fs->disk->name, left);
	return log_commit(fs);
}
