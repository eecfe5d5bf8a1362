/*
 * The start of a program written for xv6: it moves to a stack where xv6 would
 * have it, one page below the heap with a guard below that, and whatever lies
 * high is given back, so that all addresses up to TRAPFRAME are the heap's.
 */
#include "kernel/param.h"
#include "kernel/riscv.h"
#include "memory.h"
#include "raw.h"
#include "safe.h"
#include "user/user.h"

#define IGNORE ((void (*)(int))1)
#define HIGH_STACK_END 0x3ffffff000UL      /* one past the stack that the kernel makes */
#define HIGH_STACK_MAX (64UL * 1024 * 1024) /* as much below it is for that stack alone */

extern char __data_begin[], __guard[], __stack[], __heap[]; /* xv6.ld */

int main(int argc, char **argv);
void __xv6_begin(int argc, char **argv) __attribute__((noreturn));
void __xv6_main(int argc, char **argv) __attribute__((noreturn));

static char **place_arguments(int argc, char **argv);

void __start(int argc, char **argv)
{
	char **placed = place_arguments(argc, argv);

	if (placed == 0) {
		fprintf(2, "more arguments than fit a program written for xv6\n");
		exit(-1);
	}
	__xv6_begin(argc, placed);
}

/* As xv6's exec does: the strings from the top of the stack downwards, below them the pointers. 0: no room. */
static char **place_arguments(int argc, char **argv)
{
	char *at = __heap, *strings[MAXARG];
	char **vector;

	if (argc >= MAXARG)
		return 0;
	for (int i = 0; i < argc; i++) {
		uint n = strlen(argv[i]) + 1;

		if (n + 16 > (uint64)(at - __stack))
			return 0;
		at = (char *)((uint64)(at - n) & ~15UL);
		memmove(at, argv[i], (int)n);
		strings[i] = at;
	}
	if (((uint64)argc + 1) * sizeof *vector + 16 > (uint64)(at - __stack))
		return 0;
	vector = (char **)((uint64)(at - ((uint64)argc + 1) * sizeof *vector) & ~15UL);
	for (int i = 0; i < argc; i++)
		vector[i] = strings[i];
	vector[argc] = 0;
	return vector;
}

/* xv6's exec leaves every page of a program in memory. So does this, and no count of memory changes later by what was touched. */
static void touch_all(void)
{
	for (volatile char *p = __data_begin; p < __heap; p += PGSIZE)
		if (p != __guard)
			*p = *p;
}

void __xv6_main(int argc, char **argv)
{
	/* Broken pipes are failures of write() there, never signals. */
	struct raw_sigaction ignore = { .handler = IGNORE };

	__sys_munmap((void *)(HIGH_STACK_END - HIGH_STACK_MAX), HIGH_STACK_MAX);
	__sys_munmap(__guard, PGSIZE);
	__sys_sigaction(RAW_SIGPIPE, &ignore, 0);
	__safe_begin();
	__memory_begin();
	touch_all();
	exit(main(argc, argv));
}
