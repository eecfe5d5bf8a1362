/*
 * Failures on demand: every allocation site asks FAIL("site") and fails when told to.
 *
 * fail=SITE:n in the boot arguments makes the n-th time at SITE fail (n counts
 * from 1), once; inject(2) arms the same for a process. SITE is a kind, such as
 * page.alloc, or KIND@FUNCTION for one place, and may end in '*'.
 *
 * Each place that FAIL is written at leaves a record in a section of its own, so
 * that a sweep can list them all and see which have failed. page_alloc(), pool_alloc()
 * and kmalloc() are macros that ask at their caller: each call is a place.
 */
#ifndef KERN_FAILPOINT_H
#define KERN_FAILPOINT_H

#include "base/types.h"
#include "riscv/aside.h"

struct fail_site {
	const char *kind;     /* what fails: "page.alloc", "pool", "kmalloc", ... */
	const char *function; /* that asks for it */
	const char *file;
	uint64_t fired;       /* atomic: how often it failed on demand */
} __attribute__((aligned(8))); /* no more, so that records lie one behind the other */

/* Counts the visit; true: fail now. name: what it is armed by, the kind or something narrower. */
bool fail_here(struct fail_site *site, const char *name);
extern bool fail_armed; /* false: nothing was ever armed, fail_here() is not called */

#define FAIL(kind) FAIL_AS(kind, kind)
#define FAIL_AS(kind, name)                                                                               \
	({                                                                                                \
		static struct fail_site site_ __attribute__((section(".failsites"), used)) = { kind, __func__, __FILE__, 0 }; \
		__builtin_expect(fail_armed, 0) && ASIDE2(fail_here, &site_, name);                       \
	})

const struct fail_site *fail_site(size_t index); /* in the order of the files; NULL: there are no more */

/*
 * Arms the n-th visit from now. In a scope, which is a process's serial number: only visits of its threads and of
 * processes that it has forked since count. Scope 0: all visits. n = 0 disarms. EINVAL: bad site or n. EBUSY: too many armed.
 */
int fail_arm(const char *site, uint64_t n, uint64_t scope);
void fail_forget(uint64_t scope); /* disarms what was armed for a process that ends */
void fail_boot(void);                      /* arms what fail= asks for */
extern uint64_t (*fail_scope_hook)(void); /* the scope that the running thread is in, or 0 */
uint64_t fail_fired(void); /* how many armed points have fired since boot */

#endif
