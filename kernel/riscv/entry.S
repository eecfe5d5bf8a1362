/*
 * Where the firmware comes in, on every hart: _start, with a0 = hart id. The
 * first to come is the boot hart, with a1 = device tree; each further one has been
 * called by name in hart_call (boot.c), which also says what its thread is.
 *
 * There is one door, and a called hart's a1 is not looked at: firmware may send a hart that
 * was just started where the boot hart went, with what that one was given. OpenSBI 1.1 marks
 * a hart as one to be started first, and only then writes down where and with what.
 *
 * Both switch paging on with boot_root, go on at the high addresses that the
 * kernel is linked for, and call C. boot_root stays as it is for the life of the
 * kernel: a hart that starts later comes up on it again. Floor: riscv.
 *
 *	boot_root[2]          0x80000000          the same, for the instructions around the switch
 *	boot_root[256..383]   DIRECT_MAP          physical 0 to 128 GiB
 *	boot_root[510]        KERNEL_BASE         physical 0x80000000
 */
#include "base/param.h"
#include "riscv/asm-offsets.h"
#include "riscv/csr.h"

#define OFFSET (0xffffffff80000000 - 0x80000000) /* KERNEL_BASE - KERNEL_PHYS */

	.section .text.start, "ax"
	.globl _start
_start:
	la	t0, boot_begun
	li	t1, 1
	amoswap.w.aqrl t1, t1, (t0)
	bnez	t1, not_first

	mv	s0, a0
	mv	s1, a1
	jal	paging_on

	/* From here at high addresses. */
	la	t0, kernel_bss_start
	la	t1, kernel_bss_end
1:	sd	zero, 0(t0)
	addi	t0, t0, 8
	bltu	t0, t1, 1b

	la	tp, boot_thread
	la	sp, boot_stacks
	li	t0, 1 << KSTACK_SHIFT
	add	sp, sp, t0
#ifdef SAN_ADDRESS
	call	san_boot		/* what is instrumented needs the stack's shadow */
#endif
	mv	a0, s0
	mv	a1, s1
	li	s0, 0			/* backtraces end here */
	call	riscv_boot
	j	.

not_first:
	la	t0, hart_call
	ld	t1, HART_CALL_ID(t0)
	bne	t1, a0, uncalled
	jal	paging_on
	la	t0, hart_call
	ld	tp, HART_CALL_THREAD(t0)
	ld	sp, THREAD_KSTACK(tp)
	li	t0, 1 << KSTACK_SHIFT
	add	sp, sp, t0
	li	s0, 0
	call	riscv_hart_boot
	j	.

uncalled:
	csrw	sie, zero
1:	wfi
	j	1b

/* Returns to its caller's high address, traps going to the vector. */
paging_on:
	csrw	sie, zero
	csrw	sscratch, zero
	li	t2, OFFSET
	la	t0, trap_vector
	add	t0, t0, t2
	csrw	stvec, t0
	la	t0, boot_root
	srli	t0, t0, 12
	li	t1, SATP_SV39
	or	t0, t0, t1
	add	ra, ra, t2
	sfence.vma
	csrw	satp, t0
	sfence.vma
	jr	ra

	.bss
	.balign 16
	.globl boot_stacks
boot_stacks:
	.zero	HART_MAX << KSTACK_SHIFT

	.data
	.balign 4096
	.globl boot_root
boot_root:
	.zero	2 * 8
	.quad	(2 << 28) | 0xcf	/* D A - - X W R V */
	.zero	253 * 8
	.set	gib, 0
	.rept	128
	.quad	(gib << 28) | 0xe7	/* D A G - - W R V */
	.set	gib, gib + 1
	.endr
	.zero	126 * 8
	.quad	(2 << 28) | 0xef	/* D A G - X W R V */
	.quad	0

boot_begun:			/* not in .bss, which the boot hart clears */
	.word	0
