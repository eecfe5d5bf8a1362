/* Where a program starts: a0 argc, a1 argv, a2 envp, sp 16-byte aligned. */
	.section .text.start, "ax", @progbits
	.globl _start
_start:
	.option push
	.option norelax
	la	gp, __global_pointer$
	.option pop
	li	s0, 0		/* the end of the chain of frames */
	li	ra, 0
	call	__start
	ebreak			/* __start never returns */
