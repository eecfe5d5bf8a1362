/*
 * init: the first process. Opens the console, then runs the shell again and
 * again and collects orphans; or, with test=NAME.case, runs one test, audits
 * the kernel before and after, says how it went, and switches the machine off.
 * What follows a colon, test=NAME.case:WORDS, reaches the test as TEST_WORDS in the environment.
 */
#include <errno.h>
#include <fcntl.h>
#include <pagoda.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONSOLE "/dev/console"
#define CONSOLE_DEVICE 0x0100

static void open_console(void)
{
	int fd = open(CONSOLE, O_RDWR);

	if (fd < 0) { /* an image without device nodes */
		mkdir("/dev");
		mknod(CONSOLE, S_IFCHR, CONSOLE_DEVICE);
		fd = open(CONSOLE, O_RDWR);
	}
	if (fd < 0)
		_exit(1);
	while (fd < 2)
		fd = dup(fd);
}

static bool parallel; /* a test is told that harts run at once */
static char words[128];

static pid_t spawn(char **argv)
{
	static char *environment[] = { "PATH=/bin", "HOME=/", NULL, NULL, NULL };
	int n = 2;
	pid_t pid;

	if (parallel)
		environment[n++] = "PARALLEL=1";
	if (words[0])
		environment[n] = words;
	pid = fork();

	if (pid < 0)
		fprintf(stderr, "init: fork: %s\n", strerror(errno));
	if (pid != 0)
		return pid;
	execve(argv[0], argv, environment);
	fprintf(stderr, "init: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static __attribute__((noreturn)) void run_shells(void)
{
	char *argv[] = { "/bin/sh", NULL };

	for (;;) {
		pid_t shell = spawn(argv), pid;

		if (shell < 0) {
			sleep(1);
			continue;
		}
		do
			pid = waitpid(-1, NULL, 0);
		while (pid != shell && (pid >= 0 || errno == EINTR));
		tcsetpgrp(0, getpid());
	}
}

/* Ends and collects what a test has left behind; how many that were. */
static int end_leftovers(void)
{
	static struct procinfo procs[64];
	int left = 0, status;

	while (waitpid(-1, &status, WNOHANG) > 0)
		;
	for (;;) {
		int n = proclist(procs, 64), killed = 0;

		for (int i = 0; i < n && i < 64; i++)
			if (procs[i].pid > 1 && procs[i].ppid == 1) {
				kill(procs[i].pid, SIGKILL);
				waitpid(procs[i].pid, &status, 0);
				killed++;
			}
		if (killed == 0)
			return left;
		left += killed;
	}
}

/*
 * Has each page of init's own writable memory in place, so that what init does
 * later is no difference between the audits before and after a test.
 */
static void touch_own_memory(void)
{
	extern char __data_start[], _end[];
	volatile char stack[4 * PAGE_SIZE];

	for (volatile char *p = __data_start; p < _end; p += PAGE_SIZE)
		*p = *p;
	for (size_t i = 0; i < sizeof stack; i += PAGE_SIZE)
		stack[i] = 0;
}

/* Runs `t_NAME case`. NULL: all went well; or what did not. */
static const char *run_test(const char *file, char *test_case)
{
	static char why[128];
	char path[64];
	char *argv[] = { path, test_case, NULL };
	int status, left;
	pid_t pid, got;

	snprintf(path, sizeof path, "/bin/t_%s", file);
	pid = spawn(argv);
	if (pid < 0)
		return "cannot fork";
	do /* orphans of the test come here too */
		got = waitpid(-1, &status, 0);
	while (got != pid && (got >= 0 || errno == EINTR));
	left = end_leftovers();

	if (got != pid)
		return "waitpid lost the test";
	if (WIFSIGNALED(status))
		snprintf(why, sizeof why, "ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0)
		snprintf(why, sizeof why, "exit status %d, see above", WEXITSTATUS(status));
	else if (left > 0)
		snprintf(why, sizeof why, "it left %d process%s running", left, left > 1 ? "es" : "");
	else
		return NULL;
	return why;
}

static void run_test_and_power_off(char *name)
{
	char file[32], test_case[64];
	const char *dot, *why;
	char *colon = strchr(name, ':');

	if (colon) {
		*colon = '\0';
		snprintf(words, sizeof words, "TEST_WORDS=%s", colon + 1);
	}
	dot = strchr(name, '.');
	if (dot == NULL || (size_t)(dot - name) >= sizeof file)
		why = "no such test: NAME.case is needed";
	else {
		strlcpy(file, name, (size_t)(dot - name) + 1);
		strlcpy(test_case, dot + 1, sizeof test_case);
		touch_own_memory();
		nanosleep(2000000); /* the kernel's thread that started this program ends */
		if (audit(AUDIT_SNAPSHOT) < 0)
			why = "audit: no snapshot";
		else {
			why = run_test(file, test_case);
			sync();
			if (audit(AUDIT_CHECK) < 0)
				why = why ? why : "audit: an invariant is broken, see above";
			if (audit(AUDIT_COMPARE) < 0)
				why = why ? why : "audit: something is leaked, see above";
		}
	}
	if (why)
		printf("not ok user.%s: %s\n", name, why);
	else
		printf("ok user.%s\n", name);
	fflush(stdout);
	reboot(why ? REBOOT_FAIL : REBOOT_POWEROFF);
}

int main(int argc, char **argv)
{
	open_console();
	if (argc > 2 && strcmp(argv[2], "parallel") == 0)
		parallel = true;
	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], "test=", 5) == 0)
			run_test_and_power_off(argv[i] + 5);
	signal(SIGINT, SIG_IGN);
	run_shells();
}
