/* Directories, a buffer of entries at a time. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

ssize_t getdents(int fd, void *buf, size_t size);

struct dir {
	int fd;
	size_t at, filled;
	uint64_t buf[256]; /* aligned as struct dirent needs it */
};

DIR *opendir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY);
	DIR *d;

	if (fd < 0)
		return NULL;
	d = malloc(sizeof *d);
	if (d == NULL) {
		close(fd);
		return NULL;
	}
	d->fd = fd;
	d->at = d->filled = 0;
	return d;
}

struct dirent *readdir(DIR *d)
{
	struct dirent *e;

	if (d->at == d->filled) {
		ssize_t n = getdents(d->fd, d->buf, sizeof d->buf);

		if (n <= 0)
			return NULL;
		d->at = 0;
		d->filled = (size_t)n;
	}
	e = (struct dirent *)((char *)d->buf + d->at);
	d->at += e->d_reclen;
	return e;
}

int closedir(DIR *d)
{
	int result = close(d->fd);

	free(d);
	return result;
}
