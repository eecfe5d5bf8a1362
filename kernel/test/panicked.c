/*
 * Panics that a test wants: each is led here, where its words are kept and the thread that caused it ends.
 */
#include "base/kassert.h"
#include "base/printf.h"
#include "base/string.h"
#include "kern/thread.h"
#include "san/san.h"
#include "test/test.h"

static struct panicking {
	struct ktest_panic told;
	const struct panic_ops *real;
	void (*fn)(void);
	bool begun; /* the console is the panic's */
	bool done;  /* lock */
	struct spinlock lock;
} f;

static void keep(const char *text, size_t n)
{
	struct ktest_panic *t = &f.told;

	t->early |= !f.begun;
	for (size_t i = 0; i < n && t->length + 1 < sizeof(t->said); i++)
		t->said[t->length++] = text[i];
}

static bool panic_begins(void)
{
	bool first = !f.begun;

	f.begun = true;
	return first;
}

static void panic_where(uint64_t fp) { f.real->where(fp); }

static void panic_ends(void) __noreturn;
static void panic_ends(void)
{
	mycpu()->panic_frame = NULL;
	irq_push_off(); /* who sees `done` frees this thread */
	spinlock_acquire(&f.lock);
	f.done = true;
	thread_wakeup(&f);
	spinlock_release(&f.lock);
	thread_die();
}

static const struct panic_ops led_here = { panic_begins, panic_where, panic_ends };

static void panic_thread(void *arg __unused)
{
	f.fn();
	panic("nothing was amiss");
}

const struct ktest_panic *ktest_panic(void (*fn)(void))
{
	const struct panic_ops *ops = panic_ops;
	void (*report)(void) = panic_hook;
	void (*print)(const char *, size_t) = kprintf_hook;
	struct thread *t;

	memset(&f, 0, sizeof(f));
	spinlock_init(&f.lock, RANK_PROC, "panic test");
	f.real = ops;
	f.fn = fn;
	CHECK(thread_new(&t, "faulting", panic_thread, NULL, NULL) == 0);
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
	san_again();
	thread_free(t);
	return &f.told;
}

const char *ktest_said(const struct ktest_panic *told, const char *words)
{
	size_t n = strlen(words);

	for (const char *s = told->said; *s; s++)
		if (strncmp(s, words, n) == 0)
			return s;
	return NULL;
}
