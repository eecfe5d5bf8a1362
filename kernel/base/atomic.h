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
		     "	bne	t6, %z1, %l[other]\n"
		     "	sc.w.rl	t6, %z2, (%0)\n"
		     "	bnez	t6, 0b"
		     : : "r"(p), "rJ"((int64_t)(int32_t)from), "rJ"(to) : "t6", "memory" : other);
	return true;
other:
	return false;
#else
	return __atomic_compare_exchange_n(p, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
#endif
}

/* Adds n, if the sum, taken as unsigned, is below `limit`; false: it is not, and nothing changed. Acquires and releases. limit: below 2^31 */
static inline bool atomic_add_below(uint32_t *p, int n, uint32_t limit)
{
#ifdef __riscv
	__asm__ goto("0:	lr.w.aq	t6, (%0)\n"
		     "	addw	t6, t6, %1\n"
		     "	bgeu	t6, %2, %l[other]\n"
		     "	sc.w.rl	t6, t6, (%0)\n"
		     "	bnez	t6, 0b"
		     : : "r"(p), "rI"(n), "r"((uint64_t)limit) : "t6", "memory" : other);
	return true;
other:
	return false;
#else
	uint32_t old = __atomic_load_n(p, __ATOMIC_RELAXED);

	while (old + n < limit)
		if (__atomic_compare_exchange_n(p, &old, old + n, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return true;
	return false;
#endif
}

/*
 * What locks are made of. The instructions leave a word sign-extended in its register, which the compiler does not count on: it
 * extends it once more before each comparison. These return it as it comes.
 */
#ifdef __riscv
#define ATOMIC_WORD(instruction, p, n)                                                                           \
	({                                                                                                       \
		int64_t old_;                                                                                    \
		__asm__ volatile(instruction " %0, %2, %1" : "=r"(old_), "+A"(*(p)) : "r"(n) : "memory");        \
		old_;                                                                                            \
	})
#endif

/* Puts n there. */
static inline int64_t atomic_swap_acquire(uint32_t *p, uint32_t n)
{
#ifdef __riscv
	return ATOMIC_WORD("amoswap.w.aq", p, n);
#else
	return (int32_t)__atomic_exchange_n(p, n, __ATOMIC_ACQUIRE);
#endif
}

/* Puts n there if that is more, as unsigned. */
static inline int64_t atomic_raise_acquire(uint32_t *p, uint32_t n)
{
#ifdef __riscv
	return ATOMIC_WORD("amomaxu.w.aq", p, n);
#else
	uint32_t old = __atomic_load_n(p, __ATOMIC_RELAXED);

	while (!__atomic_compare_exchange_n(p, &old, old < n ? n : old, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		continue;
	return (int32_t)old;
#endif
}

/* Leaves the bits that are in n. */
static inline int64_t atomic_and_release(uint32_t *p, uint32_t n)
{
#ifdef __riscv
	return ATOMIC_WORD("amoand.w.rl", p, (int64_t)(int32_t)n);
#else
	return (int32_t)__atomic_fetch_and(p, n, __ATOMIC_RELEASE);
#endif
}

/* *p = v after all that was done before, to devices too. The compiler would make an atomic exchange of the store. */
#ifdef __riscv
#define atomic_store_release(p, v)                                                                               \
	({                                                                                                       \
		__asm__ volatile("fence	iorw, ow" ::: "memory");                                                 \
		*(volatile __typeof__(*(p)) *)(p) = (v);                                                         \
	})
#else
#define atomic_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#endif

#endif
