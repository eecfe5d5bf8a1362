/*
 * Threads, and the locks between them.
 *
 * A thread's mapping, from below: a guard page without rights, the stack, and
 * on top its control block, which tp points to while it runs. Who joins it
 * gives the mapping back.
 */
#include <errno.h>
#include <pagoda.h>
#include <sys/mman.h>

#include "internal.h"

#define STACK_SIZE (16 * PAGE_SIZE)

int _thread_create(void (*fn)(void *), void *arg, void *stack_top);
void _thread_exit(uint64_t value) __attribute__((noreturn));
int _thread_join(int tid, uint64_t *value);
void __thread_entry(void *control); /* entry.S: sets gp and tp, then calls __thread_main */

__attribute__((noreturn, used)) void __thread_main(struct thread *self)
{
	thread_finish(self->fn(self->arg));
}

int thread_start(thread_t *out, void *(*fn)(void *), void *arg)
{
	size_t size = PAGE_SIZE + STACK_SIZE;
	char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
	struct thread *t;
	int tid, error;

	if (stack == MAP_FAILED)
		return errno;
	if (mprotect(stack, PAGE_SIZE, PROT_NONE) < 0)
		goto fail;
	t = (struct thread *)(stack + size - ((sizeof *t + 15) & ~15UL));
	t->fn = fn;
	t->arg = arg;
	t->stack = stack;
	t->stack_size = size;
	tid = _thread_create(__thread_entry, t, t);
	if (tid < 0)
		goto fail;
	t->tid = tid;
	*out = t;
	return 0;
fail:
	error = errno;
	munmap(stack, size);
	return error;
}

void thread_finish(void *value) { _thread_exit((uintptr_t)value); }

int thread_wait(thread_t t, void **value)
{
	uint64_t result;

	while (_thread_join(t->tid, &result) < 0)
		if (errno != EINTR)
			return errno;
	if (value)
		*value = (void *)result;
	munmap(t->stack, t->stack_size);
	return 0;
}

bool mutex_trylock(struct mutex *m)
{
	uint32_t free_state = 0;

	return __atomic_compare_exchange_n(&m->state, &free_state, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* Who had to sleep takes the lock in state 2: others may sleep still, so its unlock must wake one. */
void mutex_lock(struct mutex *m)
{
	if (mutex_trylock(m))
		return;
	while (__atomic_exchange_n(&m->state, 2, __ATOMIC_ACQUIRE) != 0)
		wait_on(&m->state, 2, 0);
}

void mutex_unlock(struct mutex *m)
{
	if (__atomic_exchange_n(&m->state, 0, __ATOMIC_RELEASE) == 2)
		wake(&m->state, 1);
}

/* A signal between the unlock and the sleep changes the sequence, so the sleep does not begin. */
void cond_wait(struct cond *c, struct mutex *m)
{
	uint32_t seen = __atomic_load_n(&c->sequence, __ATOMIC_RELAXED);

	mutex_unlock(m);
	wait_on(&c->sequence, seen, 0);
	mutex_lock(m);
}

void cond_signal(struct cond *c)
{
	__atomic_add_fetch(&c->sequence, 1, __ATOMIC_RELEASE);
	wake(&c->sequence, 1);
}

void cond_broadcast(struct cond *c)
{
	__atomic_add_fetch(&c->sequence, 1, __ATOMIC_RELEASE);
	wake(&c->sequence, INT32_MAX);
}
