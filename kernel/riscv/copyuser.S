/*
 * The only code that touches user memory from the kernel. Every instruction that
 * may fault lies between copyuser_start and copyuser_end; none of these functions
 * has a frame, so that the recovery is a plain return. Floor: riscv.
 *
 * Each sets SUM on its way in and clears it on its way out; a trap in between
 * clears it for its handler and puts it back.
 */
#include "riscv/csr.h"

	.text

	.macro	USER_ON
	li	t6, SSTATUS_SUM
	csrs	sstatus, t6
	.endm

	.globl copyuser_start
copyuser_start:

/*
 * long copyuser_move(void *dst, const void *src, size_t n): 0, or -1.
 * Aligned alike: bytes up to a multiple of 8, then 128 a turn, then 8, then bytes.
 */
	.macro	MOVE_64	at
	ld	t0, \at+0(a1)
	ld	t1, \at+8(a1)
	ld	t2, \at+16(a1)
	ld	t3, \at+24(a1)
	ld	t4, \at+32(a1)
	ld	t5, \at+40(a1)
	ld	a4, \at+48(a1)
	ld	a5, \at+56(a1)
	sd	t0, \at+0(a0)
	sd	t1, \at+8(a0)
	sd	t2, \at+16(a0)
	sd	t3, \at+24(a0)
	sd	t4, \at+32(a0)
	sd	t5, \at+40(a0)
	sd	a4, \at+48(a0)
	sd	a5, \at+56(a0)
	.endm

	.globl copyuser_move
copyuser_move:
	USER_ON
	add	a3, a0, a2		/* one past the last byte */
	xor	t0, a0, a1
	andi	t0, t0, 7
	bnez	t0, 5f
1:	andi	t0, a0, 7
	beqz	t0, 2f
	bgeu	a0, a3, 9f
	lb	t0, 0(a1)
	sb	t0, 0(a0)
	addi	a0, a0, 1
	addi	a1, a1, 1
	j	1b

2:	addi	a6, a3, -127		/* below it 128 bytes are left; no address is so low that it wraps */
	bgeu	a0, a6, 4f
3:	MOVE_64	0
	MOVE_64	64
	addi	a0, a0, 128
	addi	a1, a1, 128
	bltu	a0, a6, 3b

4:	sub	t0, a3, a0
	sltiu	t0, t0, 8
	bnez	t0, 5f
	ld	t0, 0(a1)
	sd	t0, 0(a0)
	addi	a0, a0, 8
	addi	a1, a1, 8
	j	4b

5:	bgeu	a0, a3, 9f
	lb	t0, 0(a1)
	sb	t0, 0(a0)
	addi	a0, a0, 1
	addi	a1, a1, 1
	j	5b
9:	li	a0, 0
	csrc	sstatus, t6
	ret

/* long copyuser_clear(void *dst, size_t n): 0, or -1. */
	.globl copyuser_clear
copyuser_clear:
	USER_ON
	add	a3, a0, a1
1:	andi	t0, a0, 7
	beqz	t0, 2f
	bgeu	a0, a3, 9f
	sb	zero, 0(a0)
	addi	a0, a0, 1
	j	1b
2:	sub	t0, a3, a0
	sltiu	t0, t0, 64
	bnez	t0, 3f
	.irp	n, 0,8,16,24,32,40,48,56
	sd	zero, \n(a0)
	.endr
	addi	a0, a0, 64
	j	2b
3:	bgeu	a0, a3, 9f
	sb	zero, 0(a0)
	addi	a0, a0, 1
	j	3b
9:	li	a0, 0
	csrc	sstatus, t6
	ret

/* long copyuser_string(char *dst, const char *src, size_t size): bytes with the NUL; 0: no NUL within size; -1. */
	.globl copyuser_string
copyuser_string:
	USER_ON
	mv	a4, a0
	add	a3, a0, a2
1:	bgeu	a0, a3, 2f
	lb	t0, 0(a1)
	sb	t0, 0(a0)
	addi	a0, a0, 1
	addi	a1, a1, 1
	bnez	t0, 1b
	sub	a0, a0, a4
	csrc	sstatus, t6
	ret
2:	li	a0, 0
	csrc	sstatus, t6
	ret

	.globl copyuser_end
copyuser_end:

	.globl copyuser_failed
copyuser_failed:
	li	t6, SSTATUS_SUM
	csrc	sstatus, t6
	li	a0, -1
	ret
