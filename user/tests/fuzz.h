/* What the parts of the fuzz have in common: what a run makes, and the random numbers of its workers. */
#ifndef FUZZ_H
#define FUZZ_H

#include "test.h"

#include <abi/syscall.h>

#define WORKERS 3
#define WITNESS (1 << WORKERS) /* its bit in a plan's workers */
#define OPS 400                /* a worker's calls, unless it dies of one; each may be a few system calls */

typedef uint64_t word;

struct worker {
	uint64_t seed;   /* of all its calls */
	uint64_t random; /* of this call, so far */
	int main_tid, depth;
	sigjmp_buf out;
};

/* Which part of a seed's run to make. */
struct plan {
	uint64_t seed, calls;  /* ends after the round in which there were as many system calls */
	uint64_t first, last;  /* rounds, without the last */
	uint64_t workers;      /* a bit each, and one for the witness */
	uint64_t from, to;     /* calls of each worker, without `to` */
	uint64_t kinds;        /* a bit each, as in make_call() */
};
extern struct plan plan;

/* Shared with children or with other workers, private, read-only, rightless, and holes. */
#define ARENA_PAGES 64
static char *const arena = (char *)0x20000000;

/* A system call as it is: the library neither looks at the arguments nor at the answer. */
word call(word number, word a, word b, word c, word d, word e, word f);
#define SYS(name, ...) SYS_6(SYS_##name, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define SYS_6(n, a, b, c, d, e, f, ...) call(n, (word)(a), (word)(b), (word)(c), (word)(d), (word)(e), (word)(f))

/* For arguments: the macro does not nest. */
static inline word break_now(void) { return SYS(sbrk, 0); }
static inline word pid_now(void) { return SYS(getpid); }
static inline word tid_now(void) { return SYS(gettid); }

/* A random number; one below n. */
word any(struct worker *w);
word below(struct worker *w, word n);

/* A worker's life: all its calls, with `null` for its console. Does not return. */
void worker_main(uint64_t seed, int null) __attribute__((noreturn));

/* What the witness looks at, again and again until the clock says `end`; fails its process when that cannot be. */
void witness_main(uint64_t end) __attribute__((noreturn));

#endif
