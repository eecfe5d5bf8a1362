/*
 * A disk in memory for tests of the file system. Its blocks are frames, made when first written; what was never written reads as zeroes.
 * It can lose power, fail, and keep a write on its way for as long as a test wants.
 */
#ifndef TEST_MEMDISK_H
#define TEST_MEMDISK_H

#include "fs/fs.h"

#define MEMDISK_BLOCKS 1024

extern struct memdisk {
	struct disk disk;
	struct vm_page *block[MEMDISK_BLOCKS];
	uint64_t writes;     /* requests so far */
	uint64_t fail_at;    /* this write fails, once; 0: none */
	uint64_t bad_block;  /* requests that touch it fail; 0: none */
	uint64_t stop_after; /* the power goes after so many writes: later ones are lost; 0: never */
	bool hold;           /* atomic: the next write is kept on its way */
	struct disk_request *held; /* atomic: it */
} memdisk;

/* Where memdisk_format() puts things. */
#define MEMDISK_LOG_BLOCKS 49UL
#define MEMDISK_INODE_START (1 + MEMDISK_LOG_BLOCKS)
#define MEMDISK_INODE_BLOCKS 8UL

void memdisk_clear(void);  /* an end to its blocks and to all that was asked of it */
void memdisk_format(void); /* an empty file system, as mkfs makes it */
struct filesystem *memdisk_mount(void); /* NULL, and the test has failed: it cannot be */

bool memdisk_holds(void);          /* a write is on its way */
void memdisk_let_go(int error);    /* it arrives; what it answers */

struct inode *memdisk_file(struct filesystem *fs, const char *name); /* opened, made if it is not there; NULL, and the test has failed */

/* Bytes that tell which page of which file they belong to; seed 0: zeroes. */
void pattern_fill(uint64_t *p, uint64_t seed);
int pattern_write(struct inode *ip, uint64_t page, uint64_t seed);
bool pattern_is(struct inode *ip, uint64_t page, uint64_t seed);

#endif
