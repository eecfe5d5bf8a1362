/*
 * The trace: a ring of typed events for each hart (abi/trace.h has the table).
 *
 * TRACE(K1, a, b) records one event and leaves a label step_K1_n in the ELF
 * where a debugger can stop. Recording needs no lock: interrupts are off while
 * a hart writes into its own ring.
 */
#ifndef KERN_TRACE_H
#define KERN_TRACE_H

#include "abi/trace.h"
#include "base/types.h"

extern bool trace_on; /* off: an event costs a load and a branch */

void trace_record(enum trace_step step, uint64_t a, uint64_t b);

#if defined(__riscv) && defined(DEBUG)
#define TRACE_LABEL(id) __asm__ volatile("step_" #id "_%=:" ::: "memory") /* memory is as the source has it where a debugger stops */
#elif defined(__riscv)
#define TRACE_LABEL(id) __asm__ volatile("step_" #id "_%=:" ::)
#else
#define TRACE_LABEL(id) ((void)0)
#endif

#define TRACE(id, a, b) TRACE_IF(trace_on, id, a, b)

/* The same for whoever looked at trace_on once for many events. */
#define TRACE_IF(on, id, a, b)                                                  \
	do {                                                                    \
		TRACE_LABEL(id);                                                \
		if (__builtin_expect(on, 0))                                    \
			trace_record(TRACE_##id, (uint64_t)(a), (uint64_t)(b)); \
	} while (0)

int trace_init(void);                              /* rings allocated; ENOMEM: the trace stays off */
bool trace_switch(bool on);                        /* false: there are no rings */
size_t trace_read(struct trace_event *out, size_t count); /* oldest first over all harts, taken out */
void trace_print_last(size_t count);               /* for the panic */
const char *trace_name(enum trace_step step);

#endif
