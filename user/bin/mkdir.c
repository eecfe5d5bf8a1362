/* mkdir [-p] DIR...: makes directories; -p: those on the way too. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int make(char *path, bool parents)
{
	for (char *p = path + 1; parents && (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		if (mkdir(path) < 0 && errno != EEXIST)
			return -1;
		*p = '/';
	}
	if (mkdir(path) == 0 || (parents && errno == EEXIST))
		return 0;
	return -1;
}

int main(int argc, char **argv)
{
	bool parents = argc > 1 && strcmp(argv[1], "-p") == 0;
	int status = 0, first = 1 + parents;

	if (first >= argc) {
		fprintf(stderr, "usage: mkdir [-p] DIR...\n");
		return 2;
	}
	for (int i = first; i < argc; i++)
		if (make(argv[i], parents) < 0) {
			fprintf(stderr, "mkdir: %s: %s\n", argv[i], strerror(errno));
			status = 1;
		}
	return status;
}
