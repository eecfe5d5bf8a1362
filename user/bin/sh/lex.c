/*
 * From characters to operators, keywords and words. Keywords mean something
 * only where a command may start, so it is the parser that asks for them.
 */
#include "lex.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text; /* all of it */
static const char *at;   /* what is still to be taken; after an error, its end */

static const char *error;
static const char *error_at;
static char error_text[80];

void lex_start(const char *s)
{
	text = at = s;
	error = NULL;
}

/* ---- errors ---- */

void lex_fail(const char *why)
{
	if (error)
		return;
	error = why;
	error_at = at;
	at += strlen(at);
}

void lex_fail_here(void)
{
	size_t n = strcspn(at, " \t\r\n;&|()<>");

	if (n == 0)
		n = 1;
	else if (n > 40)
		n = 40;
	if (lex_at_line_end())
		lex_fail("a command is missing");
	else if (error == NULL) {
		snprintf(error_text, sizeof error_text, "%.*s is not expected here", (int)n, at);
		lex_fail(error_text);
	}
}

bool lex_failed(void) { return error != NULL; }

void lex_result(struct parsed *p)
{
	p->error = error;
	p->line = 1;
	for (const char *s = text; error && s < error_at; s++)
		p->line += *s == '\n';
	p->incomplete = error && *error_at == '\0';
}

/* ---- what is between ---- */

/* A \ at the end of a line: the next one belongs to it. */
static bool skip_continuation(void)
{
	if (at[0] != '\\' || at[1] != '\n')
		return false;
	at += 2;
	if (*at == '\0')
		lex_fail("the last line ends in \\");
	return true;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static void skip_blanks(void)
{
	while (is_blank(*at) || skip_continuation())
		if (is_blank(*at))
			at++;
	if (*at == '#')
		at += strcspn(at, "\n");
}

void lex_skip_lines(void)
{
	for (skip_blanks(); *at == '\n'; skip_blanks())
		at++;
}

bool lex_at_line_end(void)
{
	skip_blanks();
	return *at == '\n' || *at == '\0';
}

/* ---- what is taken ---- */

static bool is_operator(char c) { return strchr(";&|()<>\n", c) != NULL; /* the end too */ }
static bool ends_word(char c) { return is_operator(c) || is_blank(c); }

bool lex_take(const char *operator)
{
	size_t n = strlen(operator);

	skip_blanks();
	if (strncmp(at, operator, n) != 0)
		return false;
	if (n == 1 && strchr("&|", *at) && at[1] == *at) /* && is no & */
		return false;
	at += n;
	return true;
}

static bool at_keyword(const char *keyword)
{
	size_t n = strlen(keyword);

	skip_blanks();
	return strncmp(at, keyword, n) == 0 && ends_word(at[n]);
}

bool lex_take_keyword(const char *keyword)
{
	if (!at_keyword(keyword))
		return false;
	at += strlen(keyword);
	return true;
}

bool lex_at_closer(void)
{
	static const char *const closers[] = { "then", "elif", "else", "fi", "do", "done" };

	skip_blanks();
	if (*at == '\0' || *at == ')')
		return true;
	for (size_t i = 0; i < sizeof closers / sizeof closers[0]; i++)
		if (at_keyword(closers[i]))
			return true;
	return false;
}

const char *lex_take_redirect(int *fd)
{
	static const char *const operators[] = { ">>", ">&", ">", "<" };
	const char *p;

	skip_blanks();
	p = at + strspn(at, "0123456789");
	if (*p != '<' && *p != '>')
		return NULL;
	*fd = p == at ? -1 : p - at > 4 ? 9999 : atoi(at);
	at = p;
	for (size_t i = 0;; i++)
		if (lex_take(operators[i]))
			return operators[i];
}

static void take_quoted(struct text *t)
{
	char quote = *at;

	text_add(t, *at++);
	while (*at && *at != quote) {
		if (quote == '"' && skip_continuation())
			continue;
		if (quote == '"' && *at == '\\' && at[1])
			text_add(t, *at++);
		text_add(t, *at++);
	}
	if (*at == '\0')
		lex_fail(quote == '"' ? "a \" is not closed" : "a ' is not closed");
	else
		text_add(t, *at++);
}

char *lex_take_word(void)
{
	struct text t = { 0 };

	skip_blanks();
	if (is_operator(*at))
		return NULL;
	while (!ends_word(*at)) {
		if (skip_continuation())
			continue;
		if (*at == '\'' || *at == '"') {
			take_quoted(&t);
			continue;
		}
		if (*at == '\\' && at[1])
			text_add(&t, *at++);
		text_add(&t, *at++);
	}
	return text_string(&t);
}
