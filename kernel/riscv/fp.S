/* Moves of all floating-point registers; riscv/fp.c says when. Floor: riscv. */
#include "riscv/csr.h"

	.option arch, +f, +d
	.text

	.macro	FP_ON	/* the kernel's own FS may say Off */
	li	t0, SSTATUS_FS_CLEAN
	csrs	sstatus, t0
	.endm

/* void fp_store(struct fpstate *fp) */
	.globl fp_store
fp_store:
	FP_ON
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	fsd	f\n, 8 * \n(a0)
	.endr
	frcsr	t0
	sd	t0, 256(a0)
	ret

/* void fp_load(const struct fpstate *fp) */
	.globl fp_load
fp_load:
	FP_ON
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	fld	f\n, 8 * \n(a0)
	.endr
	ld	t0, 256(a0)
	fscsr	t0
	ret

/* void fp_clear(void) */
	.globl fp_clear
fp_clear:
	FP_ON
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	fmv.d.x	f\n, zero
	.endr
	fscsr	zero
	ret
