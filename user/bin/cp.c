/* cp [-r] FROM... TO: copies files; -r: directories with all that is in them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "target.h"

static bool recursive;
static char buf[16384];

static int fail(const char *path)
{
	fprintf(stderr, "cp: %s: %s\n", path, strerror(errno));
	return 1;
}

static int copy_file(const char *from, const char *to)
{
	int in, out, status = 0;
	struct stat a, b;
	ssize_t n, done;

	in = open(from, O_RDONLY);
	if (in < 0)
		return fail(from);
	if (fstat(in, &a) == 0 && stat(to, &b) == 0 && a.st_ino == b.st_ino) {
		fprintf(stderr, "cp: %s and %s are the same file\n", from, to);
		close(in);
		return 1;
	}
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC);
	if (out < 0) {
		close(in);
		return fail(to);
	}
	while ((n = read(in, buf, sizeof buf)) > 0) {
		for (ssize_t at = 0; at < n && status == 0; at += done) {
			done = write(out, buf + at, (size_t)(n - at));
			if (done < 0)
				status = fail(to);
		}
		if (status)
			break;
	}
	if (n < 0)
		status = fail(from);
	close(in);
	if (close(out) < 0)
		status = fail(to);
	return status;
}

static int copy(const char *from, const char *to)
{
	char a[PATH_MAX], b[PATH_MAX];
	struct dirent *e;
	int status = 0;
	DIR *d;

	if (!is_directory(from))
		return copy_file(from, to);
	if (!recursive) {
		errno = EISDIR;
		return fail(from);
	}
	if (mkdir(to) < 0 && errno != EEXIST)
		return fail(to);
	d = opendir(from);
	if (d == NULL)
		return fail(from);
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(a, sizeof a, "%s/%s", from, e->d_name);
		snprintf(b, sizeof b, "%s/%s", to, e->d_name);
		status |= copy(a, b);
	}
	closedir(d);
	return status;
}

int main(int argc, char **argv)
{
	int first = 1, status = 0;
	char path[PATH_MAX];

	if (argc > 1 && strcmp(argv[1], "-r") == 0) {
		recursive = true;
		first = 2;
	}
	if (argc - first < 2 || (argc - first > 2 && !is_directory(argv[argc - 1]))) {
		fprintf(stderr, "usage: cp [-r] FROM TO, or cp [-r] FROM... DIR\n");
		return 2;
	}
	for (int i = first; i < argc - 1; i++) {
		target_path(path, sizeof path, argv[i], argv[argc - 1]);
		status |= copy(argv[i], path);
	}
	return status;
}
