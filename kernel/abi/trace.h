/*
 * The step table: every event that the trace ring holds.
 *
 * STEP(id, text, a, b): id is the name in the catalogue of fault cases; a and
 * b say what the event's two arguments are. The kernel's ring, vmtrace(1), the
 * debugger's scripts, the stories and the book are all made from this list.
 */
#ifndef ABI_TRACE_H
#define ABI_TRACE_H

#include <stdint.h>

#define TRACE_STEPS(STEP)                                                       \
	STEP(FAULT, "a fault begins", "address", "access")                      \
	STEP(K1, "look up the entry", "entry start", "entry end")               \
	STEP(K2, "check protection", "entry protection", "access")              \
	STEP(K3, "wiring: full access, narrow", "wiring", "access")             \
	STEP(K4, "needs_copy: copy the amap now, or clamp", "0 none 1 copy 2 clamp", "amap") \
	STEP(K0, "no amap and no object", "address", "")                        \
	STEP(K5, "choose the range", "start", "pages")                          \
	STEP(K6, "lock the amap, look up its anons", "amap", "anons found")     \
	STEP(K7, "sequential: deactivate behind", "start", "pages")             \
	STEP(UL, "upper look-up", "anon", "references")                         \
	STEP(N, "a resident neighbour mapped", "address", "frame")              \
	STEP(AG, "anon fetch", "anon", "frame")                                 \
	STEP(UD, "upper direct (1A)", "anon", "rights")                         \
	STEP(UP, "upper promote (1B)", "old anon", "new anon")                  \
	STEP(UE, "upper enter and done", "frame", "rights")                     \
	STEP(LL, "lower look-up", "object", "frame or 0")                       \
	STEP(IO, "object page-in", "offset", "0 kept, or why started over")     \
	STEP(LD, "lower direct (2A)", "frame", "rights")                        \
	STEP(LP, "lower promote (2B)", "0 zero 1 copy", "new anon")             \
	STEP(LE, "lower enter and done", "frame", "rights")                     \
	STEP(DF, "device's own fault routine", "object", "offset")              \
	STEP(RESTART, "start over", "why", "")                                  \
	STEP(GROW, "the stack grows", "new start", "pages")                     \
	STEP(ERROR, "the fault fails", "errno", "address")                      \
	STEP(DONE, "the fault is resolved", "address", "passes")                \
	STEP(SHOOTDOWN, "translations dropped on other harts", "harts", "pages") \
	STEP(COPYUSER, "a copy to or from user memory faulted", "address", "pc") \
	STEP(FORK, "fork", "parent", "child")                                   \
	STEP(EXEC, "exec", "pid", "entry point")                                \
	STEP(EXIT, "exit", "pid", "status")                                     \
	STEP(SWITCH, "context switch", "from", "to")                            \
	STEP(RECLAIM, "a page given back", "frame", "offset")                   \
	STEP(USER, "a program's own mark", "value", "value")

#define TRACE_ENUM(id, text, a, b) TRACE_##id,
enum trace_step { TRACE_NONE, TRACE_STEPS(TRACE_ENUM) TRACE_MAX };
#undef TRACE_ENUM

/* One event, as vmtrace(2) hands it out. */
struct trace_event {
	uint64_t seq;   /* counts up over all harts */
	uint64_t time;  /* of the time CSR */
	uint16_t step;  /* enum trace_step */
	uint16_t hart;
	int32_t pid;    /* 0 for the kernel's own threads */
	int32_t tid;
	uint32_t lost;  /* events overwritten before this one, on its hart */
	uint64_t a, b;
};

/* vmtrace(2): vmtrace(TRACE_OP_READ, events, count) and so on. */
#define TRACE_OP_READ 0  /* oldest first, takes them out of the ring */
#define TRACE_OP_ON 1
#define TRACE_OP_OFF 2
#define TRACE_OP_MARK 3  /* puts a USER event with the two arguments */

#endif
