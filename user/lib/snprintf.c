/* Formatted text into memory, and straight to a descriptor. */
#include <stdio.h>
#include <unistd.h>

#include "internal.h"

struct memory {
	char *at, *last; /* last: where the NUL goes at the latest */
};

static void put_memory(void *to, char c)
{
	struct memory *m = to;

	if (m->at < m->last)
		*m->at++ = c;
}

int vsnprintf(char *to, size_t size, const char *format, va_list args)
{
	char nothing;
	struct memory m = { size ? to : &nothing, size ? to + size - 1 : &nothing };
	int n = __format(put_memory, &m, format, args);

	*m.at = '\0';
	return n;
}

int snprintf(char *to, size_t size, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(to, size, format, args);
	va_end(args);
	return n;
}

struct descriptor {
	int fd, used;
	char buf[256];
};

static void descriptor_flush(struct descriptor *d)
{
	for (int at = 0; at < d->used;) {
		ssize_t n = write(d->fd, d->buf + at, (size_t)(d->used - at));

		if (n <= 0)
			break;
		at += (int)n;
	}
	d->used = 0;
}

static void put_descriptor(void *to, char c)
{
	struct descriptor *d = to;

	if (d->used == (int)sizeof d->buf)
		descriptor_flush(d);
	d->buf[d->used++] = c;
}

int dprintf(int fd, const char *format, ...)
{
	struct descriptor d;
	va_list args;
	int n;

	d.fd = fd;
	d.used = 0;
	va_start(args, format);
	n = __format(put_descriptor, &d, format, args);
	va_end(args);
	descriptor_flush(&d);
	return n;
}
