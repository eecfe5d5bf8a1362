/* ln FROM TO: gives a file another name. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "target.h"

int main(int argc, char **argv)
{
	char path[PATH_MAX];

	if (argc != 3) {
		fprintf(stderr, "usage: ln FROM TO\n");
		return 2;
	}
	target_path(path, sizeof path, argv[1], argv[2]);
	if (link(argv[1], path) == 0)
		return 0;
	fprintf(stderr, "ln: %s to %s: %s\n", argv[1], path, strerror(errno));
	return 1;
}
