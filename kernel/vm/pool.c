/*
 * Pools and kmalloc: objects of one size from slabs of one frame each.
 *
 * A slab keeps its books in its vm_page, so objects fill the frame: `pool`, the
 * list of free objects `slab_free`, `live` objects that are not on it. Each free
 * object's first word links to the next.
 *
 * Invariants. A slab is on the pool's list that its `live` says: empty (0),
 * partial, or full. Objects in a hart's cache count as live in their slab; the
 * pool's own `live` counts what callers hold. In debug builds a free object holds
 * POISON from its second word on: whoever writes to one is found when it is next handed out, or by the audit.
 *
 * A pool's lock and its caches' locks have one rank and are never held together.
 * Floor: vm/pool, above vm/page.
 */
#include "vm/pool.h"

#include "base/kassert.h"
#include "base/printf.h"
#include "base/string.h"
#include "riscv/cpu.h"
#include "vm/page.h"

#define CACHE_MAX 32 /* objects in a hart's cache */
#define CACHE_MOVE 32 /* moved to it at once, at most */
#define POISON 0xdf /* fills what is free */
#define FRESH 0xa5  /* fills what was handed out and not written yet, so that it does not look free */
#define POISON_WORD 0xdfdfdfdfdfdfdfdfUL
#define OBJECT_MIN 16UL

struct object {
	struct object *next;
};

static struct spinlock all_lock = SPINLOCK_INIT(RANK_POOL, "all pools"); /* never with another lock of its rank */
static struct list all_pools = LIST_INIT(all_pools);                       /* all_lock; pools are never taken off */

static struct object *rest(struct pool *p, struct object *o);
static inline struct object *cache_take(struct pool *p);
static struct object *slab_take_some(struct pool *p);
static inline bool cache_put(struct pool *p, struct object *o);
static struct object *slab_take(struct pool *p, size_t max, struct object **last, size_t *count);
static void slab_put(struct pool *p, struct object *o);
static int slab_new(struct pool *p);
static void poison(struct pool *p, struct object *o);
static bool poisoned(struct pool *p, struct object *o);

void pool_init(struct pool *p, const char *name, size_t size)
{
	KASSERT(size <= 2048);
	*p = (struct pool){ .name = name, .asked = MAX(size, OBJECT_MIN) };
	p->size = ROUND_UP(p->asked, OBJECT_MIN);
	p->stride = p->size + SAN_REDZONE_SIZE;
	ksnprintf(p->site, sizeof(p->site), "pool.%s", name);
	spinlock_init(&p->lock, RANK_POOL, name);
	list_init(&p->partial);
	list_init(&p->full);
	list_init(&p->empty);
	for (unsigned i = 0; i < HART_MAX; i++)
		spinlock_init(&p->cache[i].lock, RANK_POOL, name);
	spinlock_acquire(&all_lock);
	list_push_back(&all_pools, &p->all_link);
	spinlock_release(&all_lock);
	p->ready = true;
}

static inline void *object_alloc(struct pool *p, unsigned flags, size_t size, const void *who)
{
	struct object *o;

	KASSERT(p->ready);
	o = cache_take(p);
	if (__builtin_expect(o == NULL, 0)) {
		o = ASIDE1(slab_take_some, p);
		if (o == NULL)
			return NULL;
	}
	__atomic_add_fetch(&p->live, 1, __ATOMIC_RELAXED);
	DASSERT(poisoned(p, o));
	san_object_begin(o, p->asked, p->stride, who);
	if (flags & POOL_ZERO)
		ASIDE3(memset, o, 0, p->asked);
#ifdef DEBUG
	else
		memset(o, FRESH, p->asked);
#endif
	if (size < p->asked)
		san_object_begin(o, size, p->stride, who);
	return o;
}

void *(pool_alloc)(struct pool *p, unsigned flags) { return object_alloc(p, flags, p->asked, __builtin_return_address(0)); }

static inline void object_free(struct pool *p, void *object, const void *who)
{
	struct object *o = object;
	struct vm_page *slab = page_of(virt_to_phys(object));

	KASSERT(slab && slab->owner == PO_KERNEL && slab->pool == p);
	KASSERT(((vaddr_t)object & PAGE_MASK) % p->stride == 0);
#ifdef DEBUG
	if (poisoned(p, o))
		panic("pool %s: %p freed twice", p->name, object);
#endif
	if (SAN_REDZONE_SIZE)
		irq_push_off(); /* two objects are on their way, none of them counted: no audit is to come in between */
	san_unpoison(o, p->size);
	poison(p, o);
	__atomic_sub_fetch(&p->live, 1, __ATOMIC_RELAXED);
	san_object_end(o, p->stride, who);
	o = rest(p, o);
	if (o && !cache_put(p, o))
		slab_put(p, o);
	if (SAN_REDZONE_SIZE)
		irq_pop_off();
}

void pool_free(struct pool *p, void *object) { object_free(p, object, __builtin_return_address(0)); }

/* ---- with the address sanitizer, freed objects rest first --------------------- */

#ifdef SAN_ADDRESS
/* Takes o in; answers the one that has rested longest, or NULL. */
static struct object *rest(struct pool *p, struct object *o)
{
	unsigned place = __atomic_fetch_add(&p->rests, 1, __ATOMIC_RELAXED) % SAN_RESTING;

	return __atomic_exchange_n(&p->resting[place], o, __ATOMIC_ACQ_REL);
}

static void rest_drain(struct pool *p)
{
	for (unsigned i = 0; i < SAN_RESTING; i++) {
		struct object *o = __atomic_exchange_n(&p->resting[i], NULL, __ATOMIC_ACQ_REL);

		if (o)
			slab_put(p, o);
	}
}

static size_t rest_count(const struct pool *p)
{
	size_t n = 0;

	for (unsigned i = 0; i < SAN_RESTING; i++)
		n += p->resting[i] != NULL;
	return n;
}
#else
static inline struct object *rest(struct pool *p __unused, struct object *o) { return o; }
static inline void rest_drain(struct pool *p __unused) {}
static inline size_t rest_count(const struct pool *p __unused) { return 0; }
#endif

/* ---- the harts' caches ------------------------------------------------------ */

/* This hart's: or, after a switch to another hart, merely another's. */
static inline struct pool_cache *cache_here(struct pool *p) { return p->cache + mycpu()->index; }

/* An object of this hart's cache. NULL: it is empty */
static inline struct object *cache_take(struct pool *p)
{
	struct pool_cache *c = cache_here(p);
	uint64_t irqs = spinlock_enter(&c->lock);
	struct object *o = c->free;

	if (o) {
		c->free = o->next;
		c->count--;
	}
	spinlock_leave(&c->lock, irqs);
	return o;
}

/* An object from the slabs, and some more for the cache. NULL: there is no frame for one more slab. */
static struct object *slab_take_some(struct pool *p)
{
	struct pool_cache *c = cache_here(p);
	struct object *first, *last;
	size_t count;

	irq_push_off(); /* what is in hand is in no list */
	while ((first = slab_take(p, CACHE_MOVE, &last, &count)) == NULL)
		if (slab_new(p) != 0)
			goto out;
	if (first != last) {
		spinlock_acquire(&c->lock);
		last->next = c->free;
		c->free = first->next;
		c->count += count - 1;
		spinlock_release(&c->lock);
	}
out:
	irq_pop_off();
	return first;
}

/* False: the cache is full. */
static inline bool cache_put(struct pool *p, struct object *o)
{
	struct pool_cache *c = cache_here(p);
	uint64_t irqs = spinlock_enter(&c->lock);
	bool room;

	room = c->count < CACHE_MAX;
	if (room) {
		o->next = c->free;
		c->free = o;
		c->count++;
	}
	spinlock_leave(&c->lock, irqs);
	return room;
}

static void cache_drain(struct pool *p, struct pool_cache *c)
{
	struct object *o, *next;

	spinlock_acquire(&c->lock);
	o = c->free;
	c->free = NULL;
	c->count = 0;
	spinlock_release(&c->lock);
	for (; o; o = next) {
		next = o->next;
		slab_put(p, o);
	}
}

/* ---- slabs ------------------------------------------------------------------- */

static size_t slab_objects(const struct pool *p) { return PAGE_SIZE / p->stride; }

/* Puts a slab on the list that it belongs to. => the pool's lock held */
static void slab_file(struct pool *p, struct vm_page *slab)
{
	KASSERT(spinlock_held(&p->lock));
	list_remove(&slab->link);
	list_push_front(slab->live == 0 ? &p->empty : slab->slab_free ? &p->partial : &p->full, &slab->link);
}

/* Up to max objects of one slab, linked: the first is the answer, *last the last, *count how many. NULL: no free object in any. */
static struct object *slab_take(struct pool *p, size_t max, struct object **last, size_t *count)
{
	struct object *first = NULL, *o;
	struct vm_page *slab;
	size_t n;

	spinlock_acquire(&p->lock);
	if (!list_empty(&p->partial) || !list_empty(&p->empty)) {
		slab = list_entry(list_first(list_empty(&p->partial) ? &p->empty : &p->partial), struct vm_page, link);
		n = MIN(max, slab_objects(p) - slab->live);
		o = first = slab->slab_free;
#pragma GCC unroll 4
		for (size_t i = 1; i < n; i++)
			o = o->next;
		slab->slab_free = o->next;
		slab->live += n;
		*last = o;
		*count = n;
		slab_file(p, slab);
	}
	spinlock_release(&p->lock);
	return first;
}

/* An object back to its slab; one empty slab is kept, others are given back. */
static void slab_put(struct pool *p, struct object *o)
{
	struct vm_page *slab = page_of(virt_to_phys(o));
	bool surplus;

	spinlock_acquire(&p->lock);
	o->next = slab->slab_free;
	slab->slab_free = o;
	slab->live--;
	surplus = slab->live == 0 && !list_empty(&p->empty);
	if (surplus) {
		list_remove(&slab->link);
		p->slabs--;
	} else {
		slab_file(p, slab);
	}
	spinlock_release(&p->lock);
	if (surplus)
		page_free(slab);
}

/* One more slab, without holding the pool's lock while asking for the frame. */
static int slab_new(struct pool *p)
{
	struct vm_page *slab = page_alloc(PO_KERNEL, 0);
	size_t stride = p->stride, size = slab_objects(p) * stride;
	struct object *first = NULL;
	char *base;

	if (slab == NULL)
		return -1;
	base = page_kva(slab);
	list_init(&slab->link);
	slab->pool = p;
	for (char *at = base + size; at > base;) {
		struct object *o = (struct object *)(at -= stride);

		poison(p, o);
		san_object_end(o, stride, NULL);
		o->next = first;
		first = o;
	}
	slab->slab_free = first;
	san_poison(base + size, PAGE_SIZE - size, SAN_REDZONE);
	spinlock_acquire(&p->lock);
	p->slabs++;
	slab_file(p, slab);
	spinlock_release(&p->lock);
	return 0;
}

static void slabs_drain(struct pool *p)
{
	struct list empty;
	struct list *node;

	list_init(&empty);
	spinlock_acquire(&p->lock);
	list_splice_back(&empty, &p->empty);
	list_for_each(slab, &empty)
		p->slabs--;
	spinlock_release(&p->lock);
	while ((node = list_pop_front(&empty)) != NULL)
		page_free(list_entry(node, struct vm_page, link));
}

static void pool_drain(struct pool *p, void *arg __unused)
{
	for (unsigned i = 0; i < HART_MAX; i++)
		cache_drain(p, &p->cache[i]);
	rest_drain(p);
	slabs_drain(p);
}

void pool_drain_all(void) { pool_for_each(pool_drain, NULL); }

/* Pools are only ever added, at the end, so the walk needs the lock for each step only. */
void pool_for_each(void (*visit)(struct pool *p, void *arg), void *arg)
{
	struct list *at = &all_pools;

	for (;;) {
		spinlock_acquire(&all_lock);
		at = at->next;
		spinlock_release(&all_lock);
		if (at == &all_pools)
			return;
		visit(list_entry(at, struct pool, all_link), arg);
	}
}

/* ---- poison and the audit ------------------------------------------------------ */

static void poison(struct pool *p __unused, struct object *o __unused)
{
#ifdef DEBUG
	memset(o + 1, POISON, p->size - sizeof(*o));
#endif
}

static bool __unused poisoned(struct pool *p, struct object *o)
{
	const uint64_t *word = (const uint64_t *)o;

	for (size_t i = sizeof(*o) / sizeof(*word); i < p->size / sizeof(*word); i++)
		if (word[i] != POISON_WORD)
			return false;
	return true;
}

bool pool_freed(vaddr_t va) { return va - POISON_WORD < PAGE_SIZE; }

static bool slab_check(struct pool *p, struct vm_page *slab)
{
	vaddr_t base = (vaddr_t)page_kva(slab);
	size_t free = 0;

	if (slab->owner != PO_KERNEL || slab->pool != p)
		return false;
	for (struct object *o = slab->slab_free; o; o = o->next) {
		if ((vaddr_t)o < base || (vaddr_t)o >= base + PAGE_SIZE || ((vaddr_t)o - base) % p->stride)
			return false;
#ifdef DEBUG
		if (!poisoned(p, o))
			return false;
#endif
		if (++free > slab_objects(p))
			return false;
	}
	return free + slab->live == slab_objects(p);
}

bool pool_check(struct pool *p)
{
	struct list *lists[] = { &p->partial, &p->full, &p->empty };
	size_t slabs = 0, in_slabs = 0, cached = 0;
	bool ok = true;

	for (unsigned i = 0; i < HART_MAX; i++)
		cached += p->cache[i].count;
	cached += rest_count(p);
	spinlock_acquire(&p->lock);
	for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
		list_for_each(node, lists[i]) {
			struct vm_page *slab = list_entry(node, struct vm_page, link);

			ok = ok && slab_check(p, slab);
			in_slabs += slab->live;
			slabs++;
		}
	ok = ok && slabs == p->slabs && in_slabs == p->live + cached;
	spinlock_release(&p->lock);
	if (!ok)
		kprintf("pool %s: %zu slabs counted %zu, %zu objects out of them, %zu live and %zu in caches; or a free one was written\n",
			p->name, slabs, p->slabs, in_slabs, p->live, cached);
	return ok;
}

/* ---- kmalloc --------------------------------------------------------------------- */

#define KMALLOC_SHIFT_MIN 4
#define KMALLOC_SHIFT_MAX 11

static struct pool kmalloc_pools[KMALLOC_SHIFT_MAX - KMALLOC_SHIFT_MIN + 1];

static void kmalloc_boot(void)
{
	static const char *const names[] = { "kmalloc-16", "kmalloc-32", "kmalloc-64", "kmalloc-128",
					     "kmalloc-256", "kmalloc-512", "kmalloc-1024", "kmalloc-2048" };

	for (size_t i = 0; i < ARRAY_COUNT(kmalloc_pools); i++)
		pool_init(&kmalloc_pools[i], names[i], (1UL << (KMALLOC_SHIFT_MIN + i)) - SAN_REDZONE_SIZE);
}

/* The pool for a size, or NULL when it takes whole frames. */
static struct pool *kmalloc_pool(size_t size)
{
	for (size_t i = 0; i < ARRAY_COUNT(kmalloc_pools); i++)
		if (size + SAN_REDZONE_SIZE <= 1UL << (KMALLOC_SHIFT_MIN + i))
			return &kmalloc_pools[i];
	return NULL;
}

/* A block of the next power of two, less the frames at its end that are not needed. */
static void *frames_alloc(size_t size, unsigned flags)
{
	size_t count = page_round(size) >> PAGE_SHIFT;
	struct vm_page *first;
	unsigned order = 0;

	while (1UL << order < count)
		if (++order > PAGE_ORDER_MAX)
			return NULL;
	first = page_alloc_block(order, flags & POOL_ZERO ? PAGE_ZERO : 0);
	if (first == NULL)
		return NULL;
	for (size_t i = count; i < 1UL << order; i++)
		page_free(first + i);
	if (size % PAGE_SIZE) {
		san_poison((char *)page_kva(first) + page_trunc(size), PAGE_SIZE, SAN_REDZONE);
		san_unpoison(page_kva(first), size);
	}
	return page_kva(first);
}

/* The caller was asked whether it is to fail; the pool below is not asked again. */
void *(kmalloc)(size_t size, unsigned flags)
{
	struct pool *p = kmalloc_pool(size);

	if (!kmalloc_pools[0].ready)
		kmalloc_boot(); /* the first call comes at boot, while one hart runs */
	return p ? object_alloc(p, flags, size, __builtin_return_address(0)) : frames_alloc(size, flags);
}

void kfree(void *object, size_t size)
{
	struct pool *p = kmalloc_pool(size);
	struct vm_page *first;

	if (object == NULL)
		return;
	if (p) {
		object_free(p, object, __builtin_return_address(0));
		return;
	}
	first = page_of(virt_to_phys(object));
	KASSERT(first && ((vaddr_t)object & PAGE_MASK) == 0);
	for (size_t i = 0; i < page_round(size) >> PAGE_SHIFT; i++)
		page_free(first + i);
}
