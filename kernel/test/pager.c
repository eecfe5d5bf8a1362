/* The vnode pager among threads: what one does while the disk keeps another's write on its way. */
#include "abi/errno.h"
#include "abi/mman.h"
#include "kern/failpoint.h"
#include "kern/thread.h"
#include "test/memdisk.h"
#include "test/test.h"

#define WHOLE 0, UINT64_MAX

struct stage {
	struct vnode *vn;
	bool entered;    /* atomic: the second thread is about to do its part */
	bool let_go;     /* atomic: the write has arrived */
	bool second_saw; /* it had, when the second thread came back */
	int answer;      /* the disk's, to the write that it keeps */
	int first, second;
};

static void until(const bool *what)
{
	while (!__atomic_load_n(what, __ATOMIC_SEQ_CST))
		thread_yield();
}

static void until_held(void)
{
	while (!memdisk_holds())
		thread_yield();
}

/* The third thread: by the time that the write arrives the second one has come as far as it can. */
static void let_arrive(struct stage *s)
{
	until_held();
	until(&s->entered);
	for (unsigned i = 0; i < 300; i++)
		thread_yield();
	__atomic_store_n(&s->let_go, true, __ATOMIC_SEQ_CST);
	memdisk_let_go(s->answer);
}

static void enter(struct stage *s)
{
	until_held();
	__atomic_store_n(&s->entered, true, __ATOMIC_SEQ_CST);
}

static void two_flushes(void *arg, unsigned index)
{
	struct stage *s = arg;

	switch (index) {
	case 0:
		s->first = vnode_flush(s->vn, WHOLE);
		break;
	case 1:
		enter(s);
		s->second = vnode_flush(s->vn, WHOLE);
		s->second_saw = __atomic_load_n(&s->let_go, __ATOMIC_SEQ_CST);
		break;
	default:
		let_arrive(s);
	}
}

KTEST(flush_waits, "C15", "a flush is over when the pages that another thread is writing are on the disk, and writes them itself if that fails") {
	static const int answers[] = { 0, EIO };
	struct filesystem *fs;
	struct inode *ip;

	for (unsigned i = 0; i < 2; i++) {
		struct stage s = { .answer = answers[i] };
		uint64_t writes;

		memdisk_format();
		fs = memdisk_mount();
		ip = memdisk_file(fs, "f");
		CHECK(pattern_write(ip, 0, 3) == 0);
		s.vn = &ip->vnode;
		writes = memdisk.writes;
		memdisk.hold = true;
		CHECK(ktest_threads(3, two_flushes, &s));
		CHECK(s.second_saw);
		CHECK(s.first == answers[i] && s.second == 0);
		CHECK(memdisk.writes == writes + 1 + i && s.vn->object.dirty == 0);
		inode_put(ip);
		fs_release(fs);
	}
	memdisk_clear();
}

static void flush_and_read(void *arg, unsigned index)
{
	struct stage *s = arg;
	struct vm_page *pg;

	switch (index) {
	case 0:
		s->first = vnode_flush(s->vn, WHOLE);
		break;
	case 1:
		enter(s);
		s->second = vnode_page_get(s->vn, 7 * PAGE_SIZE, &pg);
		if (s->second == 0)
			vnode_page_put(s->vn, pg);
		break;
	default:
		let_arrive(s);
	}
}

KTEST(spare, "", "without memory for requests there is one for all: who waits for it has no page busy that its owner may be waiting for") {
	struct filesystem *fs;
	struct stage s = { 0 };
	struct inode *ip;

	memdisk_format();
	fs = memdisk_mount();
	ip = memdisk_file(fs, "f");
	for (uint64_t i = 0; i < 10; i++)
		CHECK(pattern_write(ip, i, i + 1) == 0);
	CHECK(inode_fsync(ip) == 0 && vnode_drop_clean(&ip->vnode) == 10);
	CHECK(pattern_write(ip, 5, 50) == 0 && pattern_write(ip, 9, 90) == 0);
	s.vn = &ip->vnode;
	memdisk.hold = true;                         /* the write of page 5; the flush then comes to 7, and to 9 */
	CHECK(fail_arm("pool.vnode.io", 1, 0) == 0); /* the flush has the spare, */
	CHECK(fail_arm("pool.vnode.io", 2, 0) == 0); /* the reader wants it */
	CHECK(ktest_threads(3, flush_and_read, &s));
	CHECK(s.first == 0 && s.second == 0);
	CHECK(pattern_is(ip, 5, 50) && pattern_is(ip, 7, 8) && pattern_is(ip, 9, 90));
	inode_put(ip);
	fs_release(fs);
	memdisk_clear();
}

KTEST(blocks_come_back, "", "a store into a hole of a full disk: no space, but not when a commit makes blocks free") {
	struct filesystem *fs;
	struct inode *ip, *big;
	struct vm_object *o;
	struct vm_page *pg;
	uint64_t pages;

	memdisk_format();
	fs = memdisk_mount();
	ip = memdisk_file(fs, "hole");
	o = &ip->vnode.object;
	CHECK(inode_truncate(ip, 2 * PAGE_SIZE) == 0);
	big = memdisk_file(fs, "big");
	for (pages = 0; pattern_write(big, pages, pages + 1) == 0; pages++)
		;
	inode_put(big);
	CHECK(fs_sync_one(fs) == 0);
	CHECK(o->ops->get(o, 0, PROT_WRITE, &pg) == ENOSPC);
	CHECK(fs_unlink("big", fs->root, false) == 0 && fs->free_pending > 0);
	CHECK(o->ops->get(o, 0, PROT_WRITE, &pg) == 0);
	if (!ktest_has_failed())
		vnode_page_put(&ip->vnode, pg);
	inode_put(ip);
	fs_release(fs);
	memdisk_clear();
}
