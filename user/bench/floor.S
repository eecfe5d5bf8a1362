/*
 * The unavoidable part of what a kernel does, in as few instructions as it takes.
 * It runs in user mode, where the supervisor's registers cannot be had: fcsr
 * stands in for each of them, the count is the same.
 */
	.text

/*
 * void floor_trap(void *frame): 31 registers saved, what the trap was and where (four CSRs) read, a kernel stack found; then
 * back: pc and status written, the registers loaded. Each register is stored and loaded where it is, none changes.
 */
	.globl floor_trap
floor_trap:
	csrr	t6, fcsr		/* sscratch is swapped, twice */
	csrr	t6, fcsr
	.irp	n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	sd	x\n, 8*\n(a0)
	.endr
	.rept	4			/* sepc, sstatus, scause, stval */
	csrr	t6, fcsr
	.endr
	.rept	3			/* sepc, sstatus, sscratch */
	csrw	fcsr, t6
	.endr
	.irp	n, 1,2,3,4,5,6,7,8,9,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,10
	ld	x\n, 8*\n(a0)
	.endr
	ret				/* sret */

/* void floor_switch(void *from, void *to): the callee's registers, the stack, satp. from and to hold the same. */
	.globl floor_switch
floor_switch:
	.irp	n, 1,2,8,9,18,19,20,21,22,23,24,25,26,27
	sd	x\n, 8*\n(a0)
	.endr
	csrr	t0, fcsr		/* satp */
	fence				/* sfence.vma */
	.irp	n, 1,2,8,9,18,19,20,21,22,23,24,25,26,27
	ld	x\n, 8*\n(a0)
	.endr
	ret

/* void floor_map(void *root, unsigned long va, unsigned long pte): three levels of Sv39; an entry holds an address here. */
	.globl floor_map
floor_map:
	srli	t0, a1, 30
	andi	t0, t0, 0x1ff
	slli	t0, t0, 3
	add	t0, a0, t0
	ld	a0, 0(t0)
	srli	t0, a1, 21
	andi	t0, t0, 0x1ff
	slli	t0, t0, 3
	add	t0, a0, t0
	ld	a0, 0(t0)
	srli	t0, a1, 12
	andi	t0, t0, 0x1ff
	slli	t0, t0, 3
	add	t0, a0, t0
	sd	a2, 0(t0)
	fence				/* sfence.vma */
	ret

/* void floor_clear(void *page) */
	.globl floor_clear
floor_clear:
	li	t0, 4096
	add	t0, a0, t0
1:
	.set	at, 0
	.rept	128
	sd	zero, at(a0)
	.set	at, at + 8
	.endr
	addi	a0, a0, 1024
	bne	a0, t0, 1b
	ret

/* void floor_copy(void *to, const void *from) */
	.globl floor_copy
floor_copy:
	li	t0, 4096
	add	t0, a0, t0
1:
	.set	at, 0
	.rept	64
	ld	t1, at(a1)
	ld	t2, at+8(a1)
	sd	t1, at(a0)
	sd	t2, at+8(a0)
	.set	at, at + 16
	.endr
	addi	a0, a0, 1024
	addi	a1, a1, 1024
	bne	a0, t0, 1b
	ret

/* long floor_find(const uint64_t *sorted, unsigned long steps, uint64_t what): 2^steps of them; halving without a branch on the data. */
	.globl floor_find
floor_find:
	li	t0, 4
	sll	t0, t0, a1		/* half of them, in bytes */
1:	add	t1, a0, t0
	ld	t2, 0(t1)
	sltu	t2, a2, t2
	addi	t2, t2, -1		/* all ones: what is looked for is in the upper half */
	and	t2, t2, t0
	add	a0, a0, t2
	srli	t0, t0, 1
	addi	a1, a1, -1
	bnez	a1, 1b
	ret
