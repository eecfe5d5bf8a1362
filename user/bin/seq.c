/* seq [FIRST [STEP]] LAST: counts. */
#include <stdio.h>

#include "number.h"

int main(int argc, char **argv)
{
	long first = 1, step = 1, last = 0;
	bool good = argc >= 2 && argc <= 4 && parse_number(argv[argc - 1], &last);

	if (argc >= 3)
		good = good && parse_number(argv[1], &first);
	if (argc == 4)
		good = good && parse_number(argv[2], &step) && step != 0;
	if (!good) {
		fprintf(stderr, "usage: seq [FIRST [STEP]] LAST\n");
		return 2;
	}
	for (long n = first; step > 0 ? n <= last : n >= last; n += step)
		printf("%ld\n", n);
	return 0;
}
