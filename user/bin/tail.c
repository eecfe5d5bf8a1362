/* tail [-n LINES] [FILE]: the last lines. Keeps what it reads, so that a pipe will do. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "number.h"

static int fail(const char *name)
{
	fprintf(stderr, "tail: %s: %s\n", name, strerror(errno));
	return 1;
}

int main(int argc, char **argv)
{
	size_t used = 0, size = 0, from;
	char *text = NULL;
	long lines = 10;
	int first = 1, fd = 0;
	ssize_t n;

	if (argc > 2 && strcmp(argv[1], "-n") == 0 && parse_number(argv[2], &lines))
		first = 3;
	else if (argc > 1 && argv[1][0] == '-' && parse_number(argv[1] + 1, &lines))
		first = 2;
	if (argc > first + 1 || (argc > first && argv[first][0] == '-')) {
		fprintf(stderr, "usage: tail [-n LINES] [FILE]\n");
		return 2;
	}
	if (argc > first && (fd = open(argv[first], O_RDONLY)) < 0)
		return fail(argv[first]);

	for (;;) {
		if (size - used < 4096) {
			text = realloc(text, size = 2 * size + 8192);
			if (text == NULL)
				return fail("its input");
		}
		n = read(fd, text + used, size - used);
		if (n < 0)
			return fail("its input");
		if (n == 0)
			break;
		used += (size_t)n;
	}
	from = used;
	while (from > 0 && (lines > 0 || text[from - 1] != '\n')) {
		from--;
		if (text[from] == '\n' && from + 1 < used && --lines <= 0) {
			from++;
			break;
		}
	}
	fwrite(text + from, 1, used - from, stdout);
	return 0;
}
