/* sleep SECONDS: waits; a fraction is allowed. */
#include <ctype.h>
#include <pagoda.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	uint64_t ns = 0, unit = 1000000000;
	const char *p;

	if (argc != 2 || !(isdigit(argv[1][0]) || argv[1][0] == '.')) {
usage:
		fprintf(stderr, "usage: sleep SECONDS\n");
		return 2;
	}
	for (p = argv[1]; isdigit(*p); p++)
		ns = ns * 10 + (uint64_t)(*p - '0') * unit;
	if (*p == '.')
		for (p++; isdigit(*p); p++)
			ns += (uint64_t)(*p - '0') * (unit /= 10);
	if (*p)
		goto usage;
	return nanosleep(ns) < 0;
}
