/*
 * What the parts of the probe share.
 *
 * The probe runs the operations of /script (docs/scripts.md says where they come
 * from), one a line: the number of the test's line, the operation, its arguments,
 * divided by one blank each. What it does between two checkpoints takes no frame but
 * for the test's own regions and for each child's own block (own.c).
 */
#ifndef PROBE_H
#define PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGE 4096UL
#define REGIONS 16
#define PROCESSES 64
#define EVENTS 8
#define SCRIPT_SIZE (64UL << 10)
#define NAME_SIZE 32
#define TEXT_SIZE 256
#define IMAGE_SIZE (4 * PAGE)
#define OWN_SIZE 0x4000 /* a page, and three of stack */
#define FAILED_STATUS 125
#define NO_LINE (~0UL) /* the failure of something that is no line of the script */

struct region {
	uint64_t address;
	uint64_t pages; /* 0: no such region in this process */
};

/* What a child begins with as its parent has it. */
struct inherited {
	struct region regions[REGIONS];
	const char *at;      /* in the script: what is read next */
	uint64_t line;       /* that is being run */
	uint64_t checkpoint; /* the last one */
	uint64_t stack_end;  /* of the first stack: below it no line has been given pages yet */
};

/*
 * All that a process writes for itself (own.c). The host looks for `go` and for the
 * table of regions here: a process that has just cleared `go` has the page mapped.
 */
struct own {
	volatile uint64_t go; /* the host sets it: go on */
	uint64_t process;     /* 0 is main */
	struct inherited now;
	uint64_t library[8];  /* the C library's block of a thread, where errno is */
	bool failed;
	pid_t pids[PROCESSES]; /* of its children, by number of the process */
	char text[TEXT_SIZE];
	char stack[OWN_SIZE - PAGE] __attribute__((aligned(4096)));
};
extern struct own own __asm__("probe_go"); /* so the host, and assembler, know it */

bool own_boot(void);                                             /* false: no memory */
void own_enter(void (*fn)(void)) __attribute__((noreturn));      /* fn, on the block's stack */
int64_t own_fork(uint64_t process);                              /* the pid or a negated errno; the child goes on in run() */

/* The registers of a process at a checkpoint: s1 to s6. */
struct arrival {
	uint64_t number;  /* of the checkpoint */
	uint64_t process; /* 0 is main */
	uint64_t line;    /* that failed, or 0 */
	uint64_t detail;  /* of the failure */
	uint64_t regions; /* address of the table */
	uint64_t time;
};
void probe_park(const struct arrival *a); /* spins until own.go is set */

/* probe.c */
uint64_t next_number(void);
bool at_end_of_line(void);
void next_word(char *word); /* of NAME_SIZE */
/* Reports that this line failed, and stays at a checkpoint. detail tells the host more. */
void fail(uint64_t detail, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));
void run(void) __attribute__((noreturn)); /* the lines from here on */

/* image.c */
extern uint8_t image_data[IMAGE_SIZE], image_bss[IMAGE_SIZE];
extern const uint8_t image_const[IMAGE_SIZE];
bool image_holds(const volatile void *p);

/* memory.c: what a line does with memory; NULL when `operation` is none of these. */
typedef void operation_fn(void);
operation_fn *memory_operation(const char *operation);
void memory_boot(void);

#endif
