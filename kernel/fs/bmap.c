/*
 * Which block holds a page of a file: 16 pointers in the inode, and pointer blocks below the last three.
 *
 *	page 0 .. 12       root[page]
 *	13 .. 524          root[13] -> [page - 13]
 *	525 .. 262668      root[14] -> [.. / 512] -> [.. % 512]
 *	and so on          root[15] -> three levels
 *
 * Locks: the file's imap, for reading to look, for writing to change. A pointer that the disk gives is believed only when it lies in
 * the data area: anything else is EIO.
 *
 * Floor: fs, above the allocator.
 */
#include "fs/fs.h"

#include "abi/errno.h"
#include "base/kassert.h"

/* How a page is reached: the root pointer, and the index in each pointer block on the way. */
struct path_to {
	unsigned root;
	unsigned levels;
	uint64_t index[FS_LEVELS];
};

static bool path_make(uint64_t page, struct path_to *p)
{
	uint64_t span = FS_POINTERS;

	if (page < FS_DIRECT) {
		*p = (struct path_to){ .root = (unsigned)page };
		return true;
	}
	page -= FS_DIRECT;
	for (p->levels = 1; p->levels <= FS_LEVELS; p->levels++, span *= FS_POINTERS) {
		if (page < span) {
			p->root = FS_DIRECT + p->levels - 1;
			for (unsigned i = 0; i < p->levels; i++) {
				span /= FS_POINTERS;
				p->index[i] = page / span;
				page %= span;
			}
			return true;
		}
		page -= span;
	}
	return false;
}

int bmap_find(struct inode *ip, uint64_t page, uint64_t *block)
{
	struct path_to way;
	uint64_t at;

	DASSERT(rwlock_read_held(&ip->vnode.imap) || rwlock_write_held(&ip->vnode.imap));
	*block = BLOCK_NONE;
	if (!path_make(page, &way))
		return EFBIG;
	at = ip->root[way.root];
	for (unsigned i = 0; i < way.levels && at != 0; i++) {
		struct buf *b;
		int error = block_valid(ip->fs, at) ? buf_read(ip->fs, at, &b) : EIO;

		if (error)
			return error;
		at = ((uint64_t *)b->data)[way.index[i]];
		buf_release(b);
	}
	if (at != 0 && !block_valid(ip->fs, at))
		return EIO;
	*block = at;
	return 0;
}

/* What is missing on the way to a page: allocated and cleared first, linked when nothing can fail any more. */
struct growth {
	unsigned count;                     /* blocks allocated */
	uint64_t block[FS_LEVELS + 1];      /* pointer blocks from the top, then the data block */
	struct buf *made[FS_LEVELS + 1];    /* buffers of the pointer blocks, and of the data block if it is metadata */
};

static int growth_make(struct inode *ip, struct growth *g, unsigned pointers, bool buffered, uint64_t near)
{
	struct filesystem *fs = ip->fs;
	int error = 0;

	while (g->count < pointers + 1 && !error) {
		uint64_t *block = &g->block[g->count];

		error = block_alloc(fs, near, block);
		if (error)
			break;
		near = *block + 1;
		if (g->count < pointers || buffered) {
			error = buf_new(fs, *block, &g->made[g->count]);
			if (error) {
				block_unalloc(fs, *block);
				break;
			}
			buf_dirty(g->made[g->count]);
		}
		g->count++;
	}
	if (!error)
		return 0;
	while (g->count-- > 0) {
		buf_release(g->made[g->count]);
		block_unalloc(fs, g->block[g->count]);
	}
	return error;
}

int bmap_alloc(struct inode *ip, uint64_t page, bool *fresh, struct buf **data)
{
	struct path_to way;
	struct growth g = { .count = 0 };
	struct buf *parent = NULL;
	uint64_t *pointer;
	unsigned level = 0, pointers;
	int error;

	KASSERT(rwlock_write_held(&ip->vnode.imap));
	*fresh = false;
	if (!path_make(page, &way))
		return EFBIG;
	pointer = &ip->root[way.root];
	while (level < way.levels && *pointer != 0) { /* down to the first pointer that is missing */
		struct buf *b;

		error = block_valid(ip->fs, *pointer) ? buf_read(ip->fs, *pointer, &b) : EIO;
		buf_release(parent);
		parent = NULL;
		if (error)
			return error;
		parent = b;
		pointer = (uint64_t *)b->data + way.index[level++];
	}
	if (*pointer != 0) {
		if (!block_valid(ip->fs, *pointer))
			error = EIO;
		else
			error = data ? buf_read(ip->fs, *pointer, data) : 0;
		buf_release(parent);
		return error;
	}

	pointers = way.levels - level;
	error = growth_make(ip, &g, pointers, data != NULL, parent ? parent->block + 1 : 0);
	if (!error) {
		if (parent)
			buf_dirty(parent);
		*pointer = g.block[0];
		for (unsigned i = 0; i < pointers; i++) {
			((uint64_t *)g.made[i]->data)[way.index[level + i]] = g.block[i + 1];
			buf_release(g.made[i]);
		}
		ip->blocks += g.count;
		if (data)
			*data = g.made[pointers];
		*fresh = true;
	}
	buf_release(parent);
	return error;
}

/* Cutting. */

struct cut {
	struct inode *ip;
	uint64_t first;             /* the first page that goes */
	uint64_t bitmap[8];         /* bitmap blocks that this transaction has changed: so many it has room for */
	unsigned bitmaps;
	unsigned blocks;            /* freed in this transaction, so that no commit waits for too long */
};
#define CUT_BLOCKS 2048

/* Frees one block, if the transaction has room for that. */
static int cut_block(struct cut *c, uint64_t block)
{
	uint64_t bitmap = block / (FS_BLOCK * 8);
	unsigned i = 0;
	int error;

	if (!block_valid(c->ip->fs, block))
		return EIO;
	while (i < c->bitmaps && c->bitmap[i] != bitmap)
		i++;
	if (c->blocks == CUT_BLOCKS || i == sizeof c->bitmap / sizeof c->bitmap[0])
		return EAGAIN;
	error = block_free(c->ip->fs, block);
	if (error)
		return error;
	if (i == c->bitmaps)
		c->bitmap[c->bitmaps++] = bitmap;
	c->blocks++;
	c->ip->blocks--;
	return 0;
}

/*
 * Frees what lies at or after c->first in the tree below a pointer, whose first page is `base`, last page first. The pointer is
 * cleared when nothing is left of it. holder: the buffer that the pointer is in, or NULL for the inode.
 */
static int cut_tree(struct cut *c, uint64_t *pointer, struct buf *holder, unsigned level, uint64_t base)
{
	uint64_t span = 1, from;
	struct buf *b;
	int error = 0;

	if (*pointer == 0)
		return 0;
	if (level > 0) {
		for (unsigned i = 1; i < level; i++)
			span *= FS_POINTERS;
		from = c->first <= base ? 0 : (c->first - base) / span;
		if (from >= FS_POINTERS)
			return 0;
		error = block_valid(c->ip->fs, *pointer) ? buf_read(c->ip->fs, *pointer, &b) : EIO;
		if (error)
			return error;
		for (uint64_t i = FS_POINTERS; i-- > from && !error; )
			error = cut_tree(c, (uint64_t *)b->data + i, b, level - 1, base + i * span);
		buf_release(b);
		if (error)
			return error;
	}
	if (base < c->first)
		return 0; /* a part stays */
	error = cut_block(c, *pointer);
	if (error)
		return error;
	if (holder)
		buf_dirty(holder);
	*pointer = 0;
	return 0;
}

int bmap_cut(struct inode *ip, uint64_t first)
{
	struct cut c = { .ip = ip, .first = first };
	uint64_t base[FS_ROOTS], span = FS_POINTERS;
	int error = 0;

	KASSERT(rwlock_write_held(&ip->vnode.imap));
	for (unsigned i = 0; i <= FS_DIRECT; i++)
		base[i] = i;
	for (unsigned i = FS_DIRECT + 1; i < FS_ROOTS; i++, span *= FS_POINTERS)
		base[i] = base[i - 1] + span;
	for (unsigned i = FS_ROOTS; i-- > 0 && !error; )
		error = cut_tree(&c, &ip->root[i], NULL, i < FS_DIRECT ? 0 : i - FS_DIRECT + 1, base[i]);
	return error;
}

