/*
 * The list of sleeping locks and read locks that a thread holds (debug builds).
 * Only the thread itself reads or changes it. Floor: kern, above thread.
 */
#include "kern/held.h"

#ifdef DEBUG
void held_check(uint32_t rank, const void *lock, const void *where)
{
	const struct thread *t = curthread;

	if (rank >= RANK_MAX)
		panic("%s wants a lock that is none: its memory was freed, or it was never made", t->name);
	for (uint32_t i = 0; i < t->lock_count; i++) {
		const struct held_lock *h = &t->held[i];
		if (h->lock == lock)
			panic("lock %s taken twice by %s", lock_rank_name(rank), t->name);
		if (!lock_order_ok(rank, lock, h->rank, h->lock))
			lock_order_panic(rank, where, h->rank, h->where);
	}
}

void held_add(uint32_t rank, const void *lock, const void *where)
{
	struct thread *t = curthread;

	if (t->lock_count == ARRAY_COUNT(t->held))
		panic("thread %s holds more than %u locks", t->name, t->lock_count);
	t->held[t->lock_count++] = (struct held_lock){ .lock = lock, .where = where, .rank = rank };
}

void held_remove(const void *lock)
{
	struct thread *t = curthread;
	uint32_t i = t->lock_count;

	while (i > 0 && t->held[i - 1].lock != lock)
		i--;
	if (i == 0)
		panic("thread %s lets go of a lock that it does not hold", t->name);
	t->lock_count--;
	for (i--; i < t->lock_count; i++)
		t->held[i] = t->held[i + 1];
}

bool held_has(const void *lock)
{
	const struct thread *t = curthread;

	for (uint32_t i = 0; i < t->lock_count; i++)
		if (t->held[i].lock == lock)
			return true;
	return false;
}
#endif
