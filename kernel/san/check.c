/*
 * What the compiler's instrumentation calls: before each load and store, for the globals of each file, and
 * before a call that does not return. The names and arguments are those of gcc's -fsanitize=kernel-address.
 * Floor: san/check.
 */
#include "base/param.h"
#include "riscv/asm-offsets.h"
#include "san/shadow.h"

#define CALLER ((vaddr_t)__builtin_return_address(0))

/* May these few bytes be touched? Mostly the shadow byte is 0. */
static inline bool bad(vaddr_t va, size_t size)
{
	const int8_t *shadow = san_shadow(va);

	if (shadow == NULL || (*shadow == 0 && va % SAN_GRAIN + size <= SAN_GRAIN))
		return false;
	return san_first_bad(va, size) != 0;
}

#define ACCESS(size)                                                          \
	void __asan_load##size(vaddr_t va);                                   \
	void __asan_store##size(vaddr_t va);                                  \
	void __asan_load##size(vaddr_t va)                                    \
	{                                                                     \
		if (__builtin_expect(bad(va, size), 0))                       \
			san_report(va, size, false, CALLER);                  \
	}                                                                     \
	void __asan_store##size(vaddr_t va)                                   \
	{                                                                     \
		if (__builtin_expect(bad(va, size), 0))                       \
			san_report(va, size, true, CALLER);                   \
	}
ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

void __asan_loadN(vaddr_t va, size_t size);
void __asan_loadN(vaddr_t va, size_t size)
{
	if (san_first_bad(va, size))
		san_report(va, size, false, CALLER);
}

void __asan_storeN(vaddr_t va, size_t size);
void __asan_storeN(vaddr_t va, size_t size)
{
	if (san_first_bad(va, size))
		san_report(va, size, true, CALLER);
}

void san_reads(const void *p, size_t n)
{
	if (san_first_bad((vaddr_t)p, n))
		san_report((vaddr_t)p, n, false, CALLER);
}

void san_writes(const void *p, size_t n)
{
	if (san_first_bad((vaddr_t)p, n))
		san_report((vaddr_t)p, n, true, CALLER);
}

/* ---- stacks -------------------------------------------------------------------- */

/*
 * A function fences its variables when it begins and takes the fences away when it returns. These frames will
 * not return: what lies between here and the end of the stack is fenced no longer.
 */
void __asan_handle_no_return(void);
void __asan_handle_no_return(void)
{
	vaddr_t sp = ROUND_DOWN((vaddr_t)__builtin_frame_address(0), SAN_GRAIN), stack;

	__asm__ volatile("ld %0, %1(tp)" : "=r"(stack) : "i"(THREAD_KSTACK));
	if (sp - stack < KSTACK_PAGES * PAGE_SIZE) /* else an emergency stack, which is not used again */
		san_unpoison((void *)sp, stack + KSTACK_PAGES * PAGE_SIZE - sp);
}

/* ---- globals ------------------------------------------------------------------- */

#define FILES_MAX 256

static struct {
	const struct san_global *first;
	size_t count;
} files[FILES_MAX]; /* boot only */
static size_t file_count;

void __asan_register_globals(struct san_global *g, size_t count);
void __asan_register_globals(struct san_global *g, size_t count)
{
	if (file_count < FILES_MAX) {
		files[file_count].first = g;
		files[file_count++].count = count;
	}
	for (; count--; g++) {
		san_poison((void *)g->start, g->size_with_redzone, SAN_GLOBAL);
		san_unpoison((void *)g->start, g->size);
	}
}

/* At the end of a program; a kernel does not end. */
void __asan_unregister_globals(struct san_global *g, size_t count);
void __asan_unregister_globals(struct san_global *g __unused, size_t count __unused) {}

const struct san_global *san_global_at(vaddr_t va)
{
	for (size_t f = 0; f < file_count; f++)
		for (const struct san_global *g = files[f].first; g < files[f].first + files[f].count; g++)
			if (va - g->start < g->size_with_redzone)
				return g;
	return NULL;
}
