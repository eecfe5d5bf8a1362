/*
 * Which blocks and which inodes are free: the bitmap and the inode table, both under alloc_lock.
 *
 * A block that the running transaction frees must not be written to before that transaction is installed: until then the
 * disk's own truth is that its old file has it. So each bitmap block in memory may have a second one, `freed`, of bits that are
 * clear but not to be given out yet; the commit drops it.
 *
 * Floor: fs, above the log.
 */
#include "fs/fs.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "kern/counters.h"
#include "vm/page.h"

#define BITS_PER_BLOCK (FS_BLOCK * 8)

bool block_valid(struct filesystem *fs, uint64_t block)
{
	return block >= fs->super.data_start && block < fs->super.blocks;
}

static int bitmap_read(struct filesystem *fs, uint64_t block, struct buf **out)
{
	return buf_read(fs, fs->super.bitmap_start + block / BITS_PER_BLOCK, out);
}

/* A clear bit of the bitmap block that is not waiting for a commit either, from bit `from` on; -1: none. */
static int64_t bit_find(const struct buf *b, uint64_t from)
{
	const uint64_t *used = b->data, *freed = b->freed ? page_kva(b->freed) : NULL;

	for (uint64_t w = from / 64; w < FS_BLOCK / 8; w++) {
		uint64_t taken = used[w] | (freed ? freed[w] : 0);
		if (w == from / 64)
			taken |= (1UL << (from % 64)) - 1;
		if (taken != UINT64_MAX)
			for (unsigned i = 0; i < 64; i++)
				if (!(taken >> i & 1))
					return (int64_t)(w * 64 + i);
	}
	return -1;
}

int block_alloc(struct filesystem *fs, uint64_t near, uint64_t *block)
{
	uint64_t start = block_valid(fs, near) ? near : fs->block_hint;
	uint64_t first = start / BITS_PER_BLOCK, count = fs->super.bitmap_blocks;
	int error = 0;

	sleeplock_acquire(&fs->alloc_lock);
	/* The block of the hint comes first, from the hint on, and last, from its start. */
	for (uint64_t i = 0; i <= count && !error; i++) {
		uint64_t index = (first + i) % count;
		struct buf *b;
		int64_t bit;

		error = buf_read(fs, fs->super.bitmap_start + index, &b);
		if (error)
			break;
		bit = bit_find(b, i == 0 ? start % BITS_PER_BLOCK : 0);
		if (bit >= 0) {
			*block = index * BITS_PER_BLOCK + (uint64_t)bit;
			if (!block_valid(fs, *block)) {
				buf_release(b);
				error = EIO; /* the bitmap is not what mkfs made */
				break;
			}
			buf_dirty(b);
			((uint64_t *)b->data)[bit / 64] |= 1UL << (bit % 64);
			fs->free_blocks--;
			fs->block_hint = *block;
			buf_release(b);
			goto out;
		}
		buf_release(b);
	}
	if (!error)
		error = ENOSPC;
out:
	sleeplock_release(&fs->alloc_lock);
	return error;
}

int block_free(struct filesystem *fs, uint64_t block)
{
	uint64_t bit = block % BITS_PER_BLOCK;
	struct buf *b;
	uint64_t *used;
	int error;

	if (!block_valid(fs, block))
		return EIO;
	sleeplock_acquire(&fs->alloc_lock);
	error = bitmap_read(fs, block, &b);
	if (error)
		goto out;
	used = b->data;
	if (!(used[bit / 64] >> (bit % 64) & 1)) {
		error = EIO; /* two files had it */
	} else if (b->freed == NULL && (b->freed = page_alloc(PO_KERNEL, PAGE_ZERO)) == NULL) {
		error = ENOMEM;
	} else {
		buf_dirty(b);
		used[bit / 64] &= ~(1UL << (bit % 64));
		((uint64_t *)page_kva(b->freed))[bit / 64] |= 1UL << (bit % 64);
		fs->free_blocks++;
		fs->free_pending++;
	}
	buf_release(b);
out:
	sleeplock_release(&fs->alloc_lock);
	if (!error)
		buf_forget(fs, block);
	return error;
}

void block_unalloc(struct filesystem *fs, uint64_t block)
{
	uint64_t bit = block % BITS_PER_BLOCK;
	struct buf *b;
	int error;

	buf_forget(fs, block);
	sleeplock_acquire(&fs->alloc_lock);
	error = bitmap_read(fs, block, &b);
	KASSERT(error == 0 && b->logged); /* block_alloc put it into the log: it is in memory */
	((uint64_t *)b->data)[bit / 64] &= ~(1UL << (bit % 64));
	fs->free_blocks++;
	buf_release(b);
	sleeplock_release(&fs->alloc_lock);
}

int alloc_mount(struct filesystem *fs)
{
	uint64_t free = 0;

	sleeplock_init(&fs->alloc_lock, RANK_FS_ALLOC, "fs alloc");
	fs->block_hint = fs->super.data_start;
	fs->inode_hint = FS_ROOT_INODE;
	for (uint64_t i = 0; i < fs->super.bitmap_blocks; i++) {
		struct buf *b;
		int error = buf_read(fs, fs->super.bitmap_start + i, &b);

		if (error)
			return error;
		for (uint64_t w = 0; w < FS_BLOCK / 8; w++)
			for (uint64_t word = ~((uint64_t *)b->data)[w]; word != 0; word &= word - 1)
				free++;
		buf_release(b);
	}
	fs->free_blocks = free;
	return 0;
}

/* Inodes. */

int number_alloc(struct filesystem *fs, uint32_t mode, uint64_t *number)
{
	uint64_t count = fs->super.inode_blocks;
	int error = 0;

	sleeplock_acquire(&fs->alloc_lock);
	for (uint64_t i = 0, index = fs->inode_hint / FS_INODES_PER_BLOCK; i < count; i++, index = (index + 1) % count) {
		struct fs_inode *ip;
		struct buf *b;

		error = buf_read(fs, fs->super.inode_start + index, &b);
		if (error)
			goto out;
		ip = b->data;
		for (uint64_t n = index == 0; n < FS_INODES_PER_BLOCK; n++) {
			if (ip[n].mode != 0)
				continue;
			buf_dirty(b);
			ip[n] = (struct fs_inode){ .mode = (uint16_t)mode };
			*number = index * FS_INODES_PER_BLOCK + n;
			fs->inode_hint = *number;
			buf_release(b);
			goto out;
		}
		buf_release(b);
	}
	error = ENOSPC;
out:
	sleeplock_release(&fs->alloc_lock);
	return error;
}

void number_unalloc(struct filesystem *fs, uint64_t number)
{
	struct buf *b;
	int error;

	sleeplock_acquire(&fs->alloc_lock);
	error = buf_read(fs, fs->super.inode_start + number / FS_INODES_PER_BLOCK, &b);
	KASSERT(error == 0 && b->logged);
	((struct fs_inode *)b->data)[number % FS_INODES_PER_BLOCK] = (struct fs_inode){ .mode = 0 };
	fs->inode_hint = MIN(fs->inode_hint, number);
	buf_release(b);
	sleeplock_release(&fs->alloc_lock);
}

int pending_get(struct filesystem *fs, struct buf **super)
{
	return buf_read(fs, 0, super);
}

void pending_add(struct buf *super, int64_t n)
{
	struct fs_super *s = super->data;

	buf_dirty(super);
	sleeplock_acquire(&super->fs->alloc_lock);
	s->pending += (uint64_t)n;
	sleeplock_release(&super->fs->alloc_lock);
}
