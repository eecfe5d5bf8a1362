/* The environment: NAME=VALUE strings, those that were set here on the heap. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char **owned; /* the vector, once it is ours */

static char **find(const char *name, size_t n)
{
	for (char **e = environ; e && *e; e++)
		if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
			return e;
	return NULL;
}

char *getenv(const char *name)
{
	size_t n = strlen(name);
	char **e = find(name, n);

	return e ? *e + n + 1 : NULL;
}

/* Strings are never freed: someone may hold what getenv() gave. */
int setenv(const char *name, const char *value, int overwrite)
{
	size_t n = strlen(name), count = 0;
	char *text, **vector, **at;

	if (n == 0 || strchr(name, '=')) {
		errno = EINVAL;
		return -1;
	}
	at = find(name, n);
	if (at && !overwrite)
		return 0;
	text = malloc(n + strlen(value) + 2);
	if (text == NULL)
		return -1;
	strcpy(text, name);
	strcat(text, "=");
	strcat(text, value);
	if (at) {
		*at = text;
		return 0;
	}

	while (environ && environ[count])
		count++;
	vector = malloc((count + 2) * sizeof *vector);
	if (vector == NULL) {
		free(text);
		return -1;
	}
	memcpy(vector, environ, count * sizeof *vector);
	vector[count] = text;
	vector[count + 1] = NULL;
	free(owned);
	owned = environ = vector;
	return 0;
}

int unsetenv(const char *name)
{
	char **e = find(name, strlen(name));

	for (; e && *e; e++)
		e[0] = e[1];
	return 0;
}
