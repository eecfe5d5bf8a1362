/* cat [FILE...]: writes files, or its input, to its output. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char buf[8192];

static int copy(int fd, const char *name)
{
	ssize_t n, done;

	while ((n = read(fd, buf, sizeof buf)) > 0)
		for (ssize_t at = 0; at < n; at += done) {
			done = write(1, buf + at, (size_t)(n - at));
			if (done < 0) {
				perror("cat: output");
				return 1;
			}
		}
	if (n < 0) {
		fprintf(stderr, "cat: %s: %s\n", name, strerror(errno));
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc == 1)
		return copy(0, "input");
	for (int i = 1; i < argc; i++) {
		int fd = strcmp(argv[i], "-") == 0 ? 0 : open(argv[i], O_RDONLY);

		if (fd < 0) {
			fprintf(stderr, "cat: %s: %s\n", argv[i], strerror(errno));
			status = 1;
			continue;
		}
		status |= copy(fd, argv[i]);
		if (fd > 0)
			close(fd);
	}
	return status;
}
