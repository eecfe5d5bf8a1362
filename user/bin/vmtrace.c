/*
 * vmtrace [-a] COMMAND [ARGUMENT...]: runs a command with the trace on and
 * prints what it did, then exits as it did. -a: what everybody did meanwhile.
 */
#include <errno.h>
#include <pagoda.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME_AND_TEXT(id, text, a, b) [TRACE_##id] = { #id, text, a, b },
static const struct { const char *id, *text, *a, *b; } steps[TRACE_MAX] = { TRACE_STEPS(NAME_AND_TEXT) };

static struct trace_event events[256];

static void show(const struct trace_event *e, uint64_t start)
{
	if (e->lost)
		printf("-- %u events of hart %u were overwritten\n", e->lost, e->hart);
	printf("%6llu %10llu hart %u pid %d.%d ", (unsigned long long)e->seq, (unsigned long long)(e->time - start), e->hart, e->pid, e->tid);
	if (e->step == TRACE_NONE || e->step >= TRACE_MAX) {
		printf("step %u?\n", e->step);
		return;
	}
	printf("%-9s %s", steps[e->step].id, steps[e->step].text);
	if (*steps[e->step].a)
		printf("; %s %#llx", steps[e->step].a, (unsigned long long)e->a);
	if (*steps[e->step].b)
		printf(", %s %#llx", steps[e->step].b, (unsigned long long)e->b);
	putchar('\n');
}

/* Takes what is in the ring; prints the child's, or all but our own. */
static void drain(pid_t child, bool all, bool print)
{
	static uint64_t start;
	int n;

	while ((n = vmtrace(TRACE_OP_READ, events, sizeof events / sizeof events[0])) > 0)
		for (int i = 0; i < n && print; i++) {
			if (start == 0)
				start = events[i].time;
			if (all ? events[i].pid != getpid() : events[i].pid == child)
				show(&events[i], start);
		}
}

int main(int argc, char **argv)
{
	bool all = argc > 1 && strcmp(argv[1], "-a") == 0;
	char **command = argv + 1 + all;
	int status, go[2];
	pid_t child;
	char c;

	if (command >= argv + argc) {
		fprintf(stderr, "usage: vmtrace [-a] COMMAND [ARGUMENT...]\n");
		return 2;
	}
	if (pipe(go) < 0 || (child = fork()) < 0) {
		perror("vmtrace");
		return 1;
	}
	if (child == 0) { /* starts when the trace is on */
		close(go[1]);
		read(go[0], &c, 1);
		close(go[0]);
		execvp(command[0], command);
		fprintf(stderr, "vmtrace: %s: %s\n", command[0], strerror(errno));
		_exit(127);
	}
	close(go[0]);
	drain(child, all, false);
	if (vmtrace(TRACE_OP_ON, NULL, 0) < 0) {
		perror("vmtrace");
		status = W_EXITCODE(1, 0);
		close(go[1]);
		waitpid(child, NULL, 0);
	} else {
		close(go[1]);
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
		vmtrace(TRACE_OP_OFF, NULL, 0);
		drain(child, all, true);
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
