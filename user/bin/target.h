/* Where mv, cp and ln put things: into the target if that is a directory. */
#ifndef BIN_TARGET_H
#define BIN_TARGET_H

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static inline int is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The path that `from` gets under `to`. */
static inline void target_path(char *out, size_t size, const char *from, const char *to)
{
	const char *last = strrchr(from, '/');

	if (is_directory(to))
		snprintf(out, size, "%s/%s", to, last ? last + 1 : from);
	else
		strlcpy(out, to, size);
}

#endif
