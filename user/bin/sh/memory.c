/*
 * Memory: what is allocated while a text is run, and freed with it, newest
 * first. So nothing in the shell frees a single string.
 */
#include "sh.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct chunk {
	struct chunk *next;
	char bytes[] __attribute__((aligned(16)));
};

static struct chunk *chunks; /* the newest first */

struct chunk *line_mark(void) { return chunks; }

void *line_alloc(size_t size)
{
	struct chunk *c = calloc(1, sizeof *c + size);

	if (c == NULL) {
		fprintf(stderr, "sh: out of memory\n");
		exit(1);
	}
	c->next = chunks;
	chunks = c;
	return c->bytes;
}

void line_free(struct chunk *mark)
{
	while (chunks != mark) {
		struct chunk *c = chunks;

		chunks = c->next;
		free(c);
	}
}

void text_add(struct text *t, char c)
{
	if (t->used + 1 >= t->size) {
		size_t size = 2 * t->size + 64;
		char *bigger = line_alloc(size);

		if (t->used > 0)
			memcpy(bigger, t->at, t->used);
		t->at = bigger;
		t->size = size;
	}
	t->at[t->used++] = c;
	t->at[t->used] = '\0';
}

void text_add_string(struct text *t, const char *s)
{
	while (*s)
		text_add(t, *s++);
}

char *text_string(struct text *t)
{
	return t->at ? t->at : line_alloc(1);
}

void words_add(struct words *w, char *word)
{
	if ((w->count & (w->count - 1)) == 0) { /* full at each power of two */
		char **bigger = line_alloc(((size_t)w->count * 2 + 2) * sizeof *bigger);

		if (w->count > 0)
			memcpy(bigger, w->at, (size_t)w->count * sizeof *bigger);
		w->at = bigger;
	}
	w->at[w->count++] = word;
	w->at[w->count] = NULL;
}
