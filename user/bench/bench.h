/*
 * Measuring in guest instructions: what an operation costs, and what no kernel
 * could do it for.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>

/* Instructions retired so far on this hart. Under -icount it is exact. */
static inline uint64_t instructions(void)
{
	uint64_t n;

	__asm__ volatile("rdinstret %0" : "=r"(n) : : "memory");
	return n;
}

/* What a floor is made of. The cost of each part is measured. */
enum part {
	PART_TRAP,   /* into the kernel and back: all registers saved and loaded */
	PART_SWITCH, /* to another thread: the callee's registers, another page table */
	PART_MAP,    /* a walk of three levels, an entry written, a fence */
	PART_CLEAR,  /* 4 KiB cleared */
	PART_COPY,   /* 4 KiB copied */
	PART_FIND,   /* a look-up among 2^n addresses: one step of n */
	PART_COUNT
};
extern uint64_t part_cost[PART_COUNT]; /* in thousandths of an instruction */
void parts_measure(void);

/* floor.S: the best code for each part. */
void floor_trap(void *frame);
void floor_switch(void *from, void *to);
void floor_map(void *root, unsigned long va, unsigned long pte);
void floor_clear(void *page);
void floor_copy(void *to, const void *from);
long floor_find(const uint64_t *sorted, unsigned long steps, uint64_t what);

/* What one run of an operation came to: instructions in all, for so many times. */
struct took {
	uint64_t instructions;
	uint64_t times;
};

struct bench {
	const char *name;
	const char *unit;                 /* what one time is */
	struct took (*run)(long argument);
	long argument;
	unsigned floor[PART_COUNT];       /* parts a time */
	unsigned divide;                  /* the floor is for so many times */
};
extern const struct bench benches[];
extern const unsigned bench_count;

/* Faults of several at once; prints lines of its own (throughput.c). */
void throughput(void);

/* Ends the machine with a word: the setting is not what the operation needs. */
void give_up(const char *what) __attribute__((noreturn));
#define CHECK(e) ((e) ? (void)0 : give_up(#e))

#endif
