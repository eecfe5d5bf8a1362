/*
 * pmap: the machine's page tables, behind the calls of pmap(9).
 *
 * What it holds can be thrown away at any time but wired mappings: faults
 * rebuild it. Each page that is managed (vm_page) lists the PTEs that map it,
 * and keeps referenced and modified bits gathered from them.
 *
 * TLB work is batched: remove, remove_all and protect leave it pending until
 * pmap_update(), which returns once no hart can use a dropped translation. What names
 * a page (page_protect, clear_modified) or replaces one has done its own before it returns.
 * A frame must not be freed between a removal and its update; page_free
 * asserts that no mapping and no pending invalidation is left for it.
 *
 * Locks: a pmap's own spinlock and the page's PTE-list lock, taken inside. The
 * caller holds the map (reading or writing) for address ranges, and the owner's
 * lock of a page for what names a page.
 */
#ifndef VM_PMAP_H
#define VM_PMAP_H

#include "base/types.h"
#include "vm/page.h"

struct pmap;

/* Rights: PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4 of abi/mman.h. */
typedef unsigned prot_t;

extern struct pmap *const pmap_kernel;

void pmap_boot(void);                 /* the kernel's tables: direct map, image with W^X rights, kernel map */
void pmap_boot_hart(void);            /* on each further hart */

int pmap_create(struct pmap **out);   /* ENOMEM; one reference */
void pmap_reference(struct pmap *pm);
void pmap_destroy(struct pmap *pm);   /* drops a reference; the last frees the tables. => no mapping left but what pmap_remove_all dropped */

/* The values are those of the machine's own bits, where it has such (riscv/pmap). */
#define PMAP_CANFAIL 1u       /* ENOMEM instead of a panic when no table page is to be had */
#define PMAP_WIRED 0x100u     /* the mapping is wired: page_protect and throw-away leave it unless it must go */
#define PMAP_MODIFIED 0x80u   /* this is a write: set the modified bit now */
#define PMAP_REFERENCED 0x40u /* this is an access: set the referenced bit now; PMAP_MODIFIED implies it */

/*
 * Maps pg at va, replacing what is there; makes translations for va that were
 * weaker visible (a hart may keep a stale weaker one: it faults and comes back).
 * No pmap_update() is needed after it: a page that it replaced with another frame, and rights that it took, are invalidated
 * before return.
 * => owner's lock of pg held. ENOMEM only with PMAP_CANFAIL; then the old mapping of va is gone or
 * unchanged, and nothing else happened. (fail site pmap.enter)
 */
int pmap_enter(struct pmap *pm, vaddr_t va, struct vm_page *pg, prot_t prot, unsigned flags);
void pmap_remove(struct pmap *pm, vaddr_t start, vaddr_t end);
void pmap_protect(struct pmap *pm, vaddr_t start, vaddr_t end, prot_t prot); /* only takes rights away */
/*
 * Takes rights away from every mapping of pg; PROT_NONE removes them, but leaves the wired ones as long as
 * pg->wire_count says that the page itself is wired. => owner's lock held
 */
void pmap_page_protect(struct vm_page *pg, prot_t prot);
/* Throws all non-wired mappings away: exit, and the test of A35. */
void pmap_remove_all(struct pmap *pm);
void pmap_update(struct pmap *pm);
void pmap_unwire(struct pmap *pm, vaddr_t va);

/*
 * Kernel mappings of frames in the kernel map, without a PTE list, wired; nothing is mapped at va before.
 * ENOMEM: no frame for a table. Other harts see them for certain after pmap_update(pmap_kernel).
 */
int pmap_kenter(vaddr_t va, paddr_t pa, prot_t prot);
void pmap_kremove(vaddr_t start, vaddr_t end); /* includes the update */

bool pmap_extract(struct pmap *pm, vaddr_t va, paddr_t *pa, prot_t *prot);
/* The page at va, if it is mapped with at least these rights, held: it survives unmapping until page_unhold. */
struct vm_page *pmap_extract_and_hold(struct pmap *pm, vaddr_t va, prot_t prot);

bool pmap_is_referenced(struct vm_page *pg);
bool pmap_is_modified(struct vm_page *pg);
bool pmap_clear_referenced(struct vm_page *pg); /* was it? */
bool pmap_clear_modified(struct vm_page *pg);   /* was it? Write rights stay: the hardware or a fault sets it again */

void pmap_zero_page(struct vm_page *pg);
void pmap_copy_page(struct vm_page *from, struct vm_page *to);

void pmap_activate(struct pmap *pm);    /* on this hart; interrupts off */
void pmap_deactivate(struct pmap *pm);

/* What a pmap begins with, for everybody to read. */
struct pmap_counts {
	size_t resident, wired;
};
#ifdef __riscv
static inline size_t pmap_resident_count(const struct pmap *pm) /* pages mapped, user part */
{
	return __atomic_load_n(&((const struct pmap_counts *)pm)->resident, __ATOMIC_RELAXED);
}
#else
size_t pmap_resident_count(struct pmap *pm);
#endif
size_t pmap_wired_count(struct pmap *pm);

/*
 * Was the fault only for an accessed or dirty bit (Svade, or ad=soft)? Then sets it and returns true. Also true when the PTE allows the
 * access already (a stale weaker translation, flushed here).
 */
bool pmap_fault_ad(struct pmap *pm, vaddr_t va, prot_t access);
/* Fixed at boot: do faults set those bits? If not, that question is not worth a look: a fault like any other enters the page once more. */
extern bool pte_soft;

/* For the audit: calls visit for each valid user leaf; stops at false. */
bool pmap_walk(struct pmap *pm, bool (*visit)(void *arg, vaddr_t va, paddr_t pa, prot_t prot, bool wired), void *arg);
/* Every PTE in a list is in a table and the other way round; counts agree. Prints what is wrong. */
bool pmap_check(struct pmap *pm);
bool pmap_check_page(struct vm_page *pg);
void pmap_for_each(void (*visit)(struct pmap *pm, void *arg), void *arg);
bool pmap_page_mapped(struct vm_page *pg); /* any mapping, or one that is gone but whose update is pending? */

#endif
