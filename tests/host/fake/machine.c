/* The machine without its threads: printing, counters, failures on demand, random numbers, boot. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../host.h"

#include "base/printf.h"
#include "kern/failpoint.h"

/* ---- printing ----------------------------------------------------------------- */

int kvprintf(const char *fmt, va_list ap) { return vprintf(fmt, ap); }

int kprintf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vprintf(fmt, ap);
	va_end(ap);
	return n;
}

const char *symbol_name(vaddr_t pc __unused, uint64_t *offset)
{
	*offset = 0;
	return "?";
}

/* ---- counters, numbers -------------------------------------------------- */

static uint64_t counters[STAT_MAX];

void counter_add(unsigned which, uint64_t n) { counters[which] += n; }
uint64_t counter_read(unsigned which) { return counters[which]; }
void gauge_add(unsigned which, int64_t n) { counters[which] += n; }
uint64_t gauge_read(unsigned which) { return counters[which]; }

uint64_t host_random(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x >> 16;
}

/* ---- failures ---------------------------------------------------------------- */

bool fail_armed;
static const char *fail_name;
static unsigned fail_left;
static bool fail_was;

void host_fail_at(const char *site, unsigned n)
{
	fail_name = site;
	fail_left = n;
	fail_armed = n > 0;
	fail_was = false;
}

bool host_fail_fired(void) { return fail_was; }

bool fail_here(struct fail_site *site __unused, const char *name)
{
	host_step("allocate", name);
	if (!fail_left || (fail_name && strcmp(name, fail_name)))
		return false;
	if (--fail_left)
		return false;
	fail_was = true;
	return true;
}

/* ---- boot ------------------------------------------------------------------------ */

void host_boot(size_t arena, size_t frames)
{
	char *memory = aligned_alloc(2UL << 20, arena);

	CHECK(memory != NULL);
	page_init((paddr_t)memory, (paddr_t)memory + arena, NULL, 0, frames * PAGE_SIZE);
	radix_boot();
	anon_boot();
	amap_boot();
	map_boot();
	vmspace_boot();
}
