/*
 * Open files: counted, shared by dup and fork, closed with the last reference.
 *
 * There are three kinds, told apart by their operations: inodes (files and directories), devices, and the ends of pipes.
 *
 * Floor: fs, above paths, pipes and devices.
 */
#include "fs/file.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "fs/device.h"
#include "fs/pipe.h"
#include "kern/counters.h"
#include "vm/pool.h"

static struct pool file_pool;

void fdtable_boot(void);

void file_boot(void)
{
	pool_init(&file_pool, "file", sizeof(struct file));
	fdtable_boot();
	device_boot();
}

static bool readable(const struct file *f)
{
	return (f->flags & O_ACCMODE) != O_WRONLY;
}

static bool writable(const struct file *f)
{
	return (f->flags & O_ACCMODE) != O_RDONLY;
}

/* Files and directories. */

static int regular_read(struct file *f, vaddr_t buf, size_t n, size_t *done)
{
	int error;

	sleeplock_acquire(&f->offset_lock);
	error = inode_read(f->inode, (struct io_target){ .user = true, .address = buf }, f->offset, n, done);
	f->offset += *done;
	sleeplock_release(&f->offset_lock);
	return error;
}

static int regular_write(struct file *f, vaddr_t buf, size_t n, size_t *done)
{
	uint64_t end;
	int error;

	sleeplock_acquire(&f->offset_lock);
	error = inode_write(f->inode, (struct io_target){ .user = true, .address = buf }, f->offset, n, f->flags & O_APPEND, done, &end);
	if (*done > 0)
		f->offset = end;
	sleeplock_release(&f->offset_lock);
	return error;
}

static int regular_stat(struct file *f, struct stat *st)
{
	return inode_stat(f->inode, st);
}

static void regular_close(struct file *f)
{
	inode_put(f->inode);
}

static const struct file_ops regular_ops = {
	.read = regular_read,
	.write = regular_write,
	.stat = regular_stat,
	.close = regular_close,
};

/* Devices. The inode stays: it says what the device is called. */

static int device_read(struct file *f, vaddr_t buf, size_t n, size_t *done)
{
	const struct device_ops *ops = device_find(f->inode->rdev);

	return ops ? ops->read(f, buf, n, done) : ENXIO;
}

static int device_write(struct file *f, vaddr_t buf, size_t n, size_t *done)
{
	const struct device_ops *ops = device_find(f->inode->rdev);

	return ops ? ops->write(f, buf, n, done) : ENXIO;
}

static const struct file_ops device_ops = {
	.read = device_read,
	.write = device_write,
	.stat = regular_stat,
	.close = regular_close,
};

/* Pipes. */

static int pipe_file_read(struct file *f, vaddr_t buf, size_t n, size_t *done)
{
	return pipe_read(f->pipe, buf, n, f->flags & O_NONBLOCK, done);
}

static int pipe_file_write(struct file *f, vaddr_t buf, size_t n, size_t *done)
{
	return pipe_write(f->pipe, buf, n, f->flags & O_NONBLOCK, done);
}

static int pipe_file_stat(struct file *f, struct stat *st)
{
	*st = (struct stat){ .st_mode = S_IFIFO, .st_nlink = 1, .st_blksize = PAGE_SIZE, .st_size = pipe_available(f->pipe) };
	return 0;
}

static void pipe_file_close(struct file *f)
{
	pipe_close(f->pipe, writable(f));
}

static const struct file_ops pipe_ops = {
	.read = pipe_file_read,
	.write = pipe_file_write,
	.stat = pipe_file_stat,
	.close = pipe_file_close,
};

/* Making and ending. */

static int file_new(const struct file_ops *ops, int flags, struct file **out)
{
	struct file *f = pool_alloc(&file_pool, POOL_ZERO);

	if (f == NULL)
		return ENOMEM;
	f->ops = ops;
	f->refs = 1;
	f->flags = flags & (O_ACCMODE | O_APPEND | O_NONBLOCK);
	sleeplock_init(&f->offset_lock, RANK_FILE_OFFSET, "file offset");
	GAUGE_ADD(files, 1);
	*out = f;
	return 0;
}

static void file_delete(struct file *f)
{
	GAUGE_ADD(files, -1);
	pool_free(&file_pool, f);
}

int file_open(const char *path, struct inode *cwd, int flags, struct file **out)
{
	struct file *f;
	int error;

	if ((flags & O_ACCMODE) == O_ACCMODE)
		return EINVAL;
	error = file_new(&regular_ops, flags, &f); /* first: a file that was made or cut short is open, too */
	if (error)
		return error;
	error = fs_open(path, cwd, flags, &f->inode);
	if (!error && (f->inode->mode & S_IFMT) == S_IFCHR) {
		f->ops = &device_ops;
		if (device_find(f->inode->rdev) == NULL) {
			inode_put(f->inode);
			error = ENXIO;
		}
	}
	if (error)
		file_delete(f);
	else
		*out = f;
	return error;
}

int file_pipe(struct file **reader, struct file **writer)
{
	int error = file_new(&pipe_ops, O_RDONLY, reader);

	if (error)
		return error;
	error = file_new(&pipe_ops, O_WRONLY, writer);
	if (!error) {
		error = pipe_new(&(*reader)->pipe);
		(*writer)->pipe = (*reader)->pipe;
		if (!error)
			return 0;
		file_delete(*writer);
	}
	file_delete(*reader);
	return error;
}

struct file *file_reference(struct file *f)
{
	uint32_t before = __atomic_fetch_add(&f->refs, 1, __ATOMIC_RELAXED);

	KASSERT(before > 0);
	return f;
}

void file_put(struct file *f)
{
	uint32_t before = __atomic_fetch_sub(&f->refs, 1, __ATOMIC_ACQ_REL);

	KASSERT(before > 0);
	if (before == 1) {
		f->ops->close(f);
		file_delete(f);
	}
}

/* Using. */

int file_read(struct file *f, vaddr_t buf, size_t n, size_t *done)
{
	*done = 0;
	return readable(f) ? f->ops->read(f, buf, n, done) : EBADF;
}

int file_write(struct file *f, vaddr_t buf, size_t n, size_t *done)
{
	*done = 0;
	return writable(f) ? f->ops->write(f, buf, n, done) : EBADF;
}

int file_pread(struct file *f, vaddr_t buf, size_t n, uint64_t offset, size_t *done)
{
	*done = 0;
	if (!readable(f))
		return EBADF;
	if (f->ops != &regular_ops)
		return ESPIPE;
	if ((int64_t)offset < 0)
		return EINVAL;
	return inode_read(f->inode, (struct io_target){ .user = true, .address = buf }, offset, n, done);
}

int file_pwrite(struct file *f, vaddr_t buf, size_t n, uint64_t offset, size_t *done)
{
	uint64_t end;

	*done = 0;
	if (!writable(f))
		return EBADF;
	if (f->ops != &regular_ops)
		return ESPIPE;
	if ((int64_t)offset < 0)
		return EINVAL;
	return inode_write(f->inode, (struct io_target){ .user = true, .address = buf }, offset, n, false, done, &end);
}

int file_lseek(struct file *f, int64_t offset, int whence, uint64_t *result)
{
	struct stat st;
	int64_t base = 0, to;
	int error = 0;

	if (f->ops != &regular_ops)
		return ESPIPE;
	if (whence == SEEK_END) {
		error = inode_stat(f->inode, &st); /* before the lock: an inode comes after it, but need not wait under it */
		base = (int64_t)st.st_size;
	} else if (whence != SEEK_SET && whence != SEEK_CUR) {
		error = EINVAL;
	}
	if (error)
		return error;
	sleeplock_acquire(&f->offset_lock);
	if (whence == SEEK_CUR)
		base = (int64_t)f->offset;
	if (__builtin_add_overflow(base, offset, &to)) {
		error = EOVERFLOW;
	} else if (to < 0) {
		error = EINVAL;
	} else {
		f->offset = (uint64_t)to;
		*result = (uint64_t)to;
	}
	sleeplock_release(&f->offset_lock);
	return error;
}

int file_stat(struct file *f, struct stat *st)
{
	return f->ops->stat(f, st);
}
