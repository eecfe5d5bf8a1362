/*
 * Bytes of files: read, write, truncate, fsync. All go through the pages of the inode's vnode.
 *
 * A write holds the inode, so that writes and truncations of one file come one after the other; it is one transaction a page. The copy
 * between the page and the caller's memory is made with faults off, because a fault on that memory might need the very page, or the very
 * transaction, that is held here. When it fails, everything is let go but the inode, the memory is faulted in, and the page is
 * tried again; after two failures the caller's own page is held and copied through the direct map.
 *
 * Floor: fs, above inodes; calls the fault handler.
 */
#include "fs/fs.h"

#include "abi/errno.h"
#include "abi/mman.h"
#include "base/kassert.h"
#include "base/string.h"
#include "kern/thread.h"
#include "riscv/copyuser.h"
#include "vm/fault.h"
#include "vm/page.h"
#include "vm/vmspace.h"

/* One copy between a file's page and memory of the caller. */
struct copy {
	bool user;           /* else kernel memory, which never faults */
	bool to_memory;      /* read(2): else write(2) */
	vaddr_t address;
	size_t count;
	bool tail;           /* a write beyond the end, which stays where it is */
	unsigned failures;
	struct vm_page *held; /* after two failures: the user's page */
};

static int copy_once(struct copy *c, void *bytes)
{
	void *memory = (void *)c->address;
	int error;

	if (c->held)
		memory = (char *)page_kva(c->held) + (c->address & PAGE_MASK);
	if (!c->user || c->held) {
		if (c->to_memory) {
			memcpy(memory, bytes, c->count);
			if (c->held)
				page_written(c->held);
		} else {
			memcpy(bytes, memory, c->count);
		}
		return 0;
	}
	curthread->faults_off++;
	error = c->to_memory ? copyout(c->address, bytes, c->count) : copyin(bytes, c->address, c->count);
	curthread->faults_off--;
	return error;
}

/* Makes the caller's memory present. => nothing held that a fault may want */
static int copy_fault_in(struct copy *c)
{
	struct vmspace *vs = curthread->vmspace;
	prot_t access = c->to_memory ? PROT_WRITE : PROT_READ;
	vaddr_t end;
	int error = 0;

	if (c->address + c->count < c->address || c->address + c->count > USER_MAX)
		return EFAULT;
	if (++c->failures > 2) /* from now on one page of it at a time, held */
		c->count = MIN(c->count, PAGE_SIZE - (c->address & PAGE_MASK));
	end = c->address + c->count;
	for (vaddr_t va = page_trunc(c->address); va < end && !error; va += PAGE_SIZE)
		error = vmspace_fault(vs, va, access, 0);
	if (error)
		return error == ENOMEM ? ENOMEM : EFAULT;
	if (c->failures > 2) /* NULL when it was taken again in this moment: then the next failure comes here again */
		c->held = pmap_extract_and_hold(vs->map.pmap, page_trunc(c->address), access);
	return 0;
}

static void copy_done(struct copy *c)
{
	if (c->held)
		page_unhold(c->held);
	c->held = NULL;
}

/* Reading. */

/* From one page of the file, at most c->count bytes. *done: how many; 0 at the end of the file. */
static int read_page(struct inode *ip, uint64_t offset, struct copy *c, size_t *done)
{
	struct vnode *vn = &ip->vnode;
	struct vm_page *pg;
	int error;

	for (;;) {
		error = vnode_page_get(vn, page_trunc(offset), &pg);
		if (error == EFAULT) {
			*done = 0;
			return 0;
		}
		if (error && fs_again(ip->fs, error))
			continue;
		if (error)
			return error;
		/* A truncation waits for the busy page; so this size holds for it. */
		sleeplock_acquire(&vn->object.lock);
		c->count = offset < vn->size ? MIN(c->count, vn->size - offset) : 0;
		sleeplock_release(&vn->object.lock);
		error = c->count > 0 ? copy_once(c, (char *)page_kva(pg) + (offset & PAGE_MASK)) : 0;
		vnode_page_put(vn, pg);
		copy_done(c);
		if (!error) {
			*done = c->count;
			return 0;
		}
		error = copy_fault_in(c);
		if (error)
			return error;
	}
}

int inode_read(struct inode *ip, struct io_target to, uint64_t offset, size_t n, size_t *done)
{
	int error = 0;

	*done = 0;
	switch (ip->mode & S_IFMT) {
	case S_IFREG:
		break;
	case S_IFDIR:
		return EISDIR;
	default:
		return EINVAL;
	}
	while (n > 0 && !error) {
		struct copy c = { .user = to.user, .to_memory = true, .address = to.address + *done,
				  .count = MIN(n, PAGE_SIZE - (offset & PAGE_MASK)) };
		size_t some = 0;

		error = read_page(ip, offset, &c, &some);
		if (some == 0)
			break;
		*done += some;
		offset += some;
		n -= some;
	}
	return *done > 0 ? 0 : error;
}

/* Writing. */

/* The inode's size and map, on the disk as they are in memory. => transaction open, b is its place */
static void store_map(struct inode *ip, struct buf *b)
{
	rwlock_read(&ip->vnode.imap);
	inode_store_map(ip, b);
	rwlock_release(&ip->vnode.imap);
}

/* Into one page. EAGAIN: the page has to be read from the disk first. EFAULT: the copy failed and nothing changed. */
static int write_page_once(struct inode *ip, uint64_t offset, struct copy *c)
{
	size_t from = offset & PAGE_MASK;
	bool whole = from == 0 && c->count == PAGE_SIZE;
	struct vnode_write w;
	struct buf *b;
	int error, copied;

	error = tx_begin(ip->fs, TX_BLOCK);
	if (error)
		return error;
	error = inode_buf(ip, &b, NULL);
	if (!error) {
		error = vnode_write_begin(&ip->vnode, page_trunc(offset), whole, &w);
		if (!error) {
			bool beyond = offset + c->count > ip->vnode.size;

			w.tail = c->tail;
			copied = copy_once(c, (char *)page_kva(w.page) + from);
			error = vnode_write_end(&ip->vnode, &w, from, copied == 0 ? c->count : 0);
			if (!error && copied == 0 && beyond) {
				inode_mark_dirty(ip, true); /* the bytes go before the size that shows them */
				store_map(ip, b);
			}
			if (!error)
				error = copied;
		}
		buf_release(b);
	}
	tx_end(ip->fs, TX_BLOCK);
	return error;
}

static int write_page(struct inode *ip, uint64_t offset, struct copy *c)
{
	struct vm_page *pg;
	int error;

	for (;;) {
		error = write_page_once(ip, offset, c);
		copy_done(c);
		if (error == EAGAIN) {
			error = vnode_page_get(&ip->vnode, page_trunc(offset), &pg);
			if (!error)
				vnode_page_put(&ip->vnode, pg);
			else if (error == EFAULT)
				error = EIO; /* a page beyond the end that has a block: not of our making */
		} else if (error == EFAULT) {
			error = copy_fault_in(c);
			if (error)
				return error;
			continue;
		} else if (!error) {
			return 0;
		}
		if (error && !fs_again(ip->fs, error))
			return error;
	}
}

/*
 * The file will grow over its last page's tail, which a program may have written to through a mapping and which the disk need not
 * hold as zeroes: makes them zeroes that will be written. The size stays: the growth may still fail. A hole needs nothing.
 * => lock held
 */
static int clear_old_tail(struct inode *ip, uint64_t to)
{
	static const char zero[PAGE_SIZE];
	uint64_t size = ip->vnode.size, block = BLOCK_NONE;
	struct copy c = { .user = false, .address = (vaddr_t)zero, .tail = true };
	int error;

	KASSERT(sleeplock_held(&ip->lock));
	if ((size & PAGE_MASK) == 0 || to <= size)
		return 0;
	rwlock_read(&ip->vnode.imap);
	error = bmap_find(ip, size >> PAGE_SHIFT, &block);
	rwlock_release(&ip->vnode.imap);
	if (error || block == BLOCK_NONE)
		return error;
	c.count = MIN(PAGE_SIZE - (size & PAGE_MASK), to - size);
	return write_page(ip, size, &c);
}

int inode_write(struct inode *ip, struct io_target from, uint64_t offset, size_t n, bool append, size_t *done, uint64_t *end)
{
	const uint64_t max = FS_FILE_BLOCKS * FS_BLOCK;
	int error = 0;

	*done = 0;
	if ((ip->mode & S_IFMT) != S_IFREG)
		return (ip->mode & S_IFMT) == S_IFDIR ? EISDIR : EINVAL;
	error = inode_lock(ip);
	if (error)
		return error;
	if (append)
		offset = ip->vnode.size;
	*end = offset;
	if (n > 0 && offset >= max) {
		error = EFBIG;
	} else if (n > 0) {
		n = MIN(n, max - offset);
		if (ip->cut)
			error = inode_finish_cut(ip);
		if (!error && offset > ip->vnode.size)
			error = clear_old_tail(ip, offset);
	}
	while (n > 0 && !error) {
		struct copy c = { .user = from.user, .address = from.address + *done, .count = MIN(n, PAGE_SIZE - (offset & PAGE_MASK)) };

		error = write_page(ip, offset, &c);
		if (error)
			break;
		*done += c.count;
		offset += c.count;
		n -= c.count;
	}
	*end = offset;
	inode_unlock(ip);
	return *done > 0 ? 0 : error;
}

/* Truncation. */

/* One step: frees what a transaction has room for. The first one sets the size; the last one says that nothing is left. */
static int cut_step(struct inode *ip, uint64_t size)
{
	struct vnode *vn = &ip->vnode;
	struct buf *b, *super;
	bool was_cut;
	int error;

	error = tx_begin(ip->fs, TX_CUT);
	if (error)
		return error;
	error = inode_buf(ip, &b, NULL);
	if (error)
		goto out;
	error = pending_get(ip->fs, &super);
	if (error)
		goto out_buf;
	rwlock_write(&vn->imap);
	vnode_set_size(vn, size);
	was_cut = ip->cut;
	error = bmap_cut(ip, page_round(size) >> PAGE_SHIFT);
	ip->cut = error != 0;
	/* An orphan is looked for anyway. */
	if (ip->cut != was_cut && ip->nlink > 0)
		pending_add(super, ip->cut ? 1 : -1);
	inode_store_map(ip, b);
	rwlock_release(&vn->imap);
	buf_release(super);
out_buf:
	buf_release(b);
out:
	tx_end(ip->fs, TX_CUT);
	return error;
}

int inode_cut(struct inode *ip, uint64_t size)
{
	int error;

	KASSERT(sleeplock_held(&ip->lock));
	do
		error = cut_step(ip, size);
	while (error == EAGAIN);
	return error;
}

int inode_finish_cut(struct inode *ip)
{
	return ip->cut ? inode_cut(ip, ip->vnode.size) : 0;
}

/* Grows the file by a hole. => lock held */
static int inode_grow(struct inode *ip, uint64_t size)
{
	struct buf *b;
	int error = ip->cut ? inode_finish_cut(ip) : 0;

	if (!error)
		error = clear_old_tail(ip, size);
	if (error)
		return error;
	error = tx_begin(ip->fs, TX_BLOCK);
	if (error)
		return error;
	error = inode_buf(ip, &b, NULL);
	if (!error) {
		rwlock_write(&ip->vnode.imap);
		vnode_set_size(&ip->vnode, size);
		inode_store_map(ip, b);
		rwlock_release(&ip->vnode.imap);
		buf_release(b);
	}
	tx_end(ip->fs, TX_BLOCK);
	return error;
}

int inode_truncate(struct inode *ip, uint64_t size)
{
	int error;

	if ((ip->mode & S_IFMT) != S_IFREG)
		return (ip->mode & S_IFMT) == S_IFDIR ? EISDIR : EINVAL;
	if (size > FS_FILE_BLOCKS * FS_BLOCK)
		return EFBIG;
	error = inode_lock(ip);
	if (error)
		return error;
	do {
		if (size > ip->vnode.size)
			error = inode_grow(ip, size);
		else if (size < ip->vnode.size || ip->cut)
			error = inode_cut(ip, size);
	} while (error && fs_again(ip->fs, error));
	inode_unlock(ip);
	return error;
}

int inode_fsync(struct inode *ip)
{
	int error = vnode_flush(&ip->vnode, 0, UINT64_MAX);
	int commit = log_commit(ip->fs);

	return error ? error : commit;
}

int inode_stat(struct inode *ip, struct stat *st)
{
	int error = inode_lock(ip);

	if (error)
		return error;
	rwlock_read(&ip->vnode.imap);
	*st = (struct stat){
		.st_ino = ip->number,
		.st_mode = ip->mode,
		.st_nlink = ip->nlink,
		.st_rdev = ip->rdev,
		.st_blksize = FS_BLOCK,
		.st_size = ip->vnode.size,
		.st_blocks = ip->blocks,
	};
	rwlock_release(&ip->vnode.imap);
	inode_unlock(ip);
	return 0;
}
