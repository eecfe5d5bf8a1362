/*
 * The calls under their POSIX names: a failure is -1 with errno set. The names
 * are weak, so that a program may have a function of its own called `link`.
 * What the library wraps itself gets a leading underscore here.
 */
#include <abi/syscall.h>

#define exit _exit
#define thread_create _thread_create
#define thread_exit _thread_exit
#define thread_join _thread_join
#define sigaction _sigaction
#define sigreturn _sigreturn
#define getcwd _getcwd

#define STUB(number, name, args) STUB_EXPANDED(number, name)
#define STUB_EXPANDED(number, name)                                             \
	__asm__(".pushsection .text.call_" #name ", \"ax\", @progbits\n"        \
		".balign 2\n"                                                   \
		".weak " #name "\n"                                             \
		".type " #name ", @function\n"                                  \
		#name ":\n"                                                     \
		"	li	a7, " #number "\n"                              \
		"	ecall\n"                                                \
		"	li	t0, -4096\n"                                    \
		"	bgtu	a0, t0, 1f\n"                                   \
		"	ret\n"                                                  \
		"1:	tail	__set_errno\n"                                  \
		".size " #name ", . - " #name "\n"                              \
		".popsection\n");

SYSCALLS(STUB)
