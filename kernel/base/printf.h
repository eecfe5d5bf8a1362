/* Formatted output. The console registers itself; before that, output goes to the early console or is kept. */
#ifndef BASE_PRINTF_H
#define BASE_PRINTF_H

#include "base/types.h"
#include <stdarg.h>

/* %d %i %u %x %X %o %c %s %p %% with flags 0 - + #, width, precision, *, and lengths hh h l ll z t j. */
int kprintf(const char *fmt, ...) __printf_like(1, 2);
int kvprintf(const char *fmt, va_list ap);
int ksnprintf(char *buf, size_t size, const char *fmt, ...) __printf_like(3, 4);
int kvsnprintf(char *buf, size_t size, const char *fmt, va_list ap);

/* Where kprintf's bytes go: called with a whole message, by any hart, in any state. */
extern void (*kprintf_hook)(const char *bytes, size_t count);

#endif
