/* What the parts of the library share. */
#ifndef LIB_INTERNAL_H
#define LIB_INTERNAL_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* A thread's control block; tp points to it. */
struct thread {
	int error;           /* errno */
	int tid;
	void *(*fn)(void *); /* for a started thread */
	void *arg;
	void *stack;         /* mapping to give back when it is joined */
	size_t stack_size;
};

long __set_errno(long negated); /* stores -negated, returns -1 */
void __stdio_flush(void);

/* Formats into `put`, a character at a time; the number of characters. */
int __format(void (*put)(void *to, char c), void *to, const char *format, va_list args);

#endif
