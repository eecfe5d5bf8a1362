/*
 * A process's address space: a user map, its pmap, the heap and the stack.
 * Counted: threads and whoever looks in from outside hold it.
 */
#ifndef VM_VMSPACE_H
#define VM_VMSPACE_H

#include "base/atomic.h"
#include "kern/thread.h"
#include "riscv/aside.h"
#include "vm/fault.h"
#include "vm/map.h"

struct vmspace {
	struct vm_map map;
	uint32_t refs;           /* atomic */
	vaddr_t brk_start, brk;  /* map's lock: the heap, as sbrk sees it (brk need not be page aligned) */
	vaddr_t stack_min;       /* map's lock: the stack may grow down to here */
	vaddr_t stack_start;     /* written with the map's lock, read without: how far it has grown */
	uint64_t minor, major;   /* atomic: faults of the threads whose space this is */
	size_t rss_peak;         /* atomic: pages */
	uint64_t data_max;       /* bytes that the heap may have */
};

void vmspace_boot(void);
int vmspace_new(struct vmspace **out);                    /* ENOMEM */
void vmspace_reference(struct vmspace *vs);
void vmspace_release(struct vmspace *vs);                 /* the last removes everything; sleeps */
int vmspace_fork(struct vmspace *parent, struct vmspace **child); /* ENOMEM */

/* The heap's end moves by delta bytes. *old: where it was. ENOMEM, EINVAL: nothing changed. */
int vmspace_sbrk(struct vmspace *vs, int64_t delta, vaddr_t *old);

/*
 * The stack grows down to va. sp: the user's stack pointer, or 0 when the kernel itself touches the stack.
 * => map not locked. EFAULT: va is not the stack's, or below sp, or another mapping is in the way; ENOMEM.
 */
int vmspace_stack_grow(struct vmspace *vs, vaddr_t va, vaddr_t sp);

/* Has the stack reach down to va. 0: it does, or there is no stack here, and the fault says so or finds what is. ENOMEM. */
int vmspace_stack_reach(struct vmspace *vs, vaddr_t va, vaddr_t sp) __cold;

/*
 * A fault counts for the process whose thread had it, whoever's memory it was. Its
 * own address space grows by its own faults only: by those of others no peak is moved.
 */
static inline void vmspace_count_fault(struct vmspace *vs)
{
	struct vmspace *own = curthread->vmspace;

	if (own == NULL)
		return;
	__atomic_fetch_add(curthread->fault_was_major ? &own->major : &own->minor, 1, __ATOMIC_RELAXED);
	if (vs != own)
		return;
	atomic_raise(&vs->rss_peak, pmap_resident_count(vs->map.pmap));
}

/*
 * fault() on the space's map, after the stack has grown if va is a place for it. sp as above; errors as fault()'s.
 * Counted, as minor or major, for the process whose thread it is. Inline: every fault comes through here.
 * => no lock held; sleeps
 */
static inline int vmspace_fault(struct vmspace *vs, vaddr_t va, prot_t access, vaddr_t sp)
{
	int error = 0;

	/* Unlocked: a stack_start that is stale only makes vmspace_stack_grow look again. */
	if (va >= vs->stack_min && va < vs->stack_start)
		error = ASIDE3(vmspace_stack_reach, vs, va, sp);
	if (!error)
		error = fault(&vs->map, va, access, 0);
	if (!error)
		vmspace_count_fault(vs);
	return error;
}

#endif
