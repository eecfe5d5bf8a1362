/*
 * xv6's calls on files: names of at most DIRSIZ bytes, files of at most MAXFILE
 * blocks, NOFILE descriptors, directories that can be read.
 */
#include "kernel/fcntl.h"
#include "kernel/fs.h"
#include "kernel/param.h"
#include "kernel/stat.h"
#include "raw.h"
#include "safe.h"
#include "user/user.h"

#define SEEK_CUR 1

/* What is left of a directory's entries, by descriptor. */
static struct directory {
	int at, filled;
	uint64 buf[64];
} directories[NOFILE];

/* Copies a path, each name in it cut to DIRSIZ bytes as xv6 does. -1: a bad address, or too long. */
static int take_path(char *to, const char *path)
{
	char whole[MAXPATH];
	int length = 0;

	if (__safe_string(whole, path, MAXPATH) < 0)
		return -1;
	for (char *p = whole; *p; p++) {
		length = *p == '/' ? 0 : length + 1;
		if (length <= DIRSIZ)
			*to++ = *p;
	}
	*to = '\0';
	return 0;
}

/* A new descriptor that is beyond what an xv6 process has is given back. */
static int take_fd(long fd)
{
	if (fd < 0)
		return -1;
	if (fd >= NOFILE) {
		__sys_close((int)fd);
		return -1;
	}
	directories[fd].at = directories[fd].filled = 0;
	return (int)fd;
}

int open(const char *path, int flags)
{
	char copy[MAXPATH];
	int ours = flags & 3;

	if (flags & O_CREATE)
		ours |= RAW_O_CREAT;
	if (flags & O_TRUNC)
		ours |= RAW_O_TRUNC;
	return take_path(copy, path) < 0 ? -1 : take_fd(__sys_open(copy, ours, 0));
}

int close(int fd) { return __sys_close(fd) < 0 ? -1 : 0; }
int dup(int fd) { return take_fd(__sys_dup(fd)); }

int pipe(int *fds)
{
	int ours[2];

	if (__sys_pipe(ours) < 0)
		return -1;
	if (ours[0] >= NOFILE || ours[1] >= NOFILE || __sys_pipe(fds) < 0) { /* the second: does fds take them? */
		__sys_close(ours[0]);
		__sys_close(ours[1]);
		return -1;
	}
	__sys_close(fds[0]);
	__sys_close(fds[1]);
	fds[0] = take_fd(ours[0]);
	fds[1] = take_fd(ours[1]);
	return 0;
}

/* As many whole entries as fit, in xv6's form. */
static int read_directory(int fd, struct dirent *to, int n)
{
	struct directory *d = &directories[fd];
	struct dirent entry;
	int done = 0;

	while (n - done * (int)sizeof *to >= (int)sizeof *to) {
		struct raw_dirent *e;

		if (d->at == d->filled) {
			long got = __sys_getdents(fd, d->buf, sizeof d->buf);

			d->at = 0;
			d->filled = got > 0 ? (int)got : 0;
			if (got <= 0)
				break;
		}
		e = (struct raw_dirent *)((char *)d->buf + d->at);
		d->at += e->reclen;
		memset(&entry, 0, sizeof entry);
		entry.inum = (ushort)e->ino;
		memmove(entry.name, e->name, e->namlen < DIRSIZ ? e->namlen : DIRSIZ);
		if (__safe_store(&to[done], &entry, sizeof entry) < 0)
			return -1;
		done++;
	}
	return done * (int)sizeof *to;
}

int read(int fd, void *to, int n)
{
	long got;

	if (n < 0)
		return -1;
	got = __sys_read(fd, to, (uint64)n);
	if (got == -RAW_EISDIR && fd < NOFILE)
		return read_directory(fd, to, n);
	return got < 0 ? -1 : (int)got;
}

/* Less than all is a failure; so is a file beyond MAXFILE blocks, as far as which it is written. */
int write(int fd, const void *from, int n)
{
	long room = n, done = 0;
	struct raw_stat st;

	if (n < 0)
		return -1;
	if (__sys_fstat(fd, &st) == 0 && (st.mode & RAW_S_IFMT) == RAW_S_IFREG) {
		room = (long)(MAXFILE * BSIZE) - __sys_lseek(fd, 0, SEEK_CUR);
		if (room > n)
			room = n;
	}
	if (room >= 0)
		done = __sys_write(fd, from, (uint64)room);
	return done == n ? n : -1;
}

int fstat(int fd, struct stat *st)
{
	struct raw_stat ours;
	struct stat theirs;

	if (__sys_fstat(fd, &ours) < 0)
		return -1;
	memset(&theirs, 0, sizeof theirs);
	theirs.dev = ROOTDEV;
	theirs.ino = (uint)ours.ino;
	theirs.type = (ours.mode & RAW_S_IFMT) == RAW_S_IFDIR ? T_DIR : (ours.mode & RAW_S_IFMT) == RAW_S_IFREG ? T_FILE : T_DEVICE;
	theirs.nlink = (short)ours.nlink;
	theirs.size = ours.size;
	return __safe_store(st, &theirs, sizeof theirs);
}

int mknod(const char *path, short major, short minor)
{
	char copy[MAXPATH];

	return take_path(copy, path) < 0 || __sys_mknod(copy, RAW_S_IFCHR, major << 8 | minor) < 0 ? -1 : 0;
}

/* xv6's unlink takes empty directories as well, but never . and .. */
int unlink(const char *path)
{
	char copy[MAXPATH], *last = copy;
	long result;

	if (take_path(copy, path) < 0)
		return -1;
	for (char *p = copy; *p; p++)
		if (*p == '/' && p[1])
			last = p + 1;
	if (strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
		return -1;
	result = __sys_unlink(copy);
	if (result == -RAW_EISDIR || result == -RAW_EPERM)
		result = __sys_rmdir(copy);
	return result < 0 ? -1 : 0;
}

int link(const char *old, const char *new)
{
	char from[MAXPATH], to[MAXPATH];

	return take_path(from, old) < 0 || take_path(to, new) < 0 || __sys_link(from, to) < 0 ? -1 : 0;
}

int mkdir(const char *path)
{
	char copy[MAXPATH];

	return take_path(copy, path) < 0 || __sys_mkdir(copy, 0) < 0 ? -1 : 0;
}

int chdir(const char *path)
{
	char copy[MAXPATH];

	return take_path(copy, path) < 0 || __sys_chdir(copy) < 0 ? -1 : 0;
}

int stat(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY), result;

	if (fd < 0)
		return -1;
	result = fstat(fd, st);
	close(fd);
	return result;
}
