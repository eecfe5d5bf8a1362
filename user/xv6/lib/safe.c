/*
 * A read of a bad address raises SIGSEGV; meanwhile a handler of ours takes
 * that and jumps out of the copy.
 */
#include "safe.h"

#include "raw.h"

#define MASK_OF(sig) (1u << ((sig) - 1))
#define UNBLOCK 1

typedef uint64 jump[28];
int setjmp(jump env) __attribute__((returns_twice));
void longjmp(jump env, int value) __attribute__((noreturn));
void __sigreturn(void);

static jump out;

static void on_fault(int sig)
{
	uint mask = MASK_OF(sig);

	__sys_sigprocmask(UNBLOCK, &mask, 0);
	longjmp(out, 1);
}

static int copy_string(char *to, const volatile char *from, int max)
{
	for (int n = 0; n < max; n++) {
		to[n] = from[n];
		if (to[n] == '\0')
			return n;
	}
	return -1;
}

static int copy_pointer(char **to, char *volatile *from)
{
	*to = *from;
	return 0;
}

/* Runs one of the copies; volatile: set between setjmp and longjmp. */
static int guarded(void *to, const void *from, int max)
{
	struct raw_sigaction ours = { .handler = on_fault, .restorer = __sigreturn }, before;
	volatile int result = -1;

	__sys_sigaction(RAW_SIGSEGV, &ours, &before);
	if (setjmp(out) == 0)
		result = max > 0 ? copy_string(to, from, max) : copy_pointer(to, (char *volatile *)from);
	__sys_sigaction(RAW_SIGSEGV, &before, 0);
	return result;
}

int __safe_string(char *to, const char *from, int max) { return guarded(to, from, max); }
int __safe_pointer(char **to, char **from) { return guarded(to, from, 0); }
