/*
 * Formatted output: one formatter that hands bytes to a sink. Floor: base.
 *
 * kprintf gathers its message in a small buffer and hands that over whole, so
 * that messages of several harts do not mix; a longer one goes in pieces.
 */
#include "base/printf.h"
#include "base/string.h"

void (*kprintf_hook)(const char *bytes, size_t count);

struct sink {
	char *buf;
	size_t size;  /* of buf */
	size_t used;  /* bytes in buf */
	size_t total; /* bytes that the whole text has */
	bool flushes; /* kprintf: a full buffer is sent; otherwise what does not fit is only counted */
};

static void sink_flush(struct sink *s)
{
	if (kprintf_hook && s->used)
		kprintf_hook(s->buf, s->used);
	s->used = 0;
}

static void sink_byte(struct sink *s, char c)
{
	if (s->flushes && s->used == s->size)
		sink_flush(s);
	if (s->used < s->size)
		s->buf[s->used++] = c;
	s->total++;
}

static void sink_repeat(struct sink *s, char c, int count)
{
	while (count-- > 0)
		sink_byte(s, c);
}

static void sink_bytes(struct sink *s, const char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		sink_byte(s, bytes[i]);
}

/* One conversion: %[flags][width][.precision][length]letter. */
struct spec {
	bool zero, minus, plus, space, alternate;
	int width;
	int precision; /* -1: none given */
	int length;    /* bytes of the argument: 1, 2, 4, 8 */
	char letter;
};

static const char *spec_flags(const char *f, struct spec *sp)
{
	for (;; f++) {
		switch (*f) {
		case '0': sp->zero = true; break;
		case '-': sp->minus = true; break;
		case '+': sp->plus = true; break;
		case ' ': sp->space = true; break;
		case '#': sp->alternate = true; break;
		default: return f;
		}
	}
}

static const char *spec_number(const char *f, int *out)
{
	int n = 0;
	for (; *f >= '0' && *f <= '9'; f++)
		if (n < 100000)
			n = n * 10 + *f - '0';
	*out = n;
	return f;
}

static const char *spec_length(const char *f, struct spec *sp)
{
	sp->length = sizeof(int);
	switch (*f) {
	case 'h':
		sp->length = sizeof(short);
		if (*++f == 'h') {
			sp->length = sizeof(char);
			f++;
		}
		return f;
	case 'l':
		if (*++f == 'l')
			f++;
		sp->length = sizeof(long);
		return f;
	case 'z':
	case 't':
	case 'j':
		sp->length = sizeof(long);
		return f + 1;
	default:
		return f;
	}
}

/* Text of a number: padding, sign or prefix, zeroes, digits. */
static void put_number(struct sink *s, const struct spec *sp, uint64_t v, bool negative)
{
	unsigned base = sp->letter == 'o' ? 8 : sp->letter == 'x' || sp->letter == 'X' || sp->letter == 'p' ? 16 : 10;
	const char *symbols = sp->letter == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	bool is_signed = sp->letter == 'd' || sp->letter == 'i';

	const char *prefix = is_signed ? negative ? "-" : sp->plus ? "+" : sp->space ? " " : "" : "";
	if (sp->letter == 'p' || (sp->alternate && base == 16 && v))
		prefix = sp->letter == 'X' ? "0X" : "0x";

	char digits[24];
	int count = 0;
	for (; v; v /= base)
		digits[count++] = symbols[v % base];

	int zeroes = sp->precision >= 0 ? sp->precision - count : count ? 0 : 1;
	if (sp->alternate && base == 8 && zeroes <= 0)
		zeroes = 1;
	if (zeroes < 0)
		zeroes = 0;
	int pad = sp->width - (int)strlen(prefix) - zeroes - count;
	if (sp->zero && !sp->minus && sp->precision < 0 && pad > 0) {
		zeroes += pad;
		pad = 0;
	}

	if (!sp->minus)
		sink_repeat(s, ' ', pad);
	sink_bytes(s, prefix, strlen(prefix));
	sink_repeat(s, '0', zeroes);
	while (count)
		sink_byte(s, digits[--count]);
	if (sp->minus)
		sink_repeat(s, ' ', pad);
}

static void put_string(struct sink *s, const struct spec *sp, const char *text)
{
	if (!text)
		text = "(null)";
	size_t count = sp->precision >= 0 ? strnlen(text, sp->precision) : strlen(text);
	int pad = sp->width - (int)count;
	if (!sp->minus)
		sink_repeat(s, ' ', pad);
	sink_bytes(s, text, count);
	if (sp->minus)
		sink_repeat(s, ' ', pad);
}

static int64_t narrow_signed(int64_t v, int length)
{
	return length == 1 ? (int8_t)v : length == 2 ? (int16_t)v : v;
}

static uint64_t narrow_unsigned(uint64_t v, int length)
{
	return length == 1 ? (uint8_t)v : length == 2 ? (uint16_t)v : v;
}

static void format(struct sink *s, const char *f, va_list ap)
{
	for (; *f; f++) {
		if (*f != '%') {
			sink_byte(s, *f);
			continue;
		}

		struct spec sp = { .precision = -1 };
		const char *start = f;
		f = spec_flags(f + 1, &sp);
		if (*f == '*') {
			sp.width = va_arg(ap, int);
			f++;
			if (sp.width < 0) {
				sp.minus = true;
				sp.width = -sp.width;
			}
		} else {
			f = spec_number(f, &sp.width);
		}
		if (*f == '.') {
			if (*++f == '*') {
				sp.precision = va_arg(ap, int);
				f++;
			} else {
				f = spec_number(f, &sp.precision);
			}
		}
		f = spec_length(f, &sp);
		sp.letter = *f;

		switch (sp.letter) {
		case 'd':
		case 'i': {
			int64_t v = sp.length == 8 ? va_arg(ap, int64_t) : va_arg(ap, int);
			v = narrow_signed(v, sp.length);
			put_number(s, &sp, v < 0 ? -(uint64_t)v : (uint64_t)v, v < 0);
			break;
		}
		case 'u':
		case 'x':
		case 'X':
		case 'o': {
			uint64_t v = sp.length == 8 ? va_arg(ap, uint64_t) : va_arg(ap, unsigned);
			put_number(s, &sp, narrow_unsigned(v, sp.length), false);
			break;
		}
		case 'p':
			put_number(s, &sp, (uintptr_t)va_arg(ap, void *), false);
			break;
		case 'c': {
			char c = va_arg(ap, int);
			sp.precision = 1;
			if (c) {
				put_string(s, &sp, (char[]){ c, '\0' });
			} else {
				sink_byte(s, c);
			}
			break;
		}
		case 's':
			put_string(s, &sp, va_arg(ap, const char *));
			break;
		case '%':
			sink_byte(s, '%');
			break;
		default:
			/* No conversion that we know: shown as it stands; a lone % at the end as well. */
			sink_bytes(s, start, f - start + (*f != '\0'));
			if (!*f)
				return;
		}
	}
}

int kvprintf(const char *fmt, va_list ap)
{
	char buf[256];
	struct sink s = { .buf = buf, .size = sizeof(buf), .flushes = true };
	format(&s, fmt, ap);
	sink_flush(&s);
	return s.total;
}

int kprintf(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = kvprintf(fmt, ap);
	va_end(ap);
	return n;
}

int kvsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct sink s = { .buf = buf, .size = size ? size - 1 : 0 };
	format(&s, fmt, ap);
	if (size)
		buf[s.used] = '\0';
	return s.total;
}

int ksnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = kvsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
