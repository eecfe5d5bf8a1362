/*
 * Metadata buffers: blocks of the disk that are not file data, one frame each, found by a radix.
 *
 * A buffer that nobody refers to is on one list, oldest first, and may go at any time; the log refers to those
 * that it has still to write. The number of buffers has a limit, a part of RAM, above which the oldest is used again;
 * under pressure the pagedaemon takes unused ones as well.
 *
 * Floor: fs, above the disks and the page allocator.
 */
#include "fs/fs.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "base/string.h"
#include "vm/page.h"
#include "vm/pool.h"

static struct pool buf_pool;
static struct spinlock cache_lock = SPINLOCK_INIT(RANK_BUF_CACHE, "buffers");
static struct list unused = LIST_INIT(unused); /* cache_lock: oldest first */
static size_t buf_count;                       /* cache_lock */

#define BUF_MIN 32         /* below this many the limit does not go */
#define BUF_SHARE 16       /* one frame of so many may be a buffer before old ones are used again */

void buf_boot(void)
{
	pool_init(&buf_pool, "buf", sizeof(struct buf));
}

static void buf_free(struct buf *b)
{
	KASSERT(b->refs == 0 && !b->logged && b->freed == NULL);
	page_free(b->page);
	pool_free(&buf_pool, b);
}

/* Takes the oldest unused buffer out of the cache. => cache_lock held. NULL: all are in use. */
static struct buf *unused_take(void)
{
	struct list *link = list_pop_front(&unused);
	struct buf *b = link ? list_entry(link, struct buf, lru_link) : NULL;

	if (b) {
		radix_remove(&b->fs->buffers, b->block);
		buf_count--;
	}
	return b;
}

/* A buffer with its frame, in no cache yet. At the limit, and without memory, an old one makes room. */
static struct buf *buf_make(struct filesystem *fs, uint64_t block)
{
	struct buf *b, *old = NULL;

	spinlock_acquire(&cache_lock);
	if (buf_count >= MAX(page_count / BUF_SHARE, (size_t)BUF_MIN))
		old = unused_take();
	spinlock_release(&cache_lock);
	if (old)
		buf_free(old);

	for (;;) {
		b = pool_alloc(&buf_pool, POOL_ZERO);
		if (b) {
			b->page = page_alloc(PO_KERNEL, 0);
			if (b->page)
				break;
			pool_free(&buf_pool, b);
		}
		spinlock_acquire(&cache_lock);
		old = unused_take();
		spinlock_release(&cache_lock);
		if (old == NULL)
			return NULL;
		buf_free(old);
	}
	b->fs = fs;
	b->block = block;
	b->data = page_kva(b->page);
	list_init(&b->lru_link);
	list_init(&b->log_link);
	sleeplock_init(&b->lock, RANK_BUF, "buf");
	return b;
}

/* The buffer if it is there, with a reference. => cache_lock held */
static struct buf *buf_find(struct filesystem *fs, uint64_t block)
{
	struct buf *b = radix_lookup(&fs->buffers, block);

	if (b && b->refs++ == 0)
		list_remove(&b->lru_link);
	return b;
}

static int buf_get(struct filesystem *fs, uint64_t block, struct buf **out)
{
	struct buf *b, *made;

	if (block >= fs->super.blocks)
		return EIO; /* a bad pointer on the disk */
	spinlock_acquire(&cache_lock);
	b = buf_find(fs, block);
	spinlock_release(&cache_lock);
	if (b == NULL) {
		made = buf_make(fs, block);
		if (made == NULL)
			return ENOMEM;
		spinlock_acquire(&cache_lock);
		b = buf_find(fs, block); /* meanwhile another thread may have made one */
		if (b == NULL && radix_insert(&fs->buffers, block, made) == 0) {
			b = made;
			b->refs = 1;
			buf_count++;
		}
		spinlock_release(&cache_lock);
		if (b != made)
			buf_free(made);
		if (b == NULL)
			return ENOMEM;
	}
	*out = b;
	return 0;
}

int buf_read(struct filesystem *fs, uint64_t block, struct buf **out)
{
	struct buf *b;
	int error = buf_get(fs, block, &b);

	if (error)
		return error;
	if (!__atomic_load_n(&b->valid, __ATOMIC_ACQUIRE)) {
		sleeplock_acquire(&b->lock);
		if (!b->valid)
			error = disk_read_block(fs->disk, block, b->data);
		if (!error)
			__atomic_store_n(&b->valid, true, __ATOMIC_RELEASE);
		sleeplock_release(&b->lock);
	}
	if (error)
		buf_release(b);
	else
		*out = b;
	return error;
}

int buf_new(struct filesystem *fs, uint64_t block, struct buf **out)
{
	int error = buf_get(fs, block, out);

	if (error)
		return error;
	sleeplock_acquire(&(*out)->lock);
	memset((*out)->data, 0, FS_BLOCK);
	__atomic_store_n(&(*out)->valid, true, __ATOMIC_RELEASE);
	sleeplock_release(&(*out)->lock);
	return 0;
}

void buf_reference(struct buf *b)
{
	spinlock_acquire(&cache_lock);
	KASSERT(b->refs > 0);
	b->refs++;
	spinlock_release(&cache_lock);
}

void buf_release(struct buf *b)
{
	if (b == NULL)
		return;
	spinlock_acquire(&cache_lock);
	KASSERT(b->refs > 0);
	if (--b->refs == 0) {
		if (b->valid)
			list_push_back(&unused, &b->lru_link);
		else
			list_push_front(&unused, &b->lru_link);
	}
	spinlock_release(&cache_lock);
}

void buf_forget(struct filesystem *fs, uint64_t block)
{
	struct buf *b;
	bool logged = false;

	spinlock_acquire(&cache_lock);
	b = buf_find(fs, block);
	spinlock_release(&cache_lock);
	if (b == NULL)
		return;
	logged = log_forget(b);
	if (b->refs == (logged ? 2u : 1u)) /* on a damaged disk two files may have the block, and the other may be at work on it */
		__atomic_store_n(&b->valid, false, __ATOMIC_RELEASE);
	if (logged)
		buf_release(b);
	buf_release(b);
}

size_t buf_shrink(size_t count)
{
	size_t freed = 0;
	struct buf *b;

	while (freed < count) {
		spinlock_acquire(&cache_lock);
		b = buf_count > BUF_MIN ? unused_take() : NULL;
		spinlock_release(&cache_lock);
		if (b == NULL)
			break;
		buf_free(b);
		freed++;
	}
	return freed;
}

void buf_drop_all(struct filesystem *fs)
{
	struct list mine = LIST_INIT(mine);
	struct list *link;

	spinlock_acquire(&cache_lock);
	list_for_each_safe(node, &unused) {
		struct buf *b = list_entry(node, struct buf, lru_link);
		if (b->fs == fs) {
			list_remove(node);
			radix_remove(&fs->buffers, b->block);
			buf_count--;
			list_push_back(&mine, node);
		}
	}
	spinlock_release(&cache_lock);
	while ((link = list_pop_front(&mine)) != NULL)
		buf_free(list_entry(link, struct buf, lru_link));
}
