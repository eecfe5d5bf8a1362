/*
 * Disks: blocks of 4 KiB, several requests in flight.
 *
 * A request is the caller's, filled in and handed over; done() is called when
 * it is over, maybe from an interrupt. Contiguous blocks, any number of frames.
 * No request memory lies on a kernel stack that may be paged out.
 */
#ifndef DEV_DISK_H
#define DEV_DISK_H

#include "base/list.h"
#include "kern/spinlock.h"

#define BLOCK_SIZE 4096UL
#define DISK_SEGMENTS 32 /* frames in one request at most */

enum disk_op { DISK_READ, DISK_WRITE, DISK_FLUSH };

struct disk_request {
	enum disk_op op;
	uint64_t block;            /* first */
	uint32_t count;            /* blocks = segments used */
	void *segment[DISK_SEGMENTS]; /* kernel addresses (direct map) of one block each */
	void (*done)(struct disk_request *rq); /* any context; rq->error is set */
	void *arg;                 /* the caller's */
	int error;                 /* 0, EIO */
	bool finished;             /* disk_wait's */
	struct list link;          /* the driver's */
};

struct disk {
	const char *name;
	uint64_t blocks;
	bool read_only;
	void (*submit)(struct disk *d, struct disk_request *rq); /* never sleeps; queues when the device is full */
	void *driver;
	struct list link; /* of all disks */
	uint64_t submitted; /* atomic: requests so far */
	uint64_t fail_at;   /* fixed: diskfail=NAME:n, this request fails with EIO; 0: none */
};

void disk_register(struct disk *d); /* at boot, in the order in which they are found */
struct disk *disk_find(const char *name); /* "ram0", "ram1", "vd0", ...; NULL: none */
struct disk *disk_root(void);             /* the file system's: RAM disk 0 if there is one, else virtio disk 0 */

/* Submits; beyond the disk's end or misuse: EIO through done(). */
void disk_submit(struct disk *d, struct disk_request *rq);
/* For drivers: the request is over. => no lock held */
void disk_finish(struct disk_request *rq, int error);
/* Submits and sleeps until it is over. */
int disk_io(struct disk *d, struct disk_request *rq);
/* One block. */
int disk_read_block(struct disk *d, uint64_t block, void *data);
int disk_write_block(struct disk *d, uint64_t block, const void *data);
int disk_flush(struct disk *d);

#endif
