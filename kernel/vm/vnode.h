/*
 * The vnode pager: a file's pages are the object of its inode, and there is no
 * other copy of file data in the kernel. read, write, exec and mmap all come here.
 *
 * The file system lies above: it gives each vnode its operations.
 */
#ifndef VM_VNODE_H
#define VM_VNODE_H

#include "kern/rwlock.h"
#include "vm/object.h"

struct vnode;
struct disk;

#define BLOCK_NONE 0 /* a hole: no disk block */

/*
 * What the pager asks of the file system. `imap` of the vnode is held for bmap (reading).
 *
 * bmap: disk block (4 KiB) of a page, or BLOCK_NONE. May sleep for metadata.
 * alloc: gives the page a block if it has none, inside a transaction of its own
 *	or the caller's. No VM lock, no busy page, imap not held. ENOSPC, EIO.
 * reference, release: the inode's reference count; release of the last may sleep and start a transaction.
 */
struct vnode_ops {
	int (*bmap)(struct vnode *vn, uint64_t page, uint64_t *block);
	int (*alloc)(struct vnode *vn, uint64_t page);
	void (*reference)(struct vnode *vn);
	void (*release)(struct vnode *vn);
};

struct vnode {
	struct vm_object object;
	struct rwlock imap;          /* RANK_IMAP: which blocks the file has, and size */
	uint64_t size;               /* bytes; written with imap and the object's lock held, read with either */
	struct disk *disk;           /* fixed */
	const struct vnode_ops *ops; /* fixed */
	size_t dirty;                /* object's lock: pages with PG_DIRTY */
};

void vnode_init(struct vnode *vn, struct disk *disk, const struct vnode_ops *ops);

/*
 * The page at offset, busy and valid, for read() and write(): as pgops->get but also past the end when
 * `extend` (then a zeroed page). overwrite: the whole page will be written, nothing is read or cleared.
 */
int vnode_page_get(struct vnode *vn, voff_t offset, unsigned access, bool overwrite, bool extend, struct vm_page **out);
void vnode_page_put(struct vnode *vn, struct vm_page *pg, bool dirtied); /* ends the busy state */

/* Writes dirty pages of [start, end) in clusters and waits. EIO: they stay dirty. */
int vnode_flush(struct vnode *vn, voff_t start, voff_t end);
/* Drops pages at and beyond the new size and clears the tail of the last one. => imap write-held by the caller, size already set */
void vnode_truncate_pages(struct vnode *vn, uint64_t old_size, uint64_t new_size);
/* One page for the pagedaemon, which found it clean or dirty on the inactive queue. => object's lock held, page not busy; returns without the lock. True: freed or write started. */
bool vnode_reclaim(struct vnode *vn, struct vm_page *pg);

#endif
