/*
 * The frame allocator: a buddy system with a small cache a hart, the states of
 * frames, and the busy protocol.
 *
 * Invariants. A free frame (PO_FREE) is inside exactly one block on a free
 * list or in exactly one cache. A block of order n begins at a multiple of 2^n
 * frames; only its first page knows the order and is on a list. Nobody takes
 * frames without a claim to as many (vm/page_claim); who has one and looks for
 * single frames finds them. Frames move between caches and lists in a hart's hands with
 * interrupts off, for a few instructions; who has a claim and finds none waits for that.
 *
 * Locks: buddy_lock and each cache's lock have one rank and are never held together.
 * Floor: vm/page, above the claims to frames.
 */
#include "vm/page.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "base/string.h"
#include "kern/counters.h"
#include "kern/sleeplock.h"
#include "kern/spinlock.h"
#include "kern/thread.h"
#include "riscv/cpu.h"
#include "san/san.h"
#include "vm/page_claim.h"
#include "vm/pageq.h"

#define CACHE_MAX 64  /* frames in a hart's cache */
#define CACHE_MOVE_ORDER 5
#define CACHE_MOVE (1 << CACHE_MOVE_ORDER) /* moved between a cache and the free lists at once */

struct vm_page *pages;
size_t page_count;
paddr_t page_base;

static struct spinlock buddy_lock = SPINLOCK_INIT(RANK_PAGE, "buddy");
static struct list buddy_free[PAGE_ORDER_MAX + 1]; /* buddy_lock */

static struct page_cache {
	struct spinlock lock;
	struct list list; /* lock */
	size_t count;     /* lock */
} caches[HART_MAX];

static size_t handed_out; /* frames that the allocator was given, boot only */

static inline struct vm_page *take_frame_plenty(void);
static struct vm_page *take_frame(unsigned flags);
static struct vm_page *take_frame_elsewhere(void);
static struct vm_page *cache_refill(struct page_cache *c);
static size_t buddy_take_some(struct list *to);
static void give_frame(struct vm_page *pg);
static struct vm_page *buddy_take(unsigned order);
static void buddy_give(struct vm_page *pg, unsigned order);
static bool buddy_check(size_t *frames);

/* ---- states --------------------------------------------------------------- */

enum page_state page_state(const struct vm_page *pg)
{
	if (pg->owner == PO_FREE)
		return pg->flags == 0 ? PS_FREE : PS_NOWHERE;
	if (pg->hold_count & PAGE_FREED)
		return pg->flags == 0 ? PS_ENDED : PS_NOWHERE;
	if (!page_is_user(pg))
		return pg->flags == 0 ? PS_FIXED : PS_NOWHERE;
	switch (pg->flags & (PG_BUSY | PG_WANTED | PG_RELEASED)) {
	case 0:
		return PS_IDLE;
	case PG_BUSY:
		return PS_BUSY;
	case PG_BUSY | PG_WANTED:
		return PS_WANTED;
	case PG_BUSY | PG_RELEASED:
		return PS_RELEASED;
	case PG_BUSY | PG_RELEASED | PG_WANTED:
		return PS_RELEASED_WANTED;
	case PG_RELEASED:
		return PS_LEAVING;
	default:
		return PS_NOWHERE;
	}
}

#ifdef DEBUG
void page_step(const struct vm_page *pg, enum page_state to)
{
#define IS_LEGAL(a, b) [PS_##a][PS_##b] = true,
	static const bool legal[PS_COUNT][PS_COUNT] = { PAGE_STEPS(IS_LEGAL) };
#undef IS_LEGAL
	enum page_state from = page_state(pg);

	if (!legal[from][to])
		panic("frame %lx: no step leads from state %d to %d", (unsigned long)page_pa(pg), from, to);
}
#endif

/* ---- frames in and out ---------------------------------------------------- */

/* The number that says how many frames an owner has: they are in the order of enum page_owner. Free ones are counted as claims are. */
static inline size_t owner_gauge(enum page_owner owner) { return STAT_pages_free + owner; }
_Static_assert(STAT_pages_free + PO_KERNEL == STAT_pages_kernel && STAT_pages_free + PO_TABLE == STAT_pages_table &&
	       STAT_pages_free + PO_ANON == STAT_pages_anon && STAT_pages_free + PO_OBJECT == STAT_pages_object, "owner_gauge adds");

/* The one place where a frame changes its owner: from free to something, or from something to free. */
static inline void page_own(struct vm_page *pg, enum page_owner before, enum page_owner owner)
{
	DASSERT(pg->owner == before && (before == PO_FREE) != (owner == PO_FREE));
	if (owner == PO_FREE) {
		gauge_add(owner_gauge(before), -1);
		san_poison(page_kva(pg), PAGE_SIZE, SAN_FRAME); /* nobody may use what is free */
	} else {
		gauge_add(owner_gauge(owner), 1);
		san_unpoison(page_kva(pg), PAGE_SIZE);
	}
	__atomic_store_n(&pg->owner, owner, __ATOMIC_RELEASE);
}

/* A free frame gets an owner: all is as page_end() left it. */
static inline void page_begin(struct vm_page *pg, enum page_owner owner)
{
	KASSERT(pg->fields == PAGE_UNUSED && pg->counts == 0 && pg->pv.table == NULL && owner > PO_FREE && owner < PO_COUNT);
	page_step(pg, owner == PO_ANON || owner == PO_OBJECT ? PS_IDLE : PS_FIXED);
	page_own(pg, PO_FREE, owner);
}

/* A frame is free: nothing is left of what its owner noted. */
static inline void page_end(struct vm_page *pg)
{
	page_step(pg, PS_FREE);
	pg->hold_count = 0;
	pg->attrs = 0;
	pg->anon = NULL;
	pg->offset = 0;
	pg->tlb_batch = 0;
	page_written(pg);
	page_own(pg, pg->owner, PO_FREE);
}

static void __attribute__((noinline)) page_zero(struct vm_page *first, size_t count)
{
	memset(page_kva(first), 0, count << PAGE_SHIFT);
	COUNT_N(page_zeroed, count);
}

struct vm_page *(page_alloc)(enum page_owner owner, unsigned flags)
{
	struct vm_page *pg = take_frame_plenty();

	if (__builtin_expect(pg == NULL, 0)) {
		pg = ASIDE1(take_frame, flags);
		if (pg == NULL)
			return NULL;
	}
	page_begin(pg, owner);
	COUNT(page_allocs);
	if (flags & PAGE_ZERO)
		ASIDE2(page_zero, pg, 1);
	return pg;
}

struct vm_page *(page_alloc_block)(unsigned order, unsigned flags)
{
	struct vm_page *first;
	size_t count = 1UL << order;

	if (order > PAGE_ORDER_MAX || !page_claim(count, flags))
		return NULL;
	first = buddy_take(order);
	if (first == NULL) {
		page_drain(); /* frames in the caches may be what keeps a block apart */
		first = buddy_take(order);
	}
	if (first == NULL) {
		page_unclaim(count);
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		page_begin(first + i, PO_KERNEL);
	COUNT_N(page_allocs, count);
	if (flags & PAGE_ZERO)
		page_zero(first, count);
	return first;
}

/* What must hold of a page that its owner lets go. */
static void page_end_check(struct vm_page *pg)
{
	KASSERT(pg->owner != PO_FREE && !(pg->flags & PG_BUSY));
	KASSERT(pg->wire_count == 0 && pg->loan_count == 0);
	KASSERT(pg->pv.table == NULL);
	KASSERT(pg->live == 0);
	if (pg->queue != PQ_NONE)
		pageq_remove(pg);
#ifdef DEBUG
	if (page_batch_of(pg))
		panic("frame %lx freed while a TLB invalidation that names it is pending", (unsigned long)page_pa(pg));
#endif
}

void page_free(struct vm_page *pg)
{
	uint32_t before;

	page_end_check(pg);
	page_step(pg, PS_ENDED);
	pg->flags = 0;
	before = __atomic_fetch_or(&pg->hold_count, PAGE_FREED, __ATOMIC_ACQ_REL);
	KASSERT(!(before & PAGE_FREED));
	if (before == 0) {
		san_freed_by(page_kva(pg), __builtin_return_address(0));
		give_frame(pg);
	}
}

void page_free_block(struct vm_page *first, unsigned order)
{
	size_t count = 1UL << order;

	for (size_t i = 0; i < count; i++) {
		page_end_check(first + i);
		KASSERT(first[i].owner == PO_KERNEL && first[i].hold_count == 0);
		san_freed_by(page_kva(first + i), __builtin_return_address(0));
		page_end(first + i);
	}
	buddy_give(first, order);
	page_unclaim(count);
}

void page_hold(struct vm_page *pg)
{
	uint32_t before = __atomic_fetch_add(&pg->hold_count, 1, __ATOMIC_ACQ_REL);

	KASSERT(!(before & PAGE_FREED) && before < PAGE_FREED - 1);
}

void page_unhold(struct vm_page *pg)
{
	uint32_t after = __atomic_sub_fetch(&pg->hold_count, 1, __ATOMIC_ACQ_REL);

	KASSERT((after & ~PAGE_FREED) < PAGE_FREED - 1);
	if (after == PAGE_FREED) {
		san_freed_by(page_kva(pg), __builtin_return_address(0));
		give_frame(pg); /* its owner let it go meanwhile */
	}
}

/* ---- the harts' caches ------------------------------------------------------ */

/* The frame that was used last comes back first; with the address sanitizer last, so that whoever still uses it is seen. */
static inline void cache_push(struct page_cache *c, struct vm_page *pg)
{
	if (SAN_REDZONE_SIZE)
		list_push_back(&c->list, &pg->link);
	else
		list_push_front(&c->list, &pg->link);
}

/* => there is one */
static inline struct vm_page *cache_pop(struct page_cache *c)
{
	c->count--;
	return list_entry(list_take_front(&c->list), struct vm_page, link);
}

/* This hart's: or, after a switch to another hart, merely another's. */
static inline struct page_cache *cache_here(void) { return caches + mycpu()->index; }

/* Up to max frames of a cache to `to`. */
static void cache_empty(struct page_cache *c, struct list *to, size_t max)
{
	spinlock_acquire(&c->lock);
	for (; max && c->count; max--)
		list_push_back(to, &cache_pop(c)->link);
	spinlock_release(&c->lock);
}

static void buddy_give_list(struct list *frames)
{
	struct list *node;

	while ((node = list_pop_front(frames)) != NULL)
		buddy_give(list_entry(node, struct vm_page, link), 0);
}

void page_drain(void)
{
	struct list frames;

	list_init(&frames);
	irq_push_off();
	for (unsigned i = 0; i < HART_MAX; i++)
		cache_empty(&caches[i], &frames, CACHE_MAX);
	buddy_give_list(&frames);
	irq_pop_off();
}

/* A few frames from the free lists, one of them the answer, the others for this hart's cache. => interrupts off */
static struct vm_page *cache_refill(struct page_cache *c)
{
	struct vm_page *first;
	struct list frames;
	size_t count;

	/* With little left a cache would only hide frames from the other harts. */
	if (page_free_count() <= page_free_low)
		return buddy_take(0);
	list_init(&frames);
	count = buddy_take_some(&frames);
	if (count == 0)
		return NULL;
	first = list_entry(list_take_front(&frames), struct vm_page, link);
	spinlock_acquire(&c->lock);
	list_splice_back(&c->list, &frames);
	c->count += count - 1;
	spinlock_release(&c->lock);
	return first;
}

/* When there are plenty, and some in this hart's cache. NULL: take_frame() looks further. */
static inline struct vm_page *take_frame_plenty(void)
{
	struct page_cache *c = cache_here();
	uint64_t irqs = spinlock_enter(&c->lock);
	struct vm_page *pg = c->count && page_claim_plenty() ? cache_pop(c) : NULL;

	spinlock_leave(&c->lock, irqs);
	return pg;
}

/* With a claim to a frame there is one. NULL: no claim can be had. */
static struct vm_page *take_frame(unsigned flags)
{
	struct page_cache *c = cache_here();
	struct vm_page *pg;

	irq_push_off(); /* an audit stops nobody between a claim and its frame */
	if (!page_claim(1, flags)) {
		irq_pop_off();
		return NULL;
	}
	spinlock_acquire(&c->lock);
	pg = c->count ? cache_pop(c) : NULL;
	spinlock_release(&c->lock);
	if (pg == NULL)
		pg = cache_refill(c);
	irq_pop_off();
	return pg ? pg : take_frame_elsewhere();
}

/* What is left lies in other harts' caches, or is on its way. */
static struct vm_page *take_frame_elsewhere(void)
{
	struct vm_page *pg;

	do {
		page_drain();
		cpu_relax();
		pg = buddy_take(0);
	} while (pg == NULL);
	return pg;
}

static void give_frame(struct vm_page *pg)
{
	struct page_cache *c;
	struct list surplus;

	list_init(&surplus);
	page_end(pg);
	irq_push_off();
	c = &caches[mycpu()->index];
	spinlock_acquire(&c->lock);
	cache_push(c, pg);
	c->count++;
	spinlock_release(&c->lock);
	if (c->count > CACHE_MAX || page_free_count() < page_free_low)
		cache_empty(c, &surplus, CACHE_MOVE);
	buddy_give_list(&surplus);
	irq_pop_off();
	page_unclaim(1);
}

/* ---- the buddy system ------------------------------------------------------- */

static void block_insert(struct vm_page *pg, unsigned order)
{
	pg->order = order;
	list_push_front(&buddy_free[order], &pg->link);
}

static void block_remove(struct vm_page *pg)
{
	pg->order = PAGE_NO_ORDER;
	list_remove(&pg->link);
}

/* The other half of the block that the two would make, if it is free and whole. Frames are numbered from physical address 0. */
static struct vm_page *buddy_of(struct vm_page *pg, unsigned order)
{
	struct vm_page *buddy = page_of(page_pa(pg) ^ (PAGE_SIZE << order));

	return buddy && buddy->order == order ? buddy : NULL;
}

/* The smallest block of that order or more, cut down to an order of at most `most`; *order: what it has. NULL: none. => buddy_lock held */
static struct vm_page *block_take(unsigned least, unsigned most, unsigned *order)
{
	struct vm_page *pg;
	unsigned o = least;

	while (o <= PAGE_ORDER_MAX && list_empty(&buddy_free[o]))
		o++;
	if (o > PAGE_ORDER_MAX)
		return NULL;
	pg = list_entry(list_first(&buddy_free[o]), struct vm_page, link);
	block_remove(pg);
	while (o > most) { /* the lower half stays in hand */
		o--;
		block_insert(pg + (1UL << o), o);
	}
	*order = o;
	return pg;
}

static struct vm_page *buddy_take(unsigned order)
{
	struct vm_page *pg;

	spinlock_acquire(&buddy_lock);
	pg = block_take(order, order, &order);
	spinlock_release(&buddy_lock);
	return pg;
}

/* The frames of one block, at most CACHE_MOVE, as a list. How many. */
static size_t buddy_take_some(struct list *to)
{
	struct vm_page *pg, *last;
	unsigned order = 0;

	spinlock_acquire(&buddy_lock);
	pg = block_take(0, CACHE_MOVE_ORDER, &order);
	spinlock_release(&buddy_lock);
	if (pg == NULL)
		return 0;
	last = pg + (1UL << order) - 1;
	list_join(to, &pg->link);
	for (; pg < last; pg++)
		list_join(&pg[0].link, &pg[1].link);
	list_join(&last->link, to);
	return 1UL << order;
}

static void buddy_give(struct vm_page *pg, unsigned order)
{
	struct vm_page *buddy;

	spinlock_acquire(&buddy_lock);
	KASSERT(pg->order == PAGE_NO_ORDER);
	while (order < PAGE_ORDER_MAX && (buddy = buddy_of(pg, order)) != NULL) {
		block_remove(buddy);
		pg = MIN(pg, buddy);
		order++;
	}
	block_insert(pg, order);
	spinlock_release(&buddy_lock);
}

/* ---- boot --------------------------------------------------------------------- */

paddr_t page_place(paddr_t start, paddr_t end, const struct page_range *reserved, size_t count, size_t size)
{
	paddr_t at = start;

	for (size_t i = 0; i < count; i++)
		if (at < page_round(reserved[i].end) && page_trunc(reserved[i].start) < at + size) {
			at = page_round(reserved[i].end);
			i = (size_t)-1; /* moved: look at all of them again */
		}
	if (at + size > end)
		panic("%lu bytes do not fit into memory", (unsigned long)size);
	return at;
}

static bool in_range(const struct page_range *r, paddr_t pa)
{
	return pa >= page_trunc(r->start) && pa < page_round(r->end);
}

/* Frames in a row, in blocks as large as they begin and as there are. */
static void frames_add(struct vm_page *first, size_t count)
{
	if (count == 0)
		return;
	for (size_t i = 0; i < count; i++) {
		KASSERT(first[i].owner == PO_KERNEL);
		page_own(first + i, PO_KERNEL, PO_FREE);
	}
	handed_out += count;
	GAUGE_ADD(pages_total, (int64_t)count);
	for (size_t i = 0, order; i < count; i += 1UL << order) {
		order = PAGE_ORDER_MAX;
		while (1UL << order > count - i || page_pa(first + i) % (PAGE_SIZE << order))
			order--;
		buddy_give(first + i, (unsigned)order);
	}
	page_unclaim(count);
}

/* Marks by experience: a 128th for the pagedaemon, twice as much as a margin to wake it, as much again to work for. */
static void marks_set(void)
{
	page_reserve = MIN(MAX(handed_out / 128, 8UL), 64UL);
	page_free_low = page_reserve + MAX(handed_out / 64, 16UL);
	page_plenty = page_free_low;
	page_free_target = page_free_low + MAX(handed_out / 64, 16UL);
}

void page_init(paddr_t start, paddr_t end, const struct page_range *reserved, size_t count, uint64_t limit)
{
	struct page_range array;
	size_t run = 0, left = limit ? limit >> PAGE_SHIFT : SIZE_MAX; /* free frames in a row before pages[i]; more to hand out */

	KASSERT(pages == NULL);
	for (unsigned o = 0; o <= PAGE_ORDER_MAX; o++)
		list_init(&buddy_free[o]);
	for (unsigned i = 0; i < HART_MAX; i++) {
		spinlock_init(&caches[i].lock, RANK_PAGE, "page cache");
		list_init(&caches[i].list);
	}
	page_base = page_round(start);
	page_count = (page_trunc(end) - page_base) >> PAGE_SHIFT;
	array.start = page_place(page_base, page_trunc(end), reserved, count, page_count * sizeof(*pages));
	array.end = array.start + page_count * sizeof(*pages);
	pages = phys_to_virt(array.start);
	memset(pages, 0, page_count * sizeof(*pages));
	for (size_t i = 0; i < page_count; i++) {
		pages[i].pa = page_base + (i << PAGE_SHIFT);
		list_init(&pages[i].link);
		pages[i].order = PAGE_NO_ORDER;
		pages[i].owner = PO_KERNEL;
	}
	GAUGE_ADD(pages_kernel, page_count);
	for (size_t i = 0; i <= page_count; i++) {
		bool used = i == page_count || left == 0 || in_range(&array, page_pa(&pages[i]));

		for (size_t r = 0; r < count && !used; r++)
			used = in_range(&reserved[r], page_pa(&pages[i]));
		if (used) {
			frames_add(&pages[i] - run, run);
			run = 0;
		} else {
			run++;
			left--;
		}
	}
	marks_set();
}

void page_add(paddr_t start, paddr_t end)
{
	for (paddr_t pa = page_round(start); pa + PAGE_SIZE <= end; pa += PAGE_SIZE) {
		struct vm_page *pg = page_of(pa);

		KASSERT(pg && pg->owner == PO_KERNEL);
		frames_add(pg, 1);
	}
	marks_set();
}

/* ---- batches of TLB invalidations --------------------------------------------- */

/*
 * Open batches by number, modulo the size of the table: a number that stands in its place is open.
 * There are as many open batches as pmaps with pending work, so in practice no two share a place;
 * who finds its place taken takes the next number.
 */
#define BATCHES 4096
static uint64_t batch_open[BATCHES]; /* atomic */
static uint64_t batch_last;          /* atomic */

uint64_t page_batch_open(void)
{
	uint64_t batch, none;

	do {
		batch = __atomic_add_fetch(&batch_last, 1, __ATOMIC_RELAXED);
		none = 0;
	} while (!__atomic_compare_exchange_n(&batch_open[batch % BATCHES], &none, batch, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	return batch;
}

bool page_batch_name(struct vm_page *pg, uint64_t batch)
{
	uint64_t other = page_batch_of(pg);

	if (other && other != batch)
		return false;
	__atomic_store_n(&pg->tlb_batch, batch, __ATOMIC_RELEASE);
	return true;
}

void page_batch_close(uint64_t batch)
{
	__atomic_compare_exchange_n(&batch_open[batch % BATCHES], &batch, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

uint64_t page_batch_of(const struct vm_page *pg)
{
	uint64_t batch = __atomic_load_n(&pg->tlb_batch, __ATOMIC_ACQUIRE);

	return batch && __atomic_load_n(&batch_open[batch % BATCHES], __ATOMIC_ACQUIRE) == batch ? batch : 0;
}

/* ---- busy pages ---------------------------------------------------------------- */

void page_wait_busy(struct vm_page *pg, struct sleeplock *owner_lock, const char *why)
{
	KASSERT(sleeplock_held(owner_lock));
	KASSERT(pg->flags & PG_BUSY);
	page_step(pg, pg->flags & PG_RELEASED ? PS_RELEASED_WANTED : PS_WANTED);
	pg->flags |= PG_WANTED;
	sleep_prepare(pg, why);
	sleeplock_release(owner_lock);
	sleep_commit(0);
	sched_step();
}

/* ---- the audit's part ------------------------------------------------------------ */

/* A free frame lies in a block or in a cache; blocks and caches hold nothing but free frames. */
bool page_check(void)
{
	size_t listed = 0, cached = 0, owned_free = 0;
	bool ok;

	ok = buddy_check(&listed);
	for (unsigned i = 0; i < HART_MAX; i++) {
		struct page_cache *c = &caches[i];
		size_t n = 0;

		spinlock_acquire(&c->lock);
		list_for_each(node, &c->list) {
			struct vm_page *pg = list_entry(node, struct vm_page, link);

			n++;
			ok = ok && pg->fields == PAGE_UNUSED;
		}
		ok = ok && n == c->count;
		spinlock_release(&c->lock);
		cached += n;
	}
	for (size_t i = 0; i < page_count; i++)
		owned_free += pages[i].owner == PO_FREE;
	if (!ok || listed + cached != owned_free || owned_free != page_free_count()) {
		kprintf("page: %zu frames in blocks, %zu in caches, %zu free by their state, %zu available%s\n", listed, cached,
			owned_free, page_free_count(), ok ? "" : "; a list is broken");
		return false;
	}
	return true;
}

static bool buddy_check(size_t *frames)
{
	bool ok = true;

	spinlock_acquire(&buddy_lock);
	for (unsigned o = 0; o <= PAGE_ORDER_MAX; o++)
		list_for_each(node, &buddy_free[o]) {
			struct vm_page *pg = list_entry(node, struct vm_page, link);

			ok = ok && pg->order == o && page_pa(pg) % (PAGE_SIZE << o) == 0;
			for (size_t i = 0; ok && i < 1UL << o; i++)
				ok = pg[i].owner == PO_FREE && (i == 0 || pg[i].order == PAGE_NO_ORDER);
			ok = ok && (o == PAGE_ORDER_MAX || buddy_of(pg, o) == NULL);
			*frames += 1UL << o;
		}
	spinlock_release(&buddy_lock);
	return ok;
}
