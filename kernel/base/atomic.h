/* Atomic changes that C has no name for, or that compilers make more of than they need. */
#ifndef BASE_ATOMIC_H
#define BASE_ATOMIC_H

#include "base/types.h"

/* To n, if it is less. */
static inline void atomic_raise(size_t *p, size_t n)
{
#ifdef __riscv
	__asm__ volatile("amomaxu.d zero, %1, %0" : "+A"(*p) : "r"(n) : "memory");
#else
	size_t old = __atomic_load_n(p, __ATOMIC_RELAXED);

	while (old < n && !__atomic_compare_exchange_n(p, &old, n, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		continue;
#endif
}

/* From one value to another; false: it was a third. Acquires and releases. */
static inline bool atomic_change(uint32_t *p, uint32_t from, uint32_t to)
{
#ifdef __riscv
	__asm__ goto("0:	lr.w.aq	t6, (%0)\n"
		     "	bne	t6, %1, %l[other]\n"
		     "	sc.w.rl	t6, %2, (%0)\n"
		     "	bnez	t6, 0b"
		     : : "r"(p), "r"((int64_t)(int32_t)from), "r"(to) : "t6", "memory" : other);
	return true;
other:
	return false;
#else
	return __atomic_compare_exchange_n(p, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
#endif
}

#endif
