/*
 * build/host/interleave                    all tests
 * build/host/interleave NAME               one, under every schedule
 * build/host/interleave NAME SCHEDULE      one under one schedule, told step by step
 *
 * PREEMPTIONS=N in the environment: schedules with at most N preemptions, 2 without it.
 */
#include <sanitizer/common_interface_defs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interleave.h"
#include "schedule.h"
#include "threads.h"

#include "base/kassert.h"

#define PREEMPTIONS 2
#define ARENA (2UL << 20)
#define FRAMES 256

static struct itest *tests;
static char test_name[128];
static unsigned preemptions = PREEMPTIONS;
static bool telling;

void itest_add(struct itest *t)
{
	t->next = tests;
	tests = t;
}

/* ---- a failure -------------------------------------------------------------------- */

/* Said by whoever notices: a check, an assertion, the sanitizer as it dies. */
static void not_ok(const char *fmt, ...) __noreturn __printf_like(1, 2);
static void not_ok(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("not ok interleave.%s: ", test_name);
	vprintf(fmt, ap);
	va_end(ap);
	printf("; again: build/host/interleave %s %s\n", test_name, schedule_name());
	fflush(stdout);
	_exit(1);
}

static void sanitizer_dies(void) { not_ok("the sanitizer stopped it, see above"); }

/* UBSan has a runtime of its own, which asks here before it prints. */
void __ubsan_get_current_report_data(const char **kind, const char **message, const char **file, unsigned *line,
				     unsigned *column, char **address) __attribute__((weak));
void __ubsan_on_report(void);
void __ubsan_on_report(void)
{
	const char *kind, *message = "undefined behaviour", *path = "?";
	unsigned line = 0, column;
	char *address;

	if (__ubsan_get_current_report_data)
		__ubsan_get_current_report_data(&kind, &message, &path, &line, &column, &address);
	not_ok("%s:%u: %s", path, line, message);
}

void host_fail(const char *path, int line, const char *fmt, ...)
{
	char why[500];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	not_ok("%s:%d: %s", path, line, why);
}

void panic(const char *fmt, ...)
{
	char why[500];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	not_ok("panic: %s", why);
}

void kassert_failed(const char *what, const char *path, int line) { host_fail(path, line, "assertion %s", what); }

/* ---- telling of a schedule, step by step --------------------------------------------- */

/* Objects get numbers in the order in which they are met: addresses would say nothing. */
static unsigned number_of(const void *object)
{
	static const void *met[200];
	static unsigned count;

	for (unsigned i = 0; i < count; i++)
		if (met[i] == object)
			return i + 1;
	if (count < ARRAY_COUNT(met))
		met[count++] = object;
	return count;
}

static void tell(unsigned thread, const char *what)
{
	printf("%5u  %*s%c  %s", schedule_steps(), (int)thread * 4, "", 'a' + thread, what);
}

void report_step(unsigned thread, const char *what, const char *name, const void *object)
{
	if (!telling)
		return;
	tell(thread, what);
	if (name)
		printf(" %s", name);
	if (object)
		printf(" #%u", number_of(object));
	printf("\n");
}

bool trace_on;
#define STEP_TEXT(id, text, a, b) [TRACE_##id] = { #id, text },
static const struct { const char *id, *text; } steps[] = { TRACE_STEPS(STEP_TEXT) };

void trace_record(enum trace_step step, uint64_t a __unused, uint64_t b __unused)
{
	if (curthread->name[1]) /* the test's body */
		return;
	tell(curthread->name[0] - 'a', "    ");
	printf("%s: %s\n", steps[step].id, steps[step].text);
}

/* ---- running ------------------------------------------------------------------------ */

static void name_set(const struct itest *t)
{
	const char *slash = strrchr(t->file, '/'), *base = slash ? slash + 1 : t->file;

	snprintf(test_name, sizeof(test_name), "%.*s.%s", (int)strcspn(base, "."), base, t->name);
}

static void start(void)
{
	__sanitizer_set_death_callback(sanitizer_dies);
	host_boot(ARENA, FRAMES);
}

static void run(struct itest *t)
{
	struct count count;

	start();
	count = schedule_all(t->run, preemptions);
	printf("ok interleave.%s: %lu schedules of at most %u steps\n", test_name, (unsigned long)count.schedules, count.longest);
	fflush(stdout);
}

static int replay(struct itest *t, const char *name)
{
	start();
	telling = trace_on = true;
	if (!schedule_one(t->run, name)) {
		fprintf(stderr, "\"%s\" is no schedule: they look like 12b,30a\n", name);
		return 2;
	}
	printf("ok interleave.%s: %u steps\n", test_name, schedule_steps());
	return 0;
}

static int run_all(void)
{
	unsigned passed = 0, failed = 0;

	for (struct itest *t = tests; t; t = t->next) {
		int status = 0;
		pid_t pid = fork(); /* each in a machine of its own */

		name_set(t);
		if (pid == 0) {
			run(t);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		if (status)
			failed++;
		else
			passed++;
	}
	printf("\n%u passed, %u failed\n", passed, failed);
	return failed != 0;
}

int main(int argc, char **argv)
{
	const char *most = getenv("PREEMPTIONS");

	if (most && *most) {
		char *end;

		preemptions = (unsigned)strtoul(most, &end, 10);
		if (*most < '0' || *most > '9' || *end) {
			fprintf(stderr, "PREEMPTIONS is a number, not \"%s\"\n", most);
			return 2;
		}
	}
	if (argc < 2)
		return run_all();
	for (struct itest *t = tests; t; t = t->next) {
		name_set(t);
		if (strcmp(test_name, argv[1]))
			continue;
		if (argc > 2)
			return replay(t, argv[2]);
		run(t);
		return 0;
	}
	fprintf(stderr, "no test is called %s\n", argv[1]);
	return 2;
}
