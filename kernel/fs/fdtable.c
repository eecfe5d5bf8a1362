/*
 * Descriptor tables: small numbers for open files. Counted, because threads share one.
 *
 * The table's arrays grow by doubling, up to the limit; a larger pair is allocated with the lock let go, and used if the table
 * is still as small then. A file that leaves the table is put after the lock was let go, since closing may sleep.
 *
 * Floor: fs, above open files.
 */
#include "fs/file.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "base/string.h"
#include "kern/spinlock.h"
#include "vm/pool.h"

#define FD_START 16
#define FD_LIMIT 256 /* RLIMIT_NOFILE, until there is setrlimit(2) */

struct fd {
	struct file *file; /* NULL: free */
	bool cloexec;
};

struct fdtable {
	struct spinlock lock; /* RANK_FILES */
	uint32_t refs;        /* atomic */
	int size;             /* lock: places in fd */
	int limit;            /* lock */
	int lowest;           /* lock: no descriptor below it is free */
	struct fd *fd;        /* lock */
};

static struct pool table_pool;

void fdtable_boot(void);

void fdtable_boot(void)
{
	pool_init(&table_pool, "fdtable", sizeof(struct fdtable));
}

static int table_new(int size, struct fdtable **out)
{
	struct fdtable *t = pool_alloc(&table_pool, POOL_ZERO);

	if (t == NULL)
		return ENOMEM;
	t->fd = kmalloc(sizeof *t->fd * (size_t)size, POOL_ZERO);
	if (t->fd == NULL) {
		pool_free(&table_pool, t);
		return ENOMEM;
	}
	spinlock_init(&t->lock, RANK_FILES, "fdtable");
	t->refs = 1;
	t->size = size;
	t->limit = FD_LIMIT;
	*out = t;
	return 0;
}

static void table_free(struct fdtable *t)
{
	kfree(t->fd, sizeof *t->fd * (size_t)t->size);
	pool_free(&table_pool, t);
}

int fdtable_new(struct fdtable **out)
{
	return table_new(FD_START, out);
}

int fdtable_fork(struct fdtable *from, struct fdtable **out)
{
	struct fdtable *t;

	for (;;) {
		int size, error;

		spinlock_acquire(&from->lock);
		size = from->size;
		spinlock_release(&from->lock);
		error = table_new(size, &t);
		if (error)
			return error;
		spinlock_acquire(&from->lock);
		if (from->size == size)
			break;
		spinlock_release(&from->lock); /* another thread made it grow */
		table_free(t);
	}
	for (int i = 0; i < from->size; i++) {
		t->fd[i] = from->fd[i];
		if (t->fd[i].file)
			file_reference(t->fd[i].file);
	}
	t->lowest = from->lowest;
	t->limit = from->limit;
	spinlock_release(&from->lock);
	*out = t;
	return 0;
}

/* Takes the descriptor out. => lock held. NULL: it was free. */
static struct file *fd_take(struct fdtable *t, int fd)
{
	struct file *f = fd >= 0 && fd < t->size ? t->fd[fd].file : NULL;

	if (f) {
		t->fd[fd] = (struct fd){ .file = NULL };
		t->lowest = MIN(t->lowest, fd);
	}
	return f;
}

void fdtable_release(struct fdtable *t)
{
	if (__atomic_fetch_sub(&t->refs, 1, __ATOMIC_ACQ_REL) != 1)
		return;
	for (int i = 0; i < t->size; i++) {
		struct file *f;

		spinlock_acquire(&t->lock);
		f = fd_take(t, i);
		spinlock_release(&t->lock);
		if (f)
			file_put(f);
	}
	table_free(t);
}

/* Room for descriptor fd. => lock held; it is let go and taken again. EMFILE, ENOMEM. */
static int table_grow(struct fdtable *t, int fd)
{
	int size = t->size, wanted = size;
	struct fd *more, *old;

	if (fd >= t->limit)
		return EMFILE;
	while (wanted <= fd)
		wanted *= 2;
	wanted = MIN(wanted, MAX(t->limit, fd + 1));
	spinlock_release(&t->lock);
	more = kmalloc(sizeof *more * (size_t)wanted, POOL_ZERO);
	spinlock_acquire(&t->lock);
	if (more == NULL)
		return ENOMEM;
	if (t->size != size) { /* another thread was faster; the caller looks again */
		spinlock_release(&t->lock);
		kfree(more, sizeof *more * (size_t)wanted);
		spinlock_acquire(&t->lock);
		return 0;
	}
	memcpy(more, t->fd, sizeof *more * (size_t)size);
	old = t->fd;
	t->fd = more;
	t->size = wanted;
	spinlock_release(&t->lock);
	kfree(old, sizeof *old * (size_t)size);
	spinlock_acquire(&t->lock);
	return 0;
}

int fdtable_install(struct fdtable *t, struct file *f, bool cloexec, int *fd)
{
	int error = 0, i;

	spinlock_acquire(&t->lock);
	for (;;) {
		for (i = t->lowest; i < t->size && t->fd[i].file; i++)
			;
		if (i < t->size)
			break;
		error = table_grow(t, i);
		if (error)
			goto out;
	}
	if (i >= t->limit) {
		error = EMFILE;
		goto out;
	}
	t->fd[i] = (struct fd){ .file = f, .cloexec = cloexec };
	t->lowest = i + 1;
	*fd = i;
out:
	spinlock_release(&t->lock);
	return error;
}

int fdtable_install_at(struct fdtable *t, int fd, struct file *f)
{
	struct file *old = NULL;
	int error = 0;

	if (fd < 0)
		return EBADF;
	spinlock_acquire(&t->lock);
	while (fd >= t->size && !error)
		error = fd >= t->limit ? EBADF : table_grow(t, fd);
	if (!error) {
		old = t->fd[fd].file;
		t->fd[fd] = (struct fd){ .file = f };
	}
	spinlock_release(&t->lock);
	if (old)
		file_put(old);
	return error;
}

int fdtable_get(struct fdtable *t, int fd, struct file **out)
{
	struct file *f;

	spinlock_acquire(&t->lock);
	f = fd >= 0 && fd < t->size ? t->fd[fd].file : NULL;
	if (f)
		file_reference(f);
	spinlock_release(&t->lock);
	*out = f;
	return f ? 0 : EBADF;
}

int fdtable_close(struct fdtable *t, int fd)
{
	struct file *f;

	spinlock_acquire(&t->lock);
	f = fd_take(t, fd);
	spinlock_release(&t->lock);
	if (f == NULL)
		return EBADF;
	file_put(f);
	return 0;
}

void fdtable_exec(struct fdtable *t)
{
	for (int i = 0; i < t->size; i++) { /* exec is alone: nobody else makes the table grow */
		struct file *f = NULL;

		spinlock_acquire(&t->lock);
		if (t->fd[i].cloexec)
			f = fd_take(t, i);
		spinlock_release(&t->lock);
		if (f)
			file_put(f);
	}
}
