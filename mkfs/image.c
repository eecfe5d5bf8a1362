/* Access to an image; see image.h. */
#include "image.h"
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void fail(const char *fmt, ...)
{
	va_list ap;

	fputs("mkfs: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(2);
}

static void image_map(struct image *im, int fd, const char *path, int sharing)
{
	im->data = mmap(NULL, im->size, PROT_READ | PROT_WRITE, sharing, fd, 0);
	if (im->data == MAP_FAILED)
		fail("%s: cannot be mapped", path);
	im->super = (struct fs_super *)im->data;
	close(fd);
}

void image_create(struct image *im, const char *path, uint64_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd < 0)
		fail("%s: cannot be created", path);
	im->size = size / FS_BLOCK * FS_BLOCK;
	if (ftruncate(fd, (off_t)im->size) != 0)
		fail("%s: cannot be made %llu bytes long", path, (unsigned long long)im->size);
	image_map(im, fd, path, MAP_SHARED);
}

void image_open(struct image *im, const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		fail("%s: cannot be opened", path);
	im->size = (size_t)st.st_size / FS_BLOCK * FS_BLOCK;
	if (im->size < FS_BLOCK)
		fail("%s: shorter than one block", path);
	image_map(im, fd, path, MAP_PRIVATE);
}

struct fs_inode *image_inode(struct image *im, uint64_t number)
{
	struct fs_inode *table = image_block(im, im->super->inode_start + number / FS_INODES_PER_BLOCK);
	return &table[number % FS_INODES_PER_BLOCK];
}

uint64_t image_bmap(struct image *im, const struct fs_inode *ip, uint64_t page)
{
	uint64_t block, span = 1;
	unsigned level = 0;

	if (page < FS_DIRECT) {
		block = ip->root[page];
		return block < im->super->blocks ? block : 0;
	}
	for (page -= FS_DIRECT, level = 1, span = FS_POINTERS; page >= span; level++, span *= FS_POINTERS) {
		page -= span;
		if (level == FS_LEVELS)
			return 0;
	}
	block = ip->root[FS_DIRECT + level - 1];
	for (; level > 0 && block != 0; level--) {
		if (block >= im->super->blocks)
			return 0;
		span /= FS_POINTERS;
		block = ((uint64_t *)image_block(im, block))[page / span];
		page %= span;
	}
	return block < im->super->blocks ? block : 0;
}

static bool range_follows(uint64_t start, uint64_t count, uint64_t next, uint64_t blocks)
{
	return start <= blocks && count <= blocks && count > 0 && start + count == next;
}

bool image_super_ok(struct image *im)
{
	const struct fs_super *s = im->super;

	if (s->magic != FS_MAGIC || s->version != FS_VERSION || s->block_size != FS_BLOCK) {
		printf("super block: not a Pagoda file system of version %d\n", FS_VERSION);
		return false;
	}
	if (s->sum != fs_super_sum(s)) {
		printf("super block: wrong checksum\n");
		return false;
	}
	if (s->blocks > im->size / FS_BLOCK) {
		printf("super block: %llu blocks, but the image has %llu\n", (unsigned long long)s->blocks,
		       (unsigned long long)(im->size / FS_BLOCK));
		return false;
	}
	if (s->log_start != 1 || s->log_blocks < 2 || !range_follows(s->log_start, s->log_blocks, s->inode_start, s->blocks) ||
	    !range_follows(s->inode_start, s->inode_blocks, s->bitmap_start, s->blocks) ||
	    !range_follows(s->bitmap_start, s->bitmap_blocks, s->data_start, s->blocks) || s->data_start >= s->blocks ||
	    s->bitmap_blocks < (s->blocks + FS_BLOCK * 8 - 1) / (FS_BLOCK * 8)) {
		printf("super block: its areas do not fit each other\n");
		return false;
	}
	return true;
}

bool image_replay(struct image *im, bool *replayed)
{
	const struct fs_super *s = im->super;
	const struct fs_log_header *h = image_block(im, s->log_start);
	uint64_t sum = FS_SUM_START;

	*replayed = false;
	if (h->magic != FS_LOG_MAGIC) {
		printf("log: no header\n");
		return false;
	}
	if (h->count == 0)
		return true;
	if (h->count > FS_LOG_MAX || h->count >= s->log_blocks) {
		printf("log: %llu blocks, more than it can hold\n", (unsigned long long)h->count);
		return false;
	}
	sum = fs_sum(sum, &h->sequence, 16);
	sum = fs_sum(sum, h->home, h->count * 8);
	for (uint64_t i = 0; i < h->count; i++)
		sum = fs_sum(sum, image_block(im, s->log_start + 1 + i), FS_BLOCK);
	if (sum != h->sum)
		return true; /* installed before, and its place was being used again when the machine stopped */
	for (uint64_t i = 0; i < h->count; i++) {
		uint64_t home = h->home[i];
		if (home >= s->blocks || (home >= s->log_start && home < s->inode_start)) {
			printf("log: block %llu is not a place for a copy\n", (unsigned long long)home);
			return false;
		}
	}
	for (uint64_t i = 0; i < h->count; i++)
		memcpy(image_block(im, h->home[i]), image_block(im, s->log_start + 1 + i), FS_BLOCK);
	*replayed = true;
	return image_super_ok(im);
}
