/*
 * Jobs. In an interactive shell each is a process group of its own, and the
 * one in the foreground owns the terminal's interrupt key.
 */
#include "sh.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

bool in_child;
static int ended_by; /* the signal that ended the process waited for last, or 0 */

pid_t job_fork(pid_t *pgid, bool foreground)
{
	bool grouped = interactive && !in_child;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		fprintf(stderr, "sh: fork: %s\n", strerror(errno));
		return -1;
	}
	if (grouped) { /* parent and child both say it, so that neither runs ahead of it */
		setpgid(pid, *pgid);
		if (*pgid == 0)
			*pgid = pid ? pid : getpid();
		if (foreground)
			tcsetpgrp(0, *pgid);
	}
	if (pid == 0) {
		in_child = true;
		redirect_forget();
		if (interactive)
			signal(SIGINT, SIG_DFL);
	}
	return pid;
}

int status_of(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

int job_wait(pid_t pid)
{
	int status;

	ended_by = 0;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return NOT_FOUND;
	ended_by = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	return status_of(status);
}

int job_done(int status)
{
	if (!interactive || in_child)
		return status;
	tcsetpgrp(0, getpid());
	if (ended_by == SIGINT) /* of the whole line, not of this command alone */
		interrupted = true;
	else if (ended_by)
		fprintf(stderr, "%s\n", strsignal(ended_by));
	return status;
}

void jobs_collect(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		fprintf(stderr, "[%d] done, status %d\n", pid, status_of(status));
}
