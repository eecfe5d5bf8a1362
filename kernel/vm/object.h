/*
 * Memory objects: the lower layer of a map entry, pages by offset and a pager.
 *
 * Locks: (l) the object's lock, (a) atomic, (c) fixed.
 */
#ifndef VM_OBJECT_H
#define VM_OBJECT_H

#include "kern/sleeplock.h"
#include "vm/page.h"
#include "vm/radix.h"

struct vm_object;
struct fault;

/*
 * A pager: how an object gets and puts its pages.
 *
 * reference: one more user. No lock held, or only VM locks above the object's.
 * detach: one less; the last may sleep, start a transaction and free the object. No lock held.
 * get: the page at offset (page aligned), read in if need be, valid and busy; it is
 *	in the object. No VM lock held; sleeps. access: PROT_WRITE when it will be
 *	written (the pager gives it a block, clears PG_RDONLY and marks it dirty).
 *	0; EFAULT: beyond the end; EIO; ENOSPC; ENOMEM: no frame; EAGAIN: pause and start over.
 * put: writes the dirty pages of [start, end) and waits for them; free: frees them
 *	after. No lock held. The pager clusters as it likes.
 * fault: set if the pager resolves faults itself (devices).
 */
struct pgops {
	const char *name;
	void (*reference)(struct vm_object *o);
	void (*detach)(struct vm_object *o);
	int (*get)(struct vm_object *o, voff_t offset, unsigned access, struct vm_page **out);
	int (*put)(struct vm_object *o, voff_t start, voff_t end, bool free);
	int (*fault)(struct fault *f);
};

struct vm_object {
	struct sleeplock lock;      /* RANK_OBJECT */
	const struct pgops *ops;    /* c */
	struct radix pages;         /* l: offset / PAGE_SIZE -> vm_page */
	size_t npages;              /* l */
	size_t dirty;               /* l: pages with PG_DIRTY, and those on their way to the disk */
	uint32_t refs;              /* a: by the pager's reference and detach */
	bool dead;                  /* l: being freed; nobody finds it */
	struct list all_link;       /* of all objects, for the audit */
};

void object_init(struct vm_object *o, const struct pgops *ops);
void object_destroy(struct vm_object *o); /* => no pages, no references */

struct vm_page *object_lookup(struct vm_object *o, voff_t offset); /* => lock held; NULL: not resident. May be busy */
/*
 * A frame for the offset, inserted, busy. => lock held, nothing at offset. NULL: no frame or no radix node; nothing changed.
 * flags: PAGE_ZERO, PAGE_RESERVE. (fail site object.page)
 */
struct vm_page *object_page_alloc(struct vm_object *o, voff_t offset, unsigned flags);
/* The page will differ from the disk: PG_DIRTY, and counted; no longer PG_RDONLY. => lock held */
void object_page_dirty(struct vm_object *o, struct vm_page *pg);
/* Takes the page out, removes its mappings and frees it. => lock held, page not busy or busy by the caller, not wired. */
void object_page_free(struct vm_object *o, struct vm_page *pg);
/*
 * Frees all pages of [start, end); a busy one is waited for. => lock held; it is let go and taken again.
 */
void object_free_pages(struct vm_object *o, voff_t start, voff_t end);

/*
 * For who meets a page without its owner's lock, on a queue: the page's object with its lock held, or NULL when the page
 * is no object's, has left its queue, or the lock is not free. Never sleeps.
 */
struct vm_object *object_try_lock(struct vm_page *pg);

void object_for_each(void (*visit)(struct vm_object *o, void *arg), void *arg);
bool object_check(struct vm_object *o);

#endif
