/* The sleeping locks themselves: their fast ways, which take no guard, against those who wait. */
#include <stdlib.h>

#include "interleave.h"

#include "kern/rwlock.h"
#include "kern/sleeplock.h"

static struct sleeplock lock;
static struct rwlock rw;
static int total, readers, writers, upgraded;

static void add(void)
{
	int seen;

	sleeplock_acquire(&lock);
	seen = total;
	host_step("adds", NULL);
	total = seen + 1;
	sleeplock_release(&lock);
}

static void add_twice(void)
{
	add();
	add();
}

static void add_if_free(void)
{
	if (!sleeplock_try(&lock))
		add();
	else {
		total++;
		sleeplock_release(&lock);
	}
}

ITEST(sleeplock, "", "three threads, one of them trying first: nobody is in it together, nobody waits for ever, in the end it is free")
{
	sleeplock_init(&lock, RANK_OBJECT, "lock");
	total = 0;
	together(add_twice, add, add_if_free);
	CHECK_EQ(total, 4);
	CHECK(lock.holder == NULL && lock.waiters == 0 && lock.state == SLEEPLOCK_FREE);
}

/* A structure that goes with its last user, who finds out under its lock. */
static struct counted {
	struct sleeplock lock;
	int users;
} *counted;

static void leave(void)
{
	struct counted *c = counted;
	bool last;

	sleeplock_acquire(&c->lock);
	last = --c->users == 0;
	sleeplock_release(&c->lock);
	if (last)
		free(c);
}

ITEST(sleeplock_freed, "", "who has let a lock go touches it no more: its next holder may free it")
{
	counted = malloc(sizeof(*counted));
	sleeplock_init(&counted->lock, RANK_OBJECT, "lock");
	counted->users = 3;
	together(leave, leave, leave);
}

static void read_once(void)
{
	rwlock_read(&rw);
	readers++;
	CHECK_EQ(writers, 0);
	host_step("reads", NULL);
	CHECK_EQ(writers, 0);
	readers--;
	rwlock_release(&rw);
}

static void write_inside(void)
{
	CHECK(writers == 0 && readers == 0);
	writers++;
	host_step("writes", NULL);
	CHECK(writers == 1 && readers == 0);
	writers--;
	total++;
}

static void write_once(void)
{
	rwlock_write(&rw);
	write_inside();
	rwlock_release(&rw);
}

static void read_and_write(void)
{
	read_once();
	write_once();
}

static void upgrade(void)
{
	rwlock_read(&rw);
	if (rwlock_try_upgrade(&rw)) {
		upgraded++;
		write_inside();
	} else
		CHECK_EQ(writers, 0);
	rwlock_release(&rw);
}

static void rw_begin(void)
{
	rwlock_init(&rw, RANK_MAP, "rw");
	total = readers = writers = upgraded = 0;
}

static void rw_end(void)
{
	CHECK(rw.writer == NULL && rw.readers == 0);
	CHECK(rw.readers_waiting == 0 && rw.writers_waiting == 0);
}

ITEST(rwlock, "", "readers are in it together, a writer alone; nobody waits for ever, in the end it is free")
{
	rw_begin();
	together(read_and_write, write_once, read_once);
	CHECK_EQ(total, 2);
	rw_end();
}

ITEST(rwlock_upgrade, "", "a reader that is alone becomes the writer at once; of two at most one does while the other reads, and a writer that waits comes after")
{
	rw_begin();
	together(upgrade, upgrade, write_once);
	CHECK_EQ(total, upgraded + 1);
	rw_end();
}
