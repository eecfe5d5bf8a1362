/* hexdump [FILE]: bytes in hexadecimal and as characters, sixteen a line. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	FILE *in = argc > 1 ? fopen(argv[1], "r") : stdin;
	unsigned char row[16];
	unsigned long offset = 0;
	size_t n;

	if (in == NULL) {
		fprintf(stderr, "hexdump: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	for (; (n = fread(row, 1, sizeof row, in)) > 0; offset += n) {
		printf("%08lx ", offset);
		for (size_t i = 0; i < sizeof row; i++) {
			if (i == 8)
				putchar(' ');
			if (i < n)
				printf(" %02x", row[i]);
			else
				printf("   ");
		}
		printf("  |");
		for (size_t i = 0; i < n; i++)
			putchar(isprint(row[i]) ? row[i] : '.');
		printf("|\n");
	}
	printf("%08lx\n", offset);
	return ferror(in) ? 1 : 0;
}
