/*
 * Failures on demand. A point is armed for a site, or all sites with a prefix,
 * and goes off once, at the n-th visit in its scope.
 *
 * An allocation site may stand under any spinlock, so points are looked at
 * without one: a point is published by storing `left` last and taken back by
 * clearing it, and each visit counts it down atomically.
 * Floor: kern, above thread and bootargs.
 */
#include "kern/failpoint.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "base/string.h"
#include "kern/bootargs.h"
#include "kern/thread.h"

/* A test arms one or two; memory for more could itself be what is to fail. */
#define POINTS 16
#define SITE_MAX 48

static struct point {
	char site[SITE_MAX];      /* fixed while left > 0; may end in '*' */
	uint64_t scope;           /* the same: 0 for everybody */
	int64_t left;             /* atomic: visits until it fails; 0: unused, -1: being filled in */
} points[POINTS];

bool fail_armed; /* stays set once a point was armed */
static uint64_t fired; /* atomic */

uint64_t (*fail_scope_hook)(void);

extern struct fail_site failsites_start[], failsites_end[]; /* of the linker */

static bool point_matches(const struct point *p, const struct fail_site *site, const char *name);
static bool text_matches(const char *pattern, size_t length, const char *text);
static bool point_visit(struct point *p);

bool fail_here(struct fail_site *site, const char *name)
{
	bool fail = false;

	for (unsigned i = 0; i < POINTS; i++)
		if (__atomic_load_n(&points[i].left, __ATOMIC_ACQUIRE) > 0 && point_matches(&points[i], site, name) &&
		    point_visit(&points[i])) {
			fail = true;
			if (points[i].scope == 0) /* of the boot's: whoever reads the console wants to know */
				kprintf("fails on demand: %s@%s\n", site->kind, site->function);
		}
	if (fail)
		__atomic_fetch_add(&site->fired, 1, __ATOMIC_RELAXED);
	return fail;
}

static bool point_matches(const struct point *p, const struct fail_site *site, const char *name)
{
	const char *at = strchr(p->site, '@');

	if (at) {
		if (!text_matches(p->site, (size_t)(at - p->site), site->kind) ||
		    !text_matches(at + 1, strlen(at + 1), site->function))
			return false;
	} else if (!text_matches(p->site, strlen(p->site), name)) {
		return false;
	}
	return p->scope == 0 || (fail_scope_hook && fail_scope_hook() == p->scope);
}

/* Is it the pattern's text, or does it begin as a pattern that ends in '*'? */
static bool text_matches(const char *pattern, size_t length, const char *text)
{
	if (length > 0 && pattern[length - 1] == '*')
		return strncmp(pattern, text, length - 1) == 0;
	return strncmp(pattern, text, length) == 0 && text[length] == '\0';
}

/* True when this is the visit that fails. */
static bool point_visit(struct point *p)
{
	int64_t left = __atomic_load_n(&p->left, __ATOMIC_RELAXED);

	do {
		if (left <= 0)
			return false; /* another hart came first */
	} while (!__atomic_compare_exchange_n(&p->left, &left, left - 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	if (left != 1)
		return false;
	__atomic_fetch_add(&fired, 1, __ATOMIC_RELAXED);
	return true;
}

int fail_arm(const char *site, uint64_t n, uint64_t scope)
{
	if (site[0] == '\0' || strnlen(site, SITE_MAX) == SITE_MAX || n > INT64_MAX)
		return EINVAL;
	if (n == 0) {
		for (unsigned i = 0; i < POINTS; i++)
			if (points[i].scope == scope && strcmp(points[i].site, site) == 0)
				__atomic_store_n(&points[i].left, 0, __ATOMIC_RELEASE);
		return 0;
	}
	for (unsigned i = 0; i < POINTS; i++) {
		int64_t unused = 0;
		if (!__atomic_compare_exchange_n(&points[i].left, &unused, -1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			continue;
		strlcpy(points[i].site, site, SITE_MAX);
		points[i].scope = scope;
		__atomic_store_n(&points[i].left, (int64_t)n, __ATOMIC_RELEASE);
		fail_armed = true;
		return 0;
	}
	return EBUSY;
}

void fail_forget(uint64_t scope)
{
	if (!fail_armed)
		return;
	for (unsigned i = 0; i < POINTS; i++)
		if (__atomic_load_n(&points[i].left, __ATOMIC_ACQUIRE) > 0 && points[i].scope == scope)
			__atomic_store_n(&points[i].left, 0, __ATOMIC_RELEASE);
}

void fail_boot(void)
{
	char value[SITE_MAX + 24];
	const char *end = "";
	uint64_t n = 0;
	char *colon;

	if (!bootarg_copy("fail", value, sizeof(value)))
		return;
	colon = strrchr(value, ':');
	if (colon) {
		*colon = '\0';
		n = number_parse(colon + 1, &end);
	}
	if (n == 0 || *end || fail_arm(value, n, 0) != 0)
		panic("boot argument fail=%s: want SITE:n", bootarg("fail"));
}

const struct fail_site *fail_site(size_t index)
{
	return index < (size_t)(failsites_end - failsites_start) ? &failsites_start[index] : NULL;
}

uint64_t fail_fired(void)
{
	return __atomic_load_n(&fired, __ATOMIC_RELAXED);
}
