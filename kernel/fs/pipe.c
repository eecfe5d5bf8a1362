/*
 * Pipes: a ring of pages, allocated when bytes come. When the pipe is empty all are given back but the one where the next byte goes.
 *
 *	read ------> write         counts of bytes since the pipe was made, never wrapped:
 *	[..xxxxxxxxxx....]         what is in it is write - read, a byte's place is count % PIPE_SIZE
 *
 * The pipe's lock ranks before the VM's, so the copies take ordinary faults with it held. A reader waits for &readers, a writer for
 * &writers: each wakes only the other side, if somebody waits there. A write of at most PIPE_ATOMIC bytes goes in whole or not at all.
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
	uint32_t readers, writers;       /* threads that wait, or are about to go on */
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

/* Frees the pages but page number `keep`. */
static void pages_free(struct pipe *p, unsigned keep)
{
	for (unsigned i = 0; i < PIPE_PAGES; i++)
		if (p->page[i] && i != keep) {
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
	thread_wakeup(&p->readers);
	thread_wakeup(&p->writers);
	sleeplock_release(&p->lock);
	if (last) {
		pages_free(p, PIPE_PAGES);
		kfree(p, sizeof *p);
	}
}

/* Which page a byte is in. */
static unsigned page_at(uint64_t count) { return count % PIPE_SIZE / PAGE_SIZE; }

/* The place of a byte, its page made if need be. NULL: no frame. */
static inline char *byte_at(struct pipe *p, uint64_t count)
{
	unsigned i = page_at(count);

	if (p->page[i] == NULL)
		p->page[i] = page_alloc(PO_KERNEL, 0);
	return p->page[i] ? (char *)page_kva(p->page[i]) + count % PAGE_SIZE : NULL;
}

/* `who`: the number of those who wait for the same, and where they wait. => lock held */
static int pipe_wait(struct pipe *p, uint32_t *who, const char *why)
{
	int error;

	++*who;
	error = sleeplock_wait(&p->lock, who, why, true);
	--*who;
	return error;
}

int pipe_read(struct pipe *p, vaddr_t buf, size_t n, bool nonblock, size_t *done)
{
	int error = 0;

	*done = 0;
	sleeplock_acquire(&p->lock);
	while (n > 0 && p->read == p->written && p->writer_open && !error)
		error = nonblock ? EAGAIN : pipe_wait(p, &p->readers, "pipe read");
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
			pages_free(p, page_at(p->written));
		if (p->writers)
			thread_wakeup(&p->writers);
	}
	sleeplock_release(&p->lock);
	return *done > 0 ? 0 : error;
}

/* Waits until `need` bytes fit. => lock held */
static int wait_for_room(struct pipe *p, size_t need, bool nonblock)
{
	int error = 0;

	while (!error && p->reader_open && PIPE_SIZE - (p->written - p->read) < need)
		error = nonblock ? EAGAIN : pipe_wait(p, &p->writers, "pipe write");
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
		if (p->readers)
			thread_wakeup(&p->readers);
	}
	if (p->read == p->written)
		pages_free(p, page_at(p->written)); /* a failed write may have left some */
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
