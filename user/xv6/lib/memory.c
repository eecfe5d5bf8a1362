/*
 * sbrk as xv6 has it: the heap begins where the stack ends and may reach up to
 * TRAPFRAME. It is made of mappings, page by page, with the break kept here.
 *
 * Eager memory is there when sbrk returns, or sbrk fails: each page is touched,
 * as long as there is room. What all processes together have in memory is bounded
 * by a number that a program finds when it starts and that its children keep, so
 * who takes all there is finds the same amount whenever it tries; what the kernel
 * needs for itself, and for caching files, comes out of the rest.
 */
#include "kernel/memlayout.h"
#include "kernel/param.h"
#include "kernel/riscv.h"
#include "kernel/vm.h"
#include "memory.h"
#include "raw.h"
#include "user/user.h"

#include <abi/stats.h>

#define KEPT_PAGES 768 /* and a sixteenth of all that the kernel has not taken yet: see above */
#define CREDIT_MAX 16

extern char __heap[]; /* xv6.ld: the first break */

static char *top;    /* the break */
static uint64 limit; /* pages for processes */
static uint credit;  /* of these may be taken before room is asked for again */

uint64 __gauge(int which)
{
	uint64 values[STAT_MAX];

	__sys_vmstat(values, STAT_MAX);
	return values[which];
}

void __credit_drop(void) { credit = 0; }

void __memory_begin(void)
{
	uint64 all = __gauge(STAT_pages_total) - __gauge(STAT_pages_kernel), kept = KEPT_PAGES + all / 16;

	limit = all > 2 * kept ? all - kept : all / 2;
	top = __heap;
}

/* Pages that processes may still take. */
static uint64 room(void)
{
	uint64 used = __gauge(STAT_pages_anon);

	return used < limit ? limit - used : 0;
}

/* A share of what is left, so that all processes together never take more. */
static uint credit_ask(void)
{
	uint64 left = room(), share = left / NPROC;

	return left == 0 ? 0 : share == 0 ? 1 : share < CREDIT_MAX ? (uint)share : CREDIT_MAX;
}

/* Has the pages in memory; -1: there is no room for all of them. */
static int fill(char *from, char *to)
{
	for (char *p = from; p < to; p += PGSIZE) {
		if (credit == 0)
			credit = credit_ask();
		if (credit == 0)
			return -1;
		credit--;
		*(volatile char *)p = 0;
	}
	return 0;
}

static int grow(char *to, int how)
{
	char *from_page = (char *)PGROUNDUP((uint64)top), *to_page = (char *)PGROUNDUP((uint64)to);

	if ((uint64)to > TRAPFRAME)
		return -1;
	if (to_page <= from_page)
		return 0;
	if (how == SBRK_EAGER && to_page - from_page > CREDIT_MAX * PGSIZE && (uint64)(to_page - from_page) / PGSIZE > room())
		return -1; /* now, rather than after all that there is has been filled */
	if (__sys_mmap(from_page, (uint64)(to_page - from_page), RAW_PROT_RW, RAW_MAP_HEAP, -1, 0) < 0)
		return -1;
	if (how == SBRK_EAGER && fill(from_page, to_page) < 0) {
		__sys_munmap(from_page, (uint64)(to_page - from_page));
		return -1;
	}
	return 0;
}

static void shrink(char *to)
{
	char *from_page = (char *)PGROUNDUP((uint64)to), *to_page = (char *)PGROUNDUP((uint64)top);

	if (from_page < __heap)
		__sys_exit(-1); /* there goes the stack: in xv6 the process ends at its next use */
	if (from_page < to_page)
		__sys_munmap(from_page, (uint64)(to_page - from_page));
}

char *__xv6_sys_sbrk(int n, int how)
{
	char *old = top, *new = (char *)((uint64)old + (uint64)(long)n);

	if (n < 0 && new > old)
		return old; /* below address 0: xv6 changes nothing, and says so to nobody */
	if (n < 0)
		shrink(new);
	else if (grow(new, how) < 0)
		return SBRK_ERROR;
	top = new;
	return old;
}

char *__xv6_sbrk(int n) { return __xv6_sys_sbrk(n, SBRK_EAGER); }
char *__xv6_sbrklazy(int n) { return __xv6_sys_sbrk(n, SBRK_LAZY); }
