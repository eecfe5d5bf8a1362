/* Running a tree. Each function gives the exit status of what it has run. */
#include "sh.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int last_status;
volatile bool interrupted;

static int loops;                /* that are running */
static enum loop_exit loop_exit; /* not STAY: break or continue has been said, lists end */

static int run(struct node *n);
static int run_inside(struct node *n);
static int run_simple(struct node *n);
static int run_child(struct node *n);
static int run_compound(struct node *n);
static int run_pipeline(struct node *n);
static int run_background(struct node *n);

/* A list or an and-or. */
int run_list(struct node *n)
{
	for (; n && !interrupted && loop_exit == STAY; n = n->next)
		if (n->when == ALWAYS || (n->when == IF_TRUE) == (last_status == 0))
			last_status = run(n);
	return last_status;
}

static int run(struct node *n)
{
	switch (n->kind) {
	case COMMAND:
		return run_simple(n);
	case SUBSHELL:
		return run_child(n);
	case IF:
	case WHILE:
	case FOR:
		return run_compound(n);
	case PIPELINE:
		return run_pipeline(n->body);
	case AND_OR:
		return run_list(n->body);
	case NOT:
		return run(n->body) == 0;
	case BACKGROUND:
		return run_background(n->body);
	}
	return 0;
}

/* ---- commands ---- */

static void assign(const char *name, const char *value)
{
	if (setenv(name, value, 1) < 0)
		fprintf(stderr, "sh: %s: %s\n", name, strerror(errno));
}

/* NAME=value words at the front of a command; how many there are. */
static int assignments(const struct node *n, bool carry_out)
{
	int i;

	for (i = 0; i < n->words.count; i++) {
		const char *word = n->words.at[i];
		size_t length = name_length(word);
		char *value;

		if (length == 0 || word[length] != '=')
			break;
		if (!carry_out)
			continue;
		value = expand_one(word);
		value[length] = '\0';
		assign(value, value + length + 1);
	}
	return i;
}

/* Replaces this process, a child of the shell, by the command. */
static __attribute__((noreturn)) void exec_node(struct node *n)
{
	struct words args = { 0 };
	builtin *b;
	int error;

	if (!redirect_all(n->redirects))
		_exit(1);
	if (n->kind != COMMAND)
		exit(run_inside(n));
	for (int i = assignments(n, true); i < n->words.count; i++)
		expand_into(n->words.at[i], &args);
	if (args.count == 0)
		_exit(0);
	b = builtin_find(args.at[0]);
	if (b)
		exit(b(args.count, args.at));
	execvp(args.at[0], args.at);
	error = errno;
	fprintf(stderr, "sh: %s: %s\n", args.at[0],
		error == ENOENT && !strchr(args.at[0], '/') ? "command not found" : strerror(error));
	_exit(error == ENOENT ? NOT_FOUND : CANNOT_RUN);
}

/* A builtin runs in the shell itself: its redirections are undone afterwards. */
static int run_builtin(builtin *b, const struct node *n, struct words *args)
{
	int mark = redirect_mark(), status = 1;

	fflush(stdout);
	if (redirect_for_now(n->redirects))
		status = b(args->count, args->at);
	fflush(stdout);
	redirect_undo(mark);
	return status;
}

/* A program or a subshell. */
static int run_child(struct node *n)
{
	pid_t pgid = 0, pid = job_fork(&pgid, true);

	if (pid < 0)
		return 1;
	if (pid == 0)
		exec_node(n);
	return job_done(job_wait(pid));
}

static int run_simple(struct node *n)
{
	struct chunk *mark = line_mark();
	struct words args = { 0 };
	builtin *b = NULL;
	int status = 0;

	for (int i = assignments(n, false); i < n->words.count; i++)
		expand_into(n->words.at[i], &args);
	if (args.count > 0)
		b = builtin_find(args.at[0]);
	if (b)
		status = run_builtin(b, n, &args);
	else if (args.count > 0 || n->redirects)
		status = run_child(n);
	else
		assignments(n, true);
	line_free(mark);
	return status;
}

/* ---- if, while, for ---- */

bool loop_leave(enum loop_exit how)
{
	if (loops == 0)
		return false;
	loop_exit = how;
	return true;
}

/* Once through the body; false: the loop ends. */
static bool loop_body(struct node *n)
{
	bool go_on;

	run_list(n->body);
	go_on = loop_exit != BREAK && !interrupted;
	loop_exit = STAY;
	return go_on;
}

static int run_if(struct node *n)
{
	for (; n && n->kind == IF; n = n->otherwise) {
		if (run_list(n->condition) == 0)
			return run_list(n->body);
		if (interrupted || loop_exit != STAY)
			return last_status;
	}
	return n ? run_list(n) : 0;
}

static int run_while(struct node *n)
{
	int status = 0;

	loops++;
	while (run_list(n->condition) == 0 && !interrupted && loop_exit == STAY) {
		bool go_on = loop_body(n);

		status = last_status;
		if (!go_on)
			break;
	}
	loop_exit = STAY; /* a break in the condition */
	loops--;
	return interrupted ? INTERRUPTED : status;
}

static int run_for(struct node *n)
{
	struct chunk *mark = line_mark();
	struct words values = { 0 };

	for (int i = 0; i < n->words.count; i++)
		expand_into(n->words.at[i], &values);
	last_status = 0;
	loops++;
	for (int i = 0; i < values.count; i++) {
		assign(n->name, values.at[i]);
		if (!loop_body(n))
			break;
	}
	loops--;
	line_free(mark);
	return last_status;
}

/* What is inside the command, in this process and without its redirections. */
static int run_inside(struct node *n)
{
	switch (n->kind) {
	case SUBSHELL:
		return run_list(n->body);
	case IF:
		return run_if(n);
	case WHILE:
		return run_while(n);
	case FOR:
		return run_for(n);
	default:
		return run(n);
	}
}

static int run_compound(struct node *n)
{
	int mark = redirect_mark(), status = 1;

	if (redirect_for_now(n->redirects))
		status = run_inside(n);
	redirect_undo(mark);
	return status;
}

/* ---- several processes ---- */

/* Starts one process of a pipeline, from `input` (-1: the shell's own) to a pipe, whose end to read it gives. */
static pid_t start_stage(struct node *n, int input, int *output, pid_t *pgid)
{
	int fds[2] = { -1, -1 };
	pid_t pid;

	*output = -1;
	if (n->next && pipe(fds) < 0) {
		fprintf(stderr, "sh: pipe: %s\n", strerror(errno));
		return -1;
	}
	pid = job_fork(pgid, true);
	if (pid == 0) {
		if (input >= 0) {
			dup2(input, 0);
			close(input);
		}
		if (n->next) {
			close(fds[0]);
			dup2(fds[1], 1);
			close(fds[1]);
		}
		exec_node(n);
	}
	if (n->next)
		close(fds[1]);
	*output = fds[0];
	return pid;
}

/* All are started before any is waited for; the status is the last one's. */
static int run_pipeline(struct node *first)
{
	int count = 0, started = 0, input = -1, output, status = 1;
	pid_t *pids, pgid = 0;

	for (struct node *n = first; n; n = n->next)
		count++;
	pids = line_alloc((size_t)count * sizeof *pids);
	for (struct node *n = first; n; n = n->next) {
		pid_t pid = start_stage(n, input, &output, &pgid);

		if (input >= 0)
			close(input);
		input = output;
		if (pid < 0)
			break;
		pids[started++] = pid;
	}
	if (input >= 0) /* the next stage did not start */
		close(input);
	for (int i = 0; i < started; i++)
		status = job_wait(pids[i]);
	status = job_done(status);
	return started == count ? status : 1;
}

static int run_background(struct node *n)
{
	pid_t pgid = 0, pid = job_fork(&pgid, false);
	int null;

	if (pid < 0)
		return 1;
	if (pid == 0) {
		if (!interactive)
			signal(SIGINT, SIG_IGN);
		null = open("/dev/null", O_RDONLY); /* what is typed is not for it */
		if (null > 0) {
			dup2(null, 0);
			close(null);
		}
		if (n->kind == COMMAND || n->kind == SUBSHELL)
			exec_node(n);
		exit(run(n));
	}
	if (interactive && !in_child)
		fprintf(stderr, "[%d]\n", pid);
	return 0;
}
