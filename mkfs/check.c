/*
 * mkfs --check: is this image a consistent file system?
 *
 * Two facts are gathered from the tree that starts at the root: which blocks are reached (each once), and how many
 * names each inode has. Then they are compared with the bitmap and the inodes. Inodes without a name and with a link
 * count of 0 are orphans, left by a crash for the next mount: their blocks count as reached.
 *
 * The image may hold anything at all. Nothing is used as an index before it was compared with its bound; directories
 * are visited from a queue, each once, so no image makes this run for ever.
 */
#include "image.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct check {
	struct image *im;
	uint64_t inodes;         /* in the table */
	uint32_t *names;         /* by inode: directory entries that name it, "." and ".." included */
	unsigned char *visited;  /* by inode: its blocks have been gathered */
	unsigned char *reached;  /* by block */
	uint64_t *parent;        /* by inode of a directory: where it was found */
	uint64_t *queue;         /* directories still to be read */
	size_t head, tail;
	unsigned problems;
	uint64_t pending;
};

static void problem(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void problem(struct check *c, const char *fmt, ...)
{
	va_list ap;

	if (++c->problems > 50) /* a torn image needs no full list */
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

#define LU(x) ((unsigned long long)(x))

/* A block that belongs to inode `number`: inside the data area, and nobody else's. */
static bool block_claim(struct check *c, uint64_t number, uint64_t block)
{
	const struct fs_super *s = c->im->super;

	if (block < s->data_start || block >= s->blocks) {
		problem(c, "inode %llu: block %llu is outside the data area", LU(number), LU(block));
		return false;
	}
	if (c->reached[block]) {
		problem(c, "inode %llu: block %llu is in use twice", LU(number), LU(block));
		return false;
	}
	c->reached[block] = 1;
	return true;
}

/* Claims a pointer's block and all below it. first: the file page of its first leaf. Returns the blocks held. */
static uint64_t tree_claim(struct check *c, uint64_t number, uint64_t block, unsigned level, uint64_t first, uint64_t limit)
{
	uint64_t span = 1, held = 1;

	if (block == 0 || !block_claim(c, number, block))
		return 0;
	for (unsigned i = 0; i < level; i++)
		span *= FS_POINTERS;
	if (first >= limit)
		problem(c, "inode %llu: block %llu lies beyond its end", LU(number), LU(block));
	if (level > 0) {
		const uint64_t *pointer = image_block(c->im, block);
		span /= FS_POINTERS;
		for (uint64_t i = 0; i < FS_POINTERS; i++)
			held += tree_claim(c, number, pointer[i], level - 1, first + i * span, limit);
	}
	return held;
}

static void inode_claim(struct check *c, uint64_t number)
{
	const struct fs_inode *ip = image_inode(c->im, number);
	uint64_t held = 0, first = FS_DIRECT, span = FS_POINTERS;
	uint64_t limit = ip->flags & FS_INODE_CUT ? UINT64_MAX : (ip->size + FS_BLOCK - 1) / FS_BLOCK;

	c->visited[number] = 1;
	for (unsigned i = 0; i < FS_DIRECT; i++)
		held += tree_claim(c, number, ip->root[i], 0, i, limit);
	for (unsigned level = 1; level <= FS_LEVELS; level++, first += span, span *= FS_POINTERS)
		held += tree_claim(c, number, ip->root[FS_DIRECT + level - 1], level, first, limit);
	if (held != ip->blocks)
		problem(c, "inode %llu: says that it holds %llu blocks, holds %llu", LU(number), LU(ip->blocks), LU(held));
	if (ip->nlink == 0 || ip->flags & FS_INODE_CUT)
		c->pending++;
}

static bool inode_sane(struct check *c, uint64_t number)
{
	const struct fs_inode *ip = image_inode(c->im, number);

	switch (ip->mode & S_IFMT) {
	case S_IFREG:
		break;
	case S_IFCHR:
		if (ip->size != 0) {
			problem(c, "inode %llu: a device of %llu bytes", LU(number), LU(ip->size));
			return false;
		}
		break;
	case S_IFDIR:
		if ((ip->size == 0 && ip->nlink > 0) || ip->size % FS_BLOCK != 0 || ip->size / FS_BLOCK > c->im->super->blocks) {
			problem(c, "inode %llu: a directory of %llu bytes", LU(number), LU(ip->size));
			return false;
		}
		break;
	default:
		problem(c, "inode %llu: unknown type 0%o", LU(number), ip->mode);
		return false;
	}
	if (ip->size > FS_FILE_BLOCKS * FS_BLOCK)
		problem(c, "inode %llu: size %llu is more than a file can have", LU(number), LU(ip->size));
	return true;
}

static int name_order(const void *a, const void *b)
{
	return memcmp(((const struct fs_dirent *)a)->name, ((const struct fs_dirent *)b)->name, sizeof(((struct fs_dirent *)0)->name));
}

/* The name and the number of one record; the first time that an inode is named it is gathered, or queued. */
static void record_check(struct check *c, uint64_t dir, uint64_t index, const struct fs_dirent *d)
{
	uint64_t number = fs_dirent_number(d);
	size_t length = strnlen(d->name, sizeof d->name);
	const struct fs_inode *ip;

	if (length == 0 || length == sizeof d->name || memchr(d->name, '/', length)) {
		problem(c, "directory %llu: record %llu has a bad name", LU(dir), LU(index));
		return;
	}
	for (size_t i = length; i < sizeof d->name; i++)
		if (d->name[i] != 0) {
			problem(c, "directory %llu: bytes after the name '%s'", LU(dir), d->name);
			break;
		}
	if (number >= c->inodes || (ip = image_inode(c->im, number))->mode == 0) {
		problem(c, "directory %llu: '%s' names inode %llu, which is free", LU(dir), d->name, LU(number));
		return;
	}
	if (fs_dirent_mode(d) != (ip->mode & S_IFMT))
		problem(c, "directory %llu: '%s' has another type than inode %llu", LU(dir), d->name, LU(number));
	c->names[number]++;
	if (index == 0 || index == 1) {
		uint64_t want = index == 0 ? dir : c->parent[dir];
		if (strcmp(d->name, index == 0 ? "." : "..") != 0 || number != want)
			problem(c, "directory %llu: record %llu is '%s' %llu", LU(dir), LU(index), d->name, LU(number));
		return;
	}
	if (strcmp(d->name, ".") == 0 || strcmp(d->name, "..") == 0) {
		problem(c, "directory %llu: a second '%s'", LU(dir), d->name);
		return;
	}
	if ((ip->mode & S_IFMT) == S_IFDIR) {
		if (c->visited[number] || c->parent[number] != 0) {
			problem(c, "directory %llu has a second name '%s' in %llu", LU(number), d->name, LU(dir));
			return;
		}
		c->parent[number] = dir;
		c->queue[c->tail++] = number;
	} else if (!c->visited[number] && inode_sane(c, number)) {
		inode_claim(c, number);
	}
}

static void directory_check(struct check *c, uint64_t number)
{
	const struct fs_inode *ip = image_inode(c->im, number);
	uint64_t pages, used = 0;
	struct fs_dirent *all;

	if (!inode_sane(c, number))
		return;
	inode_claim(c, number);
	pages = ip->size / FS_BLOCK;
	all = calloc(pages * FS_DIRENTS_PER_BLOCK, sizeof *all);
	if (!all)
		fail("out of memory");
	for (uint64_t page = 0; page < pages; page++) {
		uint64_t block = image_bmap(c->im, ip, page);
		const struct fs_dirent *d = image_block(c->im, block);

		if (block < c->im->super->data_start) {
			problem(c, "directory %llu: its block %llu is missing", LU(number), LU(page));
			continue;
		}
		for (uint64_t i = 0; i < FS_DIRENTS_PER_BLOCK; i++) {
			uint64_t index = page * FS_DIRENTS_PER_BLOCK + i;
			if (fs_dirent_number(&d[i]) == 0) {
				if (index < 2)
					problem(c, "directory %llu: no '%s'", LU(number), index == 0 ? "." : "..");
				continue;
			}
			record_check(c, number, index, &d[i]);
			all[used++] = d[i];
		}
	}
	qsort(all, used, sizeof *all, name_order);
	for (uint64_t i = 1; i < used; i++)
		if (name_order(&all[i - 1], &all[i]) == 0)
			problem(c, "directory %llu: '%.251s' twice", LU(number), all[i].name);
	free(all);
}

static void inodes_compare(struct check *c)
{
	for (uint64_t number = 0; number < c->inodes; number++) {
		const struct fs_inode *ip = image_inode(c->im, number);

		if (ip->mode == 0)
			continue;
		if (number == 0) {
			problem(c, "inode 0 is in use");
			continue;
		}
		if (!c->visited[number] && ip->nlink == 0) { /* an orphan */
			if (inode_sane(c, number))
				inode_claim(c, number);
			continue;
		}
		if (!c->visited[number])
			problem(c, "inode %llu has %u links and no name", LU(number), ip->nlink);
		else if (c->names[number] != ip->nlink)
			problem(c, "inode %llu: %u links, but %u names", LU(number), ip->nlink, c->names[number]);
	}
	if (c->pending != c->im->super->pending)
		problem(c, "super block: %llu inodes wait for the next mount, found %llu", LU(c->im->super->pending), LU(c->pending));
}

static void bitmap_compare(struct check *c)
{
	const struct fs_super *s = c->im->super;
	const unsigned char *bitmap = image_block(c->im, s->bitmap_start);

	for (uint64_t b = 0; b < s->bitmap_blocks * FS_BLOCK * 8; b++) {
		bool set = bitmap[b / 8] >> (b % 8) & 1;
		bool want = b < s->data_start || b >= s->blocks || c->reached[b];
		if (set != want)
			problem(c, set ? "block %llu is marked in use, but nothing holds it" : "block %llu is in use, but marked free", LU(b));
	}
}

static void *array(uint64_t count, size_t size)
{
	void *p = calloc(count + 1, size);
	if (!p)
		fail("out of memory");
	return p;
}

unsigned image_check(struct image *im)
{
	struct check c = {.im = im, .inodes = im->super->inode_blocks * FS_INODES_PER_BLOCK};
	const struct fs_inode *root = image_inode(im, FS_ROOT_INODE);

	c.names = array(c.inodes, sizeof *c.names);
	c.visited = array(c.inodes, 1);
	c.parent = array(c.inodes, sizeof *c.parent);
	c.queue = array(c.inodes, sizeof *c.queue);
	c.reached = array(im->super->blocks, 1);
	if ((root->mode & S_IFMT) != S_IFDIR) {
		problem(&c, "the root is not a directory");
	} else {
		c.parent[FS_ROOT_INODE] = FS_ROOT_INODE;
		c.queue[c.tail++] = FS_ROOT_INODE;
	}
	while (c.head < c.tail)
		directory_check(&c, c.queue[c.head++]);
	inodes_compare(&c);
	bitmap_compare(&c);
	if (c.problems > 50)
		printf("... and %u more\n", c.problems - 50);
	free(c.names);
	free(c.visited);
	free(c.parent);
	free(c.queue);
	free(c.reached);
	return c.problems;
}
