/*
 * Panics: for a fault of the kernel's own, and for a lock in memory that was freed. Each
 * is led here, where its words are kept and the thread that caused it ends.
 */
#include "base/kassert.h"
#include "base/printf.h"
#include "base/string.h"
#include "kern/sleeplock.h"
#include "kern/thread.h"
#include "riscv/layout.h"
#include "test/test.h"

#define NOT_MAPPED (KMAP_MIN - PAGE_SIZE)

static struct faulting {
	const struct panic_ops *real;
	bool begun; /* the console is the panic's */
	bool early; /* something was printed before */
	char said[4000];
	size_t length;
	bool done;  /* lock */
	struct spinlock lock;
} f;

static void keep(const char *text, size_t n)
{
	f.early |= !f.begun;
	for (size_t i = 0; i < n && f.length + 1 < sizeof(f.said); i++)
		f.said[f.length++] = text[i];
}

static bool fault_begin(void)
{
	bool first = !f.begun;

	f.begun = true;
	return first;
}

static void fault_where(uint64_t fp) { f.real->where(fp); }

static void fault_end(void) __noreturn;
static void fault_end(void)
{
	mycpu()->panic_frame = NULL;
	irq_push_off(); /* who sees `done` frees this thread */
	spinlock_acquire(&f.lock);
	f.done = true;
	thread_wakeup(&f);
	spinlock_release(&f.lock);
	thread_die();
}

static const struct panic_ops led_here = { fault_begin, fault_where, fault_end };

static void __attribute__((noinline)) fault_here(void)
{
	*(volatile int *)NOT_MAPPED = 1;
}

static void fault_thread(void *arg __unused)
{
	fault_here();
	panic("a store to %lx went through", NOT_MAPPED);
}

/* What a freed pool object holds where its lock was. */
static void freed_lock_thread(void *arg __unused)
{
	static struct sleeplock gone;

	memset(&gone, 0xdf, sizeof(gone));
	sleeplock_acquire(&gone);
	panic("a lock that is none was taken");
}

static const char *said(const char *word)
{
	for (const char *s = f.said; *s; s++)
		if (strncmp(s, word, strlen(word)) == 0)
			return s;
	return NULL;
}

/* Runs a thread that panics; what the panic says is in f.said then. */
static void led(void (*entry)(void *))
{
	const struct panic_ops *ops = panic_ops;
	void (*report)(void) = panic_hook;
	void (*print)(const char *, size_t) = kprintf_hook;
	struct thread *t;

	memset(&f, 0, sizeof(f));
	spinlock_init(&f.lock, RANK_PROC, "panic test");
	f.real = ops;
	CHECK(thread_new(&t, "faulting", entry, NULL, NULL) == 0);
	panic_ops = &led_here;
	panic_hook = NULL;
	kprintf_hook = keep;
	thread_start(t);
	spinlock_acquire(&f.lock);
	while (!f.done)
		thread_sleep(&f, &f.lock, "panic", 0);
	spinlock_release(&f.lock);
	panic_ops = ops;
	panic_hook = report;
	kprintf_hook = print;
	thread_free(t);
}

KTEST(cause_first, "", "a fault of the kernel's own: its cause is the first thing said, once the console is the panic's; then where, and the registers")
{
	static const char cause[] = "\npanic: unexpected trap in the kernel: scause f stval ";

	led(fault_thread);
	CHECK(!f.early);
	CHECK(strncmp(f.said, cause, strlen(cause)) == 0);
	CHECK(said("thread faulting") && said("fault_here+0x"));
	CHECK(said(" x31 ") > said("fault_here+0x"));
	CHECK(!said("freed memory"));
}

KTEST(freed_lock, "", "who takes a lock in memory that was freed is told so, instead of waiting for ever")
{
	led(freed_lock_thread);
	CHECK(said("faulting wants a lock that is none"));
}
