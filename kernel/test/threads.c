/* Locks, sleep and wake-up between threads on all harts. */
#include "abi/errno.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "base/string.h"
#include "base/types.h"
#include "kern/rwlock.h"
#include "kern/sleeplock.h"
#include "kern/thread.h"
#include "riscv/cpu.h"
#include "test/test.h"
#include "vm/amap.h"
#include "vm/object.h"
#include "vm/pageq.h"
#include "vm/vmspace.h"

#define THREADS 4
#define TURNS 400

/* ---- mutual exclusion -------------------------------------------------------- */

struct shared {
	struct spinlock spin;
	struct sleeplock sleep;
	struct rwlock rw;
	uint64_t a, b;      /* by the lock under test: equal whenever it is free */
	unsigned inside;    /* atomic: threads that change it */
	unsigned readers;   /* atomic */
};

/* A change that another thread must not see half done. */
static void change(struct shared *s, bool yield)
{
	CHECK(__atomic_add_fetch(&s->inside, 1, __ATOMIC_SEQ_CST) == 1);
	CHECK(__atomic_load_n(&s->readers, __ATOMIC_SEQ_CST) == 0);
	CHECK(s->a == s->b);
	s->a++;
	if (yield)
		thread_yield();
	s->b++;
	__atomic_sub_fetch(&s->inside, 1, __ATOMIC_SEQ_CST);
}

static void spin_turns(void *arg, unsigned index __unused)
{
	struct shared *s = arg;

	for (unsigned n = 0; n < TURNS; n++) {
		spinlock_acquire(&s->spin);
		change(s, false);
		spinlock_release(&s->spin);
		if (n % 16 == 0)
			thread_yield();
		if (spinlock_try(&s->spin)) {
			change(s, false);
			s->a--;
			s->b--;
			spinlock_release(&s->spin);
		}
	}
}

static void sleep_turns(void *arg, unsigned index)
{
	struct shared *s = arg;

	for (unsigned n = 0; n < TURNS; n++) {
		sleeplock_acquire(&s->sleep);
		CHECK(sleeplock_held(&s->sleep));
		change(s, n % 3 == index % 3);
		sleeplock_release(&s->sleep);
		CHECK(!sleeplock_held(&s->sleep));
	}
}

static void write_turn(struct shared *s, unsigned n)
{
	rwlock_write(&s->rw);
	change(s, n % 3 == 0);
	if (n % 2) {
		uint64_t seen = s->a;

		rwlock_downgrade(&s->rw); /* no writer comes in between */
		CHECK(s->a == seen && s->b == seen);
	}
	rwlock_release(&s->rw);
}

static void read_turn(struct shared *s, unsigned n)
{
	uint64_t seen;

	rwlock_read(&s->rw);
	CHECK(__atomic_load_n(&s->inside, __ATOMIC_SEQ_CST) == 0);
	__atomic_add_fetch(&s->readers, 1, __ATOMIC_SEQ_CST);
	seen = s->a;
	CHECK(seen == s->b);
	if (n % 4 == 0)
		thread_yield();
	CHECK(s->a == seen && s->b == seen);
	__atomic_sub_fetch(&s->readers, 1, __ATOMIC_SEQ_CST);
	if (n % 8 == 1 && rwlock_try_upgrade(&s->rw)) {
		change(s, false);
		s->a--;
		s->b--;
	}
	rwlock_release(&s->rw);
}

static void rw_turns(void *arg, unsigned index)
{
	for (unsigned n = 0; n < TURNS; n++) {
		if ((n + index) % 4 == 0)
			write_turn(arg, n);
		else
			read_turn(arg, n);
	}
}

static void exclusion(void (*turns)(void *arg, unsigned index), uint64_t changes)
{
	struct shared s = { .a = 0 };

	spinlock_init(&s.spin, RANK_PROC, "test");
	sleeplock_init(&s.sleep, RANK_OBJECT, "test");
	rwlock_init(&s.rw, RANK_MAP, "test");
	CHECK(ktest_threads(THREADS, turns, &s));
	CHECK(s.a == s.b && s.a == changes && s.inside == 0);
}

KTEST(spin, "", "one at a time is inside a spinlock, and nobody's turn is lost") { exclusion(spin_turns, THREADS * TURNS); }
KTEST(sleep, "", "the same for a sleeplock, whose holder may sleep") { exclusion(sleep_turns, THREADS * TURNS); }

static unsigned rw_changes(void)
{
	unsigned count = 0;

	for (unsigned index = 0; index < THREADS; index++)
		for (unsigned n = 0; n < TURNS; n++)
			count += (n + index) % 4 == 0;
	return count;
}

KTEST(readers, "", "a reader sees no change half done, nor one while it reads; upgrade and downgrade let nobody in between") { exclusion(rw_turns, rw_changes()); }

/* Nobody leaves before all are in. */
static void meet(void *arg, unsigned index __unused)
{
	struct shared *s = arg;

	rwlock_read(&s->rw);
	__atomic_add_fetch(&s->readers, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&s->readers, __ATOMIC_SEQ_CST) < THREADS)
		thread_yield();
	rwlock_release(&s->rw);
}

KTEST(readers_share, "", "readers hold a lock together") {
	struct shared s = { .readers = 0 };

	rwlock_init(&s.rw, RANK_MAP, "test");
	CHECK(ktest_threads(THREADS, meet, &s));
	CHECK(s.readers == THREADS && rwlock_try_write(&s.rw));
	rwlock_release(&s.rw);
}

/* ---- sleep and wake-up ----------------------------------------------------------- */

struct table {
	unsigned turn; /* atomic: whose */
	unsigned plays;
};

/* Each waits for its turn, without a lock: only the order of prepare and look keeps a wake-up from being lost. */
static void ping(void *arg, unsigned index)
{
	struct table *t = arg;

	for (unsigned n = 0; n < 300; n++) {
		for (;;) {
			sleep_prepare(t, "turn");
			if (__atomic_load_n(&t->turn, __ATOMIC_SEQ_CST) == index)
				break;
			CHECK(sleep_commit(0) == 0);
		}
		sleep_cancel();
		t->plays++;
		__atomic_store_n(&t->turn, (index + 1) % THREADS, __ATOMIC_SEQ_CST);
		thread_wakeup(t);
	}
}

/* test: seeds=1,2,3 */
KTEST(no_wakeup_lost, "", "threads that wake one another in turn never sleep through it") {
	struct table t = { 0 };

	CHECK(ktest_threads(THREADS, ping, &t));
	CHECK(t.plays == THREADS * 300);
}

struct bounded {
	struct sleeplock lock;
	unsigned held, most, put, taken; /* lock */
};

/* Two put, two take: the condition is under a sleeping lock. */
static void produce(void *arg, unsigned index)
{
	struct bounded *b = arg;

	for (unsigned n = 0; n < 300; n++) {
		sleeplock_acquire(&b->lock);
		while (index % 2 ? b->held == 0 : b->held == 3)
			CHECK(sleeplock_wait(&b->lock, &b->held, "test", false) == 0);
		if (index % 2) {
			b->held--;
			b->taken++;
		} else {
			b->held++;
			b->put++;
		}
		b->most = MAX(b->most, b->held);
		sleeplock_release(&b->lock);
		thread_wakeup(&b->held);
	}
}

KTEST(condition, "", "a wait for a condition under a sleeplock lets the lock go, and finds it again") {
	struct bounded b = { .held = 0 };

	sleeplock_init(&b.lock, RANK_PIPE, "test");
	CHECK(ktest_threads(THREADS, produce, &b));
	CHECK(b.put == 600 && b.taken == 600 && b.held == 0 && b.most <= 3);
}

KTEST(pause, "", "a pause lasts at least as long as it was to, and a wait with a deadline ends at it") {
	uint64_t begun = clock_ns();

	CHECK(thread_pause(2000000, 0) == 0);
	CHECK(clock_ns() - begun >= 2000000);
	begun = clock_ns();
	sleep_prepare(&begun, "test");
	CHECK(sleep_commit_until(begun + 3000000, 0) == ETIMEDOUT);
	CHECK(clock_ns() - begun >= 3000000);
}

/* ---- the order of locks --------------------------------------------------------------- */

static bool may_take(enum lock_rank rank, enum lock_rank held)
{
	static const int low = 0, high = 0;
	const void *a = &low < &high ? &low : &high, *b = &low < &high ? &high : &low;

	return lock_order_ok(rank, b, held, a);
}

KTEST(order, "A24", "map, amap, object, page queues, pmap, PTE list: each may follow any before it, never the other way round") {
	static const enum lock_rank order[] = { RANK_MAP, RANK_AMAP, RANK_OBJECT, RANK_PAGEQ, RANK_PMAP, RANK_PV, RANK_POOL,
						RANK_PAGE, RANK_SHOOTDOWN };

	for (size_t i = 0; i < ARRAY_COUNT(order); i++)
		for (size_t j = i + 1; j < ARRAY_COUNT(order); j++) {
			CHECK(may_take(order[j], order[i]));
			CHECK(!may_take(order[i], order[j]));
		}
	/* Two of one kind go in address order where that is allowed at all. */
	CHECK(may_take(RANK_OBJECT, RANK_OBJECT) && may_take(RANK_AMAP, RANK_AMAP));
	CHECK(!may_take(RANK_PMAP, RANK_PMAP) && !may_take(RANK_PAGEQ, RANK_PAGEQ));
}

/*
 * The same with the real locks: of a map, an amap, an object and the page queues.
 * A thread takes two of them the wrong way round. The panic that must come is led
 * here, where its words are kept and the thread lets go of what it holds and ends.
 */

enum { MAP, AMAP, OBJECT, QUEUES, KINDS };

static struct inversion {
	struct vmspace *vs;
	struct aref ar;
	struct vm_object object;
	unsigned first, second; /* what the thread takes */
	bool survived;          /* no panic came */
	bool done;              /* lock */
	struct spinlock lock;
	char said[400];         /* by the panic */
	size_t length;
} inv;

static void kind_take(unsigned kind)
{
	switch (kind) {
	case MAP: map_lock_read(&inv.vs->map); break;
	case AMAP: sleeplock_acquire(&inv.ar.amap->lock->lock); break;
	case OBJECT: sleeplock_acquire(&inv.object.lock); break;
	case QUEUES: pageq_freeze(); break;
	}
}

static void kind_drop(unsigned kind)
{
	switch (kind) {
	case MAP: map_unlock_read(&inv.vs->map); break;
	case AMAP: sleeplock_release(&inv.ar.amap->lock->lock); break;
	case OBJECT: sleeplock_release(&inv.object.lock); break;
	case QUEUES: pageq_thaw(); break;
	}
}

static void inversion_over(void) __noreturn;
static void inversion_over(void)
{
	kind_drop(inv.first);
	irq_push_off(); /* who sees `done` frees this thread */
	spinlock_acquire(&inv.lock);
	inv.done = true;
	thread_wakeup(&inv);
	spinlock_release(&inv.lock);
	thread_die();
}

static void inversion_thread(void *arg __unused)
{
	kind_take(inv.first);
	kind_take(inv.second);
	kind_drop(inv.second);
	inv.survived = true;
	inversion_over();
}

static bool expected_begin(void) { return true; }
static void expected_where(uint64_t fp __unused) {}
static const struct panic_ops expected_ops = { expected_begin, expected_where, inversion_over };

static void said_add(const char *text, size_t n)
{
	for (size_t i = 0; i < n && inv.length + 1 < sizeof(inv.said); i++)
		inv.said[inv.length++] = text[i];
}

/* True when taking second under first panics. */
static bool inversion_panics(unsigned first, unsigned second)
{
	const struct panic_ops *ops = panic_ops;
	void (*report)(void) = panic_hook;
	void (*print)(const char *, size_t) = kprintf_hook;
	struct thread *t;

	inv.first = first;
	inv.second = second;
	inv.survived = inv.done = false;
	inv.length = 0;
	memset(inv.said, 0, sizeof(inv.said));
	if (thread_new(&t, "inversion", inversion_thread, NULL, NULL) != 0)
		return false;
	panic_ops = &expected_ops;
	panic_hook = NULL;
	kprintf_hook = said_add;
	thread_start(t);
	spinlock_acquire(&inv.lock);
	while (!inv.done)
		thread_sleep(&inv, &inv.lock, "inversion", 0);
	spinlock_release(&inv.lock);
	panic_ops = ops;
	panic_hook = report;
	kprintf_hook = print;
	thread_free(t);
	return !inv.survived;
}

static bool said(const char *word)
{
	for (const char *s = inv.said; *s; s++)
		if (strncmp(s, word, strlen(word)) == 0)
			return true;
	return false;
}

static const struct pgops no_pager = { .name = "test" };

KTEST(inversion, "A24", "a thread that takes the locks of map, amap, object and page queues in another order panics, and both places are told") {
	static const char *const names[] = { "MAP", "AMAP", "OBJECT", "PAGEQ" };

	memset(&inv, 0, sizeof(inv));
	spinlock_init(&inv.lock, RANK_PROC, "inversion");
	CHECK(vmspace_new(&inv.vs) == 0 && amap_new(0, 1, &inv.ar) == 0);
	object_init(&inv.object, &no_pager);
	for (unsigned first = 0; first < KINDS; first++)
		for (unsigned second = 0; second < KINDS; second++) {
			bool wrong = second < first;

			if (first == second)
				continue;
			CHECK(inversion_panics(first, second) == wrong);
			if (first == QUEUES || !wrong) /* a sleeping lock under a spinlock is refused as such */
				continue;
			CHECK(said("lock order: holds ") && said("lock order: wants ") && said("+0x"));
			CHECK(said(names[first]) && said(names[second]));
		}
	object_destroy(&inv.object);
	amap_unref(&inv.ar, 1);
	vmspace_release(inv.vs);
}

/* ---- a thread's first steps ------------------------------------------------------------- */

#define BIRTHS 40

struct birth {
	const struct birth *self; /* itself, from when it is whole */
	unsigned ran;             /* atomic */
	bool by_other, wrong;
	struct spinlock lock;
	bool done;                /* lock */
};

static void born(struct birth *b, bool by_other)
{
	b->wrong = __atomic_load_n(&b->self, __ATOMIC_RELAXED) != b;
	b->by_other = by_other;
	__atomic_add_fetch(&b->ran, 1, __ATOMIC_SEQ_CST);
	irq_push_off();
	spinlock_acquire(&b->lock);
	b->done = true;
	thread_wakeup(b);
	spinlock_release(&b->lock);
	thread_die();
}

static void born_here(void *arg) { born(arg, false); }
static void born_there(void *arg) { born(arg, true); }

/* test: seeds=1,2,3 */
KTEST(birth, "B1", "a new thread does not run before it is started, on no hart; then it runs the function that it was given, with its argument, once") {
	for (unsigned n = 0; n < BIRTHS && !ktest_has_failed(); n++) {
		struct birth b = { .self = NULL };
		struct thread *t;

		spinlock_init(&b.lock, RANK_PROC, "birth");
		CHECK(thread_new(&t, "birth", n % 2 ? born_there : born_here, &b, NULL) == 0);
		for (unsigned i = 0; i < n; i++)
			thread_yield(); /* whoever would run it half made has time to */
		CHECK(__atomic_load_n(&b.ran, __ATOMIC_SEQ_CST) == 0);
		b.self = &b;
		thread_start(t);
		spinlock_acquire(&b.lock);
		while (!b.done)
			thread_sleep(&b, &b.lock, "birth", 0);
		spinlock_release(&b.lock);
		thread_free(t);
		CHECK(b.ran == 1 && !b.wrong && b.by_other == n % 2);
	}
}
