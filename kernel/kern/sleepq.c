/*
 * Sleep queues: who waits for which channel, hashed by its address; and the
 * list of sleepers with a deadline.
 *
 * Why no wake-up is lost. A sleeper checks its condition under the lock of the
 * condition, joins the queue (sleep_prepare), and only then lets go. Whoever
 * makes the condition true does so under the same lock, and calls wake-up
 * after: it finds the sleeper on the queue, in one of two states, told apart
 * under the bucket's lock.
 *
 *	state RUNNING or READY: not asleep yet. It is taken off the queue, wchan
 *		becomes NULL, and sleep_commit(), which looks at wchan under
 *		the bucket's lock, does not sleep.
 *	state SLEEPING: commit has been here. It is made ready; that it may still be on
 *		its stack, on its way to the switch, is the scheduler's business.
 *
 * An interruption is like that without a lock of its own: the sender makes
 * thread_interrupted_hook() true, then looks at wchan; the sleeper sets wchan,
 * then asks the hook, with full fences between. At least one sees the other.
 *
 * Invariant: wchan is set exactly while the thread is on the queue of its bucket.
 * Floor: kern, above sched's header.
 */
#include "abi/errno.h"
#include "base/kassert.h"
#include "kern/sched.h"
#include "riscv/csr.h"

#define BUCKETS 128

static struct bucket {
	struct spinlock lock; /* RANK_SLEEPQ */
	struct list threads;  /* lock: longest waiting first */
} buckets[BUCKETS];

static struct spinlock timer_lock = SPINLOCK_INIT(RANK_TIMER, "timer list");
static struct list timers = LIST_INIT(timers); /* timer_lock: by deadline */
static uint64_t first_deadline = UINT64_MAX;   /* timer_lock; read without it as a hint */

bool (*thread_interrupted_hook)(struct thread *t);

static int commit(int flags);
static void wake(struct thread *t, int result);
static void unsleep(struct thread *t, int result, bool only_interruptible);
static void timer_add(struct thread *t, uint64_t deadline);
static void timer_remove(struct thread *t);

static struct bucket *bucket_of(const void *chan)
{
	uint64_t h = (uint64_t)chan * 0x9e3779b97f4a7c15u;

	return &buckets[h >> 57];
}
_Static_assert(BUCKETS == 1 << (64 - 57), "bucket_of takes the top bits");

void sleepq_init(void)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		spinlock_init(&buckets[i].lock, RANK_SLEEPQ, "sleep queue");
		list_init(&buckets[i].threads);
	}
}

void sleep_prepare(const void *chan, const char *why)
{
	struct thread *t = curthread;
	struct bucket *b = bucket_of(chan);

	KASSERT(chan != NULL);
	spinlock_acquire(&b->lock);
	KASSERT(t->wchan == NULL);
	t->wprepared = chan;
	t->wwhy = why;
	t->wintr = false;
	t->wresult = 0;
	__atomic_store_n(&t->wchan, chan, __ATOMIC_RELAXED);
	list_push_back(&b->threads, &t->sleepq_link);
	spinlock_release(&b->lock);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* wchan before the hook in commit */
}

void sleep_cancel(void)
{
	struct thread *t = curthread;
	struct bucket *b = bucket_of(t->wprepared);

	spinlock_acquire(&b->lock);
	if (t->wchan != NULL)
		wake(t, 0);
	spinlock_release(&b->lock);
}

int sleep_commit(int flags)
{
	assert_sleepable();
	return commit(flags);
}

int sleep_commit_until(uint64_t deadline_ns, int flags)
{
	struct thread *t = curthread;
	int error;

	assert_sleepable();
	timer_add(t, deadline_ns);
	error = commit(flags);
	timer_remove(t);
	return error;
}

static int commit(int flags)
{
	struct thread *t = curthread;
	/* Not by wchan: a waker that has just cleared it may still look at our state. The lock says when it is done. */
	struct bucket *b = bucket_of(t->wprepared);

	irq_push_off();
	spinlock_acquire(&b->lock);
	if (t->wchan != NULL && (flags & SLEEP_INTR) && thread_interrupted_hook && thread_interrupted_hook(t))
		wake(t, EINTR);
	if (t->wchan != NULL) {
		t->wintr = flags & SLEEP_INTR;
		t->state = THREAD_SLEEPING;
	}
	spinlock_release(&b->lock);
	/* Woken from here on, it is READY on this hart's queue and the switch may come straight back. */
	if (t->state != THREAD_RUNNING)
		sched_switch();
	irq_pop_off();
	return t->wresult;
}

int thread_sleep(const void *chan, struct spinlock *l, const char *why, int flags)
{
	int error;

	sleep_prepare(chan, why);
	spinlock_release(l);
	error = sleep_commit(flags);
	spinlock_acquire(l);
	return error;
}

int thread_pause(uint64_t ns, int flags)
{
	uint64_t now = clock_ns();
	int error;

	sleep_prepare(&curthread->deadline, "pause");
	error = sleep_commit_until(ns < UINT64_MAX - now ? now + ns : UINT64_MAX, flags);
	return error == ETIMEDOUT ? 0 : error;
}

void thread_wakeup(const void *chan)
{
	struct bucket *b = bucket_of(chan);

	spinlock_acquire(&b->lock);
	list_for_each_safe(link, &b->threads) {
		struct thread *t = list_entry(link, struct thread, sleepq_link);
		if (t->wchan == chan)
			wake(t, 0);
	}
	spinlock_release(&b->lock);
}

void thread_wakeup_one(const void *chan)
{
	struct bucket *b = bucket_of(chan);
	struct thread *t;

	spinlock_acquire(&b->lock);
	t = sleepq_first(chan);
	if (t)
		wake(t, 0);
	spinlock_release(&b->lock);
}

struct thread *sleepq_first(const void *chan)
{
	struct bucket *b = bucket_of(chan);
	struct thread *first = NULL;
	bool held = spinlock_held(&b->lock);

	if (!held)
		spinlock_acquire(&b->lock);
	list_for_each(link, &b->threads) {
		struct thread *t = list_entry(link, struct thread, sleepq_link);
		if (t->wchan == chan) {
			first = t;
			break;
		}
	}
	if (!held)
		spinlock_release(&b->lock);
	return first;
}

void thread_interrupt(struct thread *t)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* what makes the hook true before wchan */
	unsleep(t, EINTR, true);
}

/* Ends t's wait whatever it waits for, if it waits. */
static void unsleep(struct thread *t, int result, bool only_interruptible)
{
	for (;;) {
		const void *chan = __atomic_load_n(&t->wchan, __ATOMIC_RELAXED);
		struct bucket *b;
		bool same;
		if (chan == NULL)
			return;
		b = bucket_of(chan);
		spinlock_acquire(&b->lock);
		same = t->wchan == chan; /* it may have been woken and wait elsewhere by now */
		if (same && (!only_interruptible || t->wintr))
			wake(t, result);
		spinlock_release(&b->lock);
		if (same)
			return;
	}
}

/* => the lock of t's bucket held */
static void wake(struct thread *t, int result)
{
	list_remove(&t->sleepq_link);
	t->wresult = result;
	__atomic_store_n(&t->wchan, NULL, __ATOMIC_RELAXED);
	if (t->state == THREAD_SLEEPING)
		sched_ready(t);
}

uint64_t sleepq_expire(uint64_t now)
{
	uint64_t next = __atomic_load_n(&first_deadline, __ATOMIC_RELAXED);

	if (now < next)
		return next;
	spinlock_acquire(&timer_lock);
	for (;;) {
		struct list *link = list_first(&timers);
		struct thread *t = link ? list_entry(link, struct thread, timer_link) : NULL;
		if (t == NULL || t->deadline > now)
			break;
		/* It cannot go away: before it does it takes itself off this list. */
		list_remove(&t->timer_link);
		unsleep(t, ETIMEDOUT, false);
	}
	next = list_empty(&timers) ? UINT64_MAX : list_entry(timers.next, struct thread, timer_link)->deadline;
	__atomic_store_n(&first_deadline, next, __ATOMIC_RELAXED);
	spinlock_release(&timer_lock);
	return next;
}

static void timer_add(struct thread *t, uint64_t deadline)
{
	struct list *after;

	spinlock_acquire(&timer_lock);
	KASSERT(list_empty(&t->timer_link));
	t->deadline = deadline;
	/* From the end: most deadlines are later than those before. */
	for (after = timers.prev; after != &timers; after = after->prev)
		if (list_entry(after, struct thread, timer_link)->deadline <= deadline)
			break;
	list_insert_after(after, &t->timer_link);
	if (after == &timers)
		__atomic_store_n(&first_deadline, deadline, __ATOMIC_RELAXED);
	sched_timer_before(deadline);
	spinlock_release(&timer_lock);
}

static void timer_remove(struct thread *t)
{
	spinlock_acquire(&timer_lock);
	list_remove(&t->timer_link); /* fine when the timer took it off */
	t->deadline = 0;
	if (list_empty(&timers))
		__atomic_store_n(&first_deadline, UINT64_MAX, __ATOMIC_RELAXED);
	spinlock_release(&timer_lock);
}
