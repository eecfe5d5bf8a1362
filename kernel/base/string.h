/* Memory and strings; as in ISO C. Clears and copies move 8 bytes at a time or more. */
#ifndef BASE_STRING_H
#define BASE_STRING_H

#include "base/types.h"

void *memset(void *dst, int c, size_t n);
void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);

/* Copies at most size - 1 bytes and always ends dst; returns strlen(src), so a result >= size means "cut short". */
size_t strlcpy(char *dst, const char *src, size_t size);

/* Reads a number in base 10 or, after 0x, 16, with an optional K, M or G; stops at the first other character. */
uint64_t number_parse(const char *s, const char **end);

#endif
