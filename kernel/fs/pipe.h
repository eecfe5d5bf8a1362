/* Pipes, for fs/file.c. */
#ifndef FS_PIPE_H
#define FS_PIPE_H

#include "fs/file.h"

int pipe_new(struct pipe **out);          /* both ends open; ENOMEM */
void pipe_close(struct pipe *p, bool writer); /* one end; the second frees the pipe */
int pipe_read(struct pipe *p, vaddr_t buf, size_t n, bool nonblock, size_t *done);
int pipe_write(struct pipe *p, vaddr_t buf, size_t n, bool nonblock, size_t *done);
size_t pipe_available(struct pipe *p);    /* bytes to be read */

#endif
