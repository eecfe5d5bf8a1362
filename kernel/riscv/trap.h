/* The user's registers as the trap vector saves them, at the top of the thread's kernel stack. */
#ifndef RISCV_TRAP_H
#define RISCV_TRAP_H

#include "base/types.h"

/* x1 to x31 at index 0 to 30, then the program counter and sstatus. */
struct trapframe {
	union {
		uint64_t x[31];
		struct {
			uint64_t ra, sp, gp, tp, t0, t1, t2, s0, s1;
			uint64_t a0, a1, a2, a3, a4, a5, a6, a7;
			uint64_t s2, s3, s4, s5, s6, s7, s8, s9, s10, s11;
			uint64_t t3, t4, t5, t6;
		};
	};
	uint64_t epc;
	uint64_t sstatus;
	uint64_t scause; /* of this trap */
	uint64_t stval;
	uint64_t unused; /* keeps the stack below it aligned to 16 */
};

/*
 * Called by the vector, with interrupts off, as they are on return.
 * trap_user: a fault or interrupt of user mode. The callee's registers are not in the frame. True: something came up
 * that needs them there, trap_pending is to be called when they are.
 * trap_kernel: the frame is of the interrupted kernel code, epc may be changed (copyuser's recovery).
 */
bool trap_user(struct trapframe *tf, uint64_t cause);
bool trap_syscall(struct trapframe *tf); /* the frame is whole */
void trap_pending(struct trapframe *tf);
void trap_kernel(struct trapframe *tf);

/*
 * Leaves the kernel with the registers in tf, on the running thread's stack; never
 * returns. Of tf->sstatus only FS counts.
 */
void trap_return(struct trapframe *tf) __noreturn;
/* The same for a system call that has put all registers of its frame anew, which would else leave with the callee's as they were; signals are taken first. */
void trap_leave(struct trapframe *tf) __noreturn;

/* From the vector, on the emergency stack: the kernel stack is used up. */
void trap_stack_overflow(struct trapframe *tf) __noreturn;
void trap_init_hart(void); /* this hart's traps come here; boot does it */

#endif
