/* The kernel's own integer types. Addresses are numbers; only what may be dereferenced is a pointer. */
#ifndef BASE_TYPES_H
#define BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t paddr_t; /* physical address */
typedef uint64_t vaddr_t; /* virtual address, user's or kernel's */
typedef uint64_t voff_t;  /* byte offset in an object */

#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ < b_ ? a_ : b_; })
#define MAX(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ > b_ ? a_ : b_; })
#define ROUND_DOWN(x, n) ((x) / (n) * (n))
#define ROUND_UP(x, n) (((x) + (n) - 1) / (n) * (n))

#define __noreturn __attribute__((noreturn))
#define __cold __attribute__((cold, noinline)) /* seldom called: kept out of the way, and out of its caller */
/* A step of its caller, apart for the reader and the debugger: release builds compile it in. */
#if defined(__riscv) && !defined(DEBUG)
#define __step inline __attribute__((always_inline))
#else
#define __step
#endif
#define __unused __attribute__((unused))
#define __printf_like(f, a) __attribute__((format(printf, f, a)))

#endif
