/*
 * Buffered files. A stream has one buffer, which holds either what was read
 * and not yet taken, or what was written and not yet sent. stdout is sent at
 * the end of each line when it is a terminal, stderr at the end of each call.
 * One mutex serialises output, so that lines of threads do not mix.
 */
#include <errno.h>
#include <fcntl.h>
#include <pagoda.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

enum buffering { BY_CALL, BY_LINE, BY_BUFFER, UNDECIDED };

struct stdio_file {
	int fd;
	enum buffering how;
	bool end, error, reading, allocated;
	size_t at, filled; /* reading: next, and one past the last; writing: filled */
	char *buf;
	FILE *next;        /* of all that fopen() gave */
};

static char in_buf[BUFSIZ], out_buf[BUFSIZ], error_buf[256];
static FILE standard[3] = {
	{ .fd = 0, .how = BY_BUFFER, .buf = in_buf },
	{ .fd = 1, .how = UNDECIDED, .buf = out_buf },
	{ .fd = 2, .how = BY_CALL, .buf = error_buf },
};
FILE *const stdin = &standard[0], *const stdout = &standard[1], *const stderr = &standard[2];

static struct mutex lock = MUTEX_INIT;
static FILE *opened;

static size_t buffer_size(const FILE *f) { return f == stderr ? sizeof error_buf : BUFSIZ; }

/* Sends what was written. */
static int flush(FILE *f)
{
	size_t at = 0;

	if (f->reading)
		return 0;
	while (at < f->filled) {
		ssize_t n = write(f->fd, f->buf + at, f->filled - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			f->error = true;
			f->filled = 0;
			return EOF;
		}
		at += (size_t)n;
	}
	f->filled = 0;
	return 0;
}

static void put(void *to, char c)
{
	FILE *f = to;

	if (f->reading) {
		if (f->at < f->filled)
			lseek(f->fd, (off_t)f->at - (off_t)f->filled, SEEK_CUR);
		f->reading = false;
		f->filled = 0;
	}
	if (f->how == UNDECIDED)
		f->how = isatty(f->fd) == 1 ? BY_LINE : BY_BUFFER;
	f->buf[f->filled++] = c;
	if (f->filled == buffer_size(f) || (c == '\n' && f->how == BY_LINE))
		flush(f);
}

/* The end of one call's output. */
static int done(FILE *f)
{
	return f->how == BY_CALL ? flush(f) : f->error ? EOF : 0;
}

int vfprintf(FILE *f, const char *format, va_list args)
{
	int n;

	mutex_lock(&lock);
	n = __format(put, f, format, args);
	if (done(f))
		n = EOF;
	mutex_unlock(&lock);
	return n;
}

int vprintf(const char *format, va_list args) { return vfprintf(stdout, format, args); }

int fprintf(FILE *f, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vfprintf(f, format, args);
	va_end(args);
	return n;
}

int printf(const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vfprintf(stdout, format, args);
	va_end(args);
	return n;
}

size_t fwrite(const void *from, size_t size, size_t count, FILE *f)
{
	const char *p = from;
	int result;

	mutex_lock(&lock);
	for (size_t i = 0; i < size * count; i++)
		put(f, p[i]);
	result = done(f);
	mutex_unlock(&lock);
	return result ? 0 : count;
}

int fputs(const char *s, FILE *f)
{
	size_t n = strlen(s);

	return fwrite(s, 1, n, f) == n ? 0 : EOF;
}

int fputc(int c, FILE *f)
{
	char byte = (char)c;

	return fwrite(&byte, 1, 1, f) == 1 ? (unsigned char)c : EOF;
}

int putchar(int c) { return fputc(c, stdout); }
int puts(const char *s) { return printf("%s\n", s); }

int fflush(FILE *f)
{
	int result = 0;

	mutex_lock(&lock);
	if (f)
		result = flush(f);
	else {
		result |= flush(stdout);
		for (f = opened; f; f = f->next)
			result |= flush(f);
	}
	mutex_unlock(&lock);
	return result;
}

void __stdio_flush(void) { fflush(NULL); }

/* Fills the buffer when all of it has been taken. */
static bool fill(FILE *f)
{
	ssize_t n;

	if (!f->reading) {
		flush(f);
		f->reading = true;
		f->at = f->filled = 0;
	}
	if (f->at < f->filled)
		return true;
	if (f == stdin)
		fflush(stdout); /* a prompt shows before its answer is read */
	f->at = f->filled = 0;
	do
		n = read(f->fd, f->buf, BUFSIZ);
	while (n < 0 && errno == EINTR);
	if (n <= 0) {
		f->end |= n == 0;
		f->error |= n < 0;
		return false;
	}
	f->filled = (size_t)n;
	return true;
}

int fgetc(FILE *f) { return fill(f) ? (unsigned char)f->buf[f->at++] : EOF; }
int getchar(void) { return fgetc(stdin); }

char *fgets(char *to, int size, FILE *f)
{
	int n = 0, c;

	while (n < size - 1 && (c = fgetc(f)) != EOF) {
		to[n++] = (char)c;
		if (c == '\n')
			break;
	}
	to[n] = '\0';
	return n > 0 ? to : NULL;
}

size_t fread(void *to, size_t size, size_t count, FILE *f)
{
	char *p = to;
	size_t n = 0;
	int c;

	while (n < size * count && (c = fgetc(f)) != EOF)
		p[n++] = (char)c;
	return size ? n / size : 0;
}

FILE *fdopen(int fd, const char *mode __attribute__((unused)))
{
	FILE *f = calloc(1, sizeof *f);

	if (f)
		f->buf = malloc(BUFSIZ);
	if (f == NULL || f->buf == NULL) {
		free(f);
		return NULL;
	}
	f->fd = fd;
	f->how = BY_BUFFER;
	f->allocated = true;
	f->next = opened;
	opened = f;
	return f;
}

FILE *fopen(const char *path, const char *mode)
{
	bool both = strchr(mode, '+') != NULL;
	int flags, fd;
	FILE *f;

	switch (mode[0]) {
	case 'r': flags = both ? O_RDWR : O_RDONLY; break;
	case 'w': flags = (both ? O_RDWR : O_WRONLY) | O_CREAT | O_TRUNC; break;
	case 'a': flags = (both ? O_RDWR : O_WRONLY) | O_CREAT | O_APPEND; break;
	default:
		errno = EINVAL;
		return NULL;
	}
	fd = open(path, flags);
	if (fd < 0)
		return NULL;
	f = fdopen(fd, mode);
	if (f == NULL)
		close(fd);
	return f;
}

int fclose(FILE *f)
{
	int result = fflush(f);
	FILE **link;

	result |= close(f->fd);
	if (f->allocated) {
		for (link = &opened; *link != f; link = &(*link)->next)
			;
		*link = f->next;
		free(f->buf);
		free(f);
	}
	return result ? EOF : 0;
}

int fileno(FILE *f) { return f->fd; }
int feof(FILE *f) { return f->end; }
int ferror(FILE *f) { return f->error; }

void perror(const char *what)
{
	int error = errno;

	fprintf(stderr, "%s: %s\n", what, strerror(error));
}

int remove(const char *path)
{
	if (unlink(path) == 0)
		return 0;
	return errno == EISDIR ? rmdir(path) : -1;
}
