/* xv6's calls on processes and memory. */
#include "kernel/param.h"
#include "kernel/riscv.h"
#include "raw.h"
#include "safe.h"
#include "user/user.h"

#include <abi/stats.h>

#define TICK 100000000UL /* ns: a tick of xv6's clock */
#define MEMORY_KEPT 256  /* frames that sbrk() leaves to the system */

static uint64 gauge(int which)
{
	static uint64 values[STAT_MAX];

	__sys_vmstat(values, STAT_MAX);
	return values[which];
}

int exit(int status)
{
	__sys_exit(status);
	__builtin_unreachable();
}

int fork(void)
{
	long pid = gauge(STAT_procs) >= NPROC ? -1 : __sys_fork();

	return pid < 0 ? -1 : (int)pid;
}

/* xv6 passes exit()'s argument on; of ours eight bits arrive, seen as a signed number. */
int wait(int *status)
{
	int ended;
	long pid;

	do
		pid = __sys_waitpid(-1, status ? status : &ended, 0); /* a bad pointer is the kernel's to find */
	while (pid == -RAW_EINTR);
	if (pid < 0)
		return -1;
	if (status)
		*status = (*status & 0x7f) ? -1 : (signed char)(*status >> 8);
	return (int)pid;
}

int kill(int pid) { return pid > 0 && __sys_kill(pid, RAW_SIGKILL) == 0 ? 0 : -1; }
int getpid(void) { return (int)__sys_getpid(); }

int sleep(int ticks)
{
	return ticks > 0 && __sys_nanosleep((uint64)ticks * TICK) < 0 ? -1 : 0;
}

int pause(int ticks) { return sleep(ticks); }
int uptime(void) { return (int)((uint64)__sys_clock() / TICK); }

/* An xv6 process's arguments fit its stack of one page. False: they do not, or a pointer is bad. */
static int arguments_fit(char **argv)
{
	static char text[PGSIZE];
	int used = 0, count = 0;
	char *arg;

	for (;; count++) {
		int n;

		if (count >= MAXARG || __safe_pointer(&arg, &argv[count]) < 0)
			return 0;
		if (arg == 0)
			return 1;
		n = __safe_string(text, arg, (int)sizeof text);
		used += (n + 1 + 15) / 16 * 16 + 8;
		if (n < 0 || used > PGSIZE - 16)
			return 0;
	}
}

int exec(const char *path, char **argv)
{
	static char *no_environment[1];
	char copy[MAXPATH];

	if (__safe_string(copy, path, MAXPATH) < 0 || !arguments_fit(argv))
		return -1;
	__sys_execve(copy, argv, no_environment);
	if (copy[0] != '/') { /* xv6 has its programs in the root */
		char in_bin[MAXPATH + 5] = "/bin/";

		strcpy(in_bin + 5, copy);
		__sys_execve(in_bin, argv, no_environment);
	} else if (strchr(copy + 1, '/') == 0) {
		char in_bin[MAXPATH + 5] = "/bin";

		strcpy(in_bin + 4, copy);
		__sys_execve(in_bin, argv, no_environment);
	}
	return -1;
}

char *sbrklazy(int n)
{
	long old = __sys_sbrk(n);

	return old < 0 ? SBRK_ERROR : (char *)old;
}

/* xv6 gives memory at once or fails: so each page is touched here, when there are enough. */
char *sbrk(int n)
{
	char *old;

	if (n > 0 && (uint64)n / PGSIZE + MEMORY_KEPT > gauge(STAT_pages_free))
		return SBRK_ERROR;
	old = sbrklazy(n);
	if (n > 0 && old != SBRK_ERROR)
		for (char *p = (char *)PGROUNDUP((uint64)old); p < old + n; p += PGSIZE)
			*(volatile char *)p = 0;
	return old;
}
