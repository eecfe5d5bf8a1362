/*
 * Inodes in memory, and names. File data lives in the inode's vnode object
 * (vm/vnode.h); what is here is the inode itself, its block map and directories.
 *
 * An inode in memory is counted: inode_get and the path calls give a reference,
 * inode_put lets it go and, with the last one of an unlinked file, frees the file.
 * inode_put may start a transaction: no lock later than INODE may be held.
 */
#ifndef FS_INODE_H
#define FS_INODE_H

#include "abi/fcntl.h"
#include "kern/sleeplock.h"
#include "vm/vnode.h"

struct filesystem;

struct inode {
	struct vnode vnode;        /* object, size, imap */
	struct filesystem *fs;     /* fixed */
	struct list unused_link;   /* INODE_CACHE: on the list of unused ones when refs is 0 */
	struct list dirty_link;    /* INODE_CACHE: on the file system's list when there may be pages to write */
	struct list held_link;     /* the gate: references that a commit lets go after it */
	bool marked;               /* INODE_CACHE: a page became dirty since the last flush began */
	bool ordered;              /* INODE_CACHE: has blocks that the next commit makes its own: data first */
	uint64_t number;           /* fixed */
	uint32_t refs;             /* INODE_CACHE */
	struct sleeplock lock;     /* RANK_INODE: the fields below, and one write or truncate at a time */
	bool valid;                /* lock, written once: read from the disk */
	uint16_t mode;             /* lock: S_IF* */
	uint16_t nlink;            /* lock */
	uint32_t rdev;             /* lock: device number of a S_IFCHR */
	uint64_t blocks;           /* imap: 4 KiB blocks held */
	uint64_t root[16];         /* imap: block pointers, as on the disk: direct, then indirect */
	bool cut;                  /* imap: a truncation is not finished, blocks beyond the end are still held */
};

/* Boot: mounts the root file system, replays its log. EIO, EINVAL: not a file system of ours, with a message. */
int fs_mount_root(struct disk *d);
void fs_unmount(void);         /* everything to disk; no more writes after it. Before power off */
int fs_sync(void);             /* everything to disk */
struct inode *fs_root(void);   /* the root directory; no reference is given */
void fs_drop_caches(void);     /* inodes and buffers that nobody uses, once the syncer is idle: for leak checks */

struct inode *inode_reference(struct inode *ip);
void inode_put(struct inode *ip);

/* Looks a path up from cwd (reference not taken over) or the root. ENOENT, ENOTDIR, ENAMETOOLONG, EIO, ENOMEM. */
int path_lookup(const char *path, struct inode *cwd, struct inode **out);

/* What system calls do; each takes the locks and transactions it needs. Paths are kernel strings. */
int fs_open(const char *path, struct inode *cwd, int flags, struct inode **out); /* O_CREAT, O_EXCL, O_TRUNC, O_DIRECTORY */
int fs_link(const char *from, const char *to, struct inode *cwd);
int fs_unlink(const char *path, struct inode *cwd, bool directory);
int fs_rename(const char *from, const char *to, struct inode *cwd);
int fs_mkdir(const char *path, struct inode *cwd);
int fs_mknod(const char *path, struct inode *cwd, uint32_t mode, uint32_t rdev);
int fs_getcwd(struct inode *cwd, char *buf, size_t size);
int inode_stat(struct inode *ip, struct stat *st);
int inode_truncate(struct inode *ip, uint64_t size);
int inode_fsync(struct inode *ip);
/* Directory entries from *position on into user memory; *done bytes written, 0 at the end. */
int inode_getdents(struct inode *ip, uint64_t *position, vaddr_t buf, size_t size, size_t *done);

/* Bytes to or from memory: user is a user address, else kernel (for exec and tests). *done: how many, also on error. */
struct io_target { bool user; vaddr_t address; };
int inode_read(struct inode *ip, struct io_target to, uint64_t offset, size_t n, size_t *done);
int inode_write(struct inode *ip, struct io_target from, uint64_t offset, size_t n, bool append, size_t *done, uint64_t *end);

#endif
