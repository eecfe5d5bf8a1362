/*
 * The file system on the disk, shared by the kernel and by mkfs. Everything is little-endian, in blocks of 4 KiB:
 *
 *	0           super block
 *	log_start   the log: a header, then copies of the blocks of one transaction
 *	inode_start inodes, 16 a block; number 0 is never used, number 1 is the root directory
 *	bitmap_start one bit a block of the disk, set: in use (also for all that stands before data_start and past the end)
 *	data_start  data, directory and pointer blocks
 *
 * A block of a file is found from the 16 pointers of its inode; 0 is a hole:
 *
 *	root[0..12] the first 13 blocks
 *	root[13]    -> 512 pointers
 *	root[14]    -> 512 -> 512
 *	root[15]    -> 512 -> 512 -> 512
 *
 * Nothing is held beyond the block of the last byte, unless FS_INODE_CUT says that a truncation is not finished.
 * A directory is whole blocks of 16 fixed records. Record 0 is ".", record 1 is ".."; one with number 0 is free.
 * A crash while a removed directory is being freed may leave it, without a link, with no blocks at all.
 */
#ifndef FS_LAYOUT_H
#define FS_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#define FS_MAGIC 0x313041444f474150UL /* "PAGODA01" */
#define FS_LOG_MAGIC 0x474f4c444f474150UL /* "PAGODLOG" */
#define FS_VERSION 1
#define FS_BLOCK 4096UL
#define FS_ROOT_INODE 1
#define FS_INODE_MAX ((1UL << 28) - 1)

#define FS_DIRECT 13
#define FS_ROOTS 16
#define FS_POINTERS 512UL
#define FS_LEVELS 3
#define FS_FILE_BLOCKS (FS_DIRECT + FS_POINTERS + FS_POINTERS * FS_POINTERS + FS_POINTERS * FS_POINTERS * FS_POINTERS)

struct fs_super {
	uint64_t magic;
	uint32_t version;
	uint32_t block_size;
	uint64_t blocks; /* of the whole disk */
	uint64_t log_start, log_blocks;
	uint64_t inode_start, inode_blocks;
	uint64_t bitmap_start, bitmap_blocks;
	uint64_t data_start;
	uint64_t sum;     /* of all above */
	uint64_t pending; /* inodes that a mount must look for: without a link, or with a truncation to finish */
};

#define FS_INODE_CUT 1u /* blocks beyond the size are still to be freed */

struct fs_inode {
	uint16_t mode; /* S_IF*; 0: free */
	uint16_t nlink;
	uint32_t rdev;
	uint64_t size;   /* bytes */
	uint64_t blocks; /* held, pointer blocks too */
	uint32_t flags;
	uint32_t spare0;
	uint64_t root[FS_ROOTS];
	uint64_t spare1[12];
};
#define FS_INODES_PER_BLOCK (FS_BLOCK / sizeof(struct fs_inode))

/* 4 bits of type (S_IF* >> 12) over 28 bits of inode number. */
struct fs_dirent {
	uint32_t number_type;
	char name[252]; /* at most 251 bytes, filled up with NUL */
};
#define FS_DIRENTS_PER_BLOCK (FS_BLOCK / sizeof(struct fs_dirent))
#define fs_dirent_number(d) ((d)->number_type & FS_INODE_MAX)
#define fs_dirent_mode(d) (((d)->number_type >> 28) << 12)
#define fs_dirent_pack(number, mode) ((uint32_t)(number) | (uint32_t)((mode) >> 12) << 28)

#define FS_LOG_MAX 508

/* The commit record: names the home of each block that follows it. count 0: nothing to replay. */
struct fs_log_header {
	uint64_t magic;
	uint64_t sequence;
	uint64_t count;
	uint64_t sum; /* of sequence, count, home[0..count) and the copies, in this order */
	uint64_t home[FS_LOG_MAX];
};

_Static_assert(sizeof(struct fs_inode) == 256, "inodes fill a block");
_Static_assert(sizeof(struct fs_dirent) == 256, "records fill a block");
_Static_assert(sizeof(struct fs_log_header) == FS_BLOCK, "the commit record is a block");

/* A checksum over whole 64-bit words: FNV-1a's step, with the high half folded back. Starts from FS_SUM_START. */
#define FS_SUM_START 0xcbf29ce484222325UL
static inline uint64_t fs_sum(uint64_t sum, const void *data, size_t bytes)
{
	const uint64_t *word = data;

	for (size_t i = 0; i < bytes / 8; i++) {
		sum = (sum ^ word[i]) * 0x100000001b3UL;
		sum ^= sum >> 32;
	}
	return sum;
}

static inline uint64_t fs_super_sum(const struct fs_super *s)
{
	return fs_sum(FS_SUM_START, s, offsetof(struct fs_super, sum));
}

#endif
