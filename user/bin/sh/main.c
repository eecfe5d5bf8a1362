/*
 * sh [-c COMMANDS | FILE] [ARGUMENT...]
 *
 * Where commands come from: the terminal, with prompts; a script; an argument.
 * Lines are gathered until they are complete, then parsed and run.
 */
#include "sh.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool interactive;
pid_t shell_pid;
int script_argc;
char **script_argv;

static void run_file(int fd, const char *name);
static bool run_text(const char *text, bool may_go_on, const char *name, int line);

static void interrupt(int sig)
{
	(void)sig;
	interrupted = true;
}

/* Owns the terminal; ^C stops what runs in the shell itself, and a line that is being typed. */
static void be_interactive(void)
{
	struct sigaction action = { .sa_handler = interrupt }; /* no SA_RESTART: a read ends */

	interactive = true;
	setpgid(0, 0);
	tcsetpgrp(0, getpid());
	sigaction(SIGINT, &action, NULL);
}

int main(int argc, char **argv)
{
	shell_pid = getpid();
	script_argc = argc;
	script_argv = argv;
	if (argc == 1) {
		if (isatty(0) == 1)
			be_interactive();
		run_file(0, NULL);
		if (interactive)
			putchar('\n');
	} else if (strcmp(argv[1], "-c") != 0) {
		int fd = open(argv[1], O_RDONLY), kept = fd < 0 ? -1 : fd_keep(fd);

		if (kept < 0) {
			fprintf(stderr, "sh: %s: %s\n", argv[1], strerror(errno));
			return NOT_FOUND;
		}
		script_argc = argc - 1;
		script_argv = argv + 1;
		run_file(kept, argv[1]);
	} else if (argc == 2) {
		fprintf(stderr, "usage: sh [-c COMMANDS | FILE] [ARGUMENT...]\n");
		return SYNTAX_ERROR;
	} else {
		script_argc = argc > 3 ? argc - 3 : 1;
		script_argv = argc > 3 ? argv + 3 : argv;
		run_text(argv[2], false, NULL, 0);
	}
	exit(last_status);
}

/*
 * Adds the next line of fd to the text; false at the end. A byte at a time: what
 * follows belongs to the commands that the line starts.
 */
static bool read_line(int fd, struct text *t, const char *name)
{
	char c;
	ssize_t n;

	for (;;) {
		n = read(fd, &c, 1);
		if (n < 0 && errno == EINTR && !interrupted)
			continue;
		if (n < 0 && errno != EINTR) {
			fprintf(stderr, "sh: %s: %s\n", name ? name : "input", strerror(errno));
			last_status = CANNOT_RUN;
		}
		if (n <= 0)
			return false;
		if (c != '\0')
			text_add(t, c);
		if (c == '\n')
			return true;
	}
}

static void prompt(const char *s)
{
	if (!interactive)
		return;
	jobs_collect();
	fputs(s, stdout);
	fflush(stdout);
}

/* Reads and runs commands until the end of input. name: of a script, or NULL. */
static void run_file(int fd, const char *name)
{
	int line = 1; /* where the text starts */
	bool more = true;

	while (more) {
		struct chunk *mark = line_mark();
		struct text t = { 0 };
		int lines = 0;

		interrupted = false;
		prompt("$ ");
		more = read_line(fd, &t, name);
		lines++;
		while (!run_text(text_string(&t), more, name, line)) {
			prompt("> ");
			more = read_line(fd, &t, name);
			lines++;
		}
		/* Neither ^C nor an end of input in the middle of a command ends an interactive shell. */
		if (interrupted) {
			last_status = INTERRUPTED;
			more = true;
		} else if (interactive && lines > 1)
			more = true;
		line += lines;
		line_free(mark);
	}
}

/* Parses and runs a text, which starts at that line. false: it goes on in the next line, nothing was run. */
static bool run_text(const char *text, bool may_go_on, const char *name, int line)
{
	struct chunk *mark = line_mark();
	struct parsed p;

	if (interrupted) /* while it was being typed */
		return true;
	p = parse(text);
	if (p.incomplete && may_go_on) {
		line_free(mark);
		return false;
	}
	if (p.error) {
		if (name)
			fprintf(stderr, "sh: %s:%d: syntax error: %s\n", name, line + p.line - 1, p.error);
		else
			fprintf(stderr, "sh: syntax error: %s\n", p.error);
		last_status = SYNTAX_ERROR;
	} else
		run_list(p.list);
	line_free(mark);
	return true;
}
