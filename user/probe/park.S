/*
 * Where a process stays at a checkpoint: between probe_spin and probe_spin_end,
 * with the contents of struct arrival in s1 to s6, until the host has set the
 * word probe_go.
 *
 * When the host does that depends on how busy it is. When the process goes on must
 * not: the timer's interrupt would come between other instructions in each run, and
 * one wrong kernel would fail in many ways. So a process stays for whole rounds. A
 * turn of a round is as many instructions before the answer as after it, but before
 * it they take the host long: it has most of a second to answer in the first
 * round. Once it has, the rest of the round is over at once. s7 counts whole rounds.
 */
#define TURNS 500000
#define TURN 21 /* instructions */

	.globl probe_round /* instructions of a round; those around its turns are fewer than a tick of the clock */
	.set probe_round, TURNS * TURN

	.text
	.globl probe_park
probe_park:
	addi	sp, sp, -64
	sd	s1, 0(sp)
	sd	s2, 8(sp)
	sd	s3, 16(sp)
	sd	s4, 24(sp)
	sd	s5, 32(sp)
	sd	s6, 40(sp)
	sd	s7, 48(sp)
	ld	s1, 0(a0)
	ld	s2, 8(a0)
	ld	s3, 16(a0)
	ld	s4, 24(a0)
	ld	s5, 32(a0)
	ld	s6, 40(a0)
	li	s7, 0
	la	t0, probe_go
	.globl probe_spin
probe_spin:
	li	t2, TURNS
turn:
	ld	t1, 0(t0)
	bnez	t1, answered
	.rept	16
	rdtime	t3
	.endr
	j	next
answered:
	.rept	17
	nop
	.endr
next:
	addi	t2, t2, -1
	bnez	t2, turn
	addi	s7, s7, 1
	beqz	t1, probe_spin
	.globl probe_spin_end
probe_spin_end:
	ld	s1, 0(sp)
	ld	s2, 8(sp)
	ld	s3, 16(sp)
	ld	s4, 24(sp)
	ld	s5, 32(sp)
	ld	s6, 40(sp)
	ld	s7, 48(sp)
	addi	sp, sp, 64
	ret
