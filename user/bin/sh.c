/*
 * sh: the shell.
 *
 *	line      = list of and-or, with ; or & or newline between them
 *	and-or    = pipeline && pipeline || ...
 *	pipeline  = [!] command | command ...
 *	command   = words and redirections, or ( line )
 *
 * Words know '...', "...", \c, $NAME ${NAME} $? $$ $# $0 to $9, and the
 * patterns * ? [...]. Redirections: < > >> 2> 2>> >&2 2>&1, and N in front.
 *
 * A line is parsed into a tree, which is then run. In a terminal each job is a
 * process group of its own, the foreground one owns the terminal's interrupt
 * key. What a line allocates is freed when the line is done.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SYNTAX_ERROR 2
#define INTERRUPTED 130

struct redirect {
	int fd;
	int flags;    /* for open(); -1: word is a descriptor to copy */
	char *word;
	struct redirect *next;
};

enum kind { COMMAND, SUBSHELL, PIPE, AND, OR, NOT, SEQUENCE, BACKGROUND };

struct node {
	enum kind kind;
	struct node *left, *right;
	char **words; /* of a command, as written */
	int word_count;
	struct redirect *redirects;
};

static int last_status;
static int ended_by;       /* the signal that ended the job waited for last, or 0 */
static bool interactive;
static pid_t shell_pid;   /* $$, in its children too */
static bool in_child;      /* a forked copy of the shell: jobs are the parent's business */
static int script_argc;
static char **script_argv; /* $0, $1 ... */

/* ---- memory of one line ---- */

static struct chunk { struct chunk *next; } *chunks;

static void *line_alloc(size_t size)
{
	struct chunk *c = calloc(1, sizeof *c + 8 + size);

	if (c == NULL) {
		fprintf(stderr, "sh: out of memory\n");
		exit(1);
	}
	c->next = chunks;
	chunks = c;
	return (char *)c + 16;
}

static void line_free(struct chunk *until)
{
	while (chunks != until) {
		struct chunk *c = chunks;

		chunks = c->next;
		free(c);
	}
}

/* ---- a buffer that grows ---- */

struct text {
	char *at;
	size_t used, size;
};

static void text_add(struct text *t, char c)
{
	if (t->used + 1 >= t->size) {
		char *bigger = line_alloc(2 * t->size + 64);

		if (t->used > 0)
			memcpy(bigger, t->at, t->used);
		t->at = bigger;
		t->size = 2 * t->size + 64;
	}
	t->at[t->used++] = c;
	t->at[t->used] = '\0';
}

static void text_add_string(struct text *t, const char *s)
{
	while (*s)
		text_add(t, *s++);
}

/* ---- parsing ---- */

static const char *at;    /* what is still to be parsed */
static const char *parse_error; /* NULL: none so far */
static bool parse_wants_more;   /* the text ended where more must follow */

static struct node *parse_list(void);

static void syntax_error(const char *why)
{
	if (parse_error == NULL) {
		parse_error = why;
		parse_wants_more = *at == '\0';
	}
}

static void skip_blanks(void)
{
	while (*at == ' ' || *at == '\t' || *at == '\r' || (at[0] == '\\' && at[1] == '\n'))
		at += *at == '\\' ? 2 : 1;
	if (*at == '#')
		while (*at && *at != '\n')
			at++;
}

static void skip_lines(void)
{
	for (skip_blanks(); *at == '\n'; skip_blanks())
		at++;
}

static bool at_operator(void) { return strchr(";&|()<>\n", *at) != NULL; /* the end too */ }

static bool take(const char *operator)
{
	size_t n = strlen(operator);

	skip_blanks();
	if (strncmp(at, operator, n) != 0)
		return false;
	at += n;
	return true;
}

/* A word as written, quotes and all. */
static char *parse_word(void)
{
	struct text t = { 0 };
	char quote;

	while (!at_operator() && *at != ' ' && *at != '\t' && *at != '\r') {
		if (*at == '\\' && at[1]) {
			text_add(&t, *at++);
			text_add(&t, *at++);
		} else if (*at == '\'' || *at == '"') {
			quote = *at;
			text_add(&t, *at++);
			while (*at && *at != quote) {
				if (quote == '"' && *at == '\\' && at[1])
					text_add(&t, *at++);
				text_add(&t, *at++);
			}
			if (*at == '\0') {
				syntax_error("a quote is not closed");
				return t.at;
			}
			text_add(&t, *at++);
		} else
			text_add(&t, *at++);
	}
	return t.at;
}

/* [N]< [N]> [N]>> [N]>&M: true when there is one at the front. */
static bool parse_redirect(struct node *n)
{
	struct redirect *r, **link;
	const char *p = at;
	int fd = -1;

	while (isdigit(*p))
		p++;
	if (*p != '<' && *p != '>')
		return false;
	if (p > at)
		fd = atoi(at);
	at = p;

	r = line_alloc(sizeof *r);
	if (take("<")) {
		r->fd = fd < 0 ? 0 : fd;
		r->flags = O_RDONLY;
	} else {
		r->fd = fd < 0 ? 1 : fd;
		if (take(">>"))
			r->flags = O_WRONLY | O_CREAT | O_APPEND;
		else if (take(">&"))
			r->flags = -1;
		else {
			take(">");
			r->flags = O_WRONLY | O_CREAT | O_TRUNC;
		}
	}
	skip_blanks();
	if (at_operator()) {
		syntax_error("a redirection needs a file");
		return true;
	}
	r->word = parse_word();
	for (link = &n->redirects; *link; link = &(*link)->next)
		;
	*link = r;
	return true;
}

static struct node *new_node(enum kind kind, struct node *left, struct node *right)
{
	struct node *n = line_alloc(sizeof *n);

	n->kind = kind;
	n->left = left;
	n->right = right;
	return n;
}

static void add_word(char ***words, int *count, char *word)
{
	if ((*count & (*count - 1)) == 0) { /* full at each power of two */
		char **bigger = line_alloc((size_t)(*count ? 2 * *count : 1) * sizeof *bigger + sizeof *bigger);

		if (*count > 0)
			memcpy(bigger, *words, (size_t)*count * sizeof *bigger);
		*words = bigger;
	}
	(*words)[(*count)++] = word;
	(*words)[*count] = NULL;
}

static struct node *parse_command(void)
{
	struct node *n = new_node(COMMAND, NULL, NULL);

	if (take("(")) {
		n->kind = SUBSHELL;
		n->left = parse_list();
		if (!take(")"))
			syntax_error(") is missing");
		for (skip_blanks(); !parse_error && parse_redirect(n); skip_blanks())
			;
		return n;
	}
	for (skip_blanks(); !parse_error; skip_blanks()) {
		if (parse_redirect(n))
			continue;
		if (at_operator())
			break;
		add_word(&n->words, &n->word_count, parse_word());
	}
	if (n->word_count == 0 && n->redirects == NULL)
		syntax_error("a command is missing");
	return n;
}

static struct node *parse_pipeline(void)
{
	bool inverted = take("! ");
	struct node *n = parse_command();

	while (!parse_error && (skip_blanks(), at[0] == '|' && at[1] != '|')) {
		at++;
		skip_lines();
		n = new_node(PIPE, n, parse_command());
	}
	return inverted ? new_node(NOT, n, NULL) : n;
}

static struct node *parse_and_or(void)
{
	struct node *n = parse_pipeline();

	while (!parse_error) {
		enum kind kind;

		if (take("&&"))
			kind = AND;
		else if (take("||"))
			kind = OR;
		else
			break;
		skip_lines();
		n = new_node(kind, n, parse_pipeline());
	}
	return n;
}

/* Commands up to the end, or to a closing parenthesis. NULL: none. */
static struct node *parse_list(void)
{
	struct node *list = NULL, *n;

	for (skip_lines(); *at && *at != ')' && !parse_error; skip_lines()) {
		n = parse_and_or();
		skip_blanks();
		if (*at == '&') {
			at++;
			n = new_node(BACKGROUND, n, NULL);
		} else if (*at == ';')
			at++;
		else if (*at && *at != '\n' && *at != ')')
			syntax_error("what is this?");
		list = list ? new_node(SEQUENCE, list, n) : n;
	}
	return list;
}

/* ---- expansion of words ---- */

/* Expanded text keeps a mark before each character that was quoted and would mean something in a pattern. */
#define MARK '\001'

static void add_quoted(struct text *t, char c)
{
	if (strchr("*?[]", c) && c)
		text_add(t, MARK);
	text_add(t, c);
}

/* $NAME and its like at *p, which moves behind it. Blanks in the value do not split the word. */
static void expand_variable(struct text *t, const char **p, bool quoted)
{
	char name[64], number[16];
	const char *s = *p + 1, *value = NULL;
	size_t n = 0;
	bool braces = *s == '{';

	if (braces)
		s++;
	if (*s == '?' || *s == '$' || *s == '#') {
		snprintf(number, sizeof number, "%d", *s == '?' ? last_status : *s == '$' ? shell_pid : script_argc - 1);
		value = number;
		s++;
	} else if (isdigit(*s)) {
		int i = *s++ - '0';

		value = i < script_argc ? script_argv[i] : "";
	} else if (isalpha(*s) || *s == '_') {
		while ((isalnum(*s) || *s == '_') && n < sizeof name - 1)
			name[n++] = *s++;
		name[n] = '\0';
		value = getenv(name);
		if (value == NULL)
			value = "";
	}
	if (value == NULL || (braces && *s != '}')) { /* a plain dollar */
		text_add(t, '$');
		++*p;
		return;
	}
	*p = s + braces;
	while (*value) {
		if (quoted)
			add_quoted(t, *value++);
		else
			text_add(t, *value++);
	}
}

/* Quotes go, variables come. *pattern: an unquoted * ? or [ is left in it. */
static char *expand_word(const char *p, bool *pattern)
{
	struct text t = { 0 };
	char quote = '\0';

	text_add(&t, '\0');
	t.used = 0;
	*pattern = false;
	while (*p) {
		if (quote == '\0' && (*p == '\'' || *p == '"'))
			quote = *p++;
		else if (*p == quote) {
			quote = '\0';
			p++;
		} else if (quote == '\'')
			add_quoted(&t, *p++);
		else if (*p == '$')
			expand_variable(&t, &p, quote != '\0');
		else if (*p == '\\' && p[1] && (quote == '\0' || strchr("\\\"$`", p[1]))) {
			add_quoted(&t, p[1]);
			p += 2;
		} else if (quote)
			add_quoted(&t, *p++);
		else
			text_add(&t, *p++);
	}
	for (char *c = t.at; *c; c++) {
		if (*c == MARK)
			c++;
		else if (strchr("*?[", *c))
			*pattern = true;
	}
	return t.at;
}

static char *unmark(const char *s)
{
	struct text t = { 0 };

	text_add(&t, '\0');
	t.used = 0;
	for (; *s; s++)
		if (*s != MARK)
			text_add(&t, *s);
	return t.at;
}

static bool matches(const char *p, const char *s)
{
	for (; *p; p++, s++) {
		if (*p == '*') {
			for (p++;; s++) {
				if (matches(p, s))
					return true;
				if (*s == '\0')
					return false;
			}
		}
		if (*s == '\0')
			return false;
		if (*p == '[' && strchr(p + 1, ']')) {
			bool found = false, inverted = p[1] == '!';

			for (p += 1 + inverted; *p != ']'; p++) {
				if (p[1] == '-' && p[2] != ']' && p[2]) {
					found |= *s >= p[0] && *s <= p[2];
					p += 2;
				} else
					found |= *p == *s;
			}
			if (found == inverted)
				return false;
			continue;
		}
		if (*p == '?')
			continue;
		if (*p == MARK)
			p++;
		if (*p != *s)
			return false;
	}
	return *s == '\0';
}

static int compare_words(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Adds the paths that start with `base` (done already) and go on as `rest` says. */
static void glob_from(const char *base, const char *rest, char ***words, int *count)
{
	size_t n = strcspn(rest, "/");
	char *part = line_alloc(n + 1);
	struct dirent *e;
	DIR *d;

	memcpy(part, rest, n);
	d = opendir(*base ? base : ".");
	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		struct text t = { 0 };
		struct stat st;

		if ((e->d_name[0] == '.' && part[0] != '.') || !matches(part, e->d_name))
			continue;
		text_add_string(&t, base);
		text_add_string(&t, e->d_name);
		if (rest[n] == '\0')
			add_word(words, count, t.at);
		else if (stat(t.at, &st) == 0 && S_ISDIR(st.st_mode)) {
			text_add(&t, '/');
			glob_from(t.at, rest + n + strspn(rest + n, "/"), words, count);
		}
	}
	closedir(d);
}

/* All words of a command; a pattern that matches nothing stays as it is. */
static char **expand_words(const struct node *n, int first, int *count)
{
	char **words = NULL;

	*count = 0;
	for (int i = first; i < n->word_count; i++) {
		bool pattern;
		char *w = expand_word(n->words[i], &pattern);
		int before = *count;

		if (*w == '\0' && n->words[i][0] == '$')
			continue; /* an unset variable alone is no word */
		if (pattern) {
			bool rooted = *w == '/';

			glob_from(rooted ? "/" : "", w + rooted, &words, count);
		}
		if (*count == before)
			add_word(&words, count, unmark(w));
		else
			qsort(words + before, (size_t)(*count - before), sizeof *words, compare_words);
	}
	if (words == NULL)
		words = line_alloc(sizeof *words);
	return words;
}

/* ---- running ---- */

static int run(struct node *n);

static int status_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool redirect_one(const struct redirect *r)
{
	bool pattern;
	char *word = unmark(expand_word(r->word, &pattern));
	int fd;

	if (r->flags == -1) {
		if (!isdigit(word[0]) || dup2(atoi(word), r->fd) < 0) {
			fprintf(stderr, "sh: %s: %s\n", word, strerror(EBADF));
			return false;
		}
		return true;
	}
	fd = open(word, r->flags);
	if (fd < 0) {
		fprintf(stderr, "sh: %s: %s\n", word, strerror(errno));
		return false;
	}
	if (fd != r->fd) {
		dup2(fd, r->fd);
		close(fd);
	}
	return true;
}

static bool redirect_all(const struct node *n)
{
	for (struct redirect *r = n->redirects; r; r = r->next)
		if (!redirect_one(r))
			return false;
	return true;
}

/* fork for a job. pgid: its process group, 0 for a new one, -1 for the shell's own. */
static pid_t fork_job(pid_t *pgid, bool foreground)
{
	bool grouped = interactive && !in_child && *pgid >= 0;
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
		signal(SIGINT, SIG_DFL);
	}
	return pid;
}

static int wait_job(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	ended_by = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	return status_of(status);
}

/* The terminal is the shell's again; says how the job ended if a signal did it. */
static int job_done(int status)
{
	if (interactive && !in_child) {
		tcsetpgrp(0, getpid());
		if (ended_by)
			fprintf(stderr, "%s\n", ended_by == SIGINT ? "" : strsignal(ended_by));
	}
	return status;
}

/* NAME=value words at the front of a command; how many there are. */
static int assignments(const struct node *n, bool carry_out)
{
	int i;

	for (i = 0; i < n->word_count; i++) {
		const char *w = n->words[i], *p = w;
		bool pattern;
		char *whole;

		if (!isalpha(*p) && *p != '_')
			break;
		while (isalnum(*p) || *p == '_')
			p++;
		if (*p != '=')
			break;
		if (!carry_out)
			continue;
		whole = unmark(expand_word(w, &pattern));
		whole[p - w] = '\0';
		setenv(whole, whole + (p - w) + 1, 1);
	}
	return i;
}

static int builtin_cd(int argc, char **argv)
{
	const char *to = argc > 1 ? argv[1] : getenv("HOME");

	if (to == NULL)
		to = "/";
	if (chdir(to) == 0)
		return 0;
	fprintf(stderr, "cd: %s: %s\n", to, strerror(errno));
	return 1;
}

static int builtin_exit(int argc, char **argv) { exit(argc > 1 ? atoi(argv[1]) & 0xff : last_status); }

static int builtin_wait(int argc, char **argv)
{
	int status;
	pid_t pid;

	if (argc > 1)
		return wait_job(atoi(argv[1]));
	do
		pid = waitpid(-1, &status, 0);
	while (pid > 0 || errno == EINTR);
	return 0;
}

static int builtin_pwd(int argc, char **argv)
{
	char path[PATH_MAX];

	(void)argc, (void)argv;
	if (getcwd(path, sizeof path) == NULL) {
		perror("pwd");
		return 1;
	}
	puts(path);
	fflush(stdout);
	return 0;
}

static int builtin_export(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		char *value = strchr(argv[i], '=');

		if (value) {
			*value++ = '\0';
			setenv(argv[i], value, 1);
		}
	}
	return 0;
}

static int builtin_unset(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		unsetenv(argv[i]);
	return 0;
}

static int builtin_colon(int argc, char **argv) { (void)argc, (void)argv; return 0; }

static const struct builtin {
	const char *name;
	int (*run)(int argc, char **argv);
} builtins[] = {
	{ "cd", builtin_cd },
	{ "exit", builtin_exit },
	{ "wait", builtin_wait },
	{ "pwd", builtin_pwd },
	{ "export", builtin_export },
	{ "unset", builtin_unset },
	{ ":", builtin_colon },
};

static const struct builtin *find_builtin(const char *name)
{
	for (size_t i = 0; i < sizeof builtins / sizeof builtins[0]; i++)
		if (strcmp(name, builtins[i].name) == 0)
			return &builtins[i];
	return NULL;
}

#define SAVED_FD 60 /* where a builtin's descriptors wait meanwhile */

/* A builtin runs in the shell itself: its redirections are undone afterwards. */
static int run_builtin(const struct builtin *b, const struct node *n, int argc, char **argv)
{
	bool saved[3];
	int status;

	fflush(stdout);
	for (int fd = 0; fd < 3; fd++)
		saved[fd] = n->redirects && dup2(fd, SAVED_FD + fd) >= 0;
	status = redirect_all(n) ? b->run(argc, argv) : 1;
	fflush(stdout);
	for (int fd = 0; fd < 3; fd++)
		if (saved[fd]) {
			dup2(SAVED_FD + fd, fd);
			close(SAVED_FD + fd);
		}
	return status;
}

/* Replaces this process by the command. Never returns. */
static void exec_command(struct node *n)
{
	int first, argc;
	char **argv;

	if (!redirect_all(n))
		_exit(1);
	if (n->kind == SUBSHELL)
		exit(n->left ? run(n->left) : 0);
	first = assignments(n, true);
	argv = expand_words(n, first, &argc);
	if (argc == 0)
		_exit(0);
	if (find_builtin(argv[0]))
		exit(find_builtin(argv[0])->run(argc, argv));
	execvp(argv[0], argv);
	fprintf(stderr, "sh: %s: %s\n", argv[0], errno == ENOENT && !strchr(argv[0], '/') ? "command not found" : strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static int run_command(struct node *n)
{
	pid_t pgid = 0, pid;

	if (n->kind == COMMAND) {
		int first = assignments(n, false), argc;
		const struct builtin *b;
		char **argv;

		if (n->word_count == first && n->redirects == NULL) {
			assignments(n, true);
			return 0;
		}
		argv = expand_words(n, first, &argc);
		b = argc > 0 ? find_builtin(argv[0]) : NULL;
		if (b)
			return run_builtin(b, n, argc, argv);
	}
	pid = fork_job(&pgid, true);
	if (pid < 0)
		return 1;
	if (pid == 0)
		exec_command(n);
	return job_done(wait_job(pid));
}

/* The processes of a pipeline, all started before any is waited for; its status is the last one's. */
static int run_pipeline(struct node *n)
{
	struct node *stages[64];
	pid_t pids[64], pgid = 0;
	int count = 0, started = 0, input = -1, status = 1;

	for (; n->kind == PIPE && count < 63; n = n->left)
		stages[count++] = n->right;
	stages[count++] = n;
	if (n->kind == PIPE) {
		fprintf(stderr, "sh: pipeline too long\n");
		return SYNTAX_ERROR;
	}

	for (int i = count - 1; i >= 0; i--) {
		int fds[2] = { -1, -1 };

		if (i > 0 && pipe(fds) < 0) {
			perror("sh: pipe");
			break;
		}
		pids[started] = fork_job(&pgid, true);
		if (pids[started] == 0) {
			if (input >= 0) {
				dup2(input, 0);
				close(input);
			}
			if (i > 0) {
				close(fds[0]);
				dup2(fds[1], 1);
				close(fds[1]);
			}
			exec_command(stages[i]);
		}
		if (input >= 0)
			close(input);
		if (i > 0)
			close(fds[1]);
		input = fds[0];
		if (pids[started] < 0)
			break;
		started++;
	}
	if (input >= 0)
		close(input);
	for (int i = 0; i < started; i++)
		status = wait_job(pids[i]);
	return job_done(started == count ? status : 1);
}

static int run_background(struct node *n)
{
	pid_t pgid = 0, pid = fork_job(&pgid, false);
	int null;

	if (pid < 0)
		return 1;
	if (pid == 0) {
		if (!interactive) {
			signal(SIGINT, SIG_IGN);
			null = open("/dev/null", O_RDONLY);
			if (null > 0) {
				dup2(null, 0);
				close(null);
			}
		}
		if (n->kind == COMMAND)
			exec_command(n);
		exit(run(n));
	}
	if (interactive && !in_child)
		fprintf(stderr, "[%d]\n", pid);
	return 0;
}

static int run(struct node *n)
{
	switch (n->kind) {
	case COMMAND:
	case SUBSHELL:
		last_status = run_command(n);
		break;
	case PIPE:
		last_status = run_pipeline(n);
		break;
	case AND:
		if (run(n->left) == 0)
			run(n->right);
		break;
	case OR:
		if (run(n->left) != 0)
			run(n->right);
		break;
	case NOT:
		last_status = run(n->left) == 0;
		break;
	case SEQUENCE:
		run(n->left);
		if (!(interactive && last_status == INTERRUPTED)) /* ^C ends the whole line */
			run(n->right);
		break;
	case BACKGROUND:
		last_status = run_background(n->left);
		break;
	}
	return last_status;
}

/* ---- where lines come from ---- */

enum outcome { RAN, INCOMPLETE };

/* Parses and runs a text. INCOMPLETE: it goes on in the next line, nothing was run. */
static enum outcome run_text(const char *text, bool may_go_on)
{
	struct chunk *before = chunks;
	enum outcome outcome = RAN;
	struct node *list;

	at = text;
	parse_error = NULL;
	list = parse_list();
	if (*at == ')')
		syntax_error("this ) closes nothing");
	if (parse_error && parse_wants_more && may_go_on)
		outcome = INCOMPLETE;
	else if (parse_error) {
		fprintf(stderr, "sh: syntax error: %s\n", parse_error);
		last_status = SYNTAX_ERROR;
	} else if (list)
		run(list);
	line_free(before);
	return outcome;
}

static void collect_background(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (interactive)
			fprintf(stderr, "[%d] done, status %d\n", pid, status_of(status));
}

/*
 * Adds the next line of fd to the text; false at the end. A byte at a time: what
 * follows belongs to the commands that the line starts.
 */
static bool read_line(int fd, struct text *t)
{
	char c;
	ssize_t n;

	for (;;) {
		n = read(fd, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		text_add(t, c);
		if (c == '\n')
			return true;
	}
}

/* Reads commands until the end of input. */
static void run_file(int fd)
{
	bool more = true;

	while (more) {
		struct chunk *before = chunks;
		struct text t = { 0 };

		text_add(&t, '\n');
		do {
			if (interactive) {
				collect_background();
				fputs(t.used > 1 ? "> " : "$ ", stdout);
				fflush(stdout);
			}
			more = read_line(fd, &t);
		} while (run_text(t.at, more) == INCOMPLETE);
		line_free(before);
	}
}

int main(int argc, char **argv)
{
	int fd = 0;

	shell_pid = getpid();
	script_argc = argc;
	script_argv = argv;
	if (argc > 1 && strcmp(argv[1], "-c") == 0) {
		if (argc == 2) {
			fprintf(stderr, "usage: sh [-c COMMANDS | FILE] [ARGUMENT...]\n");
			return SYNTAX_ERROR;
		}
		script_argc = argc > 3 ? argc - 3 : 1;
		script_argv = argc > 3 ? argv + 3 : argv;
		run_text(argv[2], false);
		exit(last_status);
	}
	if (argc > 1) {
		fd = open(argv[1], O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			fprintf(stderr, "sh: %s: %s\n", argv[1], strerror(errno));
			return 127;
		}
		script_argc = argc - 1;
		script_argv = argv + 1;
	}
	interactive = argc == 1 && isatty(0) == 1;
	if (interactive) {
		setpgid(0, 0);
		tcsetpgrp(0, getpid());
		signal(SIGINT, SIG_IGN);
	}
	run_file(fd);
	if (interactive)
		putchar('\n');
	exit(last_status);
}
