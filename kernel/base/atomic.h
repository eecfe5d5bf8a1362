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

/* One less, if it is more than `mark`; false: it is not. Orders nothing. */
static inline bool atomic_take_above(size_t *p, size_t mark)
{
#ifdef __riscv
	__asm__ goto("0:	lr.d	t6, (%0)\n"
		     "	bleu	t6, %1, %l[no]\n"
		     "	addi	t6, t6, -1\n"
		     "	sc.d	t5, t6, (%0)\n"
		     "	bnez	t5, 0b"
		     : : "r"(p), "r"(mark) : "t5", "t6", "memory" : no);
	return true;
no:
	return false;
#else
	size_t old = __atomic_load_n(p, __ATOMIC_RELAXED);

	while (old > mark && !__atomic_compare_exchange_n(p, &old, old - 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		continue;
	return old > mark;
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
