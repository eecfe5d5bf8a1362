/*
 * The runner of the kernel's tests. Floor: the top; linked into debug kernels only.
 */
#include "test/test.h"

#include "abi/stats.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "base/string.h"
#include "kern/thread.h"
#include "riscv/cpu.h"
#include "riscv/csr.h"
#include "sys/proc.h"
#include "vm/audit.h"
#include "vm/pmap.h"
#include "vm/pool.h"

extern const struct ktest ktests_start[], ktests_end[];

static const struct ktest *running;
static uint32_t failures; /* atomic: CHECKs of the running test that failed */

/* "kernel/test/page.c" -> "page" */
static void group_of(const struct ktest *t, char *buf, size_t size)
{
	const char *slash = strrchr(t->file, '/');
	char *dot;

	strlcpy(buf, slash ? slash + 1 : t->file, size);
	dot = strrchr(buf, '.');
	if (dot)
		*dot = '\0';
}

/* As in the shell: * for any characters, ? for one. */
static bool matches(const char *pattern, const char *s)
{
	for (; *pattern; pattern++, s++) {
		if (*pattern == '*') {
			for (; !matches(pattern + 1, s); s++)
				if (*s == '\0')
					return false;
			return true;
		}
		if (*s == '\0' || (*pattern != '?' && *pattern != *s))
			return false;
	}
	return *s == '\0';
}

bool ktest_has_failed(void) { return __atomic_load_n(&failures, __ATOMIC_RELAXED) != 0; }

void ktest_failed(const char *file, int line, const char *what)
{
	char group[32];

	if (__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED))
		return; /* the first one says it */
	group_of(running, group, sizeof(group));
	kprintf("not ok ktest.%s.%s: %s:%d: %s\n", group, running->name, file, line, what);
}

/* True: passed. */
static bool run_one(const struct ktest *t, const char *name)
{
	struct audit_snapshot before, after;

	running = t;
	failures = 0;
	audit_snapshot(&before);
	t->run();
	if (!audit(name))
		ktest_failed(t->file, 0, "the audit found nothing broken");
	audit_snapshot(&after);
	if (!audit_same(&before, &after))
		ktest_failed(t->file, 0, "nothing leaked");
	if (failures == 0)
		kprintf("ok ktest.%s\n", name);
	return failures == 0;
}

void ktest_main(const char *pattern)
{
	char group[32], name[96];
	size_t ran = 0, failed = 0;
	uint64_t begun = clock_ns();

	for (const struct ktest *t = ktests_start; t < ktests_end; t++) {
		group_of(t, group, sizeof(group));
		ksnprintf(name, sizeof(name), "%s.%s", group, t->name);
		if (!matches(pattern, name))
			continue;
		ran++;
		failed += !run_one(t, name);
	}
	kprintf("%zu kernel tests ran, %zu failed, in %lu ms\n", ran, failed, (unsigned long)((clock_ns() - begun) / 1000000));
	system_off(ran && !failed ? REBOOT_POWEROFF : REBOOT_FAIL);
	panic("the machine does not switch off");
}

/* ---- threads ------------------------------------------------------------------- */

struct crew {
	void (*fn)(void *arg, unsigned index);
	void *arg;
	unsigned next;    /* atomic: index of the next thread to begin */
	unsigned running; /* lock */
	struct spinlock lock;
};

/* A crew's threads are freed when all have ended: a spawned one lives on until the next thread is made, a leak to the audit. */
static void crew_member(void *arg)
{
	struct crew *c = arg;

	c->fn(c->arg, __atomic_fetch_add(&c->next, 1, __ATOMIC_RELAXED));
	irq_push_off(); /* from here to the end: who sees the count frees this thread */
	spinlock_acquire(&c->lock);
	if (--c->running == 0)
		thread_wakeup(c);
	spinlock_release(&c->lock);
	thread_die();
}

bool ktest_threads(unsigned count, void (*fn)(void *arg, unsigned index), void *arg)
{
	struct crew c = { .fn = fn, .arg = arg, .running = count };
	struct thread **threads = kmalloc(count * sizeof(*threads), POOL_ZERO);
	bool ok = threads != NULL;

	spinlock_init(&c.lock, RANK_PROC, "test threads");
	for (unsigned i = 0; ok && i < count; i++)
		ok = thread_new(&threads[i], "test", crew_member, &c, NULL) == 0;
	for (unsigned i = 0; ok && i < count; i++)
		thread_start(threads[i]);
	spinlock_acquire(&c.lock);
	while (ok && c.running)
		thread_sleep(&c, &c.lock, "test threads", 0);
	spinlock_release(&c.lock);
	for (unsigned i = 0; threads && i < count && threads[i]; i++)
		thread_free(threads[i]);
	kfree(threads, count * sizeof(*threads));
	return ok;
}

unsigned ktest_harts(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < HART_MAX; i++)
		n += __atomic_load_n(&cpus[i].online, __ATOMIC_RELAXED);
	return n;
}

uint64_t ktest_peek(const uint64_t *p) { return *p; }

void ktest_user_begin(struct pmap *pm)
{
	irq_push_off();
	pmap_activate(pm);
	csr_set(sstatus, SSTATUS_SUM);
}

void ktest_user_end(struct pmap *pm)
{
	csr_clear(sstatus, SSTATUS_SUM);
	pmap_deactivate(pm);
	irq_pop_off();
}

uint32_t ktest_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}
