/*
 * Formatted text: flags - + space 0 #, width, precision, lengths hh h l ll z j t, and
 * d i u x X o c s p %. No floating point.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "internal.h"

struct spec {
	bool left, plus, space, zero, alternate;
	int width, precision; /* precision -1: none */
	int length;           /* bytes of an integer argument */
};

struct out {
	void (*put)(void *to, char c);
	void *to;
	int count;
};

static void emit(struct out *o, char c)
{
	o->put(o->to, c);
	o->count++;
}

static void pad(struct out *o, int n, char c)
{
	while (n-- > 0)
		emit(o, c);
}

static void emit_text(struct out *o, const struct spec *s, const char *text, int n)
{
	if (!s->left)
		pad(o, s->width - n, ' ');
	for (int i = 0; i < n; i++)
		emit(o, text[i]);
	if (s->left)
		pad(o, s->width - n, ' ');
}

static void emit_number(struct out *o, const struct spec *s, uint64_t value, const char *prefix, unsigned base, bool upper)
{
	char digits[24];
	int n = 0, zeroes, length;

	while (value > 0) {
		unsigned d = (unsigned)(value % base);

		digits[n++] = (char)(d < 10 ? '0' + d : (upper ? 'A' : 'a') + d - 10);
		value /= base;
	}
	zeroes = (s->precision < 0 ? 1 : s->precision) - n;
	if (zeroes < 0)
		zeroes = 0;
	length = (int)strlen(prefix) + zeroes + n;
	if (s->zero && !s->left && s->precision < 0 && length < s->width) {
		zeroes += s->width - length;
		length = s->width;
	}

	if (!s->left)
		pad(o, s->width - length, ' ');
	while (*prefix)
		emit(o, *prefix++);
	pad(o, zeroes, '0');
	while (n > 0)
		emit(o, digits[--n]);
	if (s->left)
		pad(o, s->width - length, ' ');
}

static uint64_t truncate_to(uint64_t value, int length, bool is_signed)
{
	int shift = 64 - 8 * length;

	value <<= shift;
	return is_signed ? (uint64_t)((int64_t)value >> shift) : value >> shift;
}

static const char *parse_flags(const char *f, struct spec *s)
{
	for (;; f++)
		switch (*f) {
		case '-': s->left = true; break;
		case '+': s->plus = true; break;
		case ' ': s->space = true; break;
		case '0': s->zero = true; break;
		case '#': s->alternate = true; break;
		default: return f;
		}
}

static const char *parse_length(const char *f, struct spec *s)
{
	s->length = sizeof(int);
	switch (*f) {
	case 'h':
		s->length = f[1] == 'h' ? 1 : 2;
		return f + (f[1] == 'h' ? 2 : 1);
	case 'l':
		s->length = 8;
		return f + (f[1] == 'l' ? 2 : 1);
	case 'z':
	case 'j':
	case 't':
		s->length = 8;
		return f + 1;
	}
	return f;
}

static void emit_integer(struct out *o, const struct spec *s, char kind, uint64_t raw)
{
	uint64_t value = truncate_to(raw, s->length, kind == 'd' || kind == 'i');
	const char *prefix = "";

	switch (kind) {
	case 'd':
	case 'i':
		if ((int64_t)value < 0) {
			value = -value;
			prefix = "-";
		} else if (s->plus)
			prefix = "+";
		else if (s->space)
			prefix = " ";
		emit_number(o, s, value, prefix, 10, false);
		break;
	case 'u':
		emit_number(o, s, value, prefix, 10, false);
		break;
	case 'o':
		emit_number(o, s, value, s->alternate ? "0" : "", 8, false);
		break;
	default:
		if (s->alternate && value)
			prefix = kind == 'X' ? "0X" : "0x";
		emit_number(o, s, value, prefix, 16, kind == 'X');
	}
}

int __format(void (*put)(void *to, char c), void *to, const char *f, va_list args)
{
	struct out o = { put, to, 0 };

	for (; *f; f++) {
		struct spec s = { .precision = -1 };
		const char *text;
		char c;

		if (*f != '%') {
			emit(&o, *f);
			continue;
		}
		f = parse_flags(f + 1, &s);
		if (*f == '*') {
			s.width = va_arg(args, int);
			if (s.width < 0) {
				s.left = true;
				s.width = -s.width;
			}
			f++;
		} else
			for (; isdigit(*f); f++)
				s.width = s.width * 10 + (*f - '0');
		if (*f == '.') {
			s.precision = 0;
			if (*++f == '*') {
				s.precision = va_arg(args, int);
				f++;
			} else
				for (; isdigit(*f); f++)
					s.precision = s.precision * 10 + (*f - '0');
		}
		f = parse_length(f, &s);
		switch (*f) {
		case 'd': case 'i': case 'u': case 'x': case 'X': case 'o':
			emit_integer(&o, &s, *f, s.length == 8 ? va_arg(args, uint64_t) : va_arg(args, unsigned));
			break;
		case 'p':
			s.length = 8;
			s.alternate = true;
			emit_integer(&o, &s, 'x', (uintptr_t)va_arg(args, void *));
			break;
		case 'c':
			c = (char)va_arg(args, int);
			emit_text(&o, &s, &c, 1);
			break;
		case 's':
			text = va_arg(args, const char *);
			if (text == NULL)
				text = "(null)";
			emit_text(&o, &s, text, (int)(s.precision < 0 ? strlen(text) : strnlen(text, (size_t)s.precision)));
			break;
		case '%':
			emit(&o, '%');
			break;
		case '\0':
			return o.count; /* a lone % at the end */
		default: /* not ours: shown as it is */
			emit(&o, '%');
			emit(&o, *f);
		}
	}
	return o.count;
}
