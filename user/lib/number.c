/* Numbers from text, and random ones. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>

static int digit_value(char c)
{
	if (isdigit(c))
		return c - '0';
	if (isalpha(c))
		return tolower(c) - 'a' + 10;
	return INT_MAX;
}

/*
 * The magnitude of the number at s, its sign apart. *end: behind its last digit,
 * or s when there is none. Too large: ULLONG_MAX, and *overflow is set.
 */
static unsigned long long parse(const char *s, char **end, int base, int *negative, int *overflow)
{
	const char *p = s;
	unsigned long long n = 0;
	int digits = 0, d;

	while (isspace(*p))
		p++;
	*negative = *p == '-';
	if (*p == '-' || *p == '+')
		p++;
	if ((base == 0 || base == 16) && p[0] == '0' && tolower(p[1]) == 'x' && isxdigit(p[2])) {
		p += 2;
		base = 16;
	} else if (base == 0)
		base = *p == '0' ? 8 : 10;

	*overflow = 0;
	for (; (d = digit_value(*p)) < base; p++, digits++)
		if (__builtin_mul_overflow(n, (unsigned)base, &n) || __builtin_add_overflow(n, (unsigned)d, &n)) {
			*overflow = 1;
			n = 0; /* go on to the end of the digits without overflowing again by chance */
		}
	if (end)
		*end = (char *)(digits ? p : s);
	return *overflow ? ULLONG_MAX : n;
}

unsigned long long strtoull(const char *s, char **end, int base)
{
	int negative, overflow;
	unsigned long long n = parse(s, end, base, &negative, &overflow);

	if (overflow) {
		errno = ERANGE;
		return n;
	}
	return negative ? -n : n;
}

long long strtoll(const char *s, char **end, int base)
{
	int negative, overflow;
	unsigned long long n = parse(s, end, base, &negative, &overflow);
	unsigned long long limit = negative ? (unsigned long long)LLONG_MAX + 1 : LLONG_MAX;

	if (n > limit) {
		errno = ERANGE;
		n = limit;
	}
	return negative ? (long long)-n : (long long)n;
}

unsigned long strtoul(const char *s, char **end, int base) { return strtoull(s, end, base); }
long strtol(const char *s, char **end, int base) { return strtoll(s, end, base); }
long atol(const char *s) { return strtol(s, NULL, 10); }
int atoi(const char *s) { return (int)strtol(s, NULL, 10); }
int abs(int n) { return n < 0 ? -n : n; }

static uint64_t random_state = 1;

void srand(unsigned seed) { random_state = seed; }

/* A linear congruential generator with Knuth's MMIX constants (TAOCP 2, 3.3.4); the high bits are the good ones. */
int rand(void)
{
	random_state = random_state * 6364136223846793005UL + 1442695040888963407UL;
	return (int)(random_state >> 33);
}
