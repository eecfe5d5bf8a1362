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

/* These only change before the first line. */
static char script[SCRIPT_SIZE];
static int events[EVENTS][2]; /* pipes */
static uint64_t event_count;

static void begin(void);
static void console_open(void);
static void script_load(void);
static void events_make(uint64_t count);
static void touch_own_memory(void);
static void say(const char *format, va_list args);
static void say_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void park(uint64_t failed_line, uint64_t detail);
static operation_fn *control_operation(const char *operation);
static void end(int status) __attribute__((noreturn));

int main(void)
{
	if (!own_boot())
		reboot(REBOOT_FAIL);
	own_enter(begin);
}

static void begin(void)
{
	char word[NAME_SIZE];

	own.now.line = NO_LINE;
	console_open();
	script_load();
	next_word(word); /* "events N" */
	events_make(next_number());
	memory_boot();
	touch_own_memory();
	say_line("probe: at ready");
	park(0, 0);
	run();
}

void run(void)
{
	char operation[NAME_SIZE];

	for (;;) {
		operation_fn *fn;

		while (*own.now.at != '\n' && *own.now.at != '\0')
			own.now.at++;
		if (*own.now.at == '\0')
			end(0);
		own.now.at++;
		if (*own.now.at == '\0')
			end(0);
		own.now.line = next_number();
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
	if (own.process == 0)
		reboot(own.failed ? REBOOT_FAIL : REBOOT_POWEROFF);
	_exit(own.failed ? FAILED_STATUS : status);
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

	own.now.at = script;
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
 * Has every page of the program and of its data in place: what it does afterwards
 * takes no frame for itself but a child's block, and reads no file. What scripts can name is theirs.
 */
static void touch_own_memory(void)
{
	extern char __data_start[], _end[];

	for (const volatile char *p = (const volatile char *)0x10000; p < __data_start; p += PAGE)
		if (!image_holds(p))
			(void)*p;
	for (volatile char *p = __data_start; p < _end; p += PAGE)
		if (!image_holds(p))
			*p = *p;
}

/* ---- reading lines ---- */

static void skip_blank(void)
{
	if (*own.now.at == ' ')
		own.now.at++;
}

bool at_end_of_line(void) { return *own.now.at == '\n' || *own.now.at == '\0'; }

uint64_t next_number(void)
{
	uint64_t n = 0;

	skip_blank();
	if (*own.now.at < '0' || *own.now.at > '9')
		fail(0, "a number is missing");
	while (*own.now.at >= '0' && *own.now.at <= '9')
		n = n * 10 + (uint64_t)(*own.now.at++ - '0');
	return n;
}

void next_word(char *word)
{
	size_t n = 0;

	skip_blank();
	while (*own.now.at > ' ' && n < NAME_SIZE - 1)
		word[n++] = *own.now.at++;
	word[n] = '\0';
	if (n == 0 || *own.now.at > ' ')
		fail(0, "a word is missing, or too long");
}

/* ---- what the host is told ---- */

/* One write, so that lines of several processes do not mix. */
static void say(const char *format, va_list args)
{
	char *text = own.text;
	int n = vsnprintf(text, TEXT_SIZE - 1, format, args);

	if (n > TEXT_SIZE - 2)
		n = TEXT_SIZE - 2;
	text[n++] = '\n';
	write(STDOUT_FILENO, text, (size_t)n);
}

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

	own.failed = true;
	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	if (own.now.line == NO_LINE)
		say_line("probe: before the first line: %s", what);
	else
		say_line("probe: line %lu: %s", own.now.line, what);
	park(own.now.line, detail);
	end(FAILED_STATUS);
}

static void park(uint64_t failed_line, uint64_t detail)
{
	struct arrival a = {
		.number = own.now.checkpoint, .process = own.process, .line = failed_line, .detail = detail,
		.regions = (uint64_t)own.now.regions,
	};

	own.go = 0;
	__asm__ volatile("rdtime %0" : "=r"(a.time));
	probe_park(&a);
}

/* ---- processes and checkpoints ---- */

/* at NUMBER LABEL */
static void do_at(void)
{
	char label[NAME_SIZE];

	own.now.checkpoint = next_number();
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

	while (*own.now.at != '\0') {
		while (*own.now.at != '\n' && *own.now.at != '\0')
			own.now.at++;
		if (*own.now.at == '\0' || *++own.now.at == '\0')
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
	int64_t pid = own_fork(child);

	if (pid < 0)
		fail((uint64_t)-pid, "fork: %s", strerror((int)-pid));
	own.pids[child] = (pid_t)pid;
	skip_block(child);
}

/* end CHILD */
static void do_end(void)
{
	if (next_process() != own.process)
		fail(own.process, "a process runs another one's lines");
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
		pid = waitpid(own.pids[child], &status, 0);
	while (pid < 0 && errno == EINTR);
	if (pid < 0)
		fail((uint64_t)errno, "wait for process %lu: %s", child, strerror(errno));
	if (pid != own.pids[child])
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

/* starve SITE N: the N-th time that this process asks there it gets nothing; 0: it gets all again. */
static void do_starve(void)
{
	char site[NAME_SIZE];

	next_word(site);
	if (inject(site, next_number(), 0) != 0)
		fail((uint64_t)errno, "starve %s: %s", site, strerror(errno));
}

static operation_fn *control_operation(const char *operation)
{
	static const struct { const char *name; operation_fn *fn; } table[] = {
		{ "at", do_at }, { "fork", do_fork }, { "end", do_end }, { "exit", do_exit }, { "wait", do_wait },
		{ "tell", do_tell }, { "await", do_await }, { "yield", do_yield }, { "sleep", do_sleep },
		{ "starve", do_starve },
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (strcmp(operation, table[i].name) == 0)
			return table[i].fn;
	return NULL;
}
