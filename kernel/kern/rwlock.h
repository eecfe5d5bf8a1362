/*
 * Reader-writer locks that sleep. A waiting writer goes before later readers, so a thread
 * never takes a read lock that it already has: debug builds panic when it does.
 * As long as nobody has to wait, taking one and letting it go is one atomic change of `readers`.
 */
#ifndef KERN_RWLOCK_H
#define KERN_RWLOCK_H

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
void rwlock_read(struct rwlock *l);
bool rwlock_try_read(struct rwlock *l);
void rwlock_write(struct rwlock *l);
bool rwlock_try_write(struct rwlock *l);
bool rwlock_try_upgrade(struct rwlock *l); /* read to write at once, or false and still read */
void rwlock_downgrade(struct rwlock *l);   /* write to read */
void rwlock_release(struct rwlock *l);     /* either kind */
/* By the calling thread? For reading: by anybody, but in debug builds. */
#ifdef __riscv
static inline bool rwlock_write_held(const struct rwlock *l) { return l->writer == thread_current(); }
#else
bool rwlock_write_held(const struct rwlock *l);
#endif
#if defined(__riscv) && !defined(DEBUG)
static inline bool rwlock_read_held(const struct rwlock *l) { return l->readers & ~(RWLOCK_WRITER | RWLOCK_WAITED); }
#else
bool rwlock_read_held(const struct rwlock *l);
#endif

#endif
