/*
 * Strings, memory and formatted output as programs written for xv6 call them.
 * The names are weak: a program may bring xv6's own ulib.c and printf.c.
 */
#include <stdarg.h>

#include "user/user.h"

#pragma weak strcpy
#pragma weak strcmp
#pragma weak strlen
#pragma weak strchr
#pragma weak memset
#pragma weak memmove
#pragma weak memcpy
#pragma weak memcmp
#pragma weak atoi
#pragma weak gets
#pragma weak fprintf
#pragma weak printf

char *strcpy(char *to, const char *from)
{
	char *t = to;

	while ((*t++ = *from++) != '\0')
		;
	return to;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (uchar)*a - (uchar)*b;
}

uint strlen(const char *s)
{
	uint n = 0;

	while (s[n])
		n++;
	return n;
}

char *strchr(const char *s, char c)
{
	for (; *s; s++)
		if (*s == c)
			return (char *)s;
	return 0;
}

void *memset(void *to, int c, uint n)
{
	char *t = to;

	while (n-- > 0)
		*t++ = (char)c;
	return to;
}

void *memmove(void *to, const void *from, int n)
{
	char *t = to;
	const char *f = from;

	if (f < t)
		while (n-- > 0)
			t[n] = f[n];
	else
		while (n-- > 0)
			*t++ = *f++;
	return to;
}

void *memcpy(void *to, const void *from, uint n) { return memmove(to, from, (int)n); }

int memcmp(const void *a, const void *b, uint n)
{
	const uchar *p = a, *q = b;

	for (; n > 0; n--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

int atoi(const char *s)
{
	int n = 0;

	while (*s >= '0' && *s <= '9')
		n = n * 10 + *s++ - '0';
	return n;
}

/* A line with its end, at most max-1 bytes. */
char *gets(char *to, int max)
{
	int n = 0;

	while (n + 1 < max && read(0, &to[n], 1) == 1) {
		n++;
		if (to[n - 1] == '\n' || to[n - 1] == '\r')
			break;
	}
	to[n] = '\0';
	return to;
}

struct output {
	int fd, used;
	char buf[128];
};

int __xv6_write(int fd, const void *from, int n);

static void flush(struct output *o)
{
	if (o->used > 0)
		__xv6_write(o->fd, o->buf, o->used);
	o->used = 0;
}

static void put(struct output *o, char c)
{
	if (o->used == (int)sizeof o->buf)
		flush(o);
	o->buf[o->used++] = c;
}

static void put_number(struct output *o, uint64 value, int is_signed, uint base)
{
	char digits[24];
	int n = 0;

	if (is_signed && (long)value < 0) {
		put(o, '-');
		value = -value;
	}
	do
		digits[n++] = "0123456789abcdef"[value % base];
	while ((value /= base) != 0);
	while (n > 0)
		put(o, digits[--n]);
}

/* %d %u %x with l or ll in front, %l alone (a uint64, as the years before %ld had it), %p %s %c %%; anything else is printed as it is. */
void __xv6___format(int fd, const char *f, va_list args)
{
	struct output o = { .fd = fd };

	for (; *f; f++) {
		int wide = 0;

		if (*f != '%') {
			put(&o, *f);
			continue;
		}
		for (f++; *f == 'l'; f++)
			wide = 1;
		if (wide && *f != 'd' && *f != 'u' && *f != 'x') {
			put_number(&o, va_arg(args, uint64), 0, 10);
			f--; /* what follows the l is text, or the end */
			continue;
		}
		switch (*f) {
		case 'd':
			put_number(&o, wide ? va_arg(args, uint64) : (uint64)(long)va_arg(args, int), 1, 10);
			break;
		case 'u':
			put_number(&o, wide ? va_arg(args, uint64) : va_arg(args, uint), 0, 10);
			break;
		case 'x':
			put_number(&o, wide ? va_arg(args, uint64) : va_arg(args, uint), 0, 16);
			break;
		case 'p': {
			uint64 value = va_arg(args, uint64);

			put(&o, '0');
			put(&o, 'x');
			for (int shift = 60; shift >= 0; shift -= 4)
				put(&o, "0123456789abcdef"[value >> shift & 15]);
			break;
		}
		case 's': {
			const char *s = va_arg(args, const char *);

			for (s = s ? s : "(null)"; *s; s++)
				put(&o, *s);
			break;
		}
		case 'c':
			put(&o, (char)va_arg(args, int));
			break;
		case '\0':
			flush(&o);
			return;
		case '%':
			put(&o, '%');
			break;
		default:
			put(&o, '%');
			put(&o, *f);
		}
	}
	flush(&o);
}

/* The same, entered from a program's stack. */
void __format(int fd, const char *f, va_list args);

void fprintf(int fd, const char *f, ...)
{
	va_list args;

	va_start(args, f);
	__format(fd, f, args);
	va_end(args);
}

void printf(const char *f, ...)
{
	va_list args;

	va_start(args, f);
	__format(1, f, args);
	va_end(args);
}
