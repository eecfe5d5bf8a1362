/*
 * KASSERT: what must hold, checked in every build. DASSERT: the same, checked
 * in debug builds only, for what is costly to find out.
 *
 * panic() ends the kernel: it prints why, a backtrace and the last trace
 * events. How it does that is registered by higher floors; it never returns.
 */
#ifndef BASE_KASSERT_H
#define BASE_KASSERT_H

#include "base/types.h"

void panic(const char *fmt, ...) __noreturn __printf_like(1, 2);
void kassert_failed(const char *what, const char *file, int line) __noreturn __cold; /* cold: the way to it is laid out of the way */

/*
 * What a panic needs of the machine, registered at boot by riscv/panic.c.
 * begin: interrupts off, other harts stopped; false: this hart was in a panic already.
 */
struct panic_ops {
	bool (*begin)(void);
	void (*where)(uint64_t fp); /* hart, thread, backtrace from this frame on */
	void (*end)(void);          /* never returns */
};
extern const struct panic_ops *panic_ops;
extern void (*panic_hook)(void); /* last trace events, an audit: what higher floors have to say */

#define KASSERT(e) ((e) ? (void)0 : kassert_failed(#e, __FILE__, __LINE__))
#ifdef DEBUG
#define DASSERT(e) KASSERT(e)
#else
#define DASSERT(e) ((void)sizeof(e))
#endif

#endif
