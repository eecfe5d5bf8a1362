/*
 * Patterns: * is any text, ? any character, [a-z] one of these, [!a-z] none of
 * these. A character behind a MARK stands for itself.
 */
#include "sh.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void files_from(const char *base, const char *rest, struct words *out);

bool pattern_is(const char *marked)
{
	for (const char *p = marked; *p; p++) {
		if (*p == MARK)
			p++;
		else if (strchr("*?[", *p))
			return true;
	}
	return false;
}

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

void pattern_files(const char *marked, struct words *out)
{
	int before = out->count;

	if (*marked == '/')
		files_from("/", marked + strspn(marked, "/"), out);
	else
		files_from("", marked, out);
	if (out->count > before)
		qsort(out->at + before, (size_t)(out->count - before), sizeof *out->at, compare);
}

/* Adds the paths that start with `base`, a directory, and go on as the pattern `rest` says. */
static void files_from(const char *base, const char *rest, struct words *out)
{
	size_t n = strcspn(rest, "/");
	char *part = memcpy(line_alloc(n + 1), rest, n);
	bool hidden = part[part[0] == MARK] == '.'; /* only who says so gets those */
	struct dirent *e;
	DIR *d = opendir(*base ? base : ".");

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		struct text t = { 0 };
		struct stat st;

		if ((e->d_name[0] == '.' && !hidden) || !pattern_matches(part, e->d_name))
			continue;
		text_add_string(&t, base);
		text_add_string(&t, e->d_name);
		if (rest[n] == '/') {
			const char *behind = rest + n + strspn(rest + n, "/");

			if (stat(t.at, &st) < 0 || !S_ISDIR(st.st_mode))
				continue;
			text_add(&t, '/');
			if (*behind) {
				files_from(t.at, behind, out);
				continue;
			}
		}
		words_add(out, t.at);
	}
	closedir(d);
}

static char element_character(const char **p)
{
	if (**p == MARK)
		++*p;
	return *(*p)++;
}

/* p is behind a [. Is c in the class? Moves p behind the ], or to NULL if there is none. */
static bool class_has(const char **p, char c)
{
	const char *s = *p + (**p == '!'), *first = s;
	bool inverted = **p == '!', found = false;

	while (*s && (*s != ']' || s == first)) {
		char low = element_character(&s), high = low;

		if (s[0] == '-' && s[1] && s[1] != ']') {
			s++;
			high = element_character(&s);
		}
		found |= c >= low && c <= high;
	}
	*p = *s ? s + 1 : NULL;
	return found != inverted;
}

/* Does what p starts with, no *, match the character? Moves p behind it. */
static bool element_matches(const char **p, char c)
{
	if (**p == '[') {
		const char *s = *p + 1;
		bool has = class_has(&s, c);

		if (s) {
			*p = s;
			return has;
		}
	} else if (**p == '?') {
		++*p;
		return true;
	}
	return element_character(p) == c;
}

bool pattern_matches(const char *p, const char *s)
{
	const char *star = NULL, *resume = NULL; /* behind the last *, and where it ends in s so far */

	while (*s) {
		if (*p == '*') {
			star = ++p;
			resume = s;
		} else if (*p && element_matches(&p, *s))
			s++;
		else if (star) { /* that * takes one more */
			p = star;
			s = ++resume;
		} else
			return false;
	}
	return p[strspn(p, "*")] == '\0';
}
