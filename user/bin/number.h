/* Numbers on command lines. */
#ifndef BIN_NUMBER_H
#define BIN_NUMBER_H

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/* The whole of s as a number. */
static inline bool parse_number(const char *s, long *out)
{
	char *end;

	errno = 0;
	*out = strtol(s, &end, 0);
	return end != s && *end == '\0' && errno == 0;
}

#endif
