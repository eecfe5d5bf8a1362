/*
 * Pipes: a ring of pages, allocated when bytes come and given back when the pipe is empty.
 *
 *	read ------> write         counts of bytes since the pipe was made, never wrapped:
 *	[..xxxxxxxxxx....]         what is in it is write - read, a byte's place is count % PIPE_SIZE
 *
 * The pipe's lock ranks before the VM's, so the copies take ordinary faults with it held. A reader waits for &read, a writer for
 * &written: each wakes only the other side. A write of at most PIPE_ATOMIC bytes goes in whole or not at all.
 *
 * Floor: fs, below open files.
 */
#include "fs/pipe.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "kern/thread.h"
#include "riscv/copyuser.h"
#include "vm/page.h"
#include "vm/pool.h"

#define PIPE_PAGES 4
#define PIPE_SIZE (PIPE_PAGES * PAGE_SIZE)
#define PIPE_ATOMIC 4096

struct pipe {
	struct sleeplock lock;           /* RANK_PIPE: all below */
	struct vm_page *page[PIPE_PAGES];
	uint64_t read, written;          /* bytes since it was made */
	bool reader_open, writer_open;
};

void (*file_sigpipe_hook)(void);

int pipe_new(struct pipe **out)
{
	struct pipe *p = kmalloc(sizeof *p, POOL_ZERO);

	if (p == NULL)
		return ENOMEM;
	sleeplock_init(&p->lock, RANK_PIPE, "pipe");
	p->reader_open = p->writer_open = true;
	*out = p;
	return 0;
}

static void pages_free(struct pipe *p)
{
	for (unsigned i = 0; i < PIPE_PAGES; i++)
		if (p->page[i]) {
			page_free(p->page[i]);
			p->page[i] = NULL;
		}
}

void pipe_close(struct pipe *p, bool writer)
{
	bool last;

	sleeplock_acquire(&p->lock);
	if (writer)
		p->writer_open = false;
	else
		p->reader_open = false;
	last = !p->reader_open && !p->writer_open;
	thread_wakeup(&p->read);
	thread_wakeup(&p->written);
	sleeplock_release(&p->lock);
	if (last) {
		pages_free(p);
		kfree(p, sizeof *p);
	}
}

/* The page of a byte, made if need be. NULL: no frame. */
static char *byte_at(struct pipe *p, uint64_t count)
{
	unsigned i = count % PIPE_SIZE / PAGE_SIZE;

	if (p->page[i] == NULL)
		p->page[i] = page_alloc(PO_KERNEL, 0);
	return p->page[i] ? (char *)page_kva(p->page[i]) + count % PAGE_SIZE : NULL;
}

int pipe_read(struct pipe *p, vaddr_t buf, size_t n, bool nonblock, size_t *done)
{
	int error = 0;

	*done = 0;
	sleeplock_acquire(&p->lock);
	while (n > 0 && p->read == p->written && p->writer_open && !error)
		error = nonblock ? EAGAIN : sleeplock_wait(&p->lock, &p->read, "pipe read", true);
	while (!error && *done < n && p->read != p->written) {
		size_t some = MIN(MIN(n - *done, p->written - p->read), PAGE_SIZE - p->read % PAGE_SIZE);

		error = copyout(buf + *done, byte_at(p, p->read), some);
		if (error)
			break;
		p->read += some;
		*done += some;
	}
	if (*done > 0) {
		if (p->read == p->written)
			pages_free(p);
		thread_wakeup(&p->written);
	}
	sleeplock_release(&p->lock);
	return *done > 0 ? 0 : error;
}

/* Waits until `need` bytes fit. => lock held */
static int wait_for_room(struct pipe *p, size_t need, bool nonblock)
{
	int error = 0;

	while (!error && p->reader_open && PIPE_SIZE - (p->written - p->read) < need)
		error = nonblock ? EAGAIN : sleeplock_wait(&p->lock, &p->written, "pipe write", true);
	return !error && !p->reader_open ? EPIPE : error;
}

int pipe_write(struct pipe *p, vaddr_t buf, size_t n, bool nonblock, size_t *done)
{
	int error = 0;

	*done = 0;
	sleeplock_acquire(&p->lock);
	while (*done < n && !error) {
		uint64_t at;
		size_t want;

		error = wait_for_room(p, n <= PIPE_ATOMIC ? n : 1, nonblock);
		if (error)
			break;
		at = p->written;
		/* Only this thread writes while it has the lock, and readers see the bytes when they are all there. */
		want = MIN(n - *done, PIPE_SIZE - (p->written - p->read));
		while (want > 0 && !error) {
			size_t some = MIN(want, PAGE_SIZE - at % PAGE_SIZE);
			char *to = byte_at(p, at);

			error = to ? copyin(to, buf + *done + (at - p->written), some) : ENOMEM;
			if (!error) {
				at += some;
				want -= some;
			}
		}
		if (error && n <= PIPE_ATOMIC)
			break;
		*done += at - p->written;
		p->written = at;
		thread_wakeup(&p->read);
	}
	if (p->read == p->written)
		pages_free(p); /* a failed write may have left some */
	sleeplock_release(&p->lock);
	if (error == EPIPE && *done == 0 && file_sigpipe_hook)
		file_sigpipe_hook();
	return *done > 0 ? 0 : error;
}

size_t pipe_available(struct pipe *p)
{
	size_t n;

	sleeplock_acquire(&p->lock);
	n = p->written - p->read;
	sleeplock_release(&p->lock);
	return n;
}
