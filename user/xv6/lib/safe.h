/* Reading what a program passed to a call without trusting its pointers. */
#ifndef XV6_SAFE_H
#define XV6_SAFE_H

#include "kernel/types.h"

/* The string at `from` with its NUL, at most `max` bytes. Its length, or -1: a bad address, or too long. */
int __safe_string(char *to, const char *from, int max);
/* The pointer at `from`; -1: a bad address. */
int __safe_pointer(char **to, char **from);

/* Stores n bytes at a program's address; -1: a bad one. */
int __safe_store(void *to, const void *from, int n);

#endif
