/*
 * Functions that the compiler calls for what the instruction set lacks: without
 * the Zbb extension counting bits, and atomic changes of a byte or half-word. Not
 * every toolchain brings them for the kernel's ABI. The names and meanings are the
 * compiler's. Floor: base.
 */
#include "base/types.h"

int __ctzdi2(uint64_t v);
int __clzdi2(uint64_t v);
int __popcountdi2(uint64_t v);

/*
 * The lowest bit alone times this number has its top six bits different for each of the 64 places: any 6 bits of the number
 * in a row occur in it once. The table is made from the number by the compiler.
 */
#define SEQUENCE 0x03f79d71b4cb0a89UL
#define AT(i) [(SEQUENCE << (i)) >> 58] = (i)
#define AT8(i) AT(i), AT(i + 1), AT(i + 2), AT(i + 3), AT(i + 4), AT(i + 5), AT(i + 6), AT(i + 7)
static const uint8_t place[64] = { AT8(0), AT8(8), AT8(16), AT8(24), AT8(32), AT8(40), AT8(48), AT8(56) };

/* v != 0. */
int __ctzdi2(uint64_t v)
{
	return place[((v & -v) * SEQUENCE) >> 58];
}

/* Each step asks whether the upper half of what is left is empty. v != 0. */
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

/*
 * Atomic changes of part of a word: the word is changed, again and again until
 * nobody else changed any of it meanwhile. As strong as any order asked for.
 * FUNCTION(name, bits, what the part becomes, from `was` and `value`).
 */
#define FUNCTION(name, bits, becomes)                                                               \
	uint##bits##_t name(volatile void *p, uint##bits##_t value, int order);                     \
	uint##bits##_t name(volatile void *p, uint##bits##_t value, int order __unused)             \
	{                                                                                           \
		volatile uint32_t *word = (volatile uint32_t *)((uintptr_t)p & ~3UL);               \
		unsigned shift = 8 * ((uintptr_t)p & 3);                                            \
		uint32_t mask = (uint32_t)(uint##bits##_t)-1 << shift;                              \
		uint32_t old = __atomic_load_n(word, __ATOMIC_RELAXED), new;                        \
		uint##bits##_t was;                                                                 \
		do {                                                                                \
			was = old >> shift;                                                         \
			new = (old & ~mask) | (uint32_t)(uint##bits##_t)(becomes) << shift;         \
		} while (!__atomic_compare_exchange_n(word, &old, new, true, __ATOMIC_SEQ_CST,      \
						      __ATOMIC_RELAXED));                           \
		return was;                                                                         \
	}

FUNCTION(__atomic_exchange_1, 8, value)
FUNCTION(__atomic_fetch_add_1, 8, was + value)
FUNCTION(__atomic_fetch_sub_1, 8, was - value)
FUNCTION(__atomic_fetch_or_1, 8, was | value)
FUNCTION(__atomic_fetch_and_1, 8, was & value)
FUNCTION(__atomic_exchange_2, 16, value)
FUNCTION(__atomic_fetch_add_2, 16, was + value)
FUNCTION(__atomic_fetch_sub_2, 16, was - value)
FUNCTION(__atomic_fetch_or_2, 16, was | value)
FUNCTION(__atomic_fetch_and_2, 16, was & value)
