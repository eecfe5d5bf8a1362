/*
 * System calls about files: arguments are fetched and checked here, the work is
 * the file system's. And the console as a device. Floor: sys.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "dev/console.h"
#include "fs/file.h"
#include "riscv/copyuser.h"
#include "sys/proc.h"
#include "sys/syscall.h"
#include "vm/page.h"
#include "vm/pool.h"

static int read_or_write(const uint64_t *args, uint64_t *result,
			 int (*op)(struct file *, vaddr_t, size_t, size_t *));
static int at_offset(const uint64_t *args, uint64_t *result,
		     int (*op)(struct file *, vaddr_t, size_t, uint64_t, size_t *));
static int finish_transfer(int error, size_t done, uint64_t *result);
static int with_path(vaddr_t user, int (*op)(const char *path, struct inode *cwd, const uint64_t *args),
		     const uint64_t *args);
static int with_two_paths(const uint64_t *args, int (*op)(const char *, const char *, struct inode *));
static struct inode *cwd_get(void);
static bool is_console(struct file *f);

int path_get(vaddr_t user, char **path)
{
	int error;

	*path = kmalloc(PATH_MAX, 0);
	if (*path == NULL)
		return ENOMEM;
	(*path)[PATH_MAX - 1] = '\0';
	error = copyinstr(*path, user, PATH_MAX, NULL);
	if (error)
		path_free(*path);
	return error;
}

void path_free(char *path)
{
	kfree(path, PATH_MAX);
}

/* ---- descriptors ---- */

int sys_open(const uint64_t *args, uint64_t *result)
{
	struct inode *cwd;
	struct file *f;
	char *path;
	int fd, error;

	error = path_get(args[0], &path);
	if (error)
		return error;
	cwd = cwd_get();
	error = file_open(path, cwd, (int)args[1], &f);
	inode_put(cwd);
	path_free(path);
	if (error)
		return error;
	do /* here, not by another open: with O_EXCL that would meet the file that this one has made */
		error = fdtable_install(curproc->files, f, args[1] & O_CLOEXEC, &fd);
	while (error == ENOMEM && curthread->mem_refused && page_wait_free("open") == 0);
	if (error) {
		file_put(f);
		return error;
	}
	*result = fd;
	return 0;
}

int sys_close(const uint64_t *args, uint64_t *result __unused)
{
	return fdtable_close(curproc->files, (int)args[0]);
}

int sys_dup(const uint64_t *args, uint64_t *result)
{
	struct file *f;
	int fd, error;

	error = fdtable_get(curproc->files, (int)args[0], &f);
	if (error)
		return error;
	error = fdtable_install(curproc->files, f, false, &fd);
	if (error) {
		file_put(f);
		return error;
	}
	*result = fd;
	return 0;
}

int sys_dup2(const uint64_t *args, uint64_t *result)
{
	int from = (int)args[0], to = (int)args[1];
	struct file *f;
	int error;

	error = fdtable_get(curproc->files, from, &f);
	if (error)
		return error;
	if (from == to)
		file_put(f);
	else
		error = fdtable_install_at(curproc->files, to, f);
	if (error) {
		file_put(f);
		return error;
	}
	*result = to;
	return 0;
}

int sys_pipe(const uint64_t *args, uint64_t *result __unused)
{
	struct fdtable *files = curproc->files;
	struct file *reader, *writer;
	int fds[2], error;

	error = file_pipe(&reader, &writer);
	if (error)
		return error;
	error = fdtable_install(files, reader, false, &fds[0]);
	if (error)
		goto put_both;
	error = fdtable_install(files, writer, false, &fds[1]);
	if (error)
		goto close_reader;
	error = copyout(args[0], fds, sizeof(fds));
	if (error)
		goto close_both;
	return 0;

close_both:
	fdtable_close(files, fds[1]);
	fdtable_close(files, fds[0]);
	return error;
close_reader:
	fdtable_close(files, fds[0]);
	file_put(writer);
	return error;
put_both:
	file_put(reader);
	file_put(writer);
	return error;
}

int sys_isatty(const uint64_t *args, uint64_t *result)
{
	struct file *f;
	int error = fdtable_get(curproc->files, (int)args[0], &f);

	if (error)
		return error;
	*result = is_console(f);
	file_put(f);
	return *result ? 0 : ENOTTY;
}

int sys_tcsetpgrp(const uint64_t *args, uint64_t *result __unused)
{
	struct file *f;
	int error = fdtable_get(curproc->files, (int)args[0], &f);

	if (error)
		return error;
	if (!is_console(f))
		error = ENOTTY;
	else if ((int32_t)args[1] < 0)
		error = EINVAL;
	else
		console_set_foreground((int32_t)args[1]);
	file_put(f);
	return error;
}

static bool is_console(struct file *f)
{
	struct stat st;

	return file_stat(f, &st) == 0 && (st.st_mode & S_IFMT) == S_IFCHR && st.st_rdev == DEV_CONSOLE;
}

/* ---- bytes ---- */

int sys_read(const uint64_t *args, uint64_t *result)
{
	return read_or_write(args, result, file_read);
}

int sys_write(const uint64_t *args, uint64_t *result)
{
	return read_or_write(args, result, file_write);
}

static int read_or_write(const uint64_t *args, uint64_t *result,
			 int (*op)(struct file *, vaddr_t, size_t, size_t *))
{
	struct file *f;
	size_t done = 0;
	int error;

	error = fdtable_get(curproc->files, (int)args[0], &f);
	if (error)
		return error;
	error = (int64_t)args[2] < 0 ? EINVAL : op(f, args[1], args[2], &done);
	file_put(f);
	return finish_transfer(error, done, result);
}

int sys_pread(const uint64_t *args, uint64_t *result)
{
	return at_offset(args, result, file_pread);
}

int sys_pwrite(const uint64_t *args, uint64_t *result)
{
	return at_offset(args, result, file_pwrite);
}

static int at_offset(const uint64_t *args, uint64_t *result,
		     int (*op)(struct file *, vaddr_t, size_t, uint64_t, size_t *))
{
	struct file *f;
	size_t done = 0;
	int error;

	error = fdtable_get(curproc->files, (int)args[0], &f);
	if (error)
		return error;
	if ((int64_t)args[2] < 0 || (int64_t)args[3] < 0)
		error = EINVAL;
	else
		error = op(f, args[1], args[2], args[3], &done);
	file_put(f);
	return finish_transfer(error, done, result);
}

/* A transfer that came some of the way says how far; the error comes again with the next one. */
static int finish_transfer(int error, size_t done, uint64_t *result)
{
	*result = done;
	return done ? 0 : error;
}

int sys_lseek(const uint64_t *args, uint64_t *result)
{
	struct file *f;
	int error = fdtable_get(curproc->files, (int)args[0], &f);

	if (error)
		return error;
	error = file_lseek(f, (int64_t)args[1], (int)args[2], result);
	file_put(f);
	return error;
}

int sys_ftruncate(const uint64_t *args, uint64_t *result __unused)
{
	struct file *f;
	int error = fdtable_get(curproc->files, (int)args[0], &f);

	if (error)
		return error;
	if (f->inode == NULL || (f->flags & O_ACCMODE) == O_RDONLY || (int64_t)args[1] < 0)
		error = EINVAL;
	else
		error = inode_truncate(f->inode, args[1]);
	file_put(f);
	return error;
}

int sys_fstat(const uint64_t *args, uint64_t *result __unused)
{
	struct stat st = { 0 };
	struct file *f;
	int error = fdtable_get(curproc->files, (int)args[0], &f);

	if (error)
		return error;
	error = file_stat(f, &st);
	file_put(f);
	return error ? error : copyout(args[1], &st, sizeof(st));
}

int sys_fsync(const uint64_t *args, uint64_t *result __unused)
{
	struct file *f;
	int error = fdtable_get(curproc->files, (int)args[0], &f);

	if (error)
		return error;
	error = f->inode ? inode_fsync(f->inode) : EINVAL;
	file_put(f);
	return error;
}

int sys_sync(const uint64_t *args __unused, uint64_t *result __unused)
{
	return fs_sync();
}

int sys_getdents(const uint64_t *args, uint64_t *result)
{
	struct file *f;
	int error = fdtable_get(curproc->files, (int)args[0], &f);

	if (error)
		return error;
	if (f->inode == NULL) {
		error = ENOTDIR;
	} else {
		size_t done = 0;
		sleeplock_acquire(&f->offset_lock);
		error = inode_getdents(f->inode, &f->offset, args[1], args[2], &done);
		sleeplock_release(&f->offset_lock);
		*result = done;
	}
	file_put(f);
	return error;
}

/* ---- names ---- */

static struct inode *cwd_get(void)
{
	struct inode *cwd;

	spinlock_acquire(&proc_lock);
	cwd = inode_reference(curproc->cwd);
	spinlock_release(&proc_lock);
	return cwd;
}

static int with_path(vaddr_t user, int (*op)(const char *path, struct inode *cwd, const uint64_t *args),
		     const uint64_t *args)
{
	struct inode *cwd;
	char *path;
	int error = path_get(user, &path);

	if (error)
		return error;
	cwd = cwd_get();
	error = op(path, cwd, args);
	inode_put(cwd);
	path_free(path);
	return error;
}

static int with_two_paths(const uint64_t *args, int (*op)(const char *, const char *, struct inode *))
{
	struct inode *cwd;
	char *from, *to;
	int error = path_get(args[0], &from);

	if (error)
		return error;
	error = path_get(args[1], &to);
	if (error == 0) {
		cwd = cwd_get();
		error = op(from, to, cwd);
		inode_put(cwd);
		path_free(to);
	}
	path_free(from);
	return error;
}

int sys_link(const uint64_t *args, uint64_t *result __unused)
{
	return with_two_paths(args, fs_link);
}

int sys_rename(const uint64_t *args, uint64_t *result __unused)
{
	return with_two_paths(args, fs_rename);
}

static int do_unlink(const char *path, struct inode *cwd, const uint64_t *args __unused)
{
	return fs_unlink(path, cwd, false);
}

int sys_unlink(const uint64_t *args, uint64_t *result __unused)
{
	return with_path(args[0], do_unlink, args);
}

static int do_rmdir(const char *path, struct inode *cwd, const uint64_t *args __unused)
{
	return fs_unlink(path, cwd, true);
}

int sys_rmdir(const uint64_t *args, uint64_t *result __unused)
{
	return with_path(args[0], do_rmdir, args);
}

static int do_mkdir(const char *path, struct inode *cwd, const uint64_t *args __unused)
{
	return fs_mkdir(path, cwd);
}

int sys_mkdir(const uint64_t *args, uint64_t *result __unused)
{
	return with_path(args[0], do_mkdir, args);
}

static int do_mknod(const char *path, struct inode *cwd, const uint64_t *args)
{
	return fs_mknod(path, cwd, (uint32_t)args[1], (uint32_t)args[2]);
}

int sys_mknod(const uint64_t *args, uint64_t *result __unused)
{
	return with_path(args[0], do_mknod, args);
}

static int do_chdir(const char *path, struct inode *cwd, const uint64_t *args __unused)
{
	struct inode *new, *old;
	struct stat st;
	int error = path_lookup(path, cwd, &new);

	if (error)
		return error;
	error = inode_stat(new, &st);
	if (error == 0 && (st.st_mode & S_IFMT) != S_IFDIR)
		error = ENOTDIR;
	if (error) {
		inode_put(new);
		return error;
	}
	spinlock_acquire(&proc_lock);
	old = curproc->cwd;
	curproc->cwd = new;
	spinlock_release(&proc_lock);
	inode_put(old);
	return 0;
}

int sys_chdir(const uint64_t *args, uint64_t *result __unused)
{
	return with_path(args[0], do_chdir, args);
}

int sys_getcwd(const uint64_t *args, uint64_t *result)
{
	size_t size = MIN(args[1], (uint64_t)PATH_MAX), length = 0;
	struct inode *cwd;
	char *buf;
	int error;

	if (size == 0)
		return EINVAL;
	buf = kmalloc(PATH_MAX, 0);
	if (buf == NULL)
		return ENOMEM;
	cwd = cwd_get();
	error = fs_getcwd(cwd, buf, size);
	inode_put(cwd);
	if (error == 0) {
		while (buf[length++])
			continue;
		error = copyout(args[0], buf, length);
		*result = length;
	}
	kfree(buf, PATH_MAX);
	return error;
}

/* ---- the console ---- */

#define CONSOLE_CHUNK 512 /* bytes at a time through kernel memory, so that the console never faults */

static int console_device_read(struct file *f __unused, vaddr_t buf, size_t n, size_t *done)
{
	char chunk[CONSOLE_CHUNK];
	int error;

	if (n == 0)
		return 0;
	error = console_read(chunk, MIN(n, sizeof(chunk)), done);
	if (error == 0 && *done) {
		error = copyout(buf, chunk, *done);
		if (error)
			*done = 0;
	}
	return error;
}

static int console_device_write(struct file *f __unused, vaddr_t buf, size_t n, size_t *done)
{
	char chunk[CONSOLE_CHUNK];

	for (*done = 0; *done < n; ) {
		size_t part = MIN(n - *done, sizeof(chunk));
		int error = copyin(chunk, buf + *done, part);
		if (error)
			return error;
		console_write(chunk, part);
		*done += part;
	}
	return 0;
}

void console_device_boot(void)
{
	static const struct device_ops ops = {
		.name = "console", .read = console_device_read, .write = console_device_write,
	};

	device_register(DEV_CONSOLE, &ops);
}
