/*
 * xv6's calls on files: names of at most DIRSIZ bytes, files of at most MAXFILE
 * blocks, NOFILE descriptors, directories that can be read.
 */
#include "kernel/fcntl.h"
#include "kernel/fs.h"
#include "kernel/param.h"
#include "kernel/riscv.h"
#include "kernel/stat.h"
#include "path.h"
#include "raw.h"
#include "safe.h"
#include "user/user.h"

#pragma weak stat

#define ACCESS (O_WRONLY | O_RDWR)
#define FILE_END ((long)(MAXFILE * BSIZE))
#define WRITE_STEP ((MAXOPBLOCKS - 1 - 1 - 2) / 2 * BSIZE) /* xv6 writes so many bytes at a time, each time all or none */
#define RECORD 256 /* bytes of a directory that hold one entry here */
#define LINKS_MAX 32767 /* a short holds no more */

int __path_take(char *to, const char *path)
{
	char whole[MAXPATH];
	const char *start = to;
	int length = 0;

	if (__safe_string(whole, path, MAXPATH) < 0)
		return -1;
	for (char *p = whole; *p; p++) {
		if (*p == '/') {
			length = 0;
			if (to == start || to[-1] != '/')
				*to++ = '/';
		} else if (length++ < DIRSIZ)
			*to++ = *p;
	}
	if (to > start + 1 && to[-1] == '/')
		to--;
	*to = '\0';
	return 0;
}

/* The same; an empty path, which leads nowhere further, is where one stands. */
static int take_place(char *to, const char *path)
{
	if (__path_take(to, path) < 0)
		return -1;
	if (*to == '\0')
		strcpy(to, ".");
	return 0;
}

/* A new descriptor that is beyond what an xv6 process has is given back. */
static int take_fd(long fd)
{
	if (fd >= NOFILE)
		__sys_close((int)fd);
	return fd < 0 || fd >= NOFILE ? -1 : (int)fd;
}

static uint type_of(int fd, struct raw_stat *st)
{
	return __sys_fstat(fd, st) < 0 ? 0 : st->mode & RAW_S_IFMT;
}

int __xv6_open(const char *path, int flags)
{
	char copy[MAXPATH];
	int access = (flags & ACCESS) == ACCESS ? O_WRONLY : flags & ACCESS;
	int ours = access | (flags & O_CREATE ? RAW_O_CREAT : 0);
	struct raw_stat st;
	long fd;

	if ((flags & O_CREATE ? __path_take(copy, path) : take_place(copy, path)) < 0)
		return -1;
	if ((flags & O_TRUNC) && access == O_RDONLY) { /* xv6 cuts a file also for a reader */
		fd = __sys_open(copy, O_WRONLY | ours | RAW_O_TRUNC, 0);
		if (fd < 0)
			return -1;
		__sys_close((int)fd);
	} else if (flags & O_TRUNC)
		ours |= RAW_O_TRUNC;
	fd = take_fd(__sys_open(copy, ours, 0));
	if (fd >= 0 && flags != O_RDONLY && type_of((int)fd, &st) == RAW_S_IFDIR) {
		__sys_close((int)fd);
		return -1;
	}
	return (int)fd;
}

int __xv6_close(int fd) { return __sys_close(fd) < 0 ? -1 : 0; }
int __xv6_dup(int fd) { return take_fd(__sys_dup(fd)); }

int __xv6_pipe(int *fds)
{
	int ours[2];

	if (__sys_pipe(ours) < 0)
		return -1;
	if (ours[0] >= NOFILE || ours[1] >= NOFILE || __safe_copy(fds, ours, sizeof ours) < 0) {
		__sys_close(ours[0]);
		__sys_close(ours[1]);
		return -1;
	}
	return 0;
}

/*
 * As many whole entries as fit, in xv6's form. Only the descriptor's own place
 * says how far one is, so it is shared as any file's is: what was read too far
 * is read again, as much as there is room for.
 */
static int read_directory(int fd, struct dirent *to, int n)
{
	uint64 buf[128];
	int room = n / (int)sizeof *to, done = 0;

	while (done < room) {
		long at = __sys_lseek(fd, 0, RAW_SEEK_CUR), got = __sys_getdents(fd, buf, sizeof buf), used = 0;
		struct raw_dirent *e;

		if (got <= 0)
			break;
		for (; used < got && done < room; used += e->reclen, done++) {
			struct dirent entry = { .inum = 0 };

			e = (struct raw_dirent *)((char *)buf + used);
			entry.inum = (ushort)e->ino;
			memmove(entry.name, e->name, e->namlen < DIRSIZ ? e->namlen : DIRSIZ);
			if (__safe_copy(&to[done], &entry, sizeof entry) < 0)
				return -1;
		}
		if (used < got) {
			__sys_lseek(fd, at, RAW_SEEK_SET);
			__sys_getdents(fd, buf, (uint64)used);
		}
	}
	return done * (int)sizeof *to;
}

/* Less than was there to read is a bad address. */
static int read_checked(int fd, int got)
{
	struct raw_stat st;

	if (type_of(fd, &st) == RAW_S_IFREG && (uint64)__sys_lseek(fd, 0, RAW_SEEK_CUR) < st.size)
		return -1;
	return got;
}

int __xv6_read(int fd, void *to, int n)
{
	long got;

	if (n < 0)
		return -1;
	got = __sys_read(fd, to, (uint64)n);
	if (got == -RAW_EISDIR)
		return read_directory(fd, to, n);
	if (got >= 0 && got < n)
		return read_checked(fd, (int)got);
	return got < 0 ? -1 : (int)got;
}

/* Less than all is a failure. So is a place beyond the end, and a file of more than MAXFILE blocks. */
static int write_file(int fd, const void *from, int n, long at)
{
	struct raw_stat st;
	long room = n;

	/* The size is looked at after the place: who shares the descriptor moves both. */
	if (__sys_fstat(fd, &st) < 0 || at > (long)st.size || at > FILE_END)
		return -1;
	if (room > FILE_END - at)
		room = (FILE_END - at) / WRITE_STEP * WRITE_STEP;
	return __sys_write(fd, from, (uint64)room) == n ? n : -1;
}

/* A write to a pipe or a device goes as far as there is memory to be read. */
static long write_some(int fd, const char *from, long n)
{
	long got = __sys_write(fd, from, (uint64)n), here = PGSIZE - (long)((uint64)from % PGSIZE);

	return got == -RAW_EFAULT && here < n ? __sys_write(fd, from, (uint64)here) : got;
}

int __xv6_write(int fd, const void *from, int n)
{
	long at, got, done = 0;

	if (n < 0)
		return -1;
	at = __sys_lseek(fd, 0, RAW_SEEK_CUR);
	if (at >= 0)
		return write_file(fd, from, n, at);
	do {
		got = write_some(fd, (const char *)from + done, n - done);
		if (got > 0)
			done += got;
	} while (got > 0 && done < n);
	return got >= 0 || got == -RAW_EFAULT ? (int)done : -1;
}

int __xv6_fstat(int fd, struct stat *st)
{
	struct raw_stat ours;
	struct stat theirs;
	uint type = type_of(fd, &ours);

	if (type != RAW_S_IFREG && type != RAW_S_IFDIR && type != RAW_S_IFCHR)
		return -1; /* pipes have none */
	memset(&theirs, 0, sizeof theirs);
	theirs.dev = ROOTDEV;
	theirs.ino = (uint)ours.ino;
	theirs.nlink = (short)ours.nlink;
	theirs.size = ours.size;
	switch (type) {
	case RAW_S_IFREG:
		theirs.type = T_FILE;
		break;
	case RAW_S_IFDIR: /* xv6's records are shorter, and "." is no link there */
		theirs.type = T_DIR;
		theirs.nlink--;
		theirs.size = ours.size / RECORD * sizeof(struct dirent);
		break;
	default:
		theirs.type = T_DEVICE;
	}
	return __safe_copy(st, &theirs, sizeof theirs);
}

int __xv6_mknod(const char *path, short major, short minor)
{
	char copy[MAXPATH];

	return __path_take(copy, path) < 0 || __sys_mknod(copy, RAW_S_IFCHR, major << 8 | minor) < 0 ? -1 : 0;
}

/* xv6's unlink takes empty directories as well, but never . and .. */
int __xv6_unlink(const char *path)
{
	char copy[MAXPATH], *last = copy;
	long result;

	if (__path_take(copy, path) < 0)
		return -1;
	for (char *p = copy; *p; p++)
		if (*p == '/')
			last = p + 1;
	if (strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
		return -1;
	result = __sys_unlink(copy);
	if (result == -RAW_EISDIR || result == -RAW_EPERM)
		result = __sys_rmdir(copy);
	return result < 0 ? -1 : 0;
}

static int full_of_links(const char *path)
{
	struct raw_stat st;
	long fd = __sys_open(path, O_RDONLY, 0);
	int full;

	if (fd < 0)
		return 0;
	full = type_of((int)fd, &st) == RAW_S_IFREG && st.nlink >= LINKS_MAX;
	__sys_close((int)fd);
	return full;
}

int __xv6_link(const char *old, const char *new)
{
	char from[MAXPATH], to[MAXPATH];

	if (__path_take(from, old) < 0 || __path_take(to, new) < 0 || full_of_links(from))
		return -1;
	return __sys_link(from, to) < 0 ? -1 : 0;
}

int __xv6_mkdir(const char *path)
{
	char copy[MAXPATH];

	return __path_take(copy, path) < 0 || __sys_mkdir(copy, 0) < 0 ? -1 : 0;
}

int __xv6_chdir(const char *path)
{
	char copy[MAXPATH];

	return take_place(copy, path) < 0 || __sys_chdir(copy) < 0 ? -1 : 0;
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
