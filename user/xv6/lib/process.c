/* xv6's calls on processes. */
#include "kernel/param.h"
#include "kernel/riscv.h"
#include "memory.h"
#include "path.h"
#include "raw.h"
#include "safe.h"
#include "user/user.h"

#include <abi/stats.h>

#define TICK 100000000UL      /* ns: a tick of xv6's clock */
#define FORK_TRIES 20         /* a full table may be full of what init is about to collect */
#define FORK_PAUSE 1000000UL  /* ns */
#define DEFAULT ((void (*)(int))0)
#define IGNORE ((void (*)(int))1)

void __xv6_exit(int status)
{
	__sys_exit(status);
}

int __xv6_fork(void)
{
	long pid;

	for (int tries = 0; __gauge(STAT_procs) >= NPROC; tries++) {
		if (tries == FORK_TRIES)
			return -1;
		__sys_nanosleep(FORK_PAUSE);
	}
	pid = __sys_fork();
	if (pid == 0)
		__credit_drop();
	return pid < 0 ? -1 : (int)pid;
}

/* exit()'s argument arrives whole; -1 also for a process that a signal ended. */
int __xv6_wait(int *status)
{
	int ended, kept;
	long pid;

	/* Before a child is collected: with a bad address xv6 keeps it. */
	if (status && (__safe_copy(&kept, status, sizeof kept) < 0 || __safe_copy(status, &kept, sizeof kept) < 0))
		return -1;
	do
		pid = __sys_waitpid(-1, &ended, RAW_WWHOLE);
	while (pid == -RAW_EINTR);
	if (pid < 0)
		return -1;
	if (status)
		*status = ended;
	return (int)pid;
}

int __xv6_kill(int pid) { return pid > 0 && __sys_kill(pid, RAW_SIGKILL) == 0 ? 0 : -1; }
int __xv6_getpid(void) { return (int)__sys_getpid(); }

int __xv6_sleep(int ticks)
{
	return ticks > 0 && __sys_nanosleep((uint64)ticks * TICK) < 0 ? -1 : 0;
}

int __xv6_pause(int ticks) { return __xv6_sleep(ticks); }
int __xv6_uptime(void) { return (int)((uint64)__sys_clock() / TICK); }

/* An xv6 process's arguments fit its stack of one page. False: they do not, or a pointer is bad. */
static int arguments_fit(char **argv)
{
	int used = 0, count = 0;
	char *arg;

	for (;; count++) {
		int n;

		if (count >= MAXARG || __safe_copy(&arg, &argv[count], sizeof arg) < 0)
			return 0;
		if (arg == 0)
			return used + (count * 8 + 8 + 15) / 16 * 16 <= PGSIZE;
		n = __safe_string(0, arg, PGSIZE);
		used += (n + 1 + 15) / 16 * 16;
		if (n < 0 || used > PGSIZE)
			return 0;
	}
}

/* The kernel's execve; xv6's programs start without an environment, others find their tools by it. */
static void execute(const char *path, char **argv)
{
	static const char *const environment[] = { "PATH=/bin", "HOME=/", 0 };

	__sys_execve(path, argv, (char **)environment);
}

int __xv6_exec(const char *path, char **argv)
{
	struct raw_sigaction pipe_action = { .handler = DEFAULT };
	char in_bin[MAXPATH + 5] = "/bin/", *copy = in_bin + 5;

	if (__path_take(copy, path) < 0 || !arguments_fit(argv))
		return -1;
	__sys_sigaction(RAW_SIGPIPE, &pipe_action, 0);
	execute(copy, argv);
	if (strchr(copy, '/') == 0)
		execute(in_bin, argv); /* xv6's tools are in the root; here also wherever one stands */
	pipe_action.handler = IGNORE;
	__sys_sigaction(RAW_SIGPIPE, &pipe_action, 0);
	return -1;
}
