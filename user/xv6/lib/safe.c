/*
 * An access to a bad address raises SIGSEGV. A handler of ours takes that: in
 * the middle of one of these copies it jumps out of it; anywhere else the fault
 * is the program's own, and ends it as if there were no handler.
 */
#include "safe.h"

#include "raw.h"

typedef uint64 jump[28];
int setjmp(jump env) __attribute__((returns_twice));
void longjmp(jump env, int value) __attribute__((noreturn));
void __sigreturn(void);

static jump out;
static volatile int copying;

static void on_fault(int sig)
{
	struct raw_sigaction none = { .handler = 0 };

	if (copying)
		longjmp(out, 1);
	__sys_sigaction(sig, &none, 0); /* the same instruction faults again */
}

void __safe_begin(void)
{
	struct raw_sigaction ours = { .handler = on_fault, .flags = RAW_SA_NODEFER, .restorer = __sigreturn };

	__sys_sigaction(RAW_SIGSEGV, &ours, 0);
}

static int copy_string(char *to, const volatile char *from, int max)
{
	for (int n = 0; n < max; n++) {
		char c = from[n];

		if (to)
			to[n] = c;
		if (c == '\0')
			return n;
	}
	return -1;
}

static int copy_bytes(volatile char *to, const volatile char *from, int n)
{
	for (int i = 0; i < n; i++)
		to[i] = from[i];
	return 0;
}

/* volatile: set between setjmp and longjmp. */
int __safe_string(char *to, const char *from, int max)
{
	volatile int result = -1;

	copying = 1;
	if (setjmp(out) == 0)
		result = copy_string(to, from, max);
	copying = 0;
	return result;
}

int __safe_copy(void *to, const void *from, int n)
{
	volatile int result = -1;

	copying = 1;
	if (setjmp(out) == 0)
		result = copy_bytes(to, from, n);
	copying = 0;
	return result;
}
