/*
 * Reader-writer locks.
 *
 * A reader waits while a writer holds the lock or waits for it. When a writer
 * leaves, all readers that wait go in together; when the last reader leaves,
 * the writer that has waited longest does. So neither side starves the other.
 *
 * Locks are handed over: whoever lets go accounts for those it wakes, and they
 * return without looking again.
 *
 * Invariant, under guard: not both a writer and readers; nobody waits for a free lock; RWLOCK_WAITED is set exactly
 * while somebody waits. Without the guard `readers` is changed only while that bit is not set.
 * Floor: kern, above sched and sleepq.
 */
#include "kern/rwlock.h"

#include "base/kassert.h"
#include "kern/counters.h"
#include "kern/held.h"
#include "kern/sched.h"

/* Readers and writers sleep on channels of their own. */
#define READERS(l) ((const void *)&(l)->readers)
#define WRITERS(l) ((const void *)&(l)->writer)

static void writer_set(struct rwlock *l, struct thread *t);
static void check(struct rwlock *l, const void *where);
static void write_wait(struct rwlock *l) __cold;
static void admit(struct rwlock *l, bool readers_first);

void rwlock_init(struct rwlock *l, enum lock_rank rank, const char *name)
{
	*l = (struct rwlock){ .rank = rank, .name = name };
	spinlock_init(&l->guard, RANK_LOCK, name);
}

static bool write_enter(struct rwlock *l)
{
	bool free = rwlock_change(l, 0, RWLOCK_WRITER);

	if (free)
		writer_set(l, curthread);
	return free;
}

bool rwlock_try_read(struct rwlock *l)
{
	bool entered = rwlock_read_enter(l);

	if (entered)
		held_add(l->rank, l, __builtin_return_address(0));
	return entered;
}

void rwlock_write(struct rwlock *l)
{
	const void *where = __builtin_return_address(0);

	check(l, where);
	if (!write_enter(l))
		write_wait(l);
	KASSERT(l->writer == curthread);
	l->where = where;
	held_add(l->rank, l, where);
}

bool rwlock_try_write(struct rwlock *l)
{
	bool free = write_enter(l);

	if (free) {
		l->where = __builtin_return_address(0);
		held_add(l->rank, l, l->where);
	}
	return free;
}

bool rwlock_try_upgrade(struct rwlock *l)
{
	bool alone = rwlock_change(l, 1, RWLOCK_WRITER);

	if (!alone) {
		spinlock_acquire(&l->guard);
		KASSERT((rwlock_readers(l) & ~RWLOCK_WAITED) > 0 && l->writer == NULL);
		alone = rwlock_change(l, RWLOCK_WAITED | 1, RWLOCK_WAITED | RWLOCK_WRITER);
		spinlock_release(&l->guard);
	}
	if (alone) {
		writer_set(l, curthread);
		l->where = __builtin_return_address(0);
	}
	return alone;
}

void rwlock_downgrade(struct rwlock *l)
{
	KASSERT(rwlock_write_held(l));
	l->writer = NULL;
	if (rwlock_change(l, RWLOCK_WRITER, 1))
		return;
	spinlock_acquire(&l->guard);
	__atomic_store_n(&l->readers, RWLOCK_WAITED | 1, __ATOMIC_RELEASE);
	if (l->writers_waiting == 0)
		admit(l, true);
	spinlock_release(&l->guard);
}

#ifdef DEBUG
void rwlock_read(struct rwlock *l)
{
	const void *where = __builtin_return_address(0);

	check(l, where);
	if (!rwlock_read_enter(l))
		rwlock_read_wait(l);
	held_add(l->rank, l, where);
}

void rwlock_release(struct rwlock *l)
{
	held_remove(l);
	rwlock_leave(l);
}

bool rwlock_read_held(const struct rwlock *l)
{
	return l->writer != curthread && held_has(l);
}
#endif

void rwlock_read_leave_slowly(struct rwlock *l)
{
	uint32_t n;

	do {
		n = rwlock_readers(l);
		if (n & RWLOCK_WRITER || (n & ~RWLOCK_WAITED) == 0)
			panic("rwlock %s released by %s, who does not hold it", l->name, curthread->name);
		if (n & RWLOCK_WAITED) {
			rwlock_release_waited(l, false);
			return;
		}
	} while (!rwlock_change(l, n, n - 1));
}

/* Checks of debug builds; a release build asks when it does come to sleep. */
static void check(struct rwlock *l __unused, const void *where __unused)
{
#ifdef DEBUG
	assert_sleepable();
	KASSERT(l->writer != curthread);
	held_check(l->rank, l, where);
#endif
}

/* ---- somebody waits ----------------------------------------------------------- */

/*
 * Enters after all, or sees to it that whoever lets go asks for the guard, and is false: this thread has to wait. `blocking`:
 * what of `readers` is in the way. That somebody waits already is in everybody's way. => guard held
 */
static bool enter_or_mark(struct rwlock *l, uint32_t blocking, bool (*enter)(struct rwlock *l))
{
	uint32_t n;

	while (!((n = rwlock_readers(l)) & RWLOCK_WAITED)) {
		if (!(n & blocking)) {
			if (enter(l))
				return true;
		} else if (rwlock_change(l, n, n | RWLOCK_WAITED))
			break;
	}
	return false;
}

void rwlock_read_wait(struct rwlock *l)
{
	bool entered;

	assert_sleepable();
	spinlock_acquire(&l->guard);
	entered = enter_or_mark(l, RWLOCK_WRITER, rwlock_read_enter);
	if (!entered) {
		COUNT_WAIT(l->rank);
		l->readers_waiting++;
		sleep_prepare(READERS(l), l->name);
	}
	spinlock_release(&l->guard);
	if (!entered)
		sleep_commit(0);
}

static void write_wait(struct rwlock *l)
{
	bool entered;

	assert_sleepable();
	spinlock_acquire(&l->guard);
	entered = enter_or_mark(l, ~RWLOCK_WAITED, write_enter);
	if (!entered) {
		COUNT_WAIT(l->rank);
		l->writers_waiting++;
		sleep_prepare(WRITERS(l), l->name);
	}
	spinlock_release(&l->guard);
	if (!entered)
		sleep_commit(0);
}

void rwlock_release_waited(struct rwlock *l, bool wrote)
{
	uint32_t n;

	spinlock_acquire(&l->guard);
	do
		n = rwlock_readers(l);
	while (!rwlock_change(l, n, wrote ? n & RWLOCK_WAITED : n - 1));
	if (n & RWLOCK_WAITED)
		admit(l, wrote);
	spinlock_release(&l->guard);
}

/* Lets in whoever may hold the lock next to those who hold it now. => guard held, RWLOCK_WAITED set, no writer */
static void admit(struct rwlock *l, bool readers_first)
{
	KASSERT(spinlock_held(&l->guard) && l->writer == NULL);
	if (l->readers_waiting > 0 && (readers_first || l->writers_waiting == 0)) {
		__atomic_add_fetch(&l->readers, l->readers_waiting, __ATOMIC_ACQ_REL);
		l->readers_waiting = 0;
		thread_wakeup(READERS(l));
	} else if (rwlock_readers(l) == RWLOCK_WAITED && l->writers_waiting > 0) {
		l->writers_waiting--;
		__atomic_or_fetch(&l->readers, RWLOCK_WRITER, __ATOMIC_ACQ_REL);
		writer_set(l, sleepq_first(WRITERS(l)));
		thread_wakeup_one(WRITERS(l));
	}
	if (l->readers_waiting == 0 && l->writers_waiting == 0)
		__atomic_and_fetch(&l->readers, ~RWLOCK_WAITED, __ATOMIC_RELEASE);
}

static void writer_set(struct rwlock *l, struct thread *t)
{
	KASSERT(t != NULL);
	l->writer = t;
	if (l->last != t) {
		if (l->last)
			COUNT(lock_handoffs);
		l->last = t;
	}
}
