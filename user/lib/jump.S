/* setjmp and longjmp: what the calling convention says survives a call; and the way back from a signal handler. */
#define REGISTERS(op, fop) \
	op ra, 0(a0); op sp, 8(a0); \
	op s0, 16(a0); op s1, 24(a0); op s2, 32(a0); op s3, 40(a0); op s4, 48(a0); op s5, 56(a0); \
	op s6, 64(a0); op s7, 72(a0); op s8, 80(a0); op s9, 88(a0); op s10, 96(a0); op s11, 104(a0); \
	fop fs0, 112(a0); fop fs1, 120(a0); fop fs2, 128(a0); fop fs3, 136(a0); fop fs4, 144(a0); fop fs5, 152(a0); \
	fop fs6, 160(a0); fop fs7, 168(a0); fop fs8, 176(a0); fop fs9, 184(a0); fop fs10, 192(a0); fop fs11, 200(a0)

	.section .text.setjmp, "ax", @progbits
	.globl setjmp
setjmp:
	REGISTERS(sd, fsd)
	li	a0, 0
	ret

	.globl longjmp
longjmp:
	REGISTERS(ld, fld)
	seqz	a0, a1		/* 0 would look like the first return */
	add	a0, a0, a1
	ret

	.section .text.__sigreturn, "ax", @progbits
	.globl __sigreturn
__sigreturn:
	mv	a0, sp		/* the frame that the kernel built */
	li	a7, 10
	ecall
	ebreak
