/*
 * The system calls: SYSCALL(number, name, arguments). The kernel's table, the
 * library's stubs and the trace are all made from this list.
 *
 * A program puts the number into a7 and up to six arguments into a0 to a5;
 * ecall answers in a0: a result, or a negated errno (-4095 to -1).
 */
#ifndef ABI_SYSCALL_H
#define ABI_SYSCALL_H

#define SYSCALLS(SYSCALL)          \
	/* processes */            \
	SYSCALL(1, exit, 1)        \
	SYSCALL(2, fork, 0)        \
	SYSCALL(3, waitpid, 3)     \
	SYSCALL(4, execve, 3)      \
	SYSCALL(5, kill, 2)        \
	SYSCALL(6, getpid, 0)      \
	SYSCALL(7, getppid, 0)     \
	SYSCALL(8, sigaction, 3)   \
	SYSCALL(9, sigprocmask, 3) \
	SYSCALL(10, sigreturn, 1)  \
	SYSCALL(11, thread_create, 3) \
	SYSCALL(12, thread_exit, 1) \
	SYSCALL(13, thread_join, 2) \
	SYSCALL(14, wait_on, 3)    \
	SYSCALL(15, wake, 2)       \
	SYSCALL(16, sched_yield, 0) \
	SYSCALL(17, nanosleep, 1)  \
	SYSCALL(18, clock, 0)      \
	SYSCALL(19, setpgid, 2)    \
	SYSCALL(20, getpgid, 1)    \
	SYSCALL(21, gettid, 0)     \
	/* memory */               \
	SYSCALL(30, sbrk, 1)       \
	SYSCALL(31, brk, 1)        \
	SYSCALL(32, mmap, 6)       \
	SYSCALL(33, munmap, 2)     \
	SYSCALL(34, mprotect, 3)   \
	/* files */                \
	SYSCALL(50, open, 3)       \
	SYSCALL(51, close, 1)      \
	SYSCALL(52, read, 3)       \
	SYSCALL(53, write, 3)      \
	SYSCALL(54, pread, 4)      \
	SYSCALL(55, pwrite, 4)     \
	SYSCALL(56, lseek, 3)      \
	SYSCALL(57, ftruncate, 2)  \
	SYSCALL(58, fstat, 2)      \
	SYSCALL(59, fsync, 1)      \
	SYSCALL(60, sync, 0)       \
	SYSCALL(61, dup, 1)        \
	SYSCALL(62, dup2, 2)       \
	SYSCALL(63, pipe, 2)       \
	SYSCALL(64, link, 2)       \
	SYSCALL(65, unlink, 1)     \
	SYSCALL(66, rename, 2)     \
	SYSCALL(67, mkdir, 2)      \
	SYSCALL(68, rmdir, 1)      \
	SYSCALL(69, mknod, 3)      \
	SYSCALL(70, chdir, 1)      \
	SYSCALL(71, getcwd, 2)     \
	SYSCALL(72, getdents, 3)   \
	SYSCALL(73, tcsetpgrp, 2)  \
	SYSCALL(74, isatty, 1)     \
	/* looking inside */       \
	SYSCALL(90, vmstat, 2)     \
	SYSCALL(91, proclist, 2)   \
	SYSCALL(92, procmap, 3)    \
	SYSCALL(93, vmtrace, 3)    \
	SYSCALL(94, audit, 1)      \
	SYSCALL(95, inject, 3)     \
	SYSCALL(96, reboot, 1)

#define SYSCALL_ENUM(number, name, args) SYS_##name = number,
enum { SYSCALLS(SYSCALL_ENUM) SYS_MAX = 128 };
#undef SYSCALL_ENUM

#endif
