/*
 * Reader-writer locks that sleep. A waiting writer goes before later readers, so a thread
 * never takes a read lock that it already has: debug builds panic when it does.
 * Who lets go is in the lock's guard still when those it admits go on, so what the lock lies in is kept by its user beyond the
 * release: by a reference to the address space or the inode, or by a busy page of it. A sleeplock may go with its next holder.
 * As long as nobody has to wait, taking one and letting it go is one atomic change of `readers`.
 */
#ifndef KERN_RWLOCK_H
#define KERN_RWLOCK_H

#include "base/atomic.h"
#include "kern/spinlock.h"

struct rwlock {
	uint32_t readers;       /* atomic: how many, and two bits: */
#define RWLOCK_WRITER 0x80000000u /* a writer has it */
#define RWLOCK_WAITED 0x40000000u /* somebody waits: changed under the guard only */
	struct thread *writer;  /* the writer: set after its bit, cleared before it */
	struct thread *last;    /* the writer: who wrote before */
	struct spinlock guard;  /* RANK_LOCK */
	uint32_t writers_waiting; /* guard */
	uint32_t readers_waiting; /* guard */
	uint32_t rank;          /* fixed */
	const char *name;       /* fixed */
	const void *where;      /* writer: return address of the acquire */
};

void rwlock_init(struct rwlock *l, enum lock_rank rank, const char *name);
bool rwlock_try_read(struct rwlock *l);
void rwlock_write(struct rwlock *l);
bool rwlock_try_write(struct rwlock *l);
bool rwlock_try_upgrade(struct rwlock *l); /* read to write at once, or false and still read */
void rwlock_downgrade(struct rwlock *l);   /* write to read */
/* By the calling thread? For reading: by anybody, but in debug builds. */
#if defined(__riscv) || defined(KERNEL_LOCKS) /* on a host: tests/interleave */
static inline bool rwlock_write_held(const struct rwlock *l) { return l->writer == thread_current(); }
#else
bool rwlock_write_held(const struct rwlock *l);
#endif
#if defined(__riscv) && !defined(DEBUG)
static inline bool rwlock_read_held(const struct rwlock *l) { return l->readers & ~(RWLOCK_WRITER | RWLOCK_WAITED); }
#else
bool rwlock_read_held(const struct rwlock *l);
#endif

#if defined(__riscv) || defined(KERNEL_LOCKS)

void rwlock_read_wait(struct rwlock *l) __cold;                   /* a writer is there, or somebody waits */
void rwlock_release_waited(struct rwlock *l, bool wrote) __cold;  /* somebody waits */
void rwlock_read_leave_slowly(struct rwlock *l) __cold;           /* the same, or nobody reads */

static inline uint32_t rwlock_readers(const struct rwlock *l) { return __atomic_load_n(&l->readers, __ATOMIC_RELAXED); }

static inline bool rwlock_change(struct rwlock *l, uint32_t from, uint32_t to)
{
	return atomic_change(&l->readers, from, to);
}

/* One more reader, if no writer is there or waits. */
static inline bool rwlock_read_enter(struct rwlock *l)
{
	return atomic_add_below(&l->readers, 1, RWLOCK_WAITED);
}

static inline void rwlock_read_leave(struct rwlock *l)
{
	/* Somebody reads, and nobody writes or waits: then one less is less than WAITED - 1. */
	if (__builtin_expect(!atomic_add_below(&l->readers, -1, RWLOCK_WAITED - 1), 0))
		ASIDE1(rwlock_read_leave_slowly, l);
}

static inline void rwlock_leave(struct rwlock *l)
{
	if (!rwlock_write_held(l)) {
		rwlock_read_leave(l);
		return;
	}
	l->writer = NULL;
	if (__builtin_expect(!rwlock_change(l, RWLOCK_WRITER, 0), 0))
		rwlock_release_waited(l, true);
}

#endif

#if defined(__riscv) && !defined(DEBUG)
static inline void rwlock_read(struct rwlock *l)
{
	if (__builtin_expect(!rwlock_read_enter(l), 0))
		ASIDE1(rwlock_read_wait, l);
}
static inline void rwlock_release(struct rwlock *l) { rwlock_leave(l); }
/* For who knows that he reads. */
static inline void rwlock_read_release(struct rwlock *l) { rwlock_read_leave(l); }
#else
void rwlock_read(struct rwlock *l); /* with the checks of debug builds */
void rwlock_release(struct rwlock *l);
static inline void rwlock_read_release(struct rwlock *l) { rwlock_release(l); }
#endif

#endif
