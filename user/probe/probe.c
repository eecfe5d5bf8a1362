/*
 * The probe: the only program that the grader runs. It is the first process, and
 * its children are copies of it; each runs lines of /script until a checkpoint,
 * where it spins and the host looks into its memory from outside. Nothing that
 * it prints is believed: a line it prints wakes the host up, a failure that it
 * reports can only cost points.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <pagoda.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONSOLE "/dev/console"
#define CONSOLE_DEVICE 0x0100
#define STACK_PAGES 8 /* more than the probe ever needs */
#define FAILED_STATUS 125

struct probe_page probe_go __attribute__((aligned(4096)));
uint64_t line = NO_LINE;

static char script[SCRIPT_SIZE];
static const char *at; /* in script: what is read next */
static uint64_t process, checkpoint;
static bool failed;
static pid_t pids[PROCESSES];
static int events[EVENTS][2]; /* pipes */
static uint64_t event_count;

static void console_open(void);
static void script_load(void);
static void events_make(uint64_t count);
static void touch_own_memory(void);
static void say(const char *format, va_list args);
static void park(uint64_t failed_line, uint64_t detail);
static operation_fn *control_operation(const char *operation);
static void end(int status) __attribute__((noreturn));

int main(void)
{
	char word[NAME_SIZE];

	console_open();
	script_load();
	next_word(word); /* "events N" */
	events_make(next_number());
	memory_boot();
	touch_own_memory();
	park(0, 0);
	run();
}

void run(void)
{
	char operation[NAME_SIZE];

	for (;;) {
		operation_fn *fn;

		while (*at != '\n' && *at != '\0')
			at++;
		if (*at == '\0')
			end(0);
		at++;
		if (*at == '\0')
			end(0);
		line = next_number();
		next_word(operation);
		fn = memory_operation(operation);
		if (fn == NULL)
			fn = control_operation(operation);
		if (fn == NULL)
			fail(0, "no operation is called %s", operation);
		fn();
		if (!at_end_of_line())
			fail(0, "%s: more arguments than it takes", operation);
	}
}

static void end(int status)
{
	if (process == 0)
		reboot(failed ? REBOOT_FAIL : REBOOT_POWEROFF);
	_exit(failed ? FAILED_STATUS : status);
}

/* ---- before the first line ---- */

static void console_open(void)
{
	int fd = open(CONSOLE, O_RDWR);

	if (fd < 0) {
		mkdir("/dev");
		mknod(CONSOLE, S_IFCHR, CONSOLE_DEVICE);
		fd = open(CONSOLE, O_RDWR);
	}
	if (fd < 0)
		fail(0, "no console");
	while (fd < STDERR_FILENO)
		fd = dup(fd);
}

static void script_load(void)
{
	int fd = open("/script", O_RDONLY);
	size_t size = 0;
	ssize_t n = 0;

	at = script;
	if (fd < 0)
		fail((uint64_t)errno, "no /script: %s", strerror(errno));
	while (size < sizeof script - 1 && (n = read(fd, script + size, sizeof script - 1 - size)) > 0)
		size += (size_t)n;
	close(fd);
	if (n != 0 || size == 0)
		fail((uint64_t)errno, "/script cannot be read, or is too long");
}

static void events_make(uint64_t count)
{
	if (count > EVENTS)
		fail(count, "more events than %d", EVENTS);
	for (; event_count < count; event_count++)
		if (pipe(events[event_count]) != 0)
			fail((uint64_t)errno, "pipe: %s", strerror(errno));
}

/*
 * Has every page of the program, its data and its stack in place: what it does
 * afterwards takes no frame for itself, and reads no file. What scripts can name is theirs.
 */
static void touch_own_memory(void)
{
	extern char __data_start[], _end[];
	volatile char stack[STACK_PAGES * PAGE];

	for (const volatile char *p = (const volatile char *)0x10000; p < __data_start; p += PAGE)
		if (!image_holds(p))
			(void)*p;
	for (volatile char *p = __data_start; p < _end; p += PAGE)
		if (!image_holds(p))
			*p = *p;
	for (size_t i = 0; i < sizeof stack; i += PAGE)
		stack[i] = 0;
}

/* ---- reading lines ---- */

static void skip_blank(void)
{
	if (*at == ' ')
		at++;
}

bool at_end_of_line(void) { return *at == '\n' || *at == '\0'; }

uint64_t next_number(void)
{
	uint64_t n = 0;

	skip_blank();
	if (*at < '0' || *at > '9')
		fail(0, "a number is missing");
	while (*at >= '0' && *at <= '9')
		n = n * 10 + (uint64_t)(*at++ - '0');
	return n;
}

void next_word(char *word)
{
	size_t n = 0;

	skip_blank();
	while (*at > ' ' && n < NAME_SIZE - 1)
		word[n++] = *at++;
	word[n] = '\0';
	if (n == 0 || *at > ' ')
		fail(0, "a word is missing, or too long");
}

/* ---- what the host is told ---- */

/* One write, so that lines of several processes do not mix. */
static void say(const char *format, va_list args)
{
	static char text[256];
	int n = vsnprintf(text, sizeof text - 1, format, args);

	if (n > (int)sizeof text - 2)
		n = sizeof text - 2;
	text[n++] = '\n';
	write(STDOUT_FILENO, text, (size_t)n);
}

static void say_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say_line(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

void fail(uint64_t detail, const char *format, ...)
{
	char what[160];
	va_list args;

	failed = true;
	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	if (line == NO_LINE)
		say_line("probe: before the first line: %s", what);
	else
		say_line("probe: line %lu: %s", line, what);
	park(line, detail);
	end(FAILED_STATUS);
}

static void park(uint64_t failed_line, uint64_t detail)
{
	struct arrival a = {
		.number = checkpoint, .process = process, .line = failed_line, .detail = detail,
		.regions = (uint64_t)probe_go.regions,
	};

	probe_go.go = 0;
	__asm__ volatile("rdtime %0" : "=r"(a.time));
	probe_park(&a);
}

/* ---- processes and checkpoints ---- */

/* at NUMBER LABEL */
static void do_at(void)
{
	char label[NAME_SIZE];

	checkpoint = next_number();
	next_word(label);
	say_line("probe: at %s", label);
	park(0, 0);
}

static uint64_t next_process(void)
{
	uint64_t n = next_number();

	if (n >= PROCESSES)
		fail(n, "no process has the number %lu", n);
	return n;
}

/* The parent goes on behind the line `end CHILD`. */
static void skip_block(uint64_t child)
{
	char operation[NAME_SIZE];

	while (*at != '\0') {
		while (*at != '\n' && *at != '\0')
			at++;
		if (*at == '\0' || *++at == '\0')
			break;
		next_number();
		next_word(operation);
		if (strcmp(operation, "end") == 0 && next_number() == child)
			return;
	}
	fail(0, "fork: the script has no end of process %lu", child);
}

/* fork CHILD: the child runs the lines up to `end CHILD`. */
static void do_fork(void)
{
	uint64_t child = next_process();
	pid_t pid = fork();

	if (pid < 0)
		fail((uint64_t)errno, "fork: %s", strerror(errno));
	if (pid == 0) {
		process = child;
		return;
	}
	pids[child] = pid;
	skip_block(child);
}

/* end CHILD */
static void do_end(void)
{
	if (next_process() != process)
		fail(process, "a process runs another one's lines");
	end(0);
}

/* exit STATUS */
static void do_exit(void) { end((int)next_number()); }

/* wait CHILD exit|signal NUMBER */
static void do_wait(void)
{
	uint64_t child = next_process(), number;
	char how[NAME_SIZE];
	pid_t pid;
	bool by_signal;
	int status = 0;

	next_word(how);
	number = next_number();
	by_signal = strcmp(how, "signal") == 0;
	do
		pid = waitpid(pids[child], &status, 0);
	while (pid < 0 && errno == EINTR);
	if (pid < 0)
		fail((uint64_t)errno, "wait for process %lu: %s", child, strerror(errno));
	if (pid != pids[child])
		fail((uint64_t)status, "wait for process %lu: another one was reported", child);
	if (WIFSIGNALED(status) != by_signal || (uint64_t)(by_signal ? WTERMSIG(status) : WEXITSTATUS(status)) != number)
		fail((uint64_t)status, "process %lu: expected %s %lu, seen %s %d", child, how, number,
		     WIFSIGNALED(status) ? "signal" : "exit", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static uint64_t next_event(void)
{
	uint64_t n = next_number();

	if (n >= event_count)
		fail(n, "no event has the number %lu", n);
	return n;
}

/* tell EVENT COUNT: COUNT processes may pass their `await`. */
static void do_tell(void)
{
	uint64_t event = next_event();

	for (uint64_t count = next_number(); count > 0; count--)
		if (write(events[event][1], "", 1) != 1)
			fail((uint64_t)errno, "tell: %s", strerror(errno));
}

/* await EVENT */
static void do_await(void)
{
	uint64_t event = next_event();
	char byte;
	ssize_t n;

	do
		n = read(events[event][0], &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		fail((uint64_t)errno, "await: %s", n == 0 ? "nobody can tell" : strerror(errno));
}

/* yield COUNT */
static void do_yield(void)
{
	for (uint64_t count = next_number(); count > 0; count--)
		sched_yield();
}

/* sleep MILLISECONDS */
static void do_sleep(void) { usleep(next_number() * 1000); }

static operation_fn *control_operation(const char *operation)
{
	static const struct { const char *name; operation_fn *fn; } table[] = {
		{ "at", do_at }, { "fork", do_fork }, { "end", do_end }, { "exit", do_exit }, { "wait", do_wait },
		{ "tell", do_tell }, { "await", do_await }, { "yield", do_yield }, { "sleep", do_sleep },
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (strcmp(operation, table[i].name) == 0)
			return table[i].fn;
	return NULL;
}
