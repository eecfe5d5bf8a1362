/*
 * The vnode pager; see the header for the two states of a page.
 *
 * Order of locks: transaction, imap, busy page, object. Who holds a busy page never waits for any of the first two, so
 * that a truncation may wait for busy pages with imap held.
 *
 *	reading a page in   find the block under imap (read), busy the page, let imap go, read
 *	making it dirty     imap (write), busy the page, give it a block
 *	writing it out      imap (read), busy the pages, find their blocks, let imap go, write
 *
 * The bytes after the end of the file are zero in memory when a page comes in or the end moves down, and are made zero before a page
 * goes out (a program may have scribbled there through a mapping).
 *
 * Floor: vm, above objects, below maps.
 */
#include "vm/vnode.h"

#include "abi/errno.h"
#include "abi/mman.h"
#include "base/kassert.h"
#include "base/string.h"
#include "dev/disk.h"
#include "kern/thread.h"
#include "vm/pageq.h"
#include "vm/pmap.h"
#include "vm/pool.h"

/* A cluster on its way to or from the disk. Not on a stack: the disk's interrupt touches it. */
struct vnode_io {
	struct disk_request rq;
	struct vm_page *page[DISK_SEGMENTS];
};

static struct pool io_pool;
static struct spinlock spare_lock = SPINLOCK_INIT(RANK_LISTS, "vnode io");
static struct vnode_io spare;  /* for who finds the pool empty: writing pages out must not need memory */
static bool spare_used;        /* spare_lock */
static struct vnode_io reclaiming; /* the pagedaemon's own: it waits for nobody's */

static int vnode_get(struct vm_object *o, voff_t offset, unsigned access, struct vm_page **out);
static int vnode_put(struct vm_object *o, voff_t start, voff_t end, bool free);

void vnode_boot(void)
{
	pool_init(&io_pool, "vnode.io", sizeof(struct vnode_io));
}

/* May wait for another thread's input or output. => no page is busy by the caller: whoever has the spare may be waiting for it */
static struct vnode_io *io_new(void)
{
	struct vnode_io *io = pool_alloc(&io_pool, 0);

	if (io == NULL) {
		spinlock_acquire(&spare_lock);
		while (spare_used)
			thread_sleep(&spare, &spare_lock, "vnode io", 0);
		spare_used = true;
		spinlock_release(&spare_lock);
		io = &spare;
	}
	memset(io, 0, sizeof *io);
	return io;
}

static void io_free(struct vnode_io *io)
{
	if (io != &spare) {
		pool_free(&io_pool, io);
		return;
	}
	spinlock_acquire(&spare_lock);
	spare_used = false;
	spinlock_release(&spare_lock);
	thread_wakeup(&spare);
}

/* References. The object counts those of mappings; each is one of the inode's as well. */

static void vnode_reference(struct vm_object *o)
{
	struct vnode *vn = container_of(o, struct vnode, object);

	__atomic_fetch_add(&o->refs, 1, __ATOMIC_RELAXED);
	vn->ops->reference(vn);
}

static void vnode_detach(struct vm_object *o)
{
	struct vnode *vn = container_of(o, struct vnode, object);
	uint32_t before = __atomic_fetch_sub(&o->refs, 1, __ATOMIC_RELEASE);

	KASSERT(before > 0);
	vn->ops->release(vn);
}

static const struct pgops vnode_pager = {
	.name = "vnode",
	.reference = vnode_reference,
	.detach = vnode_detach,
	.get = vnode_get,
	.put = vnode_put,
};

struct vnode *vnode_of(struct vm_object *o)
{
	return o->ops == &vnode_pager ? container_of(o, struct vnode, object) : NULL;
}

void vnode_init(struct vnode *vn, struct disk *disk, const struct vnode_ops *ops)
{
	object_init(&vn->object, &vnode_pager);
	rwlock_init(&vn->imap, RANK_IMAP, "imap");
	vn->size = 0;
	vn->disk = disk;
	vn->ops = ops;
}

/* Changes of state. => the object's lock held */

/* From here on no hart can write to the page through a mapping, once pmap_update() was called. */
static void page_to_clean(struct vnode *vn, struct vm_page *pg)
{
	KASSERT(sleeplock_held(&vn->object.lock));
	KASSERT(pg->flags & PG_DIRTY && vn->object.dirty > 0);
	pmap_page_protect(pg, PROT_READ | PROT_EXEC);
	pmap_clear_modified(pg);
	pg->flags = (pg->flags & ~PG_DIRTY) | PG_RDONLY;
}

/* On the disk now, or, when the write did not work, still to be written, though nobody has changed it since. */
static void page_settled(struct vnode *vn, struct vm_page *pg, bool written)
{
	KASSERT(sleeplock_held(&vn->object.lock));
	if (written)
		vn->object.dirty--;
	else
		pg->flags |= PG_DIRTY;
}

/* Zeroes what a page holds beyond the end of the file. */
static void page_clear_tail(struct vnode *vn, struct vm_page *pg)
{
	size_t keep;

	KASSERT(sleeplock_held(&vn->object.lock));
	if (vn->size >= pg->offset + PAGE_SIZE)
		return;
	keep = vn->size > pg->offset ? vn->size - pg->offset : 0;
	memset((char *)page_kva(pg) + keep, 0, PAGE_SIZE - keep);
}

/* Reading. */

static int page_read(struct vnode *vn, struct vnode_io *io, struct vm_page *pg, uint64_t block)
{
	int error;

	io->rq.op = DISK_READ;
	io->rq.block = block;
	io->rq.count = 1;
	io->rq.segment[0] = page_kva(pg);
	error = disk_io(vn->disk, &io->rq);
	page_written(pg);
	return error;
}

/* The page is not resident: makes a frame for it under imap and fills it. EAGAIN: another thread was faster. */
static int page_in(struct vnode *vn, struct vnode_io *io, voff_t offset, struct vm_page **out)
{
	struct vm_object *o = &vn->object;
	uint64_t block;
	struct vm_page *pg = NULL;
	int error;

	rwlock_read(&vn->imap);
	error = vn->ops->bmap(vn, offset >> PAGE_SHIFT, &block);
	if (error) {
		rwlock_release(&vn->imap);
		return error;
	}
	sleeplock_acquire(&o->lock);
	if (offset >= page_round(vn->size)) {
		error = EFAULT;
	} else if (object_lookup(o, offset)) {
		error = EAGAIN;
	} else {
		pg = object_page_alloc(o, offset, block == BLOCK_NONE ? PAGE_ZERO : 0);
		if (pg)
			pg->flags |= PG_RDONLY;
		else
			error = ENOMEM;
	}
	sleeplock_release(&o->lock);
	rwlock_release(&vn->imap);
	if (error)
		return error;

	/* The busy page holds the place: a truncation waits for it before it gives the block to others. */
	if (block != BLOCK_NONE)
		error = page_read(vn, io, pg, block);
	sleeplock_acquire(&o->lock);
	if (pg->flags & PG_RELEASED && !error)
		error = EAGAIN;
	if (error)
		object_page_free(o, pg);
	else
		page_clear_tail(vn, pg);
	sleeplock_release(&o->lock);
	*out = pg;
	return error;
}

int vnode_page_get(struct vnode *vn, voff_t offset, struct vm_page **out)
{
	struct vm_object *o = &vn->object;
	struct vnode_io *io;
	struct vm_page *pg;
	int error;

	KASSERT((offset & PAGE_MASK) == 0);
	for (;;) {
		sleeplock_acquire(&o->lock);
		if (offset >= page_round(vn->size)) {
			sleeplock_release(&o->lock);
			return EFAULT;
		}
		pg = object_lookup(o, offset);
		if (pg && !(pg->flags & PG_BUSY)) {
			page_busy(pg);
			sleeplock_release(&o->lock);
			*out = pg;
			return 0;
		}
		if (pg) {
			page_wait_busy(pg, &o->lock, "page busy");
			continue;
		}
		sleeplock_release(&o->lock);
		io = io_new();
		error = page_in(vn, io, offset, out);
		io_free(io);
		if (error != EAGAIN)
			return error;
	}
}

void vnode_page_put(struct vnode *vn, struct vm_page *pg)
{
	struct vm_object *o = &vn->object;

	sleeplock_acquire(&o->lock);
	if (pg->flags & PG_RELEASED) {
		object_page_free(o, pg);
	} else {
		pageq_activate(pg);
		page_unbusy(pg);
	}
	sleeplock_release(&o->lock);
}

/* Becoming dirty. */

int vnode_write_begin(struct vnode *vn, voff_t offset, bool whole, struct vnode_write *w)
{
	struct vm_object *o = &vn->object;
	struct vm_page *pg;
	uint64_t block;
	int error;

	*w = (struct vnode_write){ .offset = offset, .whole = whole };
	rwlock_write(&vn->imap);
	sleeplock_acquire(&o->lock);
	while ((pg = object_lookup(o, offset)) != NULL && pg->flags & PG_BUSY) {
		page_wait_busy(pg, &o->lock, "page busy");
		sleeplock_acquire(&o->lock);
	}
	if (pg) {
		page_busy(pg);
		sleeplock_release(&o->lock);
		w->page = pg;
		return 0;
	}
	sleeplock_release(&o->lock);

	/* Not resident, and nobody else brings it in while imap is held for writing. */
	error = vn->ops->bmap(vn, offset >> PAGE_SHIFT, &block);
	if (!error && block != BLOCK_NONE && !whole)
		error = EAGAIN;
	if (!error) {
		sleeplock_acquire(&o->lock);
		w->page = object_page_alloc(o, offset, whole ? 0 : PAGE_ZERO);
		if (w->page)
			w->page->flags |= PG_RDONLY;
		else
			error = ENOMEM;
		sleeplock_release(&o->lock);
		w->fresh = true;
	}
	if (error)
		rwlock_release(&vn->imap);
	return error;
}

int vnode_write_end(struct vnode *vn, struct vnode_write *w, size_t from, size_t count)
{
	struct vm_object *o = &vn->object;
	struct vm_page *pg = w->page;
	int error = 0;

	KASSERT(rwlock_write_held(&vn->imap));
	KASSERT(pg->flags & PG_BUSY && from + count <= PAGE_SIZE);
	if (w->fresh && w->whole && count > 0)
		memset((char *)page_kva(pg) + count, 0, PAGE_SIZE - count);
	page_written(pg);
	if (pg->flags & PG_RDONLY && count > 0)
		error = vn->ops->alloc(vn, w->offset >> PAGE_SHIFT);

	sleeplock_acquire(&o->lock);
	if ((error || count == 0) && !(pg->flags & PG_DIRTY)) {
		/* No longer as it is on the disk, not even when count is 0 if a copy failed on the way: who wants it reads it again. */
		object_page_free(o, pg);
	} else {
		if (!error && count > 0) {
			object_page_dirty(o, pg);
			if (!w->tail)
				vn->size = MAX(vn->size, w->offset + from + count);
		}
		pageq_activate(pg);
		page_unbusy(pg);
	}
	sleeplock_release(&o->lock);
	rwlock_release(&vn->imap);
	return error;
}

/* A write fault on a shared mapping: the page gets its block now. */
static int get_for_write_once(struct vnode *vn, voff_t offset, struct vm_page **out)
{
	struct vm_object *o = &vn->object;
	struct vnode_write w;
	int error;

	for (;;) {
		error = vn->ops->begin(vn);
		if (error)
			return error;
		error = vnode_write_begin(vn, offset, false, &w);
		if (error != EAGAIN)
			break;
		vn->ops->end(vn);
		error = vnode_page_get(vn, offset, out);
		if (error)
			return error;
		vnode_page_put(vn, *out);
	}
	if (!error) {
		if (offset >= page_round(vn->size))
			error = EFAULT;
		else if (w.page->flags & PG_RDONLY)
			error = vn->ops->alloc(vn, offset >> PAGE_SHIFT);
		sleeplock_acquire(&o->lock);
		if (!error) {
			object_page_dirty(o, w.page);
		} else if (w.fresh) {
			object_page_free(o, w.page);
		} else {
			pageq_activate(w.page);
			page_unbusy(w.page);
		}
		sleeplock_release(&o->lock);
		rwlock_release(&vn->imap);
		*out = w.page;
	}
	vn->ops->end(vn);
	return error;
}

/* Blocks that were freed lately can be had after a commit: no reason to fail. */
static int vnode_get_for_write(struct vnode *vn, voff_t offset, struct vm_page **out)
{
	int error;

	do
		error = get_for_write_once(vn, offset, out);
	while (error == ENOSPC && vn->ops->more_blocks(vn));
	return error;
}

static int vnode_get(struct vm_object *o, voff_t offset, unsigned access, struct vm_page **out)
{
	struct vnode *vn = container_of(o, struct vnode, object);

	return access & PROT_WRITE ? vnode_get_for_write(vn, offset, out) : vnode_page_get(vn, offset, out);
}

/* Writing. */

/* The first dirty page of [at, end), made busy; NULL: none. Waits for busy ones on the way. */
static struct vm_page *dirty_find(struct vnode *vn, voff_t at, voff_t end)
{
	struct vm_object *o = &vn->object;
	uint64_t index = at >> PAGE_SHIFT;
	struct vm_page *pg;

	sleeplock_acquire(&o->lock);
	while ((pg = o->dirty ? radix_next(&o->pages, &index) : NULL) != NULL && pg->offset < end) {
		if (pg->flags & PG_BUSY) {
			page_wait_busy(pg, &o->lock, "page flush");
			sleeplock_acquire(&o->lock);
		} else if (!(pg->flags & PG_DIRTY)) {
			index++;
		} else {
			page_busy(pg);
			break;
		}
	}
	if (pg && pg->offset >= end)
		pg = NULL;
	sleeplock_release(&o->lock);
	return pg;
}

/* The page at offset, made busy, if it is dirty and nobody is at work on it. */
static struct vm_page *dirty_try(struct vnode *vn, voff_t offset)
{
	struct vm_page *pg;

	sleeplock_acquire(&vn->object.lock);
	pg = object_lookup(&vn->object, offset);
	if (pg && (pg->flags & PG_BUSY || !(pg->flags & PG_DIRTY)))
		pg = NULL;
	if (pg)
		page_busy(pg);
	sleeplock_release(&vn->object.lock);
	return pg;
}

/*
 * A cluster: pg, which is dirty and busy, and the dirty pages after it as far as their blocks follow each other, made busy too.
 * => imap held. On error pg is still busy.
 */
static int cluster_gather(struct vnode *vn, struct vnode_io *io, struct vm_page *pg)
{
	uint64_t index = pg->offset >> PAGE_SHIFT, block;
	int error = vn->ops->bmap(vn, index, &block);

	if (!error && block == BLOCK_NONE)
		error = EIO; /* two files of a damaged disk share a pointer block, and the other one was cut */
	if (error)
		return error;
	io->rq.op = DISK_WRITE;
	io->rq.block = block;
	for (io->rq.count = 0; ; ) {
		io->page[io->rq.count] = pg;
		io->rq.segment[io->rq.count++] = page_kva(pg);
		if (io->rq.count == DISK_SEGMENTS)
			break;
		pg = dirty_try(vn, ++index << PAGE_SHIFT);
		if (pg == NULL)
			break;
		if (vn->ops->bmap(vn, index, &block) != 0 || block != io->rq.block + io->rq.count) {
			vnode_page_put(vn, pg); /* the next cluster may begin with it */
			break;
		}
	}
	return 0;
}

/* Writes a gathered cluster and ends the busy state of its pages. => imap not held: the busy pages hold their blocks */
static int cluster_write(struct vnode *vn, struct vnode_io *io)
{
	struct vm_object *o = &vn->object;
	int error;

	sleeplock_acquire(&o->lock);
	for (uint32_t i = 0; i < io->rq.count; i++)
		page_to_clean(vn, io->page[i]);
	pmap_update(pmap_kernel);
	for (uint32_t i = 0; i < io->rq.count; i++)
		page_clear_tail(vn, io->page[i]);
	sleeplock_release(&o->lock);

	error = disk_io(vn->disk, &io->rq);

	sleeplock_acquire(&o->lock);
	for (uint32_t i = 0; i < io->rq.count; i++) {
		struct vm_page *pg = io->page[i];
		page_settled(vn, pg, error == 0);
		if (pg->flags & PG_RELEASED)
			object_page_free(o, pg);
		else
			page_unbusy(pg);
	}
	sleeplock_release(&o->lock);
	return error;
}

int vnode_flush(struct vnode *vn, voff_t start, voff_t end)
{
	struct vnode_io *io = io_new();
	struct vm_page *pg;
	int error, first = 0;

	for (voff_t at = start; at < end; ) {
		rwlock_read(&vn->imap);
		pg = dirty_find(vn, at, end);
		error = pg ? cluster_gather(vn, io, pg) : 0;
		rwlock_release(&vn->imap);
		if (pg == NULL)
			break;
		if (error) {
			at = pg->offset + PAGE_SIZE;
			vnode_page_put(vn, pg);
		} else {
			at = io->page[io->rq.count - 1]->offset + PAGE_SIZE;
			error = cluster_write(vn, io);
		}
		first = first ? first : error; /* the rest may be written all the same */
	}
	io_free(io);
	return first;
}

static int vnode_put(struct vm_object *o, voff_t start, voff_t end, bool free)
{
	struct vnode *vn = container_of(o, struct vnode, object);
	int error = vnode_flush(vn, start, end);

	if (!error && free) {
		uint64_t index = start >> PAGE_SHIFT;
		struct vm_page *pg;

		sleeplock_acquire(&o->lock);
		while ((pg = radix_next(&o->pages, &index)) != NULL && pg->offset < end) {
			index++;
			if (!(pg->flags & (PG_BUSY | PG_DIRTY)) && pg->wire_count == 0)
				object_page_free(o, pg);
		}
		sleeplock_release(&o->lock);
	}
	return error;
}

/* Going away. */

/* Frees every page from offset on, waiting for busy ones. => object's lock held, taken again after each wait */
static void drop_from(struct vnode *vn, voff_t offset)
{
	struct vm_object *o = &vn->object;
	uint64_t index = offset >> PAGE_SHIFT;
	struct vm_page *pg;

	while ((pg = radix_next(&o->pages, &index)) != NULL) {
		if (pg->flags & PG_BUSY) {
			page_wait_busy(pg, &o->lock, "truncate");
			sleeplock_acquire(&o->lock);
		} else {
			object_page_free(o, pg);
		}
	}
}

void vnode_set_size(struct vnode *vn, uint64_t size)
{
	struct vm_object *o = &vn->object;
	struct vm_page *pg;

	KASSERT(rwlock_write_held(&vn->imap));
	sleeplock_acquire(&o->lock);
	if (size < vn->size) {
		vn->size = size; /* before the pages go: none comes back */
		drop_from(vn, page_round(size));
		while ((pg = object_lookup(o, page_trunc(size))) != NULL && pg->flags & PG_BUSY) {
			page_wait_busy(pg, &o->lock, "truncate");
			sleeplock_acquire(&o->lock);
		}
		if (pg)
			page_clear_tail(vn, pg);
	}
	vn->size = size;
	sleeplock_release(&o->lock);
}

size_t vnode_drop_clean(struct vnode *vn)
{
	struct vm_object *o = &vn->object;
	uint64_t index = 0;
	size_t freed = 0;
	struct vm_page *pg;

	sleeplock_acquire(&o->lock);
	for (; (pg = radix_next(&o->pages, &index)) != NULL; index++)
		if (!(pg->flags & (PG_BUSY | PG_DIRTY)) && pg->wire_count == 0 && pg->loan_count == 0 && !pmap_page_mapped(pg)) {
			object_page_free(o, pg);
			freed++;
		}
	sleeplock_release(&o->lock);
	return freed;
}

void vnode_destroy(struct vnode *vn)
{
	sleeplock_acquire(&vn->object.lock);
	vn->object.dead = true;
	drop_from(vn, 0);
	KASSERT(vn->object.dirty == 0);
	sleeplock_release(&vn->object.lock);
	object_destroy(&vn->object);
}

void vnode_reclaim(struct vnode *vn, struct vm_page *pg, size_t *freed, size_t *written)
{
	struct vm_object *o = &vn->object;
	struct vnode_io *io = &reclaiming;
	int error;

	KASSERT(sleeplock_held(&o->lock) && !(pg->flags & PG_BUSY));
	KASSERT(curthread->mem_reserve);
	*freed = *written = 0;
	if (!(pg->flags & PG_DIRTY)) {
		object_page_free(o, pg);
		*freed = 1;
		sleeplock_release(&o->lock);
		return;
	}
	/* A busy page keeps the vnode from being freed: its end waits for it. So it is let go last. */
	page_busy(pg);
	sleeplock_release(&o->lock);
	if (!rwlock_try_read(&vn->imap)) {
		vnode_page_put(vn, pg);
		return;
	}
	error = cluster_gather(vn, io, pg);
	rwlock_release(&vn->imap);
	if (error)
		vnode_page_put(vn, pg);
	else if (cluster_write(vn, io) == 0)
		*written = io->rq.count;
}
