/*
 * What a bad access is told as: a panic that says who touches what, and what that memory is.
 *
 *	panic: address: anon_free+0x24 loads 8 bytes at ffffffc080a3b410: byte 16 of a freed object of pool anon; freed by ...
 *
 * Floor: san/report, above vm/pool, which knows whose object it is; san/check calls up.
 */
#include "base/kassert.h"
#include "base/printf.h"
#include "base/string.h"
#include "riscv/machine.h"
#include "san/shadow.h"
#include "vm/page.h"
#include "vm/pool.h"

#define FRAME_MAGIC 0x41b58ab3UL /* the first word of a frame that the compiler fences */

static bool quiet; /* atomic */

struct text {
	char bytes[400];
	size_t length;
};

static void say(struct text *t, const char *fmt, ...) __printf_like(2, 3);
static void say(struct text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	kvsnprintf(t->bytes + t->length, sizeof(t->bytes) - t->length, fmt, ap);
	va_end(ap);
	t->length = strnlen(t->bytes, sizeof(t->bytes) - 1);
}

/* Where in the code pc is, unless it is none: an address after a call. */
static void say_place(struct text *t, const char *before, vaddr_t pc)
{
	uint64_t offset;
	const char *name = symbol_name(pc - 1, &offset);

	if (*name != '?')
		say(t, "%s%s+0x%lx", before, name, (unsigned long)offset + 1);
}

/* Where va lies, as seen from a thing of so many bytes at start. */
static void say_where(struct text *t, vaddr_t va, vaddr_t start, size_t size)
{
	if (va < start)
		say(t, "%lu bytes before ", (unsigned long)(start - va));
	else if (va < start + size)
		say(t, "byte %lu of ", (unsigned long)(va - start));
	else
		say(t, "%lu bytes beyond ", (unsigned long)(va - start - size));
}

/* How many of its first bytes may be touched: what was asked for. */
static size_t object_size(vaddr_t start, size_t stride)
{
	vaddr_t bad = san_first_bad(start, stride);

	return bad ? bad - start : stride;
}

static void say_object(struct text *t, vaddr_t va, enum san_why why)
{
	struct vm_page *slab = page_of(va - DIRECT_MAP);
	struct pool *p = slab && slab->owner == PO_KERNEL ? slab->pool : NULL;

	if (p == NULL) {
		say(t, "beyond an allocation of whole frames");
		return;
	}
	size_t index = MIN((va & PAGE_MASK) / p->stride, PAGE_SIZE / p->stride - 1); /* behind the last object there may be some bytes more */
	vaddr_t start = page_trunc(va) + index * p->stride;
	const vaddr_t *last = (const vaddr_t *)(start + p->stride);
	size_t size = why == SAN_FREED ? p->size : object_size(start, p->stride);

	say_where(t, va, start, size);
	say(t, "%s object of pool %s (%lu bytes)", why == SAN_FREED ? "a freed" : "an", p->name, (unsigned long)size);
	if (why == SAN_FREED)
		say_place(t, ", freed by ", last[-2]);
	say_place(t, ", allocated by ", last[-1]);
}

static void say_global(struct text *t, vaddr_t va)
{
	const struct san_global *g = san_global_at(va);

	if (g == NULL) {
		say(t, "between globals");
		return;
	}
	say_where(t, va, g->start, g->size);
	say(t, "the global %s (%lu bytes) of %s", g->name, (unsigned long)g->size, g->file);
}

/* A number of the compiler's description of a frame; *s moves behind it and the space or colon that follows. */
static size_t number(const char **s)
{
	size_t n = number_parse(*s, s);

	if (**s)
		(*s)++;
	return n;
}

/*
 * The frame begins with a word of magic and the description of its variables, such as "2 32 24 5 buf:6 96 8 3 n:7": how many, then
 * of each the offset, the size, the length of what follows, the name and the line.
 */
static void say_variable(struct text *t, vaddr_t va)
{
	const int8_t *shadow = san_shadow(va);
	vaddr_t base = ROUND_DOWN(va, SAN_GRAIN);
	const char *best = NULL, *s;
	size_t best_offset = 0, best_size = 0, best_length = 0, at;

	while (shadow && (enum san_why)(uint8_t)*shadow != SAN_STACK_BEFORE && va - base < PAGE_SIZE) {
		base -= SAN_GRAIN;
		shadow = san_shadow(base);
	}
	while (shadow && (enum san_why)(uint8_t)*shadow == SAN_STACK_BEFORE && *(const uint64_t *)base != FRAME_MAGIC) {
		base -= SAN_GRAIN;
		shadow = san_shadow(base);
	}
	if (shadow == NULL || (enum san_why)(uint8_t)*shadow != SAN_STACK_BEFORE) {
		say(t, "a fence on the stack");
		return;
	}
	at = va - base;
	s = ((const char *const *)base)[1];
	for (size_t count = number(&s); count--;) {
		size_t offset = number(&s), size = number(&s), length = number(&s);

		if (best == NULL || offset <= at) {
			best = s;
			best_offset = offset;
			best_size = size;
			best_length = length;
		}
		s += length;
		if (*s)
			s++;
	}
	say_where(t, va, base + best_offset, best_size);
	say(t, "the variable %.*s (%lu bytes) on the stack", (int)best_length, best ? best : "", (unsigned long)best_size);
	say(t, " of %s", symbol_name(((const vaddr_t *)base)[2], NULL));
}

static void say_what(struct text *t, vaddr_t va)
{
	const int8_t *shadow = san_shadow(va);
	/* The grain at an end may be in part: what the next one says is why. */
	enum san_why why = (uint8_t)(*shadow > 0 ? shadow[1] : *shadow);

	switch (why) {
	case SAN_STACK_BEFORE:
	case SAN_STACK_BETWEEN:
	case SAN_STACK_BEHIND:
		say_variable(t, va);
		break;
	case SAN_GLOBAL:
		say_global(t, va);
		break;
	case SAN_SHADOW:
		say(t, "the sanitizer's own memory");
		break;
	case SAN_OLD_STACK:
		say(t, "a kernel stack that is in nobody's use");
		break;
	case SAN_REDZONE:
	case SAN_FREED:
		say_object(t, va, why);
		break;
	case SAN_FRAME:
		say(t, "byte %lu of a free frame", (unsigned long)(va & PAGE_MASK));
		say_place(t, ", freed by ", *(const vaddr_t *)page_trunc(va));
		break;
	default:
		say(t, "a shadow of %02x", why);
	}
}

void san_again(void) { __atomic_store_n(&quiet, false, __ATOMIC_SEQ_CST); }

void san_report(vaddr_t va, size_t size, bool write, vaddr_t pc)
{
	struct text t = { .length = 0 };
	vaddr_t bad = san_first_bad(va, size);

	if (__atomic_exchange_n(&quiet, true, __ATOMIC_SEQ_CST))
		return;
	say_place(&t, "", pc);
	say(&t, " %s %lu bytes at %lx: ", write ? "stores" : "loads", (unsigned long)size, (unsigned long)va);
	if (bad != va)
		say(&t, "%lx is ", (unsigned long)bad);
	say_what(&t, bad);
	panic("address: %s", t.bytes);
}
