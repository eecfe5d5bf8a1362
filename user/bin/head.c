/* head [-n LINES] [FILE...]: the first lines. */
#include <stdio.h>
#include <string.h>

#include "number.h"

static void show(FILE *in, long lines)
{
	int c;

	while (lines > 0 && (c = getc(in)) != EOF) {
		putchar(c);
		lines -= c == '\n';
	}
}

int main(int argc, char **argv)
{
	long lines = 10;
	int first = 1, status = 0;

	if (argc > 2 && strcmp(argv[1], "-n") == 0 && parse_number(argv[2], &lines))
		first = 3;
	else if (argc > 1 && argv[1][0] == '-' && argv[1][1]) {
		if (!parse_number(argv[1] + 1, &lines)) {
			fprintf(stderr, "usage: head [-n LINES] [FILE...]\n");
			return 2;
		}
		first = 2;
	}
	if (first == argc)
		show(stdin, lines);
	for (int i = first; i < argc; i++) {
		FILE *in = fopen(argv[i], "r");

		if (in == NULL) {
			fprintf(stderr, "head: %s: %s\n", argv[i], strerror(errno));
			status = 1;
			continue;
		}
		if (argc - first > 1)
			printf("%s==> %s <==\n", i > first ? "\n" : "", argv[i]);
		show(in, lines);
		fclose(in);
	}
	return status;
}
