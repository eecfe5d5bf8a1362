/* What the address sanitizer finds, and how it names it. Each test has one bad access, in a thread of its own. */
#include "base/string.h"
#include "riscv/copyuser.h"
#include "riscv/layout.h"
#include "test/test.h"
#include "vm/kmap.h"
#include "vm/page.h"
#include "vm/pool.h"

static char *volatile p;             /* what the thread touches */
static volatile size_t at;           /* where: the compiler is not to know */
static int numbers[7], others[7];

static void store(void) { p[at] = 1; }
static void load(void) { (void)*(volatile char *)&p[at]; }
static void load_word(void) { (void)*(volatile uint64_t *)&p[at]; }
static void clear(void) { memset(p, 0, at); }

/* A test that is told all of these words. */
static void told(void (*fn)(void), const char *access, const char *what)
{
	const struct ktest_panic *panic = ktest_panic(fn);

	CHECK(ktest_said(panic, "panic: address: "));
	CHECK(ktest_said(panic, access));
	CHECK(ktest_said(panic, what));
}

/* test: sanitize=address */
KTEST(object_beyond, "", "a store behind an object of 40 bytes, in a place for 64") {
	p = kmalloc(40, 0);
	at = 40;
	told(store, "store+0x", "0 bytes beyond an object of pool kmalloc-64 (40 bytes), allocated by ktest_object_beyond+0x");
	at = 47;
	told(load, "loads 1 bytes", "7 bytes beyond an object of pool kmalloc-64 (40 bytes)");
	kfree(p, 40);
}

/* test: sanitize=address */
KTEST(object_odd, "", "of an object of 13 bytes the last may be touched, the next not; nor a word that begins in it") {
	p = kmalloc(13, 0);
	p[12] = 1;
	at = 13;
	told(store, "stores 1 bytes", "0 bytes beyond an object of pool kmalloc-32 (13 bytes)");
	at = 8;
	told(load_word, "loads 8 bytes", "0 bytes beyond an object of pool kmalloc-32 (13 bytes)");
	kfree(p, 13);
}

/* test: sanitize=address */
KTEST(object_freed, "", "a load from an object that was freed, by whom") {
	p = kmalloc(40, 0);
	at = 16;
	kfree(p, 40);
	told(load_word, "loads 8 bytes", "byte 16 of a freed object of pool kmalloc-64 (48 bytes), freed by ktest_object_freed+0x");
}

/* test: sanitize=address */
KTEST(object_rests, "", "an object that was freed stays so for a while, though others are asked for") {
	void *next[32];

	p = kmalloc(40, 0);
	at = 0;
	kfree(p, 40);
	for (unsigned i = 0; i < ARRAY_COUNT(next); i++)
		next[i] = kmalloc(40, 0);
	told(store, "stores 1 bytes", "byte 0 of a freed object");
	for (unsigned i = 0; i < ARRAY_COUNT(next); i++)
		kfree(next[i], 40);
}

static void frame_load(void)
{
	struct vm_page *pg = page_alloc(PO_KERNEL, 0);

	p = page_kva(pg);
	p[4095] = 1;
	page_free(pg);
	at = 4095;
	load();
}

/* test: sanitize=address */
KTEST(frame_freed, "", "a load from a frame that was freed") {
	told(frame_load, "loads 1 bytes", "byte 4095 of a free frame, freed by frame_load+0x");
}

/* test: sanitize=address */
KTEST(frames_beyond, "", "a store behind an allocation of two frames that was of 5000 bytes") {
	p = kmalloc(5000, 0);
	p[4999] = 1;
	at = 5000;
	told(store, "stores 1 bytes", "beyond an allocation of whole frames");
	kfree(p, 5000);
}

static void stack_store(void)
{
	char name[24];

	p = name;
	p[23] = 1;
	p[at] = 1;
}

/* test: sanitize=address */
KTEST(stack_beyond, "", "a store behind an array on the stack") {
	at = 25;
	told(stack_store, "stack_store+0x", "1 bytes beyond the variable name:");
}

static void global_load(void) { (void)*(volatile int *)&numbers[at]; }

/* test: sanitize=address */
KTEST(global_beyond, "", "a load behind a global") {
	others[0] = numbers[6] = 0;
	at = 7;
	told(global_load, "loads 4 bytes", "0 bytes beyond the global numbers (28 bytes) of kernel/test/address.c");
}

/* test: sanitize=address */
KTEST(memset_beyond, "", "memset over the end of an object: all of what it will touch is looked at first") {
	p = kmalloc(100, POOL_ZERO);
	p[99] = 7;
	at = 101;
	told(clear, "stores 101 bytes", "0 bytes beyond an object of pool kmalloc-128 (100 bytes)");
	CHECK(p[99] == 7);
	kfree(p, 100);
}

static void copy(void)
{
	char to[64];

	memcpy(to, p, at);
}

static void length(void) { at = strlen(p); }

/* test: sanitize=address */
KTEST(string_beyond, "", "memcpy and strlen that read on behind an object") {
	p = kmalloc(20, 0);
	memset(p, 'x', 20);
	at = 40;
	told(copy, "loads 40 bytes", "0 bytes beyond an object of pool kmalloc-64 (20 bytes)");
	told(length, "length+0x", "0 bytes beyond an object of pool kmalloc-64 (20 bytes)");
	kfree(p, 20);
}

static void from_user(void) { copyin(p, USER_TEXT, at); }

/* test: sanitize=address */
KTEST(copyin_beyond, "", "a copy from user memory over the end of an object is found before it begins") {
	p = kmalloc(20, 0);
	at = 21;
	told(from_user, "stores 21 bytes", "0 bytes beyond an object of pool kmalloc-64 (20 bytes)");
	kfree(p, 20);
}

/* test: sanitize=address */
KTEST(old_stack, "", "a store to a kernel stack that was given back") {
	vaddr_t base, next;

	CHECK(kstack_alloc(&base) == 0 && kstack_alloc(&next) == 0);
	p = (char *)base;
	p[at = 1000] = 1;
	kstack_free(base);
	kstack_free(next); /* which the thread will have */
	told(store, "stores 1 bytes", "a kernel stack that is in nobody's use");
}
