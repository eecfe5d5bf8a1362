/* Checks riscv/asm-offsets.h against the declarations. Floor: above kern/thread. */
#include "riscv/asm-offsets.h"
#include "kern/thread.h"
#include "riscv/boot.h"
#include "riscv/cpu.h"
#include "riscv/fp.h"
#include "riscv/trap.h"

#define SAME(name, value) _Static_assert((name) == (value), #name " differs from " #value)

SAME(CONTEXT_RA, offsetof(struct context, ra));
SAME(CONTEXT_SP, offsetof(struct context, sp));
SAME(CONTEXT_S(0), offsetof(struct context, s[0]));
SAME(CONTEXT_S(11), offsetof(struct context, s[11]));
SAME(0, offsetof(struct thread, context));
SAME(THREAD_KSTACK, offsetof(struct thread, kstack));
SAME(THREAD_CPU, offsetof(struct thread, cpu));
SAME(THREAD_TRAPFRAME, offsetof(struct thread, trapframe));
SAME(CPU_EMERGENCY_TOP, offsetof(struct cpu, emergency_top));
SAME(CPU_SCRATCH, offsetof(struct cpu, scratch[0]));
SAME(HART_CALL_ID, offsetof(struct hart_call, hartid));
SAME(HART_CALL_THREAD, offsetof(struct hart_call, thread));
SAME(TF_X(1), offsetof(struct trapframe, ra));
SAME(TF_X(4), offsetof(struct trapframe, tp));
SAME(TF_X(10), offsetof(struct trapframe, a0));
SAME(TF_X(31), offsetof(struct trapframe, t6));
SAME(TF_EPC, offsetof(struct trapframe, epc));
SAME(TF_SSTATUS, offsetof(struct trapframe, sstatus));
SAME(TF_SCAUSE, offsetof(struct trapframe, scause));
SAME(TF_STVAL, offsetof(struct trapframe, stval));
SAME(TF_SIZE, sizeof(struct trapframe));
SAME(TF_SIZE % 16, 0);
SAME(1UL << KSTACK_SHIFT, KSTACK_PAGES * PAGE_SIZE);
SAME(256, offsetof(struct fpstate, fcsr));
