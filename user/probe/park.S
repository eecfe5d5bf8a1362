/*
 * Where a process stays at a checkpoint: between probe_spin and probe_spin_end,
 * with the contents of struct arrival in s1 to s6, until the host has set the
 * word probe_go.
 */
	.text
	.globl probe_park
probe_park:
	addi	sp, sp, -48
	sd	s1, 0(sp)
	sd	s2, 8(sp)
	sd	s3, 16(sp)
	sd	s4, 24(sp)
	sd	s5, 32(sp)
	sd	s6, 40(sp)
	ld	s1, 0(a0)
	ld	s2, 8(a0)
	ld	s3, 16(a0)
	ld	s4, 24(a0)
	ld	s5, 32(a0)
	ld	s6, 40(a0)
	la	t0, probe_go
	.globl probe_spin
probe_spin:
	ld	t1, 0(t0)
	beqz	t1, probe_spin
	.globl probe_spin_end
probe_spin_end:
	ld	s1, 0(sp)
	ld	s2, 8(sp)
	ld	s3, 16(sp)
	ld	s4, 24(sp)
	ld	s5, 32(sp)
	ld	s6, 40(sp)
	addi	sp, sp, 48
	ret
