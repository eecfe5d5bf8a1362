/* What a file is. */
#ifndef SYS_STAT_H
#define SYS_STAT_H

#include <sys/types.h>

#include <abi/fcntl.h>

#define S_ISREG(mode) (((mode) & S_IFMT) == S_IFREG)
#define S_ISDIR(mode) (((mode) & S_IFMT) == S_IFDIR)
#define S_ISCHR(mode) (((mode) & S_IFMT) == S_IFCHR)
#define S_ISFIFO(mode) (((mode) & S_IFMT) == S_IFIFO)

int fstat(int fd, struct stat *st);
int stat(const char *path, struct stat *st);
int mkdir(const char *path, ...); /* a mode may follow; there are no users to use it */
int mknod(const char *path, mode_t mode, dev_t dev);

#endif
