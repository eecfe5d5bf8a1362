/*
 * panic(): the end of the kernel, in an order that gets the most important out
 * first - the reason, then where, then what higher floors know. Floor: base.
 *
 * Every step may itself panic. A panic inside a panic says so and ends at once;
 * a third one ends without a word.
 */
#include "base/kassert.h"
#include "base/printf.h"

const struct panic_ops *panic_ops;
void (*panic_hook)(void);

static uint32_t panic_depth; /* only the hart that passed begin() counts here */

static void panic_end(void) __noreturn;

void panic(const char *fmt, ...)
{
	bool first = panic_ops ? panic_ops->begin() : panic_depth == 0;
	panic_depth = first ? 1 : panic_depth + 1;
	if (panic_depth > 2)
		panic_end();

	kprintf("%spanic: ", first ? "\n" : "\nin the panic, another ");
	va_list ap;
	va_start(ap, fmt);
	kvprintf(fmt, ap);
	va_end(ap);
	kprintf("\n");

	if (panic_ops && first) {
		panic_ops->where((uint64_t)__builtin_frame_address(0));
		if (panic_hook)
			panic_hook();
	}
	panic_end();
}

static void panic_end(void)
{
	if (panic_ops)
		panic_ops->end();
	for (;;)
		;
}

void kassert_failed(const char *what, const char *file, int line)
{
	panic("%s:%d: %s", file, line, what);
}
