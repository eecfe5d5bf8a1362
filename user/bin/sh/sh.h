/*
 * sh: the shell. What its parts share.
 *
 *	list      = and-or, with ; or & or newline behind each
 *	and-or    = pipeline && pipeline || ...
 *	pipeline  = [!] command | command ...
 *	command   = words and redirections, or one of these, then redirections:
 *	            ( list )
 *	            if list then list [elif list then list]... [else list] fi
 *	            while list do list done
 *	            for NAME in words do list done
 *
 * A text is made into a tree (lex.c, parse.c), which is then run (run.c, and
 * redirect.c, job.c, builtin.c). Words stay in the tree as they were written and
 * are expanded each time that they are used (expand.c, pattern.c). main.c is
 * where texts come from. What a text allocates is freed with it (memory.c).
 */
#ifndef SH_H
#define SH_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SYNTAX_ERROR 2
#define CANNOT_RUN 126
#define NOT_FOUND 127
#define INTERRUPTED (128 + SIGINT)

/* ---- the state of the shell: main.c, run.c, job.c ---- */

extern bool interactive;   /* reads from a terminal */
extern bool in_child;      /* a forked copy of the shell: the terminal is its parent's business */
extern pid_t shell_pid;    /* $$, in copies too */
extern int script_argc;
extern char **script_argv; /* $0, $1 ... */
extern int last_status;    /* $? */
extern volatile bool interrupted; /* ^C: whatever runs in an interactive shell stops */

/* ---- memory.c ---- */

struct chunk;
struct chunk *line_mark(void);
void *line_alloc(size_t size); /* zeroed; never fails, the shell ends instead */
void line_free(struct chunk *mark); /* what was allocated after the mark */

struct text { /* a string that grows; zeroed, it is empty */
	char *at;
	size_t used, size;
};
void text_add(struct text *t, char c);
void text_add_string(struct text *t, const char *s);
char *text_string(struct text *t); /* never NULL */

struct words { /* zeroed, it is empty; otherwise at[count] is NULL */
	char **at;
	int count;
};
void words_add(struct words *w, char *word);

/* ---- parse.c ---- */

struct redirect {
	int fd;
	int flags;    /* for open(); -1: word is a descriptor to copy */
	char *word;
	struct redirect *next;
};

struct node {
	enum { COMMAND, SUBSHELL, IF, WHILE, FOR, PIPELINE, AND_OR, NOT, BACKGROUND } kind;
	enum { ALWAYS, IF_TRUE, IF_FALSE } when; /* in an and-or: how the one before has to end */
	struct node *next;      /* in a list, an and-or or a pipeline */
	struct node *body;      /* what is inside; NULL in a COMMAND */
	struct node *condition; /* IF and WHILE */
	struct node *otherwise; /* IF: the next IF (elif), or a list (else), or NULL */
	char *name;             /* FOR */
	struct words words;     /* COMMAND and FOR */
	struct redirect *redirects;
};

struct parsed {
	struct node *list;  /* NULL: no commands */
	const char *error;  /* NULL: none; good until the next text */
	int line;           /* of the text, where the error is; from 1 */
	bool incomplete;    /* the error is that the text ends too early */
};
struct parsed parse(const char *text);

/* How many characters at the front of s could be a variable's name. */
size_t name_length(const char *s);

/* ---- expand.c ---- */

void expand_into(const char *word, struct words *out); /* any number of words */
char *expand_one(const char *word);

/* ---- pattern.c ---- */

/* In expanded text: before a character that was quoted, and stands for itself in a pattern. */
#define MARK '\001'

bool pattern_is(const char *marked);
void pattern_files(const char *marked, struct words *out); /* sorted paths, maybe none */
bool pattern_matches(const char *marked, const char *s);

/* ---- redirect.c ---- */

int fd_keep(int fd); /* moved out of the way of redirections; or -1 */
bool redirect_all(const struct redirect *r);
int redirect_mark(void);
bool redirect_for_now(const struct redirect *r); /* until redirect_undo(), on failure too */
void redirect_undo(int mark);
void redirect_forget(void); /* in a child: closes what is kept */

/* ---- job.c ---- */

pid_t job_fork(pid_t *pgid, bool foreground); /* *pgid is 0 for the first process of a job */
int job_wait(pid_t pid);  /* the exit status of one process */
int job_done(int status); /* all of a foreground job has ended; the status */
int status_of(int wait_status);
void jobs_collect(void);

/* ---- run.c ---- */

int run_list(struct node *n);
enum loop_exit { STAY, BREAK, CONTINUE };
bool loop_leave(enum loop_exit how); /* false: no loop is running */

/* ---- builtin.c ---- */

typedef int builtin(int argc, char **argv);
builtin *builtin_find(const char *name);

#endif
