/*
 * An image in the host's memory: one array of blocks, and the ways to an inode and to a file's blocks.
 * What is read from an image that somebody else made is believed only where a comment says that it was checked.
 */
#ifndef MKFS_IMAGE_H
#define MKFS_IMAGE_H

#include "fs/layout.h"
#include <stdbool.h>

struct image {
	unsigned char *data;
	size_t size;             /* bytes, whole blocks */
	struct fs_super *super;  /* block 0 */
};

/* A new file of `size` bytes, all zero, shared with the disk. Exits with a message when that fails. */
void image_create(struct image *im, const char *path, uint64_t size);
/* An existing one; what is written to it stays private. */
void image_open(struct image *im, const char *path);

static inline void *image_block(struct image *im, uint64_t block) { return im->data + block * FS_BLOCK; }
/* => number below inode_blocks * FS_INODES_PER_BLOCK, super block checked */
struct fs_inode *image_inode(struct image *im, uint64_t number);
/* The block of a file, or 0 for a hole and for any pointer that leads outside the image. => super block checked */
uint64_t image_bmap(struct image *im, const struct fs_inode *ip, uint64_t page);

/* Replays a committed transaction, in memory. Prints what is wrong; false: the log is damaged. */
bool image_replay(struct image *im, bool *replayed);
/* Is the super block one that the rest can rely on? Prints what is wrong. */
bool image_super_ok(struct image *im);

/* Everything else (check.c): prints each problem, returns how many. */
unsigned image_check(struct image *im);

void fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
