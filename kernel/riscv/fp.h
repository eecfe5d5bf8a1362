/*
 * A program's floating-point registers. The kernel has none of its own, so they
 * stay in the hart until another thread runs there.
 *
 * The FS field of the trap frame's sstatus says where the truth is: INITIAL -
 * all zero; CLEAN - in the thread's struct fpstate (and, while it runs, in the
 * hart as well); DIRTY - in the hart only. Only the thread that runs is DIRTY.
 * A kernel thread has no trap frame; these calls do nothing when tf is NULL.
 */
#ifndef RISCV_FP_H
#define RISCV_FP_H

#include "base/types.h"
#include "riscv/csr.h"
#include "riscv/trap.h"

struct fpstate {
	uint64_t f[32];
	uint64_t fcsr;
};

/* Before the running thread leaves the hart, or anyone reads its state (fork, a signal frame): DIRTY becomes CLEAN. Interrupts off. */
void fp_leave(struct trapframe *tf, struct fpstate *fp);
/* Before a switch to the thread with this state, or after it was replaced (sigreturn): loads the hart's registers. Interrupts off. */
void fp_enter(const struct trapframe *tf, const struct fpstate *fp);
/* From one thread to another. Who leaves with all zero has left all zero in the hart: nothing is to be done for another that wants that. */
static inline void fp_switch(struct trapframe *from, struct fpstate *from_fp, const struct trapframe *to, const struct fpstate *to_fp)
{
	if (from && to && (from->sstatus & SSTATUS_FS) == SSTATUS_FS_INITIAL && (to->sstatus & SSTATUS_FS) == SSTATUS_FS_INITIAL)
		return;
	fp_leave(from, from_fp);
	fp_enter(to, to_fp);
}
/* exec, and the frame of a new program: INITIAL. If tf is the running thread's, fp_enter() follows. */
void fp_reset(struct trapframe *tf);

#endif
