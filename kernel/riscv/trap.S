/*
 * The trap vector. Floor: riscv; calls up to trap_user, trap_syscall, trap_pending and trap_kernel.
 *
 * tp is the running thread while in the kernel; sscratch is the thread while in
 * user mode and 0 in the kernel, which tells the two kinds of trap apart. The
 * kernel half is in every page table, so no table is switched. gp is never used
 * by the kernel.
 *
 * A fault or an interrupt in user mode saves only what C may change. The callee's registers are in place again when
 * trap_user returns; they go into the frame when somebody is to look at it, which a system call may do at any time.
 */
#include "riscv/asm-offsets.h"
#include "riscv/csr.h"

	.macro	SAVE_CALLER	/* all that C may change, gp, which a switch does not keep, and s0, where backtraces begin; but t0, relative to sp */
	sd	x1, TF_X(1)(sp)
	.irp	n, 3,6,7,8,10,11,12,13,14,15,16,17,28,29,30,31
	sd	x\n, TF_X(\n)(sp)
	.endr
	.endm

	.macro	SAVE_CALLEE	/* the rest of the registers, but sp and tp */
	.irp	n, 9,18,19,20,21,22,23,24,25,26,27
	sd	x\n, TF_X(\n)(sp)
	.endr
	.endm

	.macro	SAVE_MOST	/* all but sp, tp, t0 */
	SAVE_CALLER
	SAVE_CALLEE
	.endm

	.macro	LOAD_CALLER	/* as SAVE_CALLER, and t0 */
	ld	x1, TF_X(1)(sp)
	.irp	n, 3,5,6,7,8,10,11,12,13,14,15,16,17,28,29,30,31
	ld	x\n, TF_X(\n)(sp)
	.endr
	.endm

	.macro	LOAD_CALLEE
	.irp	n, 9,18,19,20,21,22,23,24,25,26,27
	ld	x\n, TF_X(\n)(sp)
	.endr
	.endm

	.macro	SAVE_CSRS	/* t0 and a1 are free; a1 is the cause */
	csrr	t0, sepc
	sd	t0, TF_EPC(sp)
	csrr	t0, sstatus
	sd	t0, TF_SSTATUS(sp)
	csrr	t0, stval
	sd	t0, TF_STVAL(sp)
	csrr	a1, scause
	sd	a1, TF_SCAUSE(sp)
	.endm

	.text
	.balign 4
	.globl trap_vector
trap_vector:
	csrrw	tp, sscratch, tp
	beqz	tp, from_kernel

	/*
	 * From user mode. The thread's context is free while it runs: its sp slot
	 * keeps the user's sp until a register is free to move it.
	 */
	sd	sp, CONTEXT_SP(tp)
	ld	sp, THREAD_TRAPFRAME(tp)
	sd	t0, TF_X(5)(sp)
	SAVE_CALLER
	csrrw	t0, sscratch, zero
	sd	t0, TF_X(4)(sp)
	ld	t0, CONTEXT_SP(tp)
	sd	t0, TF_X(2)(sp)
	SAVE_CSRS
	li	s0, 0			/* backtraces end here */
	li	t0, SCAUSE_ECALL_USER
	mv	a0, sp
	beq	a1, t0, system_call
	call	trap_user		/* comes back with interrupts off, as each does that is called here */
came_back:
	bnez	a0, look_at_frame
	ld	t0, TF_SSTATUS(sp)	/* as it was when the program was left, but for FS */
leave:					/* all but the callee's registers are in the frame */
	csrw	sscratch, tp
	csrw	sstatus, t0
	ld	t0, TF_EPC(sp)
	csrw	sepc, t0
	LOAD_CALLER
	ld	tp, TF_X(4)(sp)
	ld	sp, TF_X(2)(sp)
	sret

system_call:
	SAVE_CALLEE
	call	trap_syscall
	j	came_back

look_at_frame:
	SAVE_CALLEE
	mv	a0, sp

	/* void trap_leave(struct trapframe *tf): the end of a system call that has made all registers anew. */
	.globl trap_leave
trap_leave:
	mv	sp, a0
	li	s0, 0
	call	trap_pending
	ld	t0, TF_SSTATUS(sp)
leave_whole:
	LOAD_CALLEE
	j	leave

	/*
	 * void trap_return(struct trapframe *tf): of a frame that was made, not
	 * saved, only FS counts. The program runs in user mode with interrupts on.
	 */
	.globl trap_return
trap_return:
	csrci	sstatus, SSTATUS_SIE
	mv	sp, a0
	ld	t0, TF_SSTATUS(sp)
	li	t1, SSTATUS_FS
	and	t0, t0, t1
	li	t1, SSTATUS_UXL_64 | SSTATUS_SPIE
	or	t0, t0, t1
	j	leave_whole

	/*
	 * A stack in use has room for the frame: its sp, less what the frame
	 * needs, lies within it. When not, a prologue ran into the guard page
	 * (or is about to), and only another stack can tell of it.
	 */
#define FRAME (TF_SIZE + 16)
#define MARGIN 512

from_kernel:
	csrrw	tp, sscratch, tp	/* the thread again, and 0 */
	csrw	sscratch, t0
	ld	t0, THREAD_KSTACK(tp)
	sub	t0, sp, t0
	addi	t0, t0, -MARGIN
	srli	t0, t0, KSTACK_SHIFT
	bnez	t0, stack_overflow
	csrrw	t0, sscratch, zero

	/*
	 * Above the trap frame stands a frame record as the psABI draws it, as if
	 * the interrupted instruction had made a call: backtraces go through.
	 */
	addi	sp, sp, -FRAME
	sd	t0, TF_X(5)(sp)
	SAVE_MOST
	sd	tp, TF_X(4)(sp)
	addi	t0, sp, FRAME
	sd	t0, TF_X(2)(sp)
	SAVE_CSRS
	ld	t0, TF_EPC(sp)
	sd	t0, TF_SIZE + 8(sp)
	sd	s0, TF_SIZE + 0(sp)
	addi	s0, sp, FRAME
	/* A trap inside a copy to or from user memory: the handler has no such right. */
	li	t0, SSTATUS_SUM
	csrc	sstatus, t0
	mv	a0, sp
	call	trap_kernel

	csrci	sstatus, SSTATUS_SIE
	ld	t0, TF_EPC(sp)
	csrw	sepc, t0
	ld	t0, TF_SSTATUS(sp)
	csrw	sstatus, t0
	LOAD_CALLER
	LOAD_CALLEE
	ld	sp, TF_X(2)(sp)
	sret

stack_overflow:
	ld	t0, THREAD_CPU(tp)
	sd	sp, CPU_SCRATCH(t0)
	ld	sp, CPU_EMERGENCY_TOP(t0)
	addi	sp, sp, -FRAME
	SAVE_MOST
	sd	tp, TF_X(4)(sp)
	ld	t0, CPU_SCRATCH(t0)
	sd	t0, TF_X(2)(sp)
	csrrw	t0, sscratch, zero
	sd	t0, TF_X(5)(sp)
	SAVE_CSRS
	mv	a0, sp
	call	trap_stack_overflow
