/*
 * The page fault.
 */
#ifndef VM_FAULT_H
#define VM_FAULT_H

#include "vm/map.h"

#define FAULT_WIRE 1u     /* resident, wired, checked against the entry's protection */
#define FAULT_WIREMAX 2u  /* the same against its maximum protection */

/*
 * Makes va usable for `access` (PROT_READ, PROT_WRITE or PROT_EXEC) in the map.
 * => no lock held; sleeps.
 * 0; EFAULT: nothing mapped there (SEGV_MAPERR); EACCES: not with that right
 * (SEGV_ACCERR); ENXIO: beyond the object's end (BUS_ADRERR); EIO, ENOSPC: I/O
 * (BUS_OBJERR); ENOMEM: nothing could be reclaimed.
 */
int fault(struct vm_map *map, vaddr_t va, prot_t access, unsigned flags);

#endif
