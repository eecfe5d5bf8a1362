/* Tests of base/: strings, formats, numbers, the compiler's helpers. Small spaces enumerated whole. */
#include "base/printf.h"
#include "base/string.h"
#include "test/test.h"

#define ROOM 96

static uint8_t pattern(unsigned i)
{
	return i * 37 + 11;
}

/* Every offset of source and target within two words, every length up to three, and both directions of overlap. */
KTEST(memmove_all, "", "memmove copies right for every small offset, length and overlap")
{
	static uint8_t got[ROOM], want[ROOM];
	for (unsigned dst = 0; dst < 17; dst++)
		for (unsigned src = 0; src < 17; src++)
			for (unsigned n = 0; n < 28; n++) {
				for (unsigned i = 0; i < ROOM; i++)
					got[i] = want[i] = pattern(i);
				for (unsigned i = 0; i < n; i++)
					want[dst + i] = pattern(src + i);
				CHECK(memmove(got + dst, got + src, n) == got + dst);
				CHECK(memcmp(got, want, ROOM) == 0);
			}
}

KTEST(memset_all, "", "memset and memcpy touch exactly their bytes")
{
	static uint8_t got[2 * ROOM], from[2 * ROOM];
	for (unsigned i = 0; i < 2 * ROOM; i++)
		from[i] = pattern(i);
	for (unsigned at = 0; at < 9; at++)
		for (unsigned n = 0; n < 150; n++) {
			memset(got, 0xee, sizeof(got));
			memset(got + at, 0x5a, n);
			for (unsigned i = 0; i < sizeof(got); i++)
				CHECK(got[i] == (i >= at && i < at + n ? 0x5a : 0xee));
			memcpy(got + at, from + at + n % 2, n);
			CHECK(memcmp(got + at, from + at + n % 2, n) == 0);
			CHECK((at == 0 || got[at - 1] == 0xee) && got[at + n] == 0xee);
		}
}

KTEST(strings, "", "comparison, search and bounded copies of strings")
{
	char buf[4];
	CHECK(strcmp("a", "b") < 0 && strcmp("b", "a") > 0 && strcmp("ab", "ab") == 0 && strcmp("a", "\xff") < 0);
	CHECK(strncmp("abc", "abd", 2) == 0 && strncmp("abc", "abd", 3) < 0 && strncmp("", "x", 0) == 0);
	CHECK(strchr("a/b/c", 'x') == NULL && *strchr("abc", '\0') == '\0' && strcmp(strrchr("a/b/c", '/'), "/c") == 0);
	CHECK(strnlen("abcdef", 3) == 3 && strlen("") == 0);
	CHECK(strlcpy(buf, "abcdef", sizeof(buf)) == 6 && strcmp(buf, "abc") == 0);
	CHECK(strlcpy(buf, "x", 0) == 1 && strcmp(buf, "abc") == 0);
}

KTEST(numbers, "", "number_parse reads both bases and the suffixes, and says where it stopped")
{
	const char *end;
	CHECK(number_parse("1234,", &end) == 1234 && *end == ',');
	CHECK(number_parse("0x1fG", &end) == 31UL << 30 && *end == '\0');
	CHECK(number_parse("16M", NULL) == 16UL << 20 && number_parse("4Kx", &end) == 4096 && *end == 'x');
	CHECK(number_parse("0x", &end) == 0 && *end == 'x');
	CHECK(number_parse("", &end) == 0 && *end == '\0');
}

static bool formats(const char *want, const char *fmt, ...) __printf_like(2, 3);

static bool formats(const char *want, const char *fmt, ...)
{
	char buf[64];
	va_list ap;
	va_start(ap, fmt);
	int n = kvsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	return n == (int)strlen(want) && strcmp(buf, want) == 0;
}

KTEST(printf_formats, "", "each conversion, flag, width and length prints what ISO C says")
{
	char buf[4];
	CHECK(formats("[   42|42   |00042|+42| 42]", "[%5d|%-5d|%05d|%+d|% d]", 42, 42, 42, 42, 42));
	CHECK(formats("-9223372036854775808", "%ld", INT64_MIN));
	CHECK(formats("18446744073709551615 ffffffffffffffff", "%lu %lx", UINT64_MAX, UINT64_MAX));
	CHECK(formats("0xff 0XFF 017 0", "%#x %#X %#o %#x", 255, 255, 15, 0));
	CHECK(formats("44 200 -1", "%hhd %hu %hd", 300, 65736, 65535));
	CHECK(formats("  007|7  ", "%5.3d|%-3d", 7, 7));
	CHECK(formats("ab|  ab|ab  |a", "%s|%4s|%-4s|%.1s", "ab", "ab", "ab", "ab"));
	CHECK(formats("x 0x10 %", "%c %p %%", 'x', (void *)16));
	CHECK(formats("   1|2  ", "%*d|%*d", 4, 1, -3, 2));
	CHECK(formats("1 2 3", "%zu %td %jd", (size_t)1, (ptrdiff_t)2, (intmax_t)3));
	CHECK(ksnprintf(buf, sizeof(buf), "%d", 12345) == 5 && strcmp(buf, "123") == 0);
	CHECK(ksnprintf(NULL, 0, "%s", "length") == 6);
}

KTEST(bits, "", "the compiler's bit counts agree with counting one by one")
{
	for (unsigned a = 0; a < 64; a++)
		for (unsigned b = a; b < 64; b++) {
			volatile uint64_t v = 1UL << a | 1UL << b;
			CHECK(__builtin_ctzl(v) == (int)a && __builtin_clzl(v) == 63 - (int)b);
			CHECK(__builtin_popcountl(v) == (a == b ? 1 : 2) && __builtin_popcountl(~v) == (a == b ? 63 : 62));
		}
}

KTEST(atomic_parts, "", "an atomic change of a byte or half-word answers the old value and leaves its neighbours alone")
{
	static uint8_t bytes[8] __attribute__((aligned(8)));
	static uint16_t halves[4] __attribute__((aligned(8)));
	for (unsigned i = 0; i < 8; i++) {
		memset(bytes, 0xff, sizeof(bytes));
		CHECK(__atomic_exchange_n(&bytes[i], 0xaa, __ATOMIC_SEQ_CST) == 0xff && bytes[i] == 0xaa);
		CHECK(__atomic_fetch_add(&bytes[i], 0x60, __ATOMIC_SEQ_CST) == 0xaa && bytes[i] == 0x0a);
		CHECK(__atomic_fetch_or(&bytes[i], 0x80, __ATOMIC_SEQ_CST) == 0x0a && bytes[i] == 0x8a);
		for (unsigned k = 0; k < 8; k++)
			CHECK(k == i || bytes[k] == 0xff);
	}
	for (unsigned i = 0; i < 4; i++) {
		memset(halves, 0, sizeof(halves));
		CHECK(__atomic_fetch_sub(&halves[i], 1, __ATOMIC_SEQ_CST) == 0 && halves[i] == 0xffff);
		CHECK(__atomic_fetch_and(&halves[i], 0xf0, __ATOMIC_SEQ_CST) == 0xffff && halves[i] == 0xf0);
		CHECK(__atomic_fetch_add(&halves[i], 0xff10, __ATOMIC_SEQ_CST) == 0xf0 && halves[i] == 0);
		for (unsigned k = 0; k < 4; k++)
			CHECK(halves[k] == 0);
	}
}
