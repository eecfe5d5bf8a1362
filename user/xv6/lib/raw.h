/*
 * The system's own calls, for the translation: a result or a negated errno.
 * No header of abi/ that shares a name with xv6 is included; what is needed of
 * them is here, and checked against them in check.c.
 */
#ifndef XV6_RAW_H
#define XV6_RAW_H

#include "kernel/types.h"

#define RAW_O_CREAT 0x200
#define RAW_O_TRUNC 0x400
#define RAW_S_IFIFO 0010000
#define RAW_S_IFCHR 0020000
#define RAW_S_IFDIR 0040000
#define RAW_S_IFREG 0100000
#define RAW_S_IFMT 0170000
#define RAW_SEEK_SET 0
#define RAW_SEEK_CUR 1
#define RAW_SIGKILL 9
#define RAW_SIGSEGV 11
#define RAW_SIGPIPE 13
#define RAW_SA_NODEFER 0x10
#define RAW_WWHOLE 2
#define RAW_EINTR 4
#define RAW_EFAULT 14
#define RAW_EISDIR 21
#define RAW_EPERM 1
#define RAW_EPIPE 32
#define RAW_PROT_RW 3
#define RAW_MAP_HEAP 0x1142 /* private, anonymous, at the address given, without a promise that memory will be there */

struct raw_stat {
	uint64 ino;
	uint mode, nlink, rdev, blksize;
	uint64 size, blocks;
};

struct raw_dirent {
	uint64 ino;
	ushort reclen, namlen;
	uint type;
	char name[];
};

struct raw_sigaction {
	void (*handler)(int);
	uint mask;
	int flags;
	void (*restorer)(void);
};

long __sys_exit(int status);
long __sys_fork(void);
long __sys_waitpid(int pid, int *status, int options);
long __sys_execve(const char *path, char **argv, char **envp);
long __sys_kill(int pid, int sig);
long __sys_getpid(void);
long __sys_sigaction(int sig, const struct raw_sigaction *new, struct raw_sigaction *old);
long __sys_nanosleep(uint64 ns);
long __sys_clock(void);
long __sys_mmap(void *at, uint64 size, int prot, int flags, int fd, long offset);
long __sys_munmap(void *at, uint64 size);
long __sys_open(const char *path, int flags, int mode);
long __sys_close(int fd);
long __sys_read(int fd, void *to, uint64 n);
long __sys_write(int fd, const void *from, uint64 n);
long __sys_lseek(int fd, long offset, int whence);
long __sys_fstat(int fd, struct raw_stat *st);
long __sys_dup(int fd);
long __sys_pipe(int *fds);
long __sys_link(const char *old, const char *new);
long __sys_unlink(const char *path);
long __sys_mkdir(const char *path, int mode);
long __sys_rmdir(const char *path);
long __sys_mknod(const char *path, int mode, int device);
long __sys_chdir(const char *path);
long __sys_getdents(int fd, void *to, uint64 size);
long __sys_vmstat(uint64 *values, uint64 count);

#endif
