/* Runs host tests, each in a process of its own, and tells of a failure; the steps of faults as text. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../host.h"

#include "base/kassert.h"

static struct htest *tests;
static const char *test_group, *test_name;

void htest_add(struct htest *t)
{
	t->next = tests;
	tests = t;
}

static void not_ok(const char *file, int line, const char *fmt, va_list ap) __noreturn;
static void not_ok(const char *file, int line, const char *fmt, va_list ap)
{
	printf("not ok host.%s.%s: %s:%d: ", test_group, test_name, file, line);
	vprintf(fmt, ap);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

void host_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	not_ok(file, line, fmt, ap);
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	not_ok("panic", 0, fmt, ap);
}

void kassert_failed(const char *what, const char *file, int line)
{
	host_fail(file, line, "assertion %s", what);
}

static int run_one(struct htest *t)
{
	test_name = t->name;
	host_boot(HOST_ARENA, HOST_FRAMES);
	t->run();
	printf("ok host.%s.%s\n", test_group, t->name);
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/'), *base = slash ? slash + 1 : argv[0];
	int failed = 0;

	test_group = strncmp(base, "t_", 2) ? base : base + 2;
	for (struct htest *t = tests; t; t = t->next) {
		if (argc > 1) {
			if (!strcmp(argv[1], t->name))
				exit(run_one(t));
			continue;
		}
		pid_t pid = fork(); /* each in a machine of its own */
		if (pid == 0)
			exit(run_one(t));
		int status = 0;
		waitpid(pid, &status, 0);
		failed |= status != 0;
	}
	if (argc > 1)
		fprintf(stderr, "no test is called %s\n", argv[1]);
	return argc > 1 || failed;
}

/* ---- trace -------------------------------------------------------------------- */

bool trace_on;
static char steps[8192];
#define STEP_NAME(id, text, a, b) [TRACE_##id] = #id,
static const char *const step_names[] = { TRACE_STEPS(STEP_NAME) };

uint64_t host_fault_address;
void trace_record(enum trace_step step, uint64_t a, uint64_t b __unused)
{
	size_t used = strlen(steps);

	if (step == TRACE_FAULT)
		host_fault_address = a;
	else
		snprintf(steps + used, sizeof(steps) - used, "%s%s", used ? " " : "", step_names[step]);
}

const char *host_steps(void)
{
	static char taken[sizeof(steps)];

	strcpy(taken, steps);
	steps[0] = 0;
	trace_on = true;
	return taken;
}
