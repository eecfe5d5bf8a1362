/*
 * Address spaces of processes: a map over a pmap, the heap's end, the stack's limit.
 *
 *	USER_TEXT        brk_start    brk                stack_min      stack entry
 *	|text|data|bss   |############|->      <-|mmap|  |  may grow  <-|##########| USER_MAX
 *
 * The heap is an anonymous entry like any other; only brk says where it ends, to
 * the byte. Bytes between brk and the end of its page are cleared when the heap
 * grows over them again.
 *
 * Floor: over maps and the fault.
 */
#include "vm/vmspace.h"

#include "abi/errno.h"
#include "abi/mman.h"
#include "base/kassert.h"
#include "base/string.h"
#include "kern/counters.h"
#include "kern/thread.h"
#include "kern/trace.h"
#include "vm/fault.h"
#include "vm/pool.h"

#define STACK_DEFAULT (8UL << 20)
#define DATA_DEFAULT (64UL << 30)

static struct pool vmspace_pool;

void vmspace_boot(void)
{
	pool_init(&vmspace_pool, "vmspace", sizeof(struct vmspace));
}

int vmspace_new(struct vmspace **out)
{
	struct vmspace *vs = pool_alloc(&vmspace_pool, POOL_ZERO);
	struct pmap *pm;
	int error;

	if (!vs)
		return ENOMEM;
	error = pmap_create(&pm);
	if (error) {
		pool_free(&vmspace_pool, vs);
		return error;
	}
	map_init(&vs->map, pm, USER_MIN, USER_MAX);
	vs->map.search_max = USER_MAX - USER_STACK_MAX;
	vs->refs = 1;
	vs->stack_min = USER_MAX - STACK_DEFAULT;
	vs->stack_start = USER_MAX;
	vs->data_max = DATA_DEFAULT;
	*out = vs;
	return 0;
}

void vmspace_reference(struct vmspace *vs)
{
	uint32_t before = __atomic_fetch_add(&vs->refs, 1, __ATOMIC_RELAXED);

	KASSERT(before > 0);
}

void vmspace_release(struct vmspace *vs)
{
	uint32_t before = __atomic_fetch_sub(&vs->refs, 1, __ATOMIC_ACQ_REL);

	KASSERT(before > 0);
	if (before > 1)
		return;
	map_destroy(&vs->map);
	pmap_destroy(vs->map.pmap);
	pool_free(&vmspace_pool, vs);
}

int vmspace_fork(struct vmspace *parent, struct vmspace **child)
{
	struct vmspace *vs;
	int error;

	error = vmspace_new(&vs);
	if (error)
		return error;
	map_lock_write(&parent->map);
	error = map_fork(&parent->map, &vs->map);
	vs->brk_start = parent->brk_start;
	vs->brk = parent->brk;
	vs->stack_min = parent->stack_min;
	vs->stack_start = parent->stack_start;
	vs->data_max = parent->data_max;
	map_unlock_write(&parent->map);
	if (error) {
		vmspace_release(vs);
		return error;
	}
	*child = vs;
	return 0;
}

/* The heap. */

/*
 * Clears [from, to) of one page of the heap, which a program may have used before
 * the break passed below it. => write-locked. EAGAIN: the page must be made
 * writable by a fault first; ENOMEM: no fault can make it the process's own, since the program has made it read-only.
 */
static int heap_clear(struct vmspace *vs, vaddr_t from, vaddr_t to)
{
	struct vm_map_entry *e;
	struct vm_anon *an;
	int error = 0;

	if (!map_lookup(&vs->map, from, &e))
		return 0; /* unmapped by the program itself: nothing to clear */
	if (!e->aref.amap)
		return !e->object ? 0 : e->prot & PROT_WRITE ? EAGAIN : ENOMEM;
	size_t slot = (page_trunc(from) - e->start) >> PAGE_SHIFT;
	struct vm_lock *lock = e->aref.amap->lock;
	sleeplock_acquire(&lock->lock);
	an = amap_lookup(&e->aref, slot);
	if (!an ? e->object != NULL
		: e->needs_copy || amap_slot_shared(&e->aref, slot) || !an->page || an->page->flags & PG_BUSY)
		error = e->prot & PROT_WRITE ? EAGAIN : ENOMEM;
	else if (an)
		memset((char *)page_kva(an->page) + (from & PAGE_MASK), 0, to - from);
	sleeplock_release(&lock->lock);
	return error;
}

/* => write-locked. EAGAIN as above; ENOMEM. */
static int heap_grow(struct vmspace *vs, vaddr_t new)
{
	vaddr_t old_top = page_round(vs->brk), new_top = page_round(new), cleared = MIN(old_top, new), where;
	int error = 0;

	if (new > vs->map.search_max || new - vs->brk_start > vs->data_max)
		return ENOMEM;
	if (vs->brk < cleared) /* sbrk(0) only asks */
		error = heap_clear(vs, vs->brk, cleared);
	if (error || new_top <= old_top)
		return error;
	const struct map_request rq = {
		.start = old_top, .size = new_top - old_top, .fixed = true, .noreplace = true,
		.prot = PROT_READ | PROT_WRITE, .maxprot = PROT_READ | PROT_WRITE | PROT_EXEC,
		.inherit = MAP_INHERIT_COPY, .advice = MADV_NORMAL, .copy_on_write = true,
	};
	error = map_enter_locked(&vs->map, &rq, &where);
	return error ? ENOMEM : 0;
}

static int heap_shrink(struct vmspace *vs, vaddr_t new)
{
	vaddr_t old_top = page_round(vs->brk), new_top = page_round(new);

	return new_top < old_top ? map_remove_locked(&vs->map, new_top, old_top) : 0;
}

int vmspace_sbrk(struct vmspace *vs, int64_t delta, vaddr_t *old)
{
	vaddr_t brk, new;
	int error;

	for (;;) {
		map_lock_write(&vs->map);
		brk = vs->brk;
		new = brk + (uint64_t)delta;
		if (delta < 0 && (new > brk || new < vs->brk_start))
			error = EINVAL;
		else if (delta >= 0)
			error = heap_grow(vs, new);
		else
			error = heap_shrink(vs, new);
		if (!error)
			vs->brk = new;
		map_unlock_write(&vs->map);
		if (error != EAGAIN)
			break;
		error = fault(&vs->map, page_trunc(brk), PROT_WRITE, 0);
		/* Unlocked: the page may have gone, or be read-only now; the next round finds out. */
		if (error && error != EFAULT && error != EACCES)
			return ENOMEM;
	}
	if (!error)
		*old = brk;
	return error;
}

/* The stack. */

int vmspace_stack_grow(struct vmspace *vs, vaddr_t va, vaddr_t sp)
{
	vaddr_t start = page_trunc(va), old;
	struct vm_map_entry *below, *above;
	int error = 0;

	if (va >= USER_MAX || start < vs->stack_min || (sp && va < sp))
		return EFAULT;
	map_lock_write(&vs->map);
	if (map_lookup(&vs->map, va, &below))
		goto out; /* another thread was faster, or the program mapped something here */
	above = map_next(&vs->map, below);
	/* A page stays free below, so that running out of stack is a fault. */
	if (!above || !above->stack || (below && below->end + PAGE_SIZE > start)) {
		error = EFAULT;
		goto out;
	}
	old = above->start;
	error = map_grow_down(&vs->map, above, start);
	if (error)
		goto out;
	vs->stack_start = start;
	COUNT(fault_stack_grow);
	TRACE(GROW, start, (old - start) >> PAGE_SHIFT);
out:
	map_unlock_write(&vs->map);
	return error;
}

int vmspace_stack_reach(struct vmspace *vs, vaddr_t va, vaddr_t sp)
{
	while (vmspace_stack_grow(vs, va, sp) == ENOMEM)
		if (page_wait_free("stack"))
			return ENOMEM;
	return 0;
}
