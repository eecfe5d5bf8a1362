/*
 * The vnode pager: a file's pages are the object of its inode, and there is no
 * other copy of file data in the kernel. read, write, exec and mmap all come here.
 *
 * The file system lies above: it gives each vnode its operations.
 *
 * A page of a file is clean or dirty, and PG_RDONLY says which: it is set while the
 * page is as it is on the disk, so that the first write to it comes to the pager.
 * A dirty page has a disk block: it was given one when it became dirty.
 *
 *	           get(PROT_WRITE), vnode_write_end: block given
 *	  CLEAN  -------------------------------------------------->  DIRTY
 *	PG_RDONLY <--------------------------------------------------  PG_DIRTY
 *	           written; a failed write leaves both flags set
 */
#ifndef VM_VNODE_H
#define VM_VNODE_H

#include "kern/rwlock.h"
#include "vm/object.h"

struct vnode;
struct disk;

#define BLOCK_NONE 0 /* a hole: no disk block */

/*
 * What the pager asks of the file system.
 *
 * bmap: disk block (4 KiB) of a page, or BLOCK_NONE. => imap held, either way. May sleep for metadata. EIO, ENOMEM.
 * begin, end: a transaction that is large enough for one alloc. begin: => no lock later than INODE held. EIO.
 * alloc: the page is about to become dirty: gives it a block if it has none and remembers the file for the syncer.
 *	=> imap held for writing, transaction open. ENOSPC, EIO, ENOMEM: nothing has changed.
 * more_blocks: after ENOSPC: did a commit just make blocks free, so that it is worth trying again? => no transaction, no lock later than INODE
 * reference, release: the inode's reference count; release of the last may sleep and start a transaction.
 */
struct vnode_ops {
	int (*bmap)(struct vnode *vn, uint64_t page, uint64_t *block);
	int (*begin)(struct vnode *vn);
	void (*end)(struct vnode *vn);
	int (*alloc)(struct vnode *vn, uint64_t page);
	bool (*more_blocks)(struct vnode *vn);
	void (*reference)(struct vnode *vn);
	void (*release)(struct vnode *vn);
};

struct vnode {
	struct vm_object object;
	struct rwlock imap;          /* RANK_IMAP: which blocks the file has, and size */
	uint64_t size;               /* bytes; written with imap and the object's lock held, read with either */
	struct disk *disk;           /* fixed */
	const struct vnode_ops *ops; /* fixed */
};

void vnode_boot(void);
void vnode_init(struct vnode *vn, struct disk *disk, const struct vnode_ops *ops);
void vnode_destroy(struct vnode *vn); /* drops all pages, dirty or not. => nobody else knows the vnode */

/* The page at offset, busy and valid, for reading: what pgops->get does. 0, EFAULT (beyond the end), EIO, ENOMEM. No VM lock held. */
int vnode_page_get(struct vnode *vn, voff_t offset, struct vm_page **out);
void vnode_page_put(struct vnode *vn, struct vm_page *pg); /* ends the busy state */

/*
 * One page of a write(2). begin: => the caller has a transaction open; no VM lock. On 0 the page is busy, at w->page, and imap is
 * held for writing; the page may lie past the end. `whole`: all of it will be written, so nothing is read or cleared.
 * EIO, ENOMEM; EAGAIN: close the transaction, call vnode_page_get and put for the offset, start over.
 *
 * end: bytes [from, from + count) of the page have been written. Gives the block, makes the page dirty, moves the end of the file
 * behind the last byte, lets page and imap go. count 0: the copy failed, maybe half-way. Then, and on ENOSPC, EIO and ENOMEM, a page
 * that was clean is dropped, so that the file is as before; one that was to be written already keeps what came into it.
 */
struct vnode_write {
	struct vm_page *page;
	voff_t offset;
	bool fresh; /* the frame was allocated here: it holds nothing yet when the whole page was to be written */
	bool whole;
	bool tail; /* set by the caller: the bytes lie beyond the end, which stays where it is */
};
int vnode_write_begin(struct vnode *vn, voff_t offset, bool whole, struct vnode_write *w);
int vnode_write_end(struct vnode *vn, struct vnode_write *w, size_t from, size_t count);

/* Writes dirty pages of [start, end) in clusters and waits. EIO: they stay dirty. No VM lock held. */
int vnode_flush(struct vnode *vn, voff_t start, voff_t end);
/* Sets the size; drops pages beyond it and clears the tail of the last one. => imap write-held by the caller */
void vnode_set_size(struct vnode *vn, uint64_t size);
/* Gives up clean pages that nobody uses. Returns how many. */
size_t vnode_drop_clean(struct vnode *vn);
/*
 * One page for the pagedaemon, which found it on the inactive queue; nobody else calls this. => object's lock held, page not busy, wired, held or loaned;
 * returns without the lock. *freed, *written: frames given back, pages that are clean now. Never waits for memory or imap.
 */
void vnode_reclaim(struct vnode *vn, struct vm_page *pg, size_t *freed, size_t *written);
/* Is this object a vnode's? For the pagedaemon and procmap. */
struct vnode *vnode_of(struct vm_object *o);

#endif
