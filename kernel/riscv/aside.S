/*
 * Calls aside (riscv/aside.h), back to t0: the function in t1 with the four words that sp points to, which are taken off; the
 * result is in t1. All other registers stay as they were. Floor: riscv, the lowest.
 */
	.text
	.globl call_aside
call_aside:
	addi	sp, sp, -144
	sd	ra, 136(sp)
	sd	s0, 128(sp)
	addi	s0, sp, 144	/* a frame as any: a backtrace comes through */
	sd	t0, 120(sp)
	sd	t2, 104(sp)
	sd	t3, 96(sp)
	sd	t4, 88(sp)
	sd	t5, 80(sp)
	sd	t6, 72(sp)
	sd	a0, 64(sp)
	sd	a1, 56(sp)
	sd	a2, 48(sp)
	sd	a3, 40(sp)
	sd	a4, 32(sp)
	sd	a5, 24(sp)
	sd	a6, 16(sp)
	sd	a7, 8(sp)
	ld	a0, 144(sp)
	ld	a1, 152(sp)
	ld	a2, 160(sp)
	ld	a3, 168(sp)
	jalr	t1
	mv	t1, a0
	ld	ra, 136(sp)
	ld	s0, 128(sp)
	ld	t0, 120(sp)
	ld	t2, 104(sp)
	ld	t3, 96(sp)
	ld	t4, 88(sp)
	ld	t5, 80(sp)
	ld	t6, 72(sp)
	ld	a0, 64(sp)
	ld	a1, 56(sp)
	ld	a2, 48(sp)
	ld	a3, 40(sp)
	ld	a4, 32(sp)
	ld	a5, 24(sp)
	ld	a6, 16(sp)
	ld	a7, 8(sp)
	addi	sp, sp, 144 + 32
	jr	t0
