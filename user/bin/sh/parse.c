/*
 * From text to a tree: one function a line of the grammar in sh.h. After an
 * error everything seems to end, so that the functions just return.
 */
#include "lex.h"
#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#define DEEPEST 100 /* commands within commands: each costs stack here, and may cost a process later */

static int depth;

static struct node *parse_list(void);
static struct node *parse_and_or(void);
static struct node *parse_pipeline(void);
static struct node *parse_command(void);
static struct node *parse_simple(void);
static struct node *parse_if(void);
static struct node *parse_while(void);
static struct node *parse_for(void);
static struct node *parse_body(void);

struct parsed parse(const char *text)
{
	struct parsed p = { 0 };

	lex_start(text);
	depth = 0;
	p.list = parse_list();
	if (!lex_at_line_end()) /* one line after the other is taken: this closes nothing */
		lex_fail_here();
	lex_result(&p);
	return p;
}

static struct node *node_new(int kind, struct node *body)
{
	struct node *n = line_alloc(sizeof *n);

	n->kind = kind;
	n->body = body;
	return n;
}

static struct node *parse_list(void)
{
	struct node *list = NULL, **link = &list;

	for (lex_skip_lines(); !lex_at_closer(); lex_skip_lines()) {
		struct node *n = parse_and_or();

		if (lex_take("&"))
			n = node_new(BACKGROUND, n);
		else if (!lex_take(";") && !lex_at_line_end() && !lex_at_closer())
			lex_fail_here();
		*link = n;
		link = &n->next;
	}
	return list;
}

static struct node *parse_and_or(void)
{
	struct node *first = parse_pipeline(), **link = &first->next;

	for (;;) {
		bool and = lex_take("&&");

		if (!and && !lex_take("||"))
			break;
		lex_skip_lines();
		*link = parse_pipeline();
		(*link)->when = and ? IF_TRUE : IF_FALSE;
		link = &(*link)->next;
	}
	return first->next ? node_new(AND_OR, first) : first;
}

static struct node *parse_pipeline(void)
{
	bool inverted = lex_take_keyword("!");
	struct node *first = parse_command(), **link = &first->next;

	while (lex_take("|")) {
		lex_skip_lines();
		*link = parse_command();
		link = &(*link)->next;
	}
	if (first->next)
		first = node_new(PIPELINE, first);
	return inverted ? node_new(NOT, first) : first;
}

/* Adds the redirection at the front, if there is one, to the node's. */
static bool parse_redirect(struct node *n)
{
	struct redirect *r, **link;
	const char *operator;
	int fd;

	operator = lex_take_redirect(&fd);
	if (operator == NULL)
		return false;
	r = line_alloc(sizeof *r);
	r->fd = fd >= 0 ? fd : *operator == '>';
	r->flags = *operator == '<' ? O_RDONLY : operator[1] == '&' ? -1 :
		O_WRONLY | O_CREAT | (operator[1] == '>' ? O_APPEND : O_TRUNC);
	r->word = lex_take_word();
	if (r->word == NULL)
		lex_fail("a redirection needs a file");
	for (link = &n->redirects; *link; link = &(*link)->next)
		;
	*link = r;
	return true;
}

static struct node *parse_command(void)
{
	struct node *n;

	if (++depth > DEEPEST)
		lex_fail("commands are nested too deeply");
	if (lex_take("(")) {
		n = node_new(SUBSHELL, parse_body());
		if (!lex_take(")"))
			lex_fail(") is missing");
	} else if (lex_take_keyword("if"))
		n = parse_if();
	else if (lex_take_keyword("while"))
		n = parse_while();
	else if (lex_take_keyword("for"))
		n = parse_for();
	else
		n = parse_simple();
	while (parse_redirect(n))
		;
	depth--;
	return n;
}

static struct node *parse_simple(void)
{
	struct node *n = node_new(COMMAND, NULL);
	char *word;

	if (lex_at_closer()) /* a keyword is no word here */
		lex_fail_here();
	for (;;) {
		if (parse_redirect(n))
			continue;
		word = lex_take_word();
		if (word == NULL)
			break;
		words_add(&n->words, word);
	}
	if (n->words.count == 0 && n->redirects == NULL)
		lex_fail_here();
	return n;
}

static void expect_keyword(const char *keyword, const char *otherwise)
{
	if (!lex_take_keyword(keyword))
		lex_fail(otherwise);
}

/* Behind `if`. Each elif is an IF of its own, as what the one before does otherwise. */
static struct node *parse_if(void)
{
	struct node *first, **link = &first;

	do {
		*link = node_new(IF, NULL);
		(*link)->condition = parse_body();
		expect_keyword("then", "then is missing");
		(*link)->body = parse_body();
		link = &(*link)->otherwise;
	} while (lex_take_keyword("elif"));
	if (lex_take_keyword("else"))
		*link = parse_body();
	expect_keyword("fi", "fi is missing");
	return first;
}

/* The do ... done of a loop. */
static void parse_loop(struct node *n)
{
	expect_keyword("do", "do is missing");
	n->body = parse_body();
	expect_keyword("done", "done is missing");
}

static struct node *parse_while(void)
{
	struct node *n = node_new(WHILE, NULL);

	n->condition = parse_body();
	parse_loop(n);
	return n;
}

static struct node *parse_for(void)
{
	struct node *n = node_new(FOR, NULL);
	char *word;

	n->name = lex_take_word();
	if (n->name == NULL || *n->name == '\0' || name_length(n->name) != strlen(n->name))
		lex_fail("for needs a name");
	lex_skip_lines();
	expect_keyword("in", "in is missing");
	while ((word = lex_take_word()) != NULL)
		words_add(&n->words, word);
	lex_take(";");
	lex_skip_lines();
	parse_loop(n);
	return n;
}

/* A list inside a command: never empty. */
static struct node *parse_body(void)
{
	struct node *list = parse_list();

	if (list == NULL)
		lex_fail_here();
	return list;
}

size_t name_length(const char *s)
{
	size_t n = 0;

	if (!isdigit(*s))
		while (isalnum(s[n]) || s[n] == '_')
			n++;
	return n;
}
