/*
 * A process's address space: a user map, its pmap, the heap and the stack.
 * Counted: threads and whoever looks in from outside hold it.
 */
#ifndef VM_VMSPACE_H
#define VM_VMSPACE_H

#include "vm/map.h"

struct vmspace {
	struct vm_map map;
	uint32_t refs;           /* atomic */
	vaddr_t brk_start, brk;  /* map's lock: the heap, as sbrk sees it (brk need not be page aligned) */
	vaddr_t stack_min;       /* map's lock: the stack may grow down to here */
	uint64_t minor, major;   /* atomic: faults */
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
 * A fault at va with no entry, or below the stack: may the stack grow to it? Then it has grown. sp: the user's stack pointer,
 * or 0 when the kernel itself touches the stack. => map not locked
 */
bool vmspace_stack_grow(struct vmspace *vs, vaddr_t va, vaddr_t sp);

#endif
