/*
 * Where xv6's calls enter the library. An xv6 program has a stack of one page, and its calls need none of it, since
 * xv6's kernel has a stack of its own: so has the library. Each call NAME(...) is __xv6_NAME(...) on that stack; a
 * program with a few bytes of stack left can call anything. Nothing here is entered twice: there is one thread, and
 * what handles a signal never returns into a call.
 */
	.macro CALL name
	.section .text.\name, "ax", @progbits
	.weak	\name		/* a program may bring xv6's own */
	.type \name, @function
\name:
	la	t1, __xv6_\name
	tail	__xv6_enter
	.size \name, . - \name
	.endm

	CALL	fork
	CALL	exit
	CALL	wait
	CALL	pipe
	CALL	write
	CALL	read
	CALL	close
	CALL	kill
	CALL	exec
	CALL	open
	CALL	mknod
	CALL	unlink
	CALL	fstat
	CALL	link
	CALL	mkdir
	CALL	chdir
	CALL	dup
	CALL	getpid
	CALL	sbrk
	CALL	sbrklazy
	CALL	sys_sbrk
	CALL	sleep
	CALL	pause
	CALL	uptime
	CALL	__format

	.section .text.__xv6_enter, "ax", @progbits
__xv6_enter:
	la	t0, call_stack_top
	sd	ra, -8(t0)
	sd	sp, -16(t0)
	addi	sp, t0, -16
	jalr	t1
	ld	ra, 8(sp)
	ld	sp, 0(sp)
	ret

/* The program's own stack is made: a0 argc, a1 argv, which is also where the stack begins. */
	.section .text.__xv6_begin, "ax", @progbits
	.globl __xv6_begin
__xv6_begin:
	mv	sp, a1
	tail	__xv6_main

	.section .bss.call_stack, "aw", @nobits
	.balign 16
	.space 4096
call_stack_top:
