/*
 * Open files: what a descriptor names. Counted; dup and fork share one.
 */
#ifndef FS_FILE_H
#define FS_FILE_H

#include "fs/inode.h"

struct file;
struct pipe;

struct file_ops {
	int (*read)(struct file *f, vaddr_t buf, size_t n, size_t *done);
	int (*write)(struct file *f, vaddr_t buf, size_t n, size_t *done);
	int (*stat)(struct file *f, struct stat *st);
	void (*close)(struct file *f);
};

struct file {
	const struct file_ops *ops; /* fixed */
	uint32_t refs;              /* atomic */
	int flags;                  /* O_ACCMODE fixed; O_APPEND, O_NONBLOCK */
	struct inode *inode;        /* fixed, or NULL */
	struct pipe *pipe;          /* fixed, or NULL */
	struct sleeplock offset_lock; /* RANK_FILE_OFFSET */
	uint64_t offset;            /* offset_lock */
};

/* A character device, by the number in its inode (major << 8 | minor). */
struct device_ops {
	const char *name;
	int (*read)(struct file *f, vaddr_t buf, size_t n, size_t *done);
	int (*write)(struct file *f, vaddr_t buf, size_t n, size_t *done);
};
#define DEV_CONSOLE 0x0100
#define DEV_NULL 0x0200
#define DEV_ZERO 0x0201
void device_register(uint32_t number, const struct device_ops *ops);

/* A write to a pipe that nobody reads: SIGPIPE for the running process. Registered by the processes. */
extern void (*file_sigpipe_hook)(void);

void file_boot(void);
int file_open(const char *path, struct inode *cwd, int flags, struct file **out);
int file_pipe(struct file **reader, struct file **writer);
struct file *file_reference(struct file *f);
void file_put(struct file *f); /* the last closes; sleeps */
int file_read(struct file *f, vaddr_t buf, size_t n, size_t *done);
int file_write(struct file *f, vaddr_t buf, size_t n, size_t *done);
int file_pread(struct file *f, vaddr_t buf, size_t n, uint64_t offset, size_t *done);
int file_pwrite(struct file *f, vaddr_t buf, size_t n, uint64_t offset, size_t *done);
int file_lseek(struct file *f, int64_t offset, int whence, uint64_t *result);
int file_stat(struct file *f, struct stat *st);

/* A process's descriptors: grow as needed up to its limit (RLIMIT_NOFILE, 256 at first). Counted: threads share it. */
struct fdtable;
int fdtable_new(struct fdtable **out);
int fdtable_fork(struct fdtable *from, struct fdtable **out); /* ENOMEM; same files, a reference each */
void fdtable_release(struct fdtable *t);  /* closes all with the last reference; sleeps */
int fdtable_install(struct fdtable *t, struct file *f, bool cloexec, int *fd); /* lowest free; EMFILE, ENOMEM */
int fdtable_install_at(struct fdtable *t, int fd, struct file *f); /* dup2: what was there is closed */
int fdtable_get(struct fdtable *t, int fd, struct file **out); /* a reference; EBADF */
int fdtable_close(struct fdtable *t, int fd);
void fdtable_exec(struct fdtable *t);     /* closes what is close-on-exec */

#endif
