/*
 * Calls aside (riscv/aside.h): the function in t1 with the arguments in a0 and so on, back to t0. All registers that C may
 * change stay as they were, but a0, the result, and t0. Floor: riscv, the lowest.
 */
	.text
	.globl call_aside
call_aside:
	addi	sp, sp, -128
	sd	ra, 120(sp)
	sd	t0, 112(sp)
	sd	t1, 104(sp)
	sd	t2, 96(sp)
	sd	t3, 88(sp)
	sd	t4, 80(sp)
	sd	t5, 72(sp)
	sd	t6, 64(sp)
	sd	a1, 56(sp)
	sd	a2, 48(sp)
	sd	a3, 40(sp)
	sd	a4, 32(sp)
	sd	a5, 24(sp)
	sd	a6, 16(sp)
	sd	a7, 8(sp)
	jalr	t1
	ld	ra, 120(sp)
	ld	t0, 112(sp)
	ld	t1, 104(sp)
	ld	t2, 96(sp)
	ld	t3, 88(sp)
	ld	t4, 80(sp)
	ld	t5, 72(sp)
	ld	t6, 64(sp)
	ld	a1, 56(sp)
	ld	a2, 48(sp)
	ld	a3, 40(sp)
	ld	a4, 32(sp)
	ld	a5, 24(sp)
	ld	a6, 16(sp)
	ld	a7, 8(sp)
	addi	sp, sp, 128
	jr	t0
