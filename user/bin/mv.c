/* mv FROM... TO: renames, or moves into a directory. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "target.h"

int main(int argc, char **argv)
{
	int status = 0;
	char path[PATH_MAX];

	if (argc < 3 || (argc > 3 && !is_directory(argv[argc - 1]))) {
		fprintf(stderr, "usage: mv FROM TO, or mv FROM... DIR\n");
		return 2;
	}
	for (int i = 1; i < argc - 1; i++) {
		target_path(path, sizeof path, argv[i], argv[argc - 1]);
		if (rename(argv[i], path) < 0) {
			fprintf(stderr, "mv: %s to %s: %s\n", argv[i], path, strerror(errno));
			status = 1;
		}
	}
	return status;
}
