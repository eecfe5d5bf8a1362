/*
 * Memory and strings. Clears and copies go 8 bytes at a time where both sides
 * are aligned alike, 64 bytes a turn; the rest byte by byte. Floor: base.
 *
 * The compiler may call these from any code, these included: the build keeps
 * it from turning a loop here into a call of the function that it stands in.
 */
#include "base/string.h"

#pragma GCC optimize("no-tree-loop-distribute-patterns")

/* A word through which any object may be looked at. */
typedef uint64_t __attribute__((may_alias)) word_t;
#define WORD sizeof(word_t)
#define MISALIGNED(p) ((uintptr_t)(p) & (WORD - 1))

void *memset(void *dst, int c, size_t n)
{
	unsigned char *d = dst;
	while (n && MISALIGNED(d)) {
		*d++ = c;
		n--;
	}

	word_t fill = 0x0101010101010101UL * (unsigned char)c;
	word_t *w = (word_t *)d;
	for (; n >= 8 * WORD; n -= 8 * WORD, w += 8) {
		w[0] = fill;
		w[1] = fill;
		w[2] = fill;
		w[3] = fill;
		w[4] = fill;
		w[5] = fill;
		w[6] = fill;
		w[7] = fill;
	}
	for (; n >= WORD; n -= WORD)
		*w++ = fill;

	for (d = (unsigned char *)w; n; n--)
		*d++ = c;
	return dst;
}

/* From low to high addresses; right when dst lies below src or they are apart. */
static void copy_upwards(unsigned char *d, const unsigned char *s, size_t n)
{
	if (MISALIGNED(d) == MISALIGNED(s)) {
		while (n && MISALIGNED(d)) {
			*d++ = *s++;
			n--;
		}

		word_t *wd = (word_t *)d;
		const word_t *ws = (const word_t *)s;
		for (; n >= 8 * WORD; n -= 8 * WORD, wd += 8, ws += 8) {
			word_t a = ws[0], b = ws[1], c = ws[2], e = ws[3];
			word_t f = ws[4], g = ws[5], h = ws[6], i = ws[7];
			wd[0] = a;
			wd[1] = b;
			wd[2] = c;
			wd[3] = e;
			wd[4] = f;
			wd[5] = g;
			wd[6] = h;
			wd[7] = i;
		}
		for (; n >= WORD; n -= WORD)
			*wd++ = *ws++;
		d = (unsigned char *)wd;
		s = (const unsigned char *)ws;
	}
	while (n--)
		*d++ = *s++;
}

static void copy_downwards(unsigned char *d, const unsigned char *s, size_t n)
{
	d += n;
	s += n;
	if (MISALIGNED(d) == MISALIGNED(s)) {
		while (n && MISALIGNED(d)) {
			*--d = *--s;
			n--;
		}
		for (; n >= WORD; n -= WORD) {
			d -= WORD;
			s -= WORD;
			*(word_t *)d = *(const word_t *)s;
		}
	}
	while (n--)
		*--d = *--s;
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	copy_upwards(dst, src, n);
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	/* As numbers, dst - src wraps to something large when dst lies below. */
	if ((uintptr_t)dst - (uintptr_t)src >= n)
		copy_upwards(dst, src, n);
	else
		copy_downwards(dst, src, n);
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *p = a, *q = b;
	for (; n; n--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

size_t strlen(const char *s)
{
	const char *end = s;
	while (*end)
		end++;
	return end - s;
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;
	while (n < max && s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++)
		if (*a != *b || !*a)
			return (unsigned char)*a - (unsigned char)*b;
	return 0;
}

char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++)
		if (!*s)
			return NULL;
	return (char *)s;
}

char *strrchr(const char *s, int c)
{
	const char *found = NULL;
	for (;; s++) {
		if (*s == (char)c)
			found = s;
		if (!*s)
			return (char *)found;
	}
}

size_t strlcpy(char *dst, const char *src, size_t size)
{
	size_t length = strlen(src);
	if (size) {
		size_t n = length < size ? length : size - 1;
		memcpy(dst, src, n);
		dst[n] = '\0';
	}
	return length;
}

/* The value of c as a digit of the base, or -1. */
static int digit_value(char c, int base)
{
	int v = c >= '0' && c <= '9' ? c - '0' :
		c >= 'a' && c <= 'f' ? c - 'a' + 10 :
		c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
	return v < base ? v : -1;
}

uint64_t number_parse(const char *s, const char **end)
{
	int base = 10;
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X') && digit_value(s[2], 16) >= 0) {
		base = 16;
		s += 2;
	}

	uint64_t n = 0;
	for (; digit_value(*s, base) >= 0; s++)
		n = n * base + digit_value(*s, base);

	static const char suffixes[] = "KMG";
	const char *suffix = *s ? strchr(suffixes, *s) : NULL;
	if (suffix) {
		n <<= 10 * (suffix - suffixes + 1);
		s++;
	}
	if (end)
		*end = s;
	return n;
}
