/* wc [-l] [-w] [-c] [FILE...]: counts lines, words and bytes. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool want_lines, want_words, want_bytes;
static char buf[8192];

struct counts { unsigned long lines, words, bytes; };

static int count(int fd, struct counts *c)
{
	bool in_word = false;
	ssize_t n;

	while ((n = read(fd, buf, sizeof buf)) > 0) {
		c->bytes += (size_t)n;
		for (ssize_t i = 0; i < n; i++) {
			c->lines += buf[i] == '\n';
			if (isspace(buf[i]))
				in_word = false;
			else if (!in_word) {
				in_word = true;
				c->words++;
			}
		}
	}
	return n < 0 ? -1 : 0;
}

static void show(const struct counts *c, const char *name)
{
	const char *gap = "";

	if (want_lines) {
		printf("%lu", c->lines);
		gap = " ";
	}
	if (want_words) {
		printf("%s%lu", gap, c->words);
		gap = " ";
	}
	if (want_bytes)
		printf("%s%lu", gap, c->bytes);
	printf("%s%s\n", *name ? " " : "", name);
}

int main(int argc, char **argv)
{
	struct counts total = { 0 };
	int first = 1, status = 0;

	for (; first < argc && argv[first][0] == '-' && argv[first][1]; first++)
		for (const char *o = argv[first] + 1; *o; o++) {
			want_lines |= *o == 'l';
			want_words |= *o == 'w';
			want_bytes |= *o == 'c';
			if (!strchr("lwc", *o)) {
				fprintf(stderr, "usage: wc [-lwc] [FILE...]\n");
				return 2;
			}
		}
	if (!want_lines && !want_words && !want_bytes)
		want_lines = want_words = want_bytes = true;

	if (first == argc) {
		if (count(0, &total) < 0) {
			perror("wc: input");
			return 1;
		}
		show(&total, "");
	}
	for (int i = first; i < argc; i++) {
		struct counts c = { 0 };
		int fd = open(argv[i], O_RDONLY);

		if (fd < 0 || count(fd, &c) < 0) {
			fprintf(stderr, "wc: %s: %s\n", argv[i], strerror(errno));
			status = 1;
		} else
			show(&c, argv[i]);
		if (fd >= 0)
			close(fd);
		total.lines += c.lines;
		total.words += c.words;
		total.bytes += c.bytes;
	}
	if (argc - first > 1)
		show(&total, "total");
	return status;
}
