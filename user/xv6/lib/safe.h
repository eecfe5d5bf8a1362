/* Reading and writing what a program passed to a call without trusting its pointers. */
#ifndef XV6_SAFE_H
#define XV6_SAFE_H

#include "kernel/types.h"

void __safe_begin(void); /* once, before any other */

/* The string at `from` with its NUL, at most `max` bytes; nowhere when `to` is 0. Its length, or -1: a bad address, or too long. */
int __safe_string(char *to, const char *from, int max);
/* Copies n bytes; -1: a bad address. */
int __safe_copy(void *to, const void *from, int n);

#endif
