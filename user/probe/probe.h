/*
 * What the parts of the probe share.
 *
 * The probe runs the operations of /script (docs/scripts.md says where they come
 * from), one a line: the number of the test's line, the operation, its arguments,
 * divided by one blank each. Its memory is static, so that what it does between
 * two checkpoints takes no frame but for the test's own regions.
 */
#ifndef PROBE_H
#define PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096UL
#define REGIONS 16
#define PROCESSES 64
#define EVENTS 8
#define SCRIPT_SIZE (64UL << 10)
#define NAME_SIZE 32
#define IMAGE_SIZE (4 * PAGE)
#define NO_LINE (~0UL) /* the failure of something that is no line of the script */

/*
 * What the host looks for at a checkpoint, on a page of its own: a process that
 * has just cleared `go` has that page in a frame of its own, mapped.
 */
struct probe_page {
	volatile uint64_t go; /* the host sets it: go on */
	uint64_t unused;
	struct region {
		uint64_t address;
		uint64_t pages; /* 0: no such region in this process */
	} regions[REGIONS];
};
extern struct probe_page probe_go;

/* The registers of a process at a checkpoint: s1 to s6. */
struct arrival {
	uint64_t number;  /* of the checkpoint */
	uint64_t process; /* 0 is main */
	uint64_t line;    /* that failed, or 0 */
	uint64_t detail;  /* of the failure */
	uint64_t regions; /* address of the table */
	uint64_t time;
};
void probe_park(const struct arrival *a); /* spins until probe_go.go is set */

/* probe.c: the line that is being run. */
extern uint64_t line;
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
