/*
 * One stub a system call, made from the kernel's own list: __sys_NAME(...)
 * answers what the kernel answers, a result or a negated errno.
 */
#include <abi/syscall.h>

#define STUB(number, name, args)                                               \
	__asm__(".pushsection .text.__sys_" #name ", \"ax\", @progbits\n"       \
		".balign 2\n"                                                   \
		".globl __sys_" #name "\n"                                      \
		".type __sys_" #name ", @function\n"                            \
		"__sys_" #name ":\n"                                            \
		"	li	a7, " #number "\n"                              \
		"	ecall\n"                                                \
		"	ret\n"                                                  \
		".size __sys_" #name ", . - __sys_" #name "\n"                  \
		".popsection\n");

SYSCALLS(STUB)
