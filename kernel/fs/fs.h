/*
 * The file system from the inside: what its files share with each other. Others use fs/inode.h and fs/file.h.
 *
 * Order of what is taken: FS_RENAME, inodes, the transaction, a file's imap, FS_ALLOC, a buffer being filled. The contents of a buffer
 * belong to whoever holds the lock of what is in it:
 *
 *	super block, bitmap     FS_ALLOC
 *	inode                   its own bytes: mode, nlink, rdev by the inode's lock; size, blocks, root, flags by imap
 *	pointer block           the file's imap
 *	directory block         the directory's lock
 *
 * Every change is made in a transaction, to buffers that buf_dirty() has put into the log; they stay in memory until the log is
 * committed. So an operation first gets all buffers and blocks that it needs, which may fail, and then changes them, which cannot.
 */
#ifndef FS_FS_H
#define FS_FS_H

#include "dev/disk.h"
#include "fs/inode.h"
#include "fs/layout.h"
#include "vm/radix.h"

struct buf {
	struct filesystem *fs;  /* fixed */
	uint64_t block;         /* fixed */
	uint32_t refs;          /* BUF_CACHE; the log's is one */
	struct list lru_link;   /* BUF_CACHE: on the list of unused ones when refs is 0 */
	struct sleeplock lock;  /* RANK_BUF: being filled */
	bool valid;             /* atomic: filled */
	bool logged;            /* LOG: part of the running transaction */
	struct list log_link;   /* LOG */
	void *data;             /* fixed: a block, in a frame of its own */
	struct vm_page *page;   /* fixed */
	struct vm_page *freed;  /* FS_ALLOC; a bitmap block's: bits that the running transaction has cleared, not to be given out before it is installed */
};

struct filesystem {
	struct disk *disk;            /* fixed */
	struct fs_super super;        /* fixed but pending, which lives in the buffer of block 0 */
	struct radix buffers;         /* BUF_CACHE: by block */
	struct radix inodes;          /* INODE_CACHE: by number */
	struct list dirty_inodes;     /* INODE_CACHE: those with pages to be written */
	struct rwlock gate;           /* RANK_TRANSACTION: read: a transaction is open; write: it is being committed */
	struct list logged;           /* LOG */
	size_t logged_count;          /* LOG */
	size_t reserved;              /* LOG: blocks that open transactions may still add */
	size_t log_capacity;          /* fixed */
	uint64_t sequence;            /* gate, for writing: of the next commit */
	bool uninstalled;             /* gate, for writing: the disk may hold a commit record that is not installed */
	struct vm_page *header;       /* gate, for writing: the commit record being made */
	struct disk_request rq;       /* gate, for writing */
	struct sleeplock alloc_lock;  /* RANK_FS_ALLOC */
	uint64_t free_blocks;         /* alloc_lock */
	uint64_t free_pending;        /* alloc_lock: of these, not to be given out before the next commit */
	uint64_t block_hint;          /* alloc_lock: where to look first */
	uint64_t inode_hint;          /* alloc_lock: likewise; blocks of inodes before this number's are full, so that numbers stay small */
	struct sleeplock rename_lock; /* RANK_FS_RENAME */
	struct inode *root;           /* fixed */
};

/* mount.c */
int fs_mount(struct disk *d, struct filesystem **out); /* replays the log, finishes what a crash left; EIO, EINVAL, ENOMEM */
int fs_sync_one(struct filesystem *fs);
void fs_release(struct filesystem *fs); /* writes everything and forgets it. => nobody holds an inode */

/* buffer.c */
void buf_boot(void);
/* With a reference. EIO, ENOMEM. A block that is in the running transaction is always found. */
int buf_read(struct filesystem *fs, uint64_t block, struct buf **out);
/* The same for a block that was just allocated: zeroes. */
int buf_new(struct filesystem *fs, uint64_t block, struct buf **out);
void buf_release(struct buf *b);            /* NULL is allowed */
void buf_reference(struct buf *b);
void buf_forget(struct filesystem *fs, uint64_t block); /* the block was freed: neither written nor believed any more */
size_t buf_shrink(size_t count);            /* frames given back; never sleeps */
void buf_drop_all(struct filesystem *fs);   /* => nothing logged, nobody uses one */

/* log.c */
int log_mount(struct filesystem *fs);       /* capacity, replay */
int tx_begin(struct filesystem *fs, size_t blocks); /* at most so many distinct blocks will be changed. => no lock later than INODE. EIO */
void tx_end(struct filesystem *fs, size_t blocks);
void buf_dirty(struct buf *b);              /* changed, or about to be, in the open transaction */
int log_commit(struct filesystem *fs);      /* everything so far is on the disk when it returns 0. => no lock later than INODE, no transaction */
extern uint32_t log_wanted;                 /* atomic: the syncer sleeps on it; set when the log is half full */
/* After an operation failed: was it for want of memory or of blocks that a commit gives back, and is it worth trying again? No transaction open. */
bool fs_again(struct filesystem *fs, int error);
bool log_idle(struct filesystem *fs);
void log_abandon(struct filesystem *fs);    /* forgets what could not be written. => nobody uses the file system */
bool log_forget(struct buf *b);             /* out of the running transaction; true: it was in it, and the log's reference is the caller's now */

/* Blocks that an operation may change: pointers on the way and new ones, bitmap blocks, inodes, super block, directory blocks. */
#define TX_BLOCK 14  /* one data block of a file, its inode */
#define TX_CUT 18    /* one step of a truncation */
#define TX_NAME 22   /* one name comes or goes */
#define TX_RENAME 26
#define TX_FREE 4    /* an inode without blocks */

/* alloc.c => transaction open, in each */
int block_alloc(struct filesystem *fs, uint64_t near, uint64_t *block); /* ENOSPC, EIO, ENOMEM */
int block_free(struct filesystem *fs, uint64_t block);  /* EIO, ENOMEM: not freed */
void block_unalloc(struct filesystem *fs, uint64_t block); /* undoes block_alloc within the same transaction */
bool block_valid(struct filesystem *fs, uint64_t block); /* can it belong to a file? */
int number_alloc(struct filesystem *fs, uint32_t mode, uint64_t *number);
void number_unalloc(struct filesystem *fs, uint64_t number); /* undoes it within the same transaction */
/* The super block's count of inodes that a mount must look for. */
int pending_get(struct filesystem *fs, struct buf **super); /* the buffer, to be changed with pending_add; EIO, ENOMEM */
void pending_add(struct buf *super, int64_t n);
int alloc_mount(struct filesystem *fs);     /* counts free blocks */

/* inode.c */
void inode_boot(void);
int inode_get(struct filesystem *fs, uint64_t number, struct inode **out);  /* referenced, not read yet. ENOMEM, EIO (bad number) */
int inode_load(struct inode *ip);           /* reads it if that was not done. => its lock not held */
int inode_lock(struct inode *ip);           /* loads and locks */
void inode_unlock(struct inode *ip);
int inode_buf(struct inode *ip, struct buf **out, struct fs_inode **disk); /* its place on the disk, with a reference */
void inode_store_attr(struct inode *ip, struct buf *b); /* mode, nlink, rdev. => lock held, transaction open */
void inode_store_map(struct inode *ip, struct buf *b);  /* size, blocks, root, flags. => imap held */
void inode_mark_dirty(struct inode *ip, bool ordered); /* it has, or will have, pages to write; ordered: before the next commit */
int inode_flush_dirty(struct filesystem *fs); /* every file's pages. => no transaction */
int inode_flush_ordered(struct filesystem *fs, struct list *held); /* => gate held for writing; the references that it took are on held */
void inode_put_list(struct list *held);
bool inode_any_dirty(struct filesystem *fs);
size_t inode_shrink(size_t count);          /* inodes that nobody uses and that have no pages; never sleeps for long */
/* All unused ones, with their clean pages; abandon: those with dirty pages too. */
void inode_drop_all(struct filesystem *fs, bool abandon);
int inode_recover(struct filesystem *fs);   /* at mount: frees orphans, finishes truncations */

/* bmap.c */
int bmap_find(struct inode *ip, uint64_t page, uint64_t *block); /* => imap held. BLOCK_NONE: hole */
/*
 * Gives the page a block if it has none (fresh). data: NULL, or gets the block's buffer, in the transaction when it is fresh.
 * => imap held for writing, transaction open. ENOSPC, EIO, ENOMEM: nothing has changed.
 */
int bmap_alloc(struct inode *ip, uint64_t page, bool *fresh, struct buf **data);
int bmap_cut(struct inode *ip, uint64_t first); /* frees pages from first on. EAGAIN: more than fits one transaction; go on in the next */
/* Truncates in as many transactions as it takes. => lock held, no transaction */
int inode_cut(struct inode *ip, uint64_t size);
int inode_finish_cut(struct inode *ip);

/* dir.c => the directory's lock held, in each */
struct slot {
	struct buf *b;          /* with a reference; NULL: no slot */
	struct fs_dirent *record;
};
int dir_find(struct inode *dir, const char *name, struct slot *out);  /* ENOENT, EIO, ENOMEM */
int dir_reserve(struct inode *dir, struct slot *out); /* a free record, the directory grows for it. => transaction open */
void slot_fill(struct slot *s, const char *name, uint64_t number, uint32_t mode); /* takes effect; cannot fail */
void slot_clear(struct slot *s);
void slot_release(struct slot *s);
int dir_is_empty(struct inode *dir);                  /* 0, ENOTEMPTY, EIO, ENOMEM */
int dir_name_of(struct inode *dir, uint64_t number, char *name); /* the name of a directory in it; name has NAME_MAX + 1 bytes */
int dir_init(struct inode *dir, uint64_t parent);     /* ".", "..". => new, transaction open */

/* path.c */
void path_set_root(struct inode *root); /* where absolute paths begin */
/* The directory that path's last component stands in, not locked, and that component. ENOENT for an empty path. */
int path_parent(const char *path, struct inode *cwd, struct inode **dir, char *name, bool *slash);
int path_child(struct inode *dir, const char *name, struct inode **out); /* one component, loaded. => nothing locked */
void inodes_lock(struct inode **set, unsigned count);   /* loaded; one may be given twice, or NULL; in order of address */
void inodes_unlock(struct inode **set, unsigned count);
/* Does the name still lead to ip (NULL: to none)? The slot is given, empty for none. EAGAIN: no longer. => dir locked */
int name_verify(struct inode *dir, const char *name, const struct inode *ip, struct slot *s);
int name_removable(struct inode *ip, bool directory);   /* as what the caller thinks it is? => locked */
void name_lost(struct inode *ip, struct buf *place, struct buf *super); /* one name less. => locked, transaction open */

static inline bool is_dir(const struct inode *ip) { return (ip->mode & S_IFMT) == S_IFDIR; }
static inline bool is_dot(const char *s) { return s[0] == '.' && (s[1] == 0 || (s[1] == '.' && s[2] == 0)); }

/* One try of an operation after the other, while fs_again() says that the next may do better. */
#define TRY_AGAIN(cwd, error, call)                                       \
	do                                                                \
		(error) = (call);                                         \
	while ((error) && fs_again(((cwd) ? (cwd) : fs_root())->fs, (error)))

#endif
