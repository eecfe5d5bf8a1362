/* rm [-r] [-f] PATH...: removes files; -r: directories with all that is in them; -f: says nothing of what is not there. */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool recursive, force;

static int fail(const char *path)
{
	if (force && errno == ENOENT)
		return 0;
	fprintf(stderr, "rm: %s: %s\n", path, strerror(errno));
	return 1;
}

/* One name in the directory that is not . or ..; false: none. Entries go while we look, so it is opened each time. */
static bool first_name(const char *path, char *name)
{
	struct dirent *e;
	DIR *d = opendir(path);

	if (d == NULL)
		return false;
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
			strlcpy(name, e->d_name, NAME_MAX + 1);
			break;
		}
	closedir(d);
	return e != NULL;
}

static int remove_path(char *path)
{
	size_t n = strlen(path);
	struct stat st;

	if (!recursive || stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return unlink(path) < 0 ? fail(path) : 0;
	if (n + 1 + NAME_MAX >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return fail(path);
	}
	path[n] = '/';
	for (;;) {
		path[n] = '\0';
		if (!first_name(path, path + n + 1))
			break;
		path[n] = '/';
		if (remove_path(path))
			return 1;
	}
	path[n] = '\0';
	return rmdir(path) < 0 ? fail(path) : 0;
}

int main(int argc, char **argv)
{
	int first = 1, status = 0;
	char path[PATH_MAX];

	for (; first < argc && argv[first][0] == '-' && argv[first][1]; first++)
		for (const char *o = argv[first] + 1; *o; o++) {
			recursive |= *o == 'r';
			force |= *o == 'f';
			if (*o != 'r' && *o != 'f')
				argc = first;
		}
	if (first >= argc && !force) {
		fprintf(stderr, "usage: rm [-rf] PATH...\n");
		return 2;
	}
	for (int i = first; i < argc; i++) {
		strlcpy(path, argv[i], sizeof path);
		status |= remove_path(path);
	}
	return status;
}
