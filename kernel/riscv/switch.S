/* The context switch, and the start of a new thread. Floor: above kern/thread's header. */
#include "riscv/asm-offsets.h"

	.text

/* void context_switch(struct context *from, struct context *to) */
	.globl context_switch
context_switch:
	sd	ra, CONTEXT_RA(a0)
	sd	sp, CONTEXT_SP(a0)
	/* What the old thread reserved by lr must not let the new one's sc pass: this sc uses the reservation up, storing what is there. */
	sc.d	zero, ra, (a0)
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11
	sd	s\n, CONTEXT_S(\n)(a0)
	.endr
	mv	tp, a1			/* a context stands first in its thread */
	ld	ra, CONTEXT_RA(a1)
	ld	sp, CONTEXT_SP(a1)
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11
	ld	s\n, CONTEXT_S(\n)(a1)
	.endr
	ret

	.globl thread_trampoline
thread_trampoline:
	mv	a0, s0
	mv	a1, s1
	li	s0, 0			/* backtraces end here */
	call	thread_begin
	j	.
