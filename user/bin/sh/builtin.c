/* Commands that the shell runs itself, since they change or look at its own state. */
#include "sh.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int complain(const char *who, const char *what, const char *why, int status)
{
	fprintf(stderr, "%s: %s: %s\n", who, what, why);
	return status;
}

static int do_cd(int argc, char **argv)
{
	const char *to = argc > 1 ? argv[1] : getenv("HOME");

	if (to == NULL)
		to = "/";
	return chdir(to) == 0 ? 0 : complain("cd", to, strerror(errno), 1);
}

static int do_pwd(int argc, char **argv)
{
	char path[PATH_MAX];

	(void)argc;
	if (getcwd(path, sizeof path) == NULL)
		return complain(argv[0], "the current folder", strerror(errno), 1);
	puts(path);
	return 0;
}

static bool number(const char *s, long *n)
{
	char *end;

	*n = strtol(s, &end, 10);
	return *s && *end == '\0';
}

static int do_exit(int argc, char **argv)
{
	long status = last_status;

	if (argc > 1 && !number(argv[1], &status))
		status = complain("exit", argv[1], "not a number", SYNTAX_ERROR);
	exit(status & 0xff);
}

static int do_wait(int argc, char **argv)
{
	pid_t pid;
	int status;
	long n = -1;

	if (argc > 1 && (!number(argv[1], &n) || n <= 0))
		return complain("wait", argv[1], "not a process id", SYNTAX_ERROR);
	do
		pid = waitpid((pid_t)n, &status, 0);
	while (!interrupted && (pid < 0 ? errno == EINTR : n < 0));
	if (interrupted)
		return INTERRUPTED;
	return n < 0 ? 0 : pid < 0 ? NOT_FOUND : status_of(status);
}

/* All variables are handed to commands; export can give them values, too. */
static int do_export(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		size_t n = name_length(argv[i]);

		if (n == 0 || (argv[i][n] && argv[i][n] != '='))
			return complain("export", argv[i], "not a name", 1);
		if (argv[i][n] == '\0')
			continue;
		argv[i][n] = '\0';
		if (setenv(argv[i], argv[i] + n + 1, 1) < 0)
			return complain("export", argv[i], strerror(errno), 1);
	}
	return 0;
}

static int do_unset(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		unsetenv(argv[i]);
	return 0;
}

static int do_nothing(int argc, char **argv) { (void)argc, (void)argv; return 0; }

static int leave_loop(const char *name, enum loop_exit how)
{
	if (loop_leave(how))
		return 0;
	fprintf(stderr, "%s: there is no loop\n", name);
	return 1;
}

static int do_break(int argc, char **argv) { (void)argc; return leave_loop(argv[0], BREAK); }
static int do_continue(int argc, char **argv) { (void)argc; return leave_loop(argv[0], CONTINUE); }

/* ---- test EXPRESSION, [ EXPRESSION ] ---- */

static int test_one(const char *operator, const char *of)
{
	struct stat st;

	if (strcmp(operator, "-n") == 0)
		return *of == '\0';
	if (strcmp(operator, "-z") == 0)
		return *of != '\0';
	if (strcmp(operator, "-e") == 0)
		return stat(of, &st) < 0;
	if (strcmp(operator, "-f") == 0)
		return stat(of, &st) < 0 || !S_ISREG(st.st_mode);
	if (strcmp(operator, "-d") == 0)
		return stat(of, &st) < 0 || !S_ISDIR(st.st_mode);
	return complain("test", operator, "no such test", SYNTAX_ERROR);
}

static int test_two(const char *left, const char *operator, const char *right)
{
	static const char *const names[] = { "-eq", "-ne", "-lt", "-ge", "-gt", "-le" };
	long a, b;

	if (strcmp(operator, "=") == 0)
		return strcmp(left, right) != 0;
	if (strcmp(operator, "!=") == 0)
		return strcmp(left, right) == 0;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		bool holds;

		if (strcmp(operator, names[i]) != 0)
			continue;
		if (!number(left, &a) || !number(right, &b))
			return complain("test", number(left, &a) ? right : left, "not a number", SYNTAX_ERROR);
		holds = i < 2 ? a == b : i < 4 ? a < b : a > b; /* each second one is the opposite */
		return holds == (i % 2 != 0);
	}
	return complain("test", operator, "no such test", SYNTAX_ERROR);
}

static int do_test(int argc, char **argv)
{
	bool inverted;
	int status;

	if (argv[0][0] == '[' && strcmp(argv[--argc], "]") != 0)
		return complain("[", argv[argc], "] has to be last", SYNTAX_ERROR);
	argv++, argc--;
	inverted = argc > 1 && strcmp(argv[0], "!") == 0;
	if (inverted)
		argv++, argc--;
	switch (argc) {
	case 0:
		return 1;
	case 1:
		status = argv[0][0] == '\0';
		break;
	case 2:
		status = test_one(argv[0], argv[1]);
		break;
	case 3:
		status = test_two(argv[0], argv[1], argv[2]);
		break;
	default:
		return complain("test", argv[3], "too many arguments", SYNTAX_ERROR);
	}
	return inverted && status < SYNTAX_ERROR ? !status : status;
}

static const struct {
	const char *name;
	builtin *run;
} builtins[] = {
	{ ":", do_nothing }, { "[", do_test }, { "break", do_break }, { "cd", do_cd }, { "continue", do_continue },
	{ "exit", do_exit }, { "export", do_export }, { "pwd", do_pwd }, { "test", do_test }, { "unset", do_unset },
	{ "wait", do_wait },
};

builtin *builtin_find(const char *name)
{
	for (size_t i = 0; i < sizeof builtins / sizeof builtins[0]; i++)
		if (strcmp(name, builtins[i].name) == 0)
			return builtins[i].run;
	return NULL;
}
