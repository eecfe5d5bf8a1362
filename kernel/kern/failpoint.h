/*
 * Failures on demand: every allocation site asks FAIL("site") and fails when told to.
 *
 * fail=SITE:n in the boot arguments makes the n-th time at SITE fail (n counts
 * from 1), once; inject(2) arms the same for a child. SITE may end in '*'.
 * Sites are plain strings, listed by the section they are put into, so that a
 * sweep can enumerate them.
 */
#ifndef KERN_FAILPOINT_H
#define KERN_FAILPOINT_H

#include "base/types.h"

bool fail_here(const char *site); /* counts the visit; true: fail now */
extern bool fail_armed;           /* false: nothing was ever armed, fail_here() is not called */

#define FAIL(site) (__builtin_expect(fail_armed, 0) && fail_here(site))

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
