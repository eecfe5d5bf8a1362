/*
 * Pools: memory for objects of one size, from whole frames, with a cache a hart.
 *
 * Debug builds poison freed objects, check the poison when they are handed
 * out again, and find what is freed twice. pool_alloc never sleeps; NULL when there is no frame (fail site pool,
 * armed by "pool." and the pool's name). Objects are not cleared unless POOL_ZERO.
 */
#ifndef VM_POOL_H
#define VM_POOL_H

#include "base/list.h"
#include "base/param.h"
#include "base/types.h"
#include "kern/failpoint.h"
#include "kern/spinlock.h"
#include "san/san.h"

struct pool {
	const char *name;
	size_t asked;         /* of an object, bytes, at most 2048 */
	size_t size;          /* that, rounded up */
	size_t stride;        /* from one object to the next: size, and with the address sanitizer a redzone */
	struct spinlock lock; /* RANK_POOL */
	struct list partial;  /* lock: slabs with free objects */
	struct list full;     /* lock */
	char site[32];        /* "pool." and the name: what arms a failure */
	struct list empty;    /* lock: slabs with nothing but free objects, at most one but while draining */
	size_t live;          /* atomic: objects handed out */
	size_t slabs;         /* lock */
	struct list all_link; /* of all pools, for vmstat -m and the audit */
	struct pool_cache {
		struct spinlock lock; /* RANK_POOL, never together with the pool's; its hart's but while draining */
		void *free;
		size_t count;
	} __attribute__((aligned(64))) cache[HART_MAX];
#ifdef SAN_ADDRESS
	void *resting[SAN_RESTING]; /* a: objects that were freed last: whoever still uses one is seen */
	unsigned rests;             /* a: that began so far */
#endif
	bool ready;
};

#define POOL_ZERO 1u

void pool_init(struct pool *p, const char *name, size_t size);
void *pool_alloc(struct pool *p, unsigned flags);
#define pool_alloc(p, flags) (FAIL_AS("pool", (p)->site) ? NULL : pool_alloc(p, flags))
void pool_free(struct pool *p, void *object);
void pool_drain_all(void);      /* caches emptied, empty slabs back to the frame allocator */
void pool_for_each(void (*visit)(struct pool *p, void *arg), void *arg);
bool pool_check(struct pool *p); /* for the audit: lists, counts and poison agree */
bool pool_freed(vaddr_t va);     /* is it what a pointer leads to that was read from a freed object? Debug builds only can tell */

/* Any size: pools of powers of two up to 2048 bytes, whole frames beyond. NULL: none. Sleeps never. (fail site kmalloc) */
void *kmalloc(size_t size, unsigned flags);
#define kmalloc(size, flags) (FAIL("kmalloc") ? NULL : kmalloc(size, flags))
void kfree(void *p, size_t size); /* the size that was asked for; NULL is allowed */

#endif
