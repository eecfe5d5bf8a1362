/* The calls and helpers of a program written for xv6. Failures are -1. */
#ifndef XV6_USER_H
#define XV6_USER_H

#include "kernel/types.h"

struct stat;

#define SBRK_ERROR ((char *)-1)

/* system calls */
int fork(void);
int exit(int status) __attribute__((noreturn));
int wait(int *status); /* what the child gave to exit(); -1: it was killed */
int pipe(int *fds);
int write(int fd, const void *from, int n);
int read(int fd, void *to, int n);
int close(int fd);
int kill(int pid);
int exec(const char *path, char **argv);
int open(const char *path, int flags);
int mknod(const char *path, short major, short minor);
int unlink(const char *path);
int fstat(int fd, struct stat *st);
int link(const char *old, const char *new);
int mkdir(const char *path);
int chdir(const char *path);
int dup(int fd);
int getpid(void);
char *sbrk(int n);     /* memory that is there, or SBRK_ERROR */
char *sbrklazy(int n); /* memory that comes when it is touched */
char *sys_sbrk(int n, int how); /* kernel/vm.h */
int sleep(int ticks); /* a tick is a tenth of a second */
int pause(int ticks);
int uptime(void);

/* helpers */
int stat(const char *path, struct stat *st);
char *strcpy(char *to, const char *from);
void *memmove(void *to, const void *from, int n);
char *strchr(const char *s, char c);
int strcmp(const char *a, const char *b);
void fprintf(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
void printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *gets(char *to, int max);
uint strlen(const char *s);
void *memset(void *to, int c, uint n);
int atoi(const char *s);
int memcmp(const void *a, const void *b, uint n);
void *memcpy(void *to, const void *from, uint n);
void *malloc(uint n);
void free(void *p);

#endif
