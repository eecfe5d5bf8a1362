/*
 * How many frames may be taken: claims, the reserve, the signs of shortage, and the threads that wait for frames.
 *
 * `available` counts the free frames that nobody has a claim to. It says how many, never which: that is the allocator's
 * (vm/page), which takes a frame only for a claim and ends the claim when it has the frame back.
 *
 * A wait ends when there is enough for this thread and for all that came before it, or when the pagedaemon has given up.
 * Frames that somebody waits for are left alone by who has not waited, or a thread that goes on taking would keep the
 * others waiting for ever.
 *
 * Floor: vm/page_claim, the lowest of vm/.
 */
#include "vm/page_claim.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "kern/spinlock.h"
#include "kern/thread.h"
#include "vm/page.h"

#define PATIENCE 64 /* times that a waiter takes somebody's free frames for a reason to go on waiting */

size_t page_reserve, page_free_low, page_free_target;
void (*page_shortage_hook)(void);

size_t page_available;
size_t page_plenty; /* page_free_low; while anybody waits, more than there can be, and page_claim() asks whose turn it is */
static size_t page_waiters; /* atomic: threads in page_wait_free */
static bool shortage_told;    /* atomic: the hook was called, and no pass has ended since */
static uint64_t passes_done;  /* atomic: of the pagedaemon */
static uint64_t passes_empty; /* atomic: how many of the last ones came to nothing */
static uint64_t frees;        /* atomic: times that frames became available */

/* ---- claims, the reserve, shortage ---------------------------------------- */

size_t page_free_count(void) { return __atomic_load_n(&page_available, __ATOMIC_RELAXED); }

static bool may_use_reserve(unsigned flags)
{
	return flags & PAGE_RESERVE || curthread->mem_reserve;
}

static void tell_shortage(void)
{
	if (page_shortage_hook && !__atomic_exchange_n(&shortage_told, true, __ATOMIC_ACQ_REL))
		page_shortage_hook();
}

/* The reserve stays, but for those whom it is for; so does what threads wait for, but for one that has waited. */
bool page_claim(size_t count, unsigned flags)
{
	struct thread *me = curthread;
	size_t waited_for = me->mem_turn ? 0 : PAGE_WAIT_FRAMES * __atomic_load_n(&page_waiters, __ATOMIC_RELAXED);
	size_t keep = may_use_reserve(flags) ? 0 : page_reserve + waited_for;
	size_t have = __atomic_load_n(&page_available, __ATOMIC_RELAXED);
	bool got;

	do
		got = have >= count && have - count >= keep;
	while (got && !__atomic_compare_exchange_n(&page_available, &have, have - count, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	if (!got)
		me->mem_refused = true;
	else
		me->mem_turn -= MIN(count, me->mem_turn);
	if (!got || have - count < page_free_low)
		tell_shortage();
	return got;
}

void page_unclaim(size_t count)
{
	size_t now = __atomic_add_fetch(&page_available, count, __ATOMIC_SEQ_CST);

	__atomic_add_fetch(&frees, 1, __ATOMIC_RELAXED);
	if (__atomic_load_n(&page_waiters, __ATOMIC_SEQ_CST) && now > page_reserve)
		thread_wakeup(&page_waiters);
}

/* ---- waiting --------------------------------------------------------------- */

/*
 * Who waits may need several frames at once, a page and the tables that lead to it: with fewer it would
 * take one, fail at the next, give the first back and find it free again, for ever.
 */
static bool enough_to_go_on(void)
{
	return page_free_count() >= page_reserve + PAGE_WAIT_FRAMES;
}

void page_gave_up(size_t freed)
{
	__atomic_store_n(&shortage_told, false, __ATOMIC_RELEASE);
	if (freed)
		__atomic_store_n(&passes_empty, 0, __ATOMIC_SEQ_CST);
	else
		__atomic_add_fetch(&passes_empty, 1, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&passes_done, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&page_waiters, __ATOMIC_SEQ_CST)) {
		thread_wakeup(&page_waiters);
		if (!enough_to_go_on())
			tell_shortage();
	}
}

/* A thread in page_wait_free(). Those that came earlier have their turn first. */
struct wait {
	struct list link;  /* queue_lock */
	uint64_t asked;    /* passes_done when it was asked, or when somebody last let frames go */
	uint64_t frees;    /* then */
	unsigned patience; /* such times left */
};

static struct spinlock queue_lock = SPINLOCK_INIT(RANK_PAGE, "page waiters");
static struct list queue = LIST_INIT(queue); /* queue_lock: longest waiting first */

/* Is there enough for this thread and for all that came before it? */
static bool wait_over(const struct wait *w)
{
	size_t need = page_reserve;

	spinlock_acquire(&queue_lock);
	list_for_each(link, &queue) {
		need += PAGE_WAIT_FRAMES;
		if (link == &w->link)
			break;
	}
	spinlock_release(&queue_lock);
	return page_free_count() >= need;
}

static void wait_join(struct wait *w)
{
	spinlock_acquire(&queue_lock);
	list_push_back(&queue, &w->link);
	__atomic_store_n(&page_plenty, SIZE_MAX, __ATOMIC_RELAXED);
	spinlock_release(&queue_lock);
	__atomic_add_fetch(&page_waiters, 1, __ATOMIC_SEQ_CST);
}

static void wait_leave(struct wait *w)
{
	__atomic_sub_fetch(&page_waiters, 1, __ATOMIC_SEQ_CST);
	spinlock_acquire(&queue_lock);
	list_remove(&w->link);
	if (list_empty(&queue))
		__atomic_store_n(&page_plenty, page_free_low, __ATOMIC_RELAXED);
	spinlock_release(&queue_lock);
	thread_wakeup(&page_waiters); /* what was enough for us may be enough for the next */
}

static void wait_ask(struct wait *w)
{
	w->asked = __atomic_load_n(&passes_done, __ATOMIC_SEQ_CST);
	w->frees = __atomic_load_n(&frees, __ATOMIC_RELAXED);
}

/*
 * A pass under way when we asked may have looked before there was anything to find: the one after it tells.
 * While frames come back otherwise, from a process that ends, say, there will be more.
 */
static bool given_up(struct wait *w)
{
	if (w->patience && __atomic_load_n(&frees, __ATOMIC_RELAXED) != w->frees) {
		w->patience--;
		wait_ask(w);
		return false;
	}
	return __atomic_load_n(&passes_done, __ATOMIC_SEQ_CST) - w->asked >= 2 &&
	       __atomic_load_n(&passes_empty, __ATOMIC_SEQ_CST) >= 2;
}

int page_wait_free(const char *why)
{
	struct wait w = { .patience = PATIENCE };
	int error = 0;

	assert_sleepable();
	if (enough_to_go_on() && __atomic_load_n(&page_waiters, __ATOMIC_SEQ_CST) == 0)
		return 0;
	if (curthread->mem_reserve || page_shortage_hook == NULL)
		return ENOMEM; /* who frees memory does not wait for itself */
	wait_ask(&w);
	wait_join(&w);
	while (!wait_over(&w)) {
		if (given_up(&w)) {
			error = ENOMEM;
			break;
		}
		sleep_prepare(&page_waiters, why);
		tell_shortage();
		if (wait_over(&w) || given_up(&w))
			sleep_cancel();
		else
			sleep_commit(0);
	}
	wait_leave(&w);
	if (!error)
		curthread->mem_turn = PAGE_WAIT_FRAMES;
	return error;
}
