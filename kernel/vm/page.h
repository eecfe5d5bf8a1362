/*
 * Page frames: one vm_page for each frame of RAM that the kernel manages.
 *
 * A frame has exactly one owner, and goes from one to another only by being free in between. Its states and
 * the steps between them stand in vm/page_state.h, for this code, the audit and a model that is checked.
 *
 * A page that is BUSY belongs to the thread that made it so: nobody else frees
 * it, moves it or believes its contents. Who must wait sets WANTED; who wants
 * to free it meanwhile sets RELEASED, and whoever ends the busy state frees it.
 *
 * Locks: (f) the frame allocator, (o) the owner's lock - the amap lock of its
 * anon or the lock of its object; a KERNEL or TABLE page has none - (q) the page
 * queues, (v) the page's PTE list, (a) atomic.
 */
#ifndef VM_PAGE_H
#define VM_PAGE_H

#include "base/kassert.h"
#include "base/list.h"
#include "base/param.h"
#include "base/types.h"
#include "kern/failpoint.h"
#include "kern/thread.h"
#include "riscv/layout.h"
#include "vm/page_state.h"

struct vm_anon;
struct vm_object;
struct sleeplock;

enum page_owner { PO_FREE, PO_KERNEL, PO_TABLE, PO_ANON, PO_OBJECT, PO_COUNT };

/* Flags (o). */
#define PG_BUSY 0x01
#define PG_WANTED 0x02
#define PG_RELEASED 0x04
#define PG_DIRTY 0x08     /* an object page that differs from the disk, known without asking the pmap */
#define PG_RDONLY 0x10    /* the pager wants to hear of the first write: entered read-only until then */

/* Attributes that the pmap keeps (v). */
#define PGA_REFERENCED 1
#define PGA_MODIFIED 2

/* PS_NOWHERE: a frame's fields contradict each other. */
#define PAGE_STATE_NAME(state) PS_##state,
enum page_state { PS_NOWHERE, PAGE_STATES(PAGE_STATE_NAME) PS_COUNT };
#undef PAGE_STATE_NAME

enum page_queue { PQ_NONE, PQ_ACTIVE, PQ_INACTIVE };

/* One mapping of a page: PTE number `index` of the page-table page `table`. */
struct pv {
	struct vm_page *table; /* NULL in the inline record: the page is not mapped at all */
	uint16_t index;
	struct pv *next;
};

struct vm_page {
	paddr_t pa;              /* fixed: of the frame */
	struct list link;        /* f: free list; q: page queue; TABLE: the pmap's list; slab: the pool's list */
	union {
		struct {
			uint8_t owner;       /* f: enum page_owner */
			uint8_t order;       /* f: of a block on a free list, at its first page; else PAGE_NO_ORDER */
			uint8_t queue;       /* q: enum page_queue */
			uint8_t attrs;       /* v: PGA_* gathered from PTEs that are gone */
			uint16_t flags;      /* o */
			uint16_t wire_count; /* q and o */
		};
		uint64_t fields;         /* these six: PAGE_UNUSED in a free frame that begins no block */
	};
	union {
		struct {
			uint32_t hold_count; /* a: pmap_extract_and_hold; PAGE_FREED: page_free waits for it to come to 0 */
			uint16_t loan_count; /* o */
		};
		uint64_t counts;         /* both: 0 in a free frame */
	};
	union {
		struct vm_anon *anon;     /* o */
		struct vm_object *object; /* o */
		struct pmap *pmap;        /* TABLE, under its lock: the pmap that it belongs to */
		struct pool *pool;        /* KERNEL, a slab: the pool's */
	};
	union {
		voff_t offset;            /* o: in the object, page aligned; TABLE: the address that its first PTE maps */
		void *slab_free;          /* slab, the pool's lock: its free objects */
	};
	struct pv pv;            /* v: the first mapping, inline; for a TABLE page: unused */
	uint32_t live;           /* TABLE: PTEs in use; slab: objects that are not on slab_free; else 0 */
	uint32_t exec_gen;       /* a: the fence of instruction caches that made it executable; 0: written since */
	uint64_t tlb_batch;      /* a: the last batch of invalidations that names the frame, or 0 */
};

#define PAGE_NO_ORDER 0xff
#define PAGE_UNUSED ((uint64_t)PAGE_NO_ORDER << 8 | PO_FREE)
#define PAGE_ORDER_MAX 10 /* the largest block: 4 MiB */

extern struct vm_page *pages;   /* all managed frames, in order of address */
extern size_t page_count;
extern paddr_t page_base;       /* of pages[0] */

/* An anon's or an object's: what user programs map, what is queued and made busy. */
static inline bool page_is_user(const struct vm_page *pg) { return pg->owner >= PO_ANON; }
_Static_assert(PO_ANON + 1 == PO_OBJECT && PO_OBJECT + 1 == PO_COUNT, "page_is_user looks at one bound");
static inline paddr_t page_pa(const struct vm_page *pg) { return pg->pa; }
static inline void *page_kva(const struct vm_page *pg) { return phys_to_virt(page_pa(pg)); }
/* NULL when pa is no managed frame. */
static inline struct vm_page *page_of(paddr_t pa)
{
	size_t i = (pa - page_base) >> PAGE_SHIFT;
	return pa >= page_base && i < page_count ? &pages[i] : NULL;
}

/*
 * Boot: hands the physical range [start, end) to the allocator; the array of
 * vm_page is carved from it. At most one call; `reserved` lists ranges inside
 * that are in use (kernel, initrd, device tree). limit: bytes to hand out (mem=N), or 0.
 */
struct page_range { paddr_t start, end; };
void page_init(paddr_t start, paddr_t end, const struct page_range *reserved, size_t count, uint64_t limit);
/* The lowest place for `size` bytes between start and end, beside all reserved ranges. */
paddr_t page_place(paddr_t start, paddr_t end, const struct page_range *reserved, size_t count, size_t size);
/* Gives boot-time memory back ([start, end) was reserved). */
void page_add(paddr_t start, paddr_t end);

#define PAGE_ZERO 1u     /* cleared */
#define PAGE_RESERVE 2u  /* may use the reserve (the pagedaemon and what it calls) */

/*
 * One frame for `owner`, wire_count 0, not busy, on no queue; the caller sets
 * anon or object. Never sleeps. NULL: none left (fail site page.alloc); the
 * pagedaemon has been woken. Below the reserve only PAGE_RESERVE or a
 * mem_reserve thread gets one.
 */
struct vm_page *page_alloc(enum page_owner owner, unsigned flags);
#define page_alloc(owner, flags) (FAIL("page.alloc") ? NULL : page_alloc(owner, flags))
/* 2^order frames in a row, aligned to their size, PO_KERNEL each. (fail site page.block) */
struct vm_page *page_alloc_block(unsigned order, unsigned flags);
#define page_alloc_block(order, flags) (FAIL("page.block") ? NULL : page_alloc_block(order, flags))
void page_free_block(struct vm_page *first, unsigned order);
/*
 * => no mapping left and no invalidation pending, no wire, no loan; off the queues or taken
 * off here; not busy. A held page is freed by the last page_unhold.
 */
void page_free(struct vm_page *pg);

/* A hold keeps the frame from being used again; it says nothing about its owner. */
#define PAGE_FREED 0x80000000u
void page_hold(struct vm_page *pg);
void page_unhold(struct vm_page *pg);

size_t page_free_count(void);

/*
 * Shortage. page_alloc calls the hook (any lock of lower rank than SLEEPQ may be held) when fewer
 * than page_free_low frames are left, at most once until the next page_gave_up(). After each pass the
 * pagedaemon calls page_gave_up(freed): how many frames the pass gave back, began to write, or will come back for.
 * A thread in page_wait_free() gives up after two passes in a row that came to nothing, the second
 * of which began after it asked, and in whose time nobody else let a frame go; page_gave_up() calls the hook again while somebody waits.
 */
extern void (*page_shortage_hook)(void);
void page_gave_up(size_t freed);
/* Sleeps until page_alloc can succeed, or the pagedaemon gave up: ENOMEM, as always for a thread that may use the reserve. No lock held. */
#define PAGE_WAIT_FRAMES 4 /* frames over the reserve that end a wait */
int page_wait_free(const char *why);

extern size_t page_reserve;    /* frames kept for the pagedaemon */
extern size_t page_free_low;   /* the pagedaemon is woken below this */
extern size_t page_free_target;/* and works until this many are free */

/* The page's bytes are being changed: instruction caches may be stale when it is executable next. */
static inline void page_written(struct vm_page *pg) { *(volatile uint32_t *)&pg->exec_gen = 0; }

/*
 * Batches of invalidations that a pmap has yet to make: between open and close no frame that a
 * batch names may be freed (a panic in debug builds; no run under QEMU would show it).
 */
uint64_t page_batch_open(void);
/* False: another open batch names the frame already. => no two calls for one frame at once */
bool page_batch_name(struct vm_page *pg, uint64_t batch);
void page_batch_close(uint64_t batch);
/* The open batch that names the frame, or 0. */
uint64_t page_batch_of(const struct vm_page *pg);

/* => the owner's lock, or nobody changes it. */
enum page_state page_state(const struct vm_page *pg);

/* For the audit: the free lists, the counts and the states of all frames agree. Prints what is wrong. */
bool page_check(void);
/* Frames in the caches go back to the free lists, where they coalesce. */
void page_drain(void);

/* Debug builds: pg is about to make a step; is there such a one in the table? */
#ifdef DEBUG
void page_step(const struct vm_page *pg, enum page_state to);
#else
static inline void page_step(const struct vm_page *pg __unused, enum page_state to __unused) {}
#endif

/* Busy pages. owner_lock is the page's owner's lock, held on entry of each. */

/* => not busy before */
static inline void page_busy(struct vm_page *pg)
{
	KASSERT(page_is_user(pg) && !(pg->flags & PG_BUSY));
	page_step(pg, PS_BUSY);
	pg->flags |= PG_BUSY;
	sched_step();
}

/* Ends the busy state and wakes who waits. The caller frees a RELEASED page, before it lets the owner's lock go. */
static inline void page_unbusy(struct vm_page *pg)
{
	KASSERT(pg->flags & PG_BUSY);
	page_step(pg, pg->flags & PG_RELEASED ? PS_LEAVING : PS_IDLE);
	if (pg->flags & PG_WANTED)
		thread_wakeup(pg);
	pg->flags &= ~(PG_BUSY | PG_WANTED);
	sched_step();
}

/* Sets WANTED, lets owner_lock go and sleeps until the busy state ends. => owner_lock NOT held on return; recheck everything. */
void page_wait_busy(struct vm_page *pg, struct sleeplock *owner_lock, const char *why);

#endif
