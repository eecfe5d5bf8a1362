/*
 * A panic for a fault of the kernel's own. It is led here, where its words are
 * kept and the thread that faulted ends.
 */
#include "base/kassert.h"
#include "base/printf.h"
#include "base/string.h"
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

static const char *said(const char *word)
{
	for (const char *s = f.said; *s; s++)
		if (strncmp(s, word, strlen(word)) == 0)
			return s;
	return NULL;
}

KTEST(cause_first, "", "a fault of the kernel's own: its cause is the first thing said, once the console is the panic's; then where, and the registers")
{
	const struct panic_ops *ops = panic_ops;
	void (*report)(void) = panic_hook;
	void (*print)(const char *, size_t) = kprintf_hook;
	static const char cause[] = "\npanic: unexpected trap in the kernel: scause f stval ";
	struct thread *t;

	memset(&f, 0, sizeof(f));
	spinlock_init(&f.lock, RANK_PROC, "panic test");
	f.real = ops;
	CHECK(thread_new(&t, "faulting", fault_thread, NULL, NULL) == 0);
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

	CHECK(!f.early);
	CHECK(strncmp(f.said, cause, strlen(cause)) == 0);
	CHECK(said("thread faulting") && said("fault_here+0x"));
	CHECK(said(" x31 ") > said("fault_here+0x"));
}
