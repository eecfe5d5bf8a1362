/*
 * The boot arguments: one line, split at blanks. Floor: kern.
 *
 * The line is kept here, blanks turned into NULs, so that a value is a string
 * for the life of the kernel. When a name is given twice the last one counts.
 */
#include "kern/bootargs.h"
#include "base/string.h"

static char line[1024];
static size_t line_size; /* bytes of line in use, the last NUL included */

void bootargs_init(const char *from)
{
	size_t length = strlcpy(line, from, sizeof(line));
	line_size = MIN(length, sizeof(line) - 1) + 1;
	for (size_t i = 0; i < line_size; i++)
		if (line[i] == ' ' || line[i] == '\t' || line[i] == '\n')
			line[i] = '\0';
}

const char *bootarg(const char *name)
{
	size_t length = strlen(name);
	const char *found = NULL;
	for (const char *word = line; word < line + line_size; word += strlen(word) + 1) {
		if (strncmp(word, name, length))
			continue;
		if (word[length] == '=')
			found = word + length + 1;
		else if (word[length] == '\0')
			found = word + length;
	}
	return found;
}

bool bootarg_copy(const char *name, char *buf, size_t size)
{
	const char *value = bootarg(name);
	if (value)
		strlcpy(buf, value, size);
	return value != NULL;
}

uint64_t bootarg_number(const char *name, uint64_t otherwise)
{
	const char *value = bootarg(name);
	return value && *value ? number_parse(value, NULL) : otherwise;
}
