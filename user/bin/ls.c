/* ls [-l] [-a] [PATH...]: lists directories, sorted. */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool long_form, all;

static char letter(mode_t mode)
{
	return S_ISDIR(mode) ? 'd' : S_ISCHR(mode) ? 'c' : S_ISFIFO(mode) ? 'p' : '-';
}

static int fail(const char *path)
{
	fprintf(stderr, "ls: %s: %s\n", path, strerror(errno));
	return 1;
}

static int show(const char *path, const char *name)
{
	struct stat st;

	if (!long_form) {
		puts(name);
		return 0;
	}
	if (stat(path, &st) < 0)
		return fail(path);
	if (S_ISCHR(st.st_mode))
		printf("%c %3u %6llu %4u,%4u %s\n", letter(st.st_mode), st.st_nlink, (unsigned long long)st.st_ino, st.st_rdev >> 8, st.st_rdev & 0xff, name);
	else
		printf("%c %3u %6llu %9llu %s\n", letter(st.st_mode), st.st_nlink, (unsigned long long)st.st_ino, (unsigned long long)st.st_size, name);
	return 0;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static int list(const char *path)
{
	char **names = NULL;
	size_t count = 0, room = 0;
	struct dirent *e;
	int status = 0;
	DIR *d = opendir(path);

	if (d == NULL)
		return fail(path);
	errno = 0;
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' && !all)
			continue;
		if (count == room) {
			char **more = realloc(names, (room = 2 * room + 16) * sizeof *names);

			if (more == NULL)
				break;
			names = more;
		}
		names[count] = strdup(e->d_name);
		if (names[count] == NULL)
			break;
		count++;
	}
	if (errno)
		status = fail(path);
	closedir(d);

	qsort(names, count, sizeof *names, by_name);
	for (size_t i = 0; i < count; i++) {
		char full[PATH_MAX];

		snprintf(full, sizeof full, "%s/%s", path, names[i]);
		status |= show(full, names[i]);
		free(names[i]);
	}
	free(names);
	return status;
}

int main(int argc, char **argv)
{
	int first = 1, status = 0;

	for (; first < argc && argv[first][0] == '-' && argv[first][1]; first++)
		for (const char *o = argv[first] + 1; *o; o++)
			switch (*o) {
			case 'l': long_form = true; break;
			case 'a': all = true; break;
			default:
				fprintf(stderr, "usage: ls [-la] [PATH...]\n");
				return 2;
			}
	if (first == argc)
		return list(".");
	for (int i = first; i < argc; i++) {
		struct stat st;

		if (stat(argv[i], &st) < 0) {
			status |= fail(argv[i]);
			continue;
		}
		if (!S_ISDIR(st.st_mode)) {
			status |= show(argv[i], argv[i]);
			continue;
		}
		if (argc - first > 1)
			printf("%s%s:\n", i > first ? "\n" : "", argv[i]);
		status |= list(argv[i]);
	}
	return status;
}
