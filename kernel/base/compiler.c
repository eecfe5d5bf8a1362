/*
 * Functions that the compiler calls for what the instruction set lacks: without
 * the Zbb extension counting bits, and atomic changes of a single byte. Not every
 * toolchain brings them for the kernel's ABI. The names and meanings are the
 * compiler's. Floor: base.
 */
#include "base/types.h"

int __ctzdi2(uint64_t v);
int __clzdi2(uint64_t v);
int __popcountdi2(uint64_t v);
unsigned char __atomic_exchange_1(volatile void *p, unsigned char value, int order);

/* Each step asks whether the lower half of what is left is empty. v != 0. */
int __ctzdi2(uint64_t v)
{
	int n = 0;
	for (int half = 32; half; half /= 2) {
		if ((v & ((1UL << half) - 1)) == 0) {
			v >>= half;
			n += half;
		}
	}
	return n;
}

/* The same from the other end. v != 0. */
int __clzdi2(uint64_t v)
{
	int n = 0;
	for (int half = 32; half; half /= 2) {
		if (v >> (64 - half) == 0) {
			v <<= half;
			n += half;
		}
	}
	return n;
}

/* Sums of neighbouring groups of 1, 2 and 4 bits; the multiplication adds the bytes up in the highest. */
int __popcountdi2(uint64_t v)
{
	v -= v >> 1 & 0x5555555555555555UL;
	v = (v & 0x3333333333333333UL) + (v >> 2 & 0x3333333333333333UL);
	v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0fUL;
	return v * 0x0101010101010101UL >> 56;
}

/* Changes the word that holds the byte, until nobody else changed another byte of it meanwhile. As strong as any order asked for. */
unsigned char __atomic_exchange_1(volatile void *p, unsigned char value, int order __unused)
{
	volatile uint32_t *word = (volatile uint32_t *)((uintptr_t)p & ~3UL);
	unsigned shift = 8 * ((uintptr_t)p & 3);
	uint32_t old = __atomic_load_n(word, __ATOMIC_RELAXED), new;
	do {
		new = (old & ~(0xffu << shift)) | (uint32_t)value << shift;
	} while (!__atomic_compare_exchange_n(word, &old, new, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	return old >> shift;
}
