/* Where a started thread begins: a0 its control block, sp just below that. */
	.section .text.__thread_entry, "ax", @progbits
	.globl __thread_entry
__thread_entry:
	.option push
	.option norelax
	la	gp, __global_pointer$
	.option pop
	mv	tp, a0
	li	s0, 0
	li	ra, 0
	call	__thread_main
	ebreak
