/*
 * The vnode pager over a file system and a disk that do as they are told: each of their
 * errors, and what others do with a page meanwhile.
 */
#include "vm/vnode.h"

#include "abi/errno.h"
#include "abi/mman.h"
#include "base/string.h"
#include "dev/disk.h"
#include "kern/failpoint.h"
#include "kern/thread.h"
#include "riscv/layout.h"
#include "test/test.h"
#include "vm/pageq.h"
#include "vm/pmap.h"

#define FIRST_BLOCK 100 /* of page 0; the others follow */
#define FILL 0x5a       /* what the disk holds */
#define PG(n) ((voff_t)(n) * PAGE_SIZE)

static struct script {
	struct vnode vn;
	struct disk disk;
	int bmap, begin, alloc, io; /* what these answer */
	uint64_t bmap_good;         /* calls of bmap that do well all the same */
	bool hole;                  /* the file has no block */
	void (*during)(struct vm_page *pg); /* once, while a request for this page is on its way */
	bool hold;                  /* atomic: the next request stays on its way */
	struct disk_request *held;  /* atomic: it */
	bool entered;               /* atomic: another thread is about to do its part */
} s;

static int script_bmap(struct vnode *vn __unused, uint64_t page, uint64_t *block)
{
	if (s.bmap && s.bmap_good == 0)
		return s.bmap;
	if (s.bmap)
		s.bmap_good--;
	*block = s.hole ? BLOCK_NONE : FIRST_BLOCK + page;
	return 0;
}

static int script_begin(struct vnode *vn __unused) { return s.begin; }
static void script_end(struct vnode *vn __unused) {}
static int script_alloc(struct vnode *vn __unused, uint64_t page __unused) { return s.alloc; }
static bool script_more(struct vnode *vn __unused) { return false; }
static void script_count(struct vnode *vn __unused) {}

static const struct vnode_ops ops = {
	script_bmap, script_begin, script_end, script_alloc, script_more, script_count, script_count,
};

static void script_submit(struct disk *d __unused, struct disk_request *rq)
{
	void (*during)(struct vm_page *) = s.during;

	if (rq->op == DISK_READ)
		memset(rq->segment[0], FILL, PAGE_SIZE);
	s.during = NULL;
	if (during)
		during(page_of(virt_to_phys(rq->segment[0])));
	rq->error = s.io;
	if (__atomic_exchange_n(&s.hold, false, __ATOMIC_SEQ_CST))
		__atomic_store_n(&s.held, rq, __ATOMIC_SEQ_CST);
	else
		rq->done(rq);
}

/* A file of eight pages, none of them resident. */
static struct vm_object *begin(void)
{
	memset(&s, 0, sizeof(s));
	s.disk = (struct disk){ .name = "script", .blocks = 1000, .submit = script_submit };
	vnode_init(&s.vn, &s.disk, &ops);
	s.vn.size = PG(8);
	return &s.vn.object;
}

static void end(void)
{
	sleeplock_acquire(&s.vn.object.lock);
	for (uint64_t i = 0; i < 8; i++) {
		struct vm_page *pg = object_lookup(&s.vn.object, PG(i));

		if (pg)
			object_page_free(&s.vn.object, pg);
	}
	CHECK(s.vn.object.dirty == 0 && object_check(&s.vn.object));
	sleeplock_release(&s.vn.object.lock);
	vnode_destroy(&s.vn);
}

static size_t resident(void) { return s.vn.object.npages; }

static int get(uint64_t page)
{
	struct vm_page *pg;
	int error = vnode_page_get(&s.vn, PG(page), &pg);

	if (!error)
		vnode_page_put(&s.vn, pg);
	return error;
}

static int get_for_write(uint64_t page)
{
	struct vm_page *pg;
	int error = s.vn.object.ops->get(&s.vn.object, PG(page), PROT_WRITE, &pg);

	if (!error)
		vnode_page_put(&s.vn, pg);
	return error;
}

/* => resident */
static struct vm_page *page_at(uint64_t page)
{
	struct vm_page *pg;

	sleeplock_acquire(&s.vn.object.lock);
	pg = object_lookup(&s.vn.object, PG(page));
	sleeplock_release(&s.vn.object.lock);
	CHECK(pg != NULL);
	return pg;
}

static void release_it(struct vm_page *pg)
{
	sleeplock_acquire(&s.vn.object.lock);
	pg->flags |= PG_RELEASED;
	sleeplock_release(&s.vn.object.lock);
}

static const struct pgops no_vnode = { .name = "none" };

KTEST(of, "", "only a vnode's object is one") {
	struct vm_object o;

	begin();
	CHECK(vnode_of(&s.vn.object) == &s.vn);
	object_init(&o, &no_vnode);
	CHECK(vnode_of(&o) == NULL);
	object_destroy(&o);
	end();
}

KTEST(read_errors, "A4", "a page that cannot be found on the disk, or not be read, is not there, and is asked for again") {
	begin();
	s.bmap = EIO;
	CHECK(get(1) == EIO && resident() == 0);
	s.bmap = 0;
	s.io = EIO;
	CHECK(get(1) == EIO && resident() == 0);
	s.io = 0;
	CHECK(get(1) == 0 && resident() == 1);
	CHECK(*(uint8_t *)page_kva(page_at(1)) == FILL);
	CHECK(get(8) == EFAULT);
	end();
}

KTEST(released, "A29", "a page that is released while somebody is at work on it goes when that is over") {
	struct vm_page *pg;

	begin();
	s.during = release_it;
	CHECK(get(0) == 0 && resident() == 1); /* another one was read */
	s.during = release_it;
	s.io = EIO;
	CHECK(get(1) == EIO && resident() == 1);
	s.io = 0;
	CHECK(vnode_page_get(&s.vn, PG(0), &pg) == 0);
	release_it(pg);
	vnode_page_put(&s.vn, pg);
	CHECK(resident() == 0);
	CHECK(get_for_write(0) == 0 && s.vn.object.dirty == 1);
	s.during = release_it;
	CHECK(vnode_flush(&s.vn, 0, PG(8)) == 0 && resident() == 0);
	end();
}

KTEST(write_errors, "", "a store into a mapping that gets no transaction, no block or no memory changes nothing") {
	struct vnode_write w;

	begin();
	s.begin = EIO;
	CHECK(get_for_write(0) == EIO);
	s.begin = 0;
	s.io = EIO;
	CHECK(get_for_write(0) == EIO && resident() == 0); /* it would have to be read first */
	s.io = 0;
	s.bmap = EIO;
	CHECK(get_for_write(0) == EIO && resident() == 0);
	s.bmap = 0;
	CHECK(get(0) == 0);
	s.alloc = ENOSPC;
	CHECK(get_for_write(0) == ENOSPC && resident() == 1);
	CHECK(page_at(0)->flags & PG_RDONLY);
	s.alloc = 0;
	CHECK(get_for_write(0) == 0);
	s.alloc = ENOSPC;
	CHECK(get_for_write(0) == 0); /* it has its block */
	CHECK(s.vn.object.dirty == 1);
	s.hole = true;
	CHECK(get_for_write(1) == ENOSPC && resident() == 1);
	s.alloc = 0;
	CHECK(fail_arm("object.page", 1, 0) == 0);
	CHECK(get_for_write(1) == ENOMEM && resident() == 1);
	CHECK(get_for_write(8) == EFAULT && resident() == 1);
	/* A write(2) that copied nothing, or got no block, on a page that is to be written already. */
	for (unsigned i = 0; i < 2; i++) {
		CHECK(vnode_write_begin(&s.vn, 0, false, &w) == 0);
		CHECK(vnode_write_end(&s.vn, &w, 0, 0) == 0);
		CHECK(resident() == 1 && s.vn.object.dirty == 1);
	}
	/* One that could not be written to the disk is read-only until it is dirty anew, and stays to be written. */
	s.hole = false;
	s.io = EIO;
	CHECK(vnode_flush(&s.vn, 0, PG(8)) == EIO);
	s.io = 0;
	s.alloc = ENOSPC;
	CHECK(vnode_write_begin(&s.vn, 0, false, &w) == 0);
	CHECK(vnode_write_end(&s.vn, &w, 0, 1) == ENOSPC);
	CHECK(resident() == 1 && s.vn.object.dirty == 1);
	end();
}

KTEST(flush_parts, "C15", "a flush writes the range that it is asked for, around pages that are clean, and goes on behind one that it cannot write") {
	struct vm_page *pg;

	begin();
	for (unsigned i = 0; i < 6; i++)
		CHECK(i == 2 ? get(i) == 0 : get_for_write(i) == 0);
	CHECK(vnode_flush(&s.vn, 0, PG(1)) == 0 && s.vn.object.dirty == 3); /* page 1 as well, in one request */
	CHECK(vnode_flush(&s.vn, 0, PG(1)) == 0 && s.vn.object.dirty == 3);
	s.bmap = EIO;
	CHECK(vnode_flush(&s.vn, 0, PG(4)) == EIO && s.vn.object.dirty == 3);
	s.bmap = 0;
	s.hole = true;
	CHECK(vnode_flush(&s.vn, 0, PG(4)) == EIO && s.vn.object.dirty == 3);
	s.hole = false;
	s.bmap = EIO;
	s.bmap_good = 1; /* page 3; 4 is not found */
	CHECK(vnode_flush(&s.vn, 0, PG(4)) == 0 && s.vn.object.dirty == 2);
	s.bmap_good = 1; /* page 4, not 5 */
	CHECK(vnode_flush(&s.vn, 0, PG(8)) == EIO && s.vn.object.dirty == 1);
	s.bmap = 0;
	s.io = EIO;
	CHECK(vnode_flush(&s.vn, 0, PG(8)) == EIO && s.vn.object.dirty == 1);
	s.io = 0;
	CHECK(vnode_flush(&s.vn, 0, PG(8)) == 0 && s.vn.object.dirty == 0);
	CHECK(get_for_write(0) == 0 && get_for_write(1) == 0 && vnode_page_get(&s.vn, PG(1), &pg) == 0);
	CHECK(vnode_flush(&s.vn, 0, PG(1)) == 0 && s.vn.object.dirty == 1); /* somebody is at work on the next one */
	vnode_page_put(&s.vn, pg);
	end();
}

KTEST(put, "", "the pager's put writes a range, and frees of it what is clean and used by nobody, when it is asked to") {
	struct vm_object *o = begin();
	struct vm_page *pg;

	for (unsigned i = 0; i < 5; i++)
		CHECK(get_for_write(i) == 0);
	CHECK(o->ops->put(o, 0, PG(3), false) == 0 && o->dirty == 0 && resident() == 5);
	CHECK(get_for_write(0) == 0);
	s.io = EIO;
	CHECK(o->ops->put(o, 0, PG(8), true) == EIO && resident() == 5);
	s.io = 0;
	CHECK(vnode_page_get(&s.vn, PG(4), &pg) == 0); /* busy */
	pageq_wire(page_at(2));
	CHECK(o->ops->put(o, 0, PG(4), true) == 0 && o->dirty == 0 && resident() == 2);
	CHECK(o->ops->put(o, PG(4), PG(5), true) == 0 && resident() == 2);
	pageq_unwire(page_at(2));
	vnode_page_put(&s.vn, pg);
	CHECK(o->ops->put(o, 0, PG(8), true) == 0 && resident() == 0);
	end();
}

KTEST(drop, "", "what is busy, dirty, wired, loaned or mapped is not dropped as clean and unused") {
	struct vm_page *pg;
	struct pmap *pm;

	begin();
	for (unsigned i = 0; i < 5; i++)
		CHECK(i == 1 ? get_for_write(i) == 0 : get(i) == 0);
	CHECK(vnode_page_get(&s.vn, PG(0), &pg) == 0);
	pageq_wire(page_at(2));
	page_at(3)->loan_count = 1;
	CHECK(vnode_drop_clean(&s.vn) == 1 && resident() == 4);
	page_at(3)->loan_count = 0;
	pageq_unwire(page_at(2));
	vnode_page_put(&s.vn, pg);
	CHECK(vnode_drop_clean(&s.vn) == 3 && resident() == 1);
	CHECK(get(0) == 0 && pmap_create(&pm) == 0);
	if (!ktest_has_failed()) {
		sleeplock_acquire(&s.vn.object.lock);
		CHECK(pmap_enter(pm, PAGE_SIZE, object_lookup(&s.vn.object, 0), PROT_READ, PMAP_CANFAIL) == 0);
		sleeplock_release(&s.vn.object.lock);
		CHECK(vnode_drop_clean(&s.vn) == 0 && resident() == 2);
		pmap_remove(pm, PAGE_SIZE, 2 * PAGE_SIZE);
		pmap_update(pm);
		CHECK(vnode_drop_clean(&s.vn) == 1);
		pmap_destroy(pm);
	}
	end();
}

KTEST(reclaim_errors, "A15", "a dirty page that the pagedaemon cannot write stays dirty, and is written another time") {
	struct vm_object *o = begin();
	size_t freed, written;

	CHECK(get_for_write(0) == 0);
	curthread->mem_reserve = true;
	for (unsigned i = 0; i < 3; i++) {
		s.bmap = i == 0 ? EIO : 0;
		s.io = i == 1 ? EIO : 0;
		sleeplock_acquire(&o->lock);
		vnode_reclaim(&s.vn, object_lookup(o, 0), &freed, &written);
		CHECK(freed == 0 && written == (i == 2) && o->dirty == (i < 2) && resident() == 1);
	}
	curthread->mem_reserve = false;
	end();
}

/* ---- while a page is read -------------------------------------------------------- */

static int read_error;
static voff_t read_offset;

static void until(const bool *what)
{
	while (!__atomic_load_n(what, __ATOMIC_SEQ_CST))
		thread_yield();
}

static void read_it(void)
{
	struct vm_page *pg;

	read_error = vnode_page_get(&s.vn, read_offset, &pg);
	if (!read_error)
		vnode_page_put(&s.vn, pg);
}

/* Another thread's part, which begins while the request is on its way and has come as far as it can when that arrives. */
static void in_between(unsigned index, void (*part)(void))
{
	switch (index) {
	case 0:
		read_it();
		break;
	case 1:
		while (!__atomic_load_n(&s.held, __ATOMIC_SEQ_CST))
			thread_yield();
		__atomic_store_n(&s.entered, true, __ATOMIC_SEQ_CST);
		part();
		break;
	default:
		until(&s.entered);
		for (unsigned i = 0; i < 300; i++)
			thread_yield();
		s.held->done(s.held);
	}
}

static uint64_t cut_size;

static void cut_it(void)
{
	rwlock_write(&s.vn.imap);
	vnode_set_size(&s.vn, cut_size);
	rwlock_release(&s.vn.imap);
}

static void cut_reader(void *arg __unused, unsigned index) { in_between(index, cut_it); }

KTEST(cut_while_read, "A29", "a file that is cut while a page of it is read: what lies beyond the new end is gone or zero when the cut is over") {
	static const uint64_t sizes[] = { 0, PG(2), PG(2) + 100, PG(3) };

	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		begin();
		read_offset = PG(2);
		cut_size = sizes[i];
		s.hold = true;
		CHECK(ktest_threads(3, cut_reader, NULL));
		CHECK(s.vn.size == cut_size && resident() == (cut_size > PG(2)));
		if (resident()) {
			uint8_t *b = page_kva(page_at(2));

			CHECK(b[0] == FILL && b[99] == FILL && b[100] == (cut_size == PG(3) ? FILL : 0));
		}
		end();
	}
}

static void write_it(void)
{
	struct vnode_write w;

	CHECK(vnode_write_begin(&s.vn, read_offset, false, &w) == 0);
	CHECK(!w.fresh);
	*(uint8_t *)page_kva(w.page) = 7;
	CHECK(vnode_write_end(&s.vn, &w, 0, 1) == 0);
}

static void write_reader(void *arg __unused, unsigned index) { in_between(index, write_it); }

KTEST(write_while_read, "", "a write to a page that is just being read waits for it, and keeps what was read") {
	begin();
	read_offset = PG(1);
	s.hold = true;
	CHECK(ktest_threads(3, write_reader, NULL));
	CHECK(read_error == 0 && s.vn.object.dirty == 1);
	uint8_t *b = page_kva(page_at(1));
	CHECK(b[0] == 7 && b[1] == FILL);
	end();
}

/* The reader has seen that its page lies within the file, and waits for imap. */
static void cut_before(void *arg __unused, unsigned index)
{
	if (index == 0) {
		until(&s.entered);
		read_it();
		return;
	}
	rwlock_write(&s.vn.imap);
	__atomic_store_n(&s.entered, true, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < 300; i++)
		thread_yield();
	vnode_set_size(&s.vn, 0);
	rwlock_release(&s.vn.imap);
}

KTEST(cut_before_read, "A29", "a file that is cut before a page of it is read: the page is not there") {
	begin();
	read_offset = PG(1);
	CHECK(ktest_threads(2, cut_before, NULL));
	CHECK(read_error == EFAULT && resident() == 0);
	end();
}
