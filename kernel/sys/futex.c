/*
 * Waiting for a word of user memory, keyed by address space and address.
 *
 * A waiter puts itself on the list of its bucket before it reads the word: who
 * changes the word and then wakes finds it there. The word is read with no lock
 * held, since that may fault. Being taken off the list is the wake-up; the sleep
 * that follows is prepared under the bucket's lock, so it cannot miss that.
 * Floor: sys.
 */
#include "sys/futex.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "kern/thread.h"
#include "riscv/copyuser.h"

#define BUCKETS 64

static struct bucket {
	struct spinlock lock; /* RANK_FUTEX */
	struct list waiters;  /* lock: threads by futex_link, longest waiting first */
} buckets[BUCKETS];

static struct bucket *bucket_of(const struct vmspace *vs, vaddr_t address)
{
	return &buckets[(((uint64_t)vs >> 4) + (address >> 2)) * 0x9e3779b97f4a7c15u >> 58];
}
_Static_assert(BUCKETS == 1 << (64 - 58), "bucket_of takes the top bits");

void futex_boot(void)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		spinlock_init(&buckets[i].lock, RANK_FUTEX, "futex");
		list_init(&buckets[i].waiters);
	}
}

int futex_wait(vaddr_t address, uint32_t value, uint64_t timeout)
{
	struct thread *t = curthread;
	struct bucket *b = bucket_of(t->vmspace, address);
	uint64_t now = clock_ns();
	uint32_t seen;
	bool sleep;
	int error;

	if (address % sizeof(uint32_t)) {
		error = copyin(&seen, address, sizeof(seen));
		return error ? error : EINVAL;
	}
	spinlock_acquire(&b->lock);
	t->futex_space = t->vmspace;
	t->futex_address = address;
	list_push_back(&b->waiters, &t->futex_link);
	spinlock_release(&b->lock);

	error = copyin(&seen, address, sizeof(seen));
	if (error == 0 && seen != value)
		error = EAGAIN;
	if (error == 0) {
		spinlock_acquire(&b->lock);
		sleep = !list_empty(&t->futex_link);
		if (sleep)
			sleep_prepare(&t->futex_link, "wait_on");
		spinlock_release(&b->lock);
		if (sleep && timeout)
			error = sleep_commit_until(timeout < UINT64_MAX - now ? now + timeout : UINT64_MAX, SLEEP_INTR);
		else if (sleep)
			error = sleep_commit(SLEEP_INTR);
	}
	spinlock_acquire(&b->lock);
	if (list_empty(&t->futex_link))
		error = 0; /* woken, whatever came at the same time: the waker has counted us, so its wake-up must not be lost */
	list_remove(&t->futex_link);
	spinlock_release(&b->lock);
	return error;
}

size_t futex_wake(vaddr_t address, uint64_t count)
{
	struct vmspace *vs = curthread->vmspace;
	struct bucket *b = bucket_of(vs, address);
	size_t woken = 0;

	spinlock_acquire(&b->lock);
	list_for_each_safe(link, &b->waiters) {
		struct thread *t = list_entry(link, struct thread, futex_link);
		if (woken == count)
			break;
		if (t->futex_space != vs || t->futex_address != address)
			continue;
		list_remove(link);
		thread_wakeup(&t->futex_link);
		woken++;
	}
	spinlock_release(&b->lock);
	return woken;
}
