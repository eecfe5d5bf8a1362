/*
 * An access to a bad address raises SIGSEGV; meanwhile a handler of ours takes
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

static int store(volatile char *to, const char *from, int n)
{
	for (int i = 0; i < n; i++)
		to[i] = from[i];
	return 0;
}

enum what { STRING, POINTER, STORE };

/* Runs one of the copies; volatile: set between setjmp and longjmp. */
static int guarded(enum what what, void *to, const void *from, int n)
{
	struct raw_sigaction ours = { .handler = on_fault, .restorer = __sigreturn }, before;
	volatile int result = -1;

	__sys_sigaction(RAW_SIGSEGV, &ours, &before);
	if (setjmp(out) == 0)
		switch (what) {
		case STRING: result = copy_string(to, from, n); break;
		case POINTER: result = copy_pointer(to, (char *volatile *)from); break;
		case STORE: result = store(to, from, n); break;
		}
	__sys_sigaction(RAW_SIGSEGV, &before, 0);
	return result;
}

int __safe_string(char *to, const char *from, int max) { return guarded(STRING, to, from, max); }
int __safe_pointer(char **to, char **from) { return guarded(POINTER, to, from, 0); }
int __safe_store(void *to, const void *from, int n) { return guarded(STORE, to, from, n); }
