/*
 * Memory and string functions for instrumented code: each looks at what it will touch, then calls the one in
 * base/string.c, which is not instrumented. The linker leads every call of another file here (-Wl,--wrap).
 * Floor: san/string.
 */
#include "base/string.h"

#include "san/shadow.h"

#define READS(p, n) (san_first_bad((vaddr_t)(p), n) ? san_report((vaddr_t)(p), n, false, (vaddr_t)__builtin_return_address(0)) : (void)0)
#define WRITES(p, n) (san_first_bad((vaddr_t)(p), n) ? san_report((vaddr_t)(p), n, true, (vaddr_t)__builtin_return_address(0)) : (void)0)

void *__real_memset(void *dst, int c, size_t n);
void *__real_memcpy(void *dst, const void *src, size_t n);
void *__real_memmove(void *dst, const void *src, size_t n);
int __real_memcmp(const void *a, const void *b, size_t n);
size_t __real_strlen(const char *s);
size_t __real_strlcpy(char *dst, const char *src, size_t size);
int __real_strcmp(const char *a, const char *b);

void *__wrap_memset(void *dst, int c, size_t n);
void *__wrap_memset(void *dst, int c, size_t n)
{
	WRITES(dst, n);
	return __real_memset(dst, c, n);
}

void *__wrap_memcpy(void *dst, const void *src, size_t n);
void *__wrap_memcpy(void *dst, const void *src, size_t n)
{
	READS(src, n);
	WRITES(dst, n);
	return __real_memcpy(dst, src, n);
}

void *__wrap_memmove(void *dst, const void *src, size_t n);
void *__wrap_memmove(void *dst, const void *src, size_t n)
{
	READS(src, n);
	WRITES(dst, n);
	return __real_memmove(dst, src, n);
}

int __wrap_memcmp(const void *a, const void *b, size_t n);
int __wrap_memcmp(const void *a, const void *b, size_t n)
{
	READS(a, n);
	READS(b, n);
	return __real_memcmp(a, b, n);
}

size_t __wrap_strlen(const char *s);
size_t __wrap_strlen(const char *s)
{
	size_t n = __real_strlen(s);

	READS(s, n + 1);
	return n;
}

size_t __wrap_strlcpy(char *dst, const char *src, size_t size);
size_t __wrap_strlcpy(char *dst, const char *src, size_t size)
{
	size_t n = __real_strlen(src);

	READS(src, n + 1);
	if (size)
		WRITES(dst, MIN(n + 1, size));
	return __real_strlcpy(dst, src, size);
}

int __wrap_strcmp(const char *a, const char *b);
int __wrap_strcmp(const char *a, const char *b)
{
	size_t same = 0;

	while (a[same] && a[same] == b[same])
		same++;
	READS(a, same + 1);
	READS(b, same + 1);
	return __real_strcmp(a, b);
}
