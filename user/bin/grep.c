/*
 * grep [-v] [-i] [-n] [-c] [-q] [-F] PATTERN [FILE...]: lines that match. 0: some, 1: none, 2: an error.
 *
 * A pattern is made of characters, . [...] [^...] \c, each with * + or ? behind
 * it if wanted, ^ in front and $ at the end. Matching backtracks.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define LINE_SIZE 4096

static bool inverted, ignore_case, numbered, counting, quiet, fixed, named;
static char line[LINE_SIZE];

static int fold(int c) { return ignore_case ? tolower(c) : c; }

/* The length of the pattern's first element. */
static size_t element_length(const char *p)
{
	size_t n;

	if (*p == '\\' && p[1])
		return 2;
	if (*p != '[')
		return 1;
	n = 1 + (p[1] == '^');
	if (p[n] == ']')
		n++;
	while (p[n] && p[n] != ']')
		n++;
	return p[n] ? n + 1 : 1;
}

static bool class_matches(const char *p, size_t n, int c)
{
	bool found = false, negated = p[1] == '^';
	size_t i = 1 + negated;

	for (; i < n - 1; i++) {
		if (p[i + 1] == '-' && i + 2 < n - 1) {
			found |= c >= fold(p[i]) && c <= fold(p[i + 2]);
			i += 2;
		} else
			found |= c == fold(p[i]);
	}
	return found != negated;
}

static bool element_matches(const char *p, size_t n, int c)
{
	if (c == '\0')
		return false;
	c = fold(c);
	if (*p == '[' && n > 1)
		return class_matches(p, n, c);
	if (*p == '\\' && n == 2)
		return c == fold(p[1]);
	return *p == '.' || c == fold(*p);
}

static bool match_here(const char *p, const char *s)
{
	for (;;) {
		size_t n, least, most, have = 0;
		char times;

		if (*p == '\0')
			return true;
		if (p[0] == '$' && p[1] == '\0')
			return *s == '\0';
		n = element_length(p);
		times = p[n];
		if (times != '*' && times != '+' && times != '?') {
			if (!element_matches(p, n, *s))
				return false;
			p += n;
			s++;
			continue;
		}
		least = times == '+';
		most = times == '?' ? 1 : LINE_SIZE;
		while (have < most && element_matches(p, n, s[have]))
			have++;
		for (; have + 1 > least; have--) { /* the longest first */
			if (match_here(p + n + 1, s + have))
				return true;
			if (have == 0)
				break;
		}
		return false;
	}
}

static bool fixed_here(const char *p, const char *s)
{
	for (; *p; p++, s++)
		if (fold(*p) != fold(*s))
			return false;
	return true;
}

static bool match(const char *p, const char *s)
{
	if (!fixed && *p == '^')
		return match_here(p + 1, s);
	for (;; s++) {
		if (fixed ? fixed_here(p, s) : match_here(p, s))
			return true;
		if (*s == '\0')
			return false;
	}
}

/* How many lines matched. */
static unsigned long search(const char *pattern, FILE *in, const char *name)
{
	unsigned long number = 0, found = 0;

	while (fgets(line, sizeof line, in)) {
		number++;
		line[strcspn(line, "\n")] = '\0';
		if (match(pattern, line) == inverted)
			continue;
		found++;
		if (quiet || counting)
			continue;
		if (named)
			printf("%s:", name);
		if (numbered)
			printf("%lu:", number);
		puts(line);
	}
	if (counting) {
		if (named)
			printf("%s:", name);
		printf("%lu\n", found);
	}
	return found;
}

int main(int argc, char **argv)
{
	unsigned long found = 0;
	int first = 1, status = 0;
	const char *pattern;

	for (; first < argc && argv[first][0] == '-' && argv[first][1]; first++)
		for (const char *o = argv[first] + 1; *o; o++) {
			inverted |= *o == 'v';
			ignore_case |= *o == 'i';
			numbered |= *o == 'n';
			counting |= *o == 'c';
			quiet |= *o == 'q';
			fixed |= *o == 'F';
			if (!strchr("vincqF", *o))
				argc = first;
		}
	if (first >= argc) {
		fprintf(stderr, "usage: grep [-vincqF] PATTERN [FILE...]\n");
		return 2;
	}
	pattern = argv[first++];
	named = argc - first > 1;
	if (first == argc)
		found = search(pattern, stdin, "");
	for (int i = first; i < argc; i++) {
		FILE *in = fopen(argv[i], "r");

		if (in == NULL) {
			fprintf(stderr, "grep: %s: %s\n", argv[i], strerror(errno));
			status = 2;
			continue;
		}
		found += search(pattern, in, argv[i]);
		if (ferror(in)) {
			fprintf(stderr, "grep: %s: cannot be read\n", argv[i]);
			status = 2;
		}
		fclose(in);
	}
	return status ? status : found == 0;
}
