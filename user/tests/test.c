/* The harness of the test programs. */
#include "test.h"

extern const struct test __start_tests[], __stop_tests[];

static uint64_t stats[STAT_MAX], stats_before[STAT_MAX];

void fail_at(const char *file, int line, const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	dprintf(2, "%s:%d: %s\n", file, line, text);
	_exit(1);
}

void check_eq(const char *file, int line, const char *what, long long seen, long long expected)
{
	if (seen != expected)
		fail_at(file, line, "%s is %lld, want %lld", what, seen, expected);
}

long long check_ok(const char *file, int line, const char *what, long long value)
{
	if (value == -1)
		fail_at(file, line, "%s: %s, want success", what, strerror(errno));
	return value;
}

void check_error(const char *file, int line, const char *what, long long value, int seen, int expected, const char *name)
{
	if (value != -1)
		fail_at(file, line, "%s gives %lld, want %s", what, value, name);
	if (seen != expected)
		fail_at(file, line, "%s fails with %d (%s), want %s", what, seen, strerror(seen), name);
}

void check_text(const char *file, int line, const char *what, const char *seen, const char *expected)
{
	if (strcmp(seen, expected) != 0)
		fail_at(file, line, "%s is \"%s\", want \"%s\"", what, seen, expected);
}

pid_t check_fork(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		FAIL("fork: %s", strerror(errno));
	return pid;
}

int run_child(void (*fn)(void *), void *arg)
{
	pid_t pid = check_fork();
	int status;

	if (pid == 0) {
		fn(arg);
		exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

void check_child_at(const char *file, int line, pid_t pid)
{
	int status;
	pid_t got = waitpid(pid, &status, 0);

	if (got != pid)
		fail_at(file, line, "waitpid(%d) gives %d: %s", pid, got, strerror(errno));
	if (status != 0)
		fail_at(file, line, "child %d: wait status %#x, want 0", pid, (unsigned)status);
}

/* The first call has the memory in place that it writes to, so that the second one sees no change by it. */
uint64_t stat_now(int which)
{
	CHECK_EQ(vmstat(stats, STAT_MAX), STAT_MAX);
	CHECK_EQ(vmstat(stats, STAT_MAX), STAT_MAX);
	return stats[which];
}

static bool exact; /* nothing but this program runs while it counts */

void count_start(void)
{
	exact = getenv("PARALLEL") == NULL; /* asked now: it may fault */
	stat_now(0);
	memcpy(stats_before, stats, sizeof stats);
	CHECK_EQ(vmstat(stats_before, STAT_MAX), STAT_MAX);
}

long long count_since(int which) { return (long long)(stat_now(which) - stats_before[which]); }

bool counts_are_exact(void) { return exact; }

/* ---- touching ---- */

static sigjmp_buf touch_out;
static struct outcome touched;

static void on_touch(int sig, siginfo_t *info, void *context)
{
	(void)context;
	touched = (struct outcome){ sig, info->si_code, info->si_addr };
	siglongjmp(touch_out, 1);
}

enum touch { READ, WRITE, CALL };

static struct outcome try_touch(volatile void *addr, enum touch how)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL };
	struct sigaction ours = { .sa_sigaction = on_touch, .sa_flags = SA_SIGINFO }, before[3];

	for (int i = 0; i < 3; i++)
		CHECK_OK(sigaction(signals[i], &ours, &before[i]));
	touched = (struct outcome){ 0, 0, NULL };
	if (sigsetjmp(touch_out, 1) == 0)
		switch (how) {
		case READ:
			(void)*(volatile char *)addr;
			break;
		case WRITE:
			*(volatile char *)addr = 'w';
			break;
		case CALL:
			((void (*)(void))(uintptr_t)addr)();
			break;
		}
	for (int i = 0; i < 3; i++)
		CHECK_OK(sigaction(signals[i], &before[i], NULL));
	return touched;
}

struct outcome try_read(const volatile void *addr) { return try_touch((volatile void *)addr, READ); }
struct outcome try_write(volatile void *addr) { return try_touch(addr, WRITE); }
struct outcome try_call(const volatile void *addr) { return try_touch((volatile void *)addr, CALL); }

char *map_pages(size_t pages)
{
	char *p = mmap(NULL, PAGES(pages), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);

	if (p == MAP_FAILED)
		FAIL("mmap of %zu pages: %s", pages, strerror(errno));
	return p;
}

/* ---- the trace ---- */

#define STEP_NAME(id, text, a, b) [TRACE_##id] = #id,
static const char *const step_names[TRACE_MAX] = { TRACE_STEPS(STEP_NAME) };

static struct trace_event events[512];
static int event_count;
static const struct trace_event *first_step, *last_step;

static void trace_read_all(void)
{
	int n;

	event_count = 0;
	while ((n = vmtrace(TRACE_OP_READ, events + event_count, (size_t)(512 - event_count))) > 0)
		event_count += n;
	CHECK_OK(n);
}

void trace_start(void)
{
	memset(events, 0, sizeof events); /* touched before the trace is on */
	trace_steps(NULL);
	do
		trace_read_all();
	while (event_count > 0);
	CHECK_OK(vmtrace(TRACE_OP_ON, NULL, 0));
}

const char *trace_steps(const volatile void *addr)
{
	static char text[600];
	uint64_t page = (uintptr_t)addr & ~(PAGE_SIZE - 1);
	bool inside = false;
	size_t used = 0;
	int tid = gettid();

	memset(text, 0, sizeof text);
	first_step = last_step = NULL;
	if (addr == NULL)
		return text;
	CHECK_OK(vmtrace(TRACE_OP_OFF, NULL, 0));
	trace_read_all();
	for (int i = 0; i < event_count; i++) {
		const struct trace_event *e = &events[i];

		if (e->pid != getpid() || e->tid != tid)
			continue;
		if (e->step == TRACE_FAULT && (e->a & ~(PAGE_SIZE - 1)) == page) {
			inside = true;
			first_step = e;
			continue;
		}
		if (!inside || e->step > TRACE_ERROR + 1)
			continue;
		if (e->step == TRACE_DONE || e->step == TRACE_ERROR) {
			last_step = e;
			break;
		}
		CHECK(e->step > 0 && e->step < TRACE_MAX);
		used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used ? " " : "", step_names[e->step]);
	}
	return text;
}

const struct trace_event *trace_find(int step)
{
	const struct trace_event *found = NULL;

	for (const struct trace_event *e = first_step; e && last_step && e <= last_step; e++)
		if (e->step == step && e->pid == getpid() && e->tid == gettid())
			found = e;
	return found;
}

/* ---- gates ---- */

void gate_init(struct gate *g) { CHECK_OK(pipe(g->fds)); }
void gate_open(struct gate *g) { CHECK_EQ(write(g->fds[1], "g", 1), 1); }

void gate_wait(struct gate *g)
{
	char c;

	CHECK_EQ(read(g->fds[0], &c, 1), 1);
}

void gate_done(struct gate *g)
{
	close(g->fds[0]);
	close(g->fds[1]);
}

/* ---- running ---- */

static void run_in_child(void *arg) { ((const struct test *)arg)->run(); }

int main(int argc, char **argv)
{
	int failed = 0;

	for (const struct test *t = __start_tests; t < __stop_tests; t++) {
		if (argc > 1 && strcmp(argv[1], "-l") == 0)
			printf("%s: %s\n", t->name, t->text);
		else if (argc > 1) {
			if (strcmp(argv[1], t->name) == 0) {
				t->run();
				return 0;
			}
		} else {
			bool good = run_child(run_in_child, (void *)t) == 0;

			failed += !good;
			printf("%s %s\n", good ? "ok" : "not ok", t->name);
		}
	}
	if (argc > 1 && strcmp(argv[1], "-l") != 0) {
		fprintf(stderr, "%s: no case %s\n", argv[0], argv[1]);
		return 2;
	}
	return failed > 0;
}
