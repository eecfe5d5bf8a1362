/*
 * Expansion: from a word as written to the words that a command gets. Quotes
 * go: '...', "...", \c. Variables come: $NAME ${NAME} $0 to $9 $# $? $$ $@.
 * Outside quotes a value is split at its blanks, and patterns become the names
 * of files; one that matches none stays as it is.
 */
#include "sh.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct expansion {
	struct text text;  /* of the word that is being made, with MARKs */
	bool is_word;      /* it is one even if it stays empty: there were quotes */
	struct words *out; /* NULL: all is one word, and no pattern */
};

static void add(struct expansion *e, char c, bool quoted)
{
	if ((quoted && c != '/') || c == MARK)
		text_add(&e->text, MARK);
	text_add(&e->text, c);
}

static char *without_marks(const char *s)
{
	struct text t = { 0 };

	for (; *s; s++) {
		if (*s == MARK)
			s++;
		text_add(&t, *s);
	}
	return text_string(&t);
}

static void end_word(struct expansion *e)
{
	const char *marked = text_string(&e->text);
	int before = e->out->count;

	if (e->text.used == 0 && !e->is_word)
		return;
	if (pattern_is(marked))
		pattern_files(marked, e->out);
	if (e->out->count == before)
		words_add(e->out, without_marks(marked));
	e->text = (struct text){ 0 };
	e->is_word = false;
}

static void add_value(struct expansion *e, const char *value, bool quoted)
{
	for (; *value; value++) {
		if (!quoted && e->out && strchr(" \t\n", *value))
			end_word(e);
		else
			add(e, *value, quoted);
	}
}

/* $@: each argument is a word of its own, in quotes too. */
static void add_arguments(struct expansion *e, bool quoted)
{
	if (script_argc == 1 && e->text.used == 0)
		e->is_word = false; /* "$@" of none is none */
	for (int i = 1; i < script_argc; i++) {
		if (i > 1 && e->out)
			end_word(e);
		else if (i > 1)
			add(e, ' ', quoted);
		e->is_word |= quoted;
		add_value(e, script_argv[i], quoted);
	}
}

/* The value of what *p starts with, and *p moves behind it. NULL: no variable. */
static const char *variable(const char **p)
{
	static char number[16];
	size_t n = name_length(*p);
	const char *s = *p;

	if (n > 0) {
		char *name = memcpy(line_alloc(n + 1), s, n), *value = getenv(name);

		*p += n;
		return value ? value : "";
	}
	if (*s == '\0' || !strchr("?$#0123456789", *s))
		return NULL;
	*p += 1;
	if (isdigit(*s))
		return *s - '0' < script_argc ? script_argv[*s - '0'] : "";
	snprintf(number, sizeof number, "%d", *s == '?' ? last_status : *s == '$' ? shell_pid : script_argc - 1);
	return number;
}

/* Behind a $. What is no variable is a plain dollar. */
static const char *expand_dollar(struct expansion *e, const char *p, bool quoted)
{
	bool braces = *p == '{';
	const char *s = p + braces, *value = NULL;
	bool arguments = *s == '@';

	if (arguments)
		s++;
	else
		value = variable(&s);
	if ((!arguments && value == NULL) || (braces && *s != '}')) {
		add(e, '$', true);
		return p;
	}
	if (arguments)
		add_arguments(e, quoted);
	else
		add_value(e, value, quoted);
	return s + braces;
}

static void expand(struct expansion *e, const char *p)
{
	char quote = '\0';

	while (*p) {
		if (quote == '\0' && (*p == '\'' || *p == '"')) {
			quote = *p++;
			e->is_word = true;
		} else if (*p == quote) {
			quote = '\0';
			p++;
		} else if (*p == '$' && quote != '\'')
			p = expand_dollar(e, p + 1, quote != '\0');
		else if (*p == '\\' && p[1] && (quote == '\0' || (quote == '"' && strchr("\\\"$`", p[1])))) {
			add(e, p[1], true);
			p += 2;
		} else
			add(e, *p++, quote != '\0');
	}
}

void expand_into(const char *word, struct words *out)
{
	struct expansion e = { .out = out };

	expand(&e, word);
	end_word(&e);
}

char *expand_one(const char *word)
{
	struct expansion e = { 0 };

	expand(&e, word);
	return without_marks(text_string(&e.text));
}
