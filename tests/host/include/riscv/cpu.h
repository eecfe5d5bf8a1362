/* One hart; the running thread is a variable that tests change. Otherwise as kernel/riscv/cpu.h. */
#ifndef RISCV_CPU_H
#define RISCV_CPU_H

#include "base/param.h"
#include "base/types.h"

struct thread;

struct context {
	uint64_t ra, sp;
	uint64_t s[12];
};

struct cpu {
	uint32_t index;
};

extern struct thread *host_thread;
static inline struct thread *thread_current(void) { return host_thread; }

struct cpu *mycpu(void);
void cpu_relax(void);
bool harts_pause(void);
void harts_resume(void);

#endif
