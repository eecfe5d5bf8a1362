/*
 * The boot arguments: one line, split at blanks. Floor: kern.
 *
 * The line is kept here, blanks turned into NULs, so that a value is a string
 * for the life of the kernel. When a name is given twice the last one counts.
 */
#include "kern/bootargs.h"

#include "base/printf.h"
#include "base/string.h"

static char line[1024];
static size_t line_size; /* bytes of line in use, the last NUL included */
static bool line_cut;    /* what was given did not fit */

static const char text[] = "", number[] = "#"; /* values of more than one kind */

/* All there are, and what each may be. */
static const struct {
	const char *name, *value;
} known[] = {
	{ "ad", "soft" }, { "diskfail", text }, { "exit", text }, { "fail", text }, { "init", text }, { "ktest", text },
	{ "limit", number }, { "mem", number }, { "parallel", text }, { "quiet", text }, { "ramdelay", number }, { "ramswap", number },
	{ "root", text }, { "seed", number }, { "test", text }, { "timer", "sbi" }, { "trace", "on" }, { "tracesize", number },
};

void bootargs_init(const char *from)
{
	size_t length = strlcpy(line, from, sizeof(line));
	line_size = MIN(length, sizeof(line) - 1) + 1;
	line_cut = length >= sizeof(line);
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

const char *bootarg_wrong(const char *word)
{
	const char *value = strchr(word, '='), *end;
	size_t length = value ? (size_t)(value++ - word) : strlen(word);

	for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
		if (strncmp(word, known[i].name, length) || known[i].name[length])
			continue;
		if (known[i].value == text)
			return NULL;
		if (known[i].value != number)
			return value && strcmp(value, known[i].value) == 0 ? NULL : "not what it may be";
		if (value == NULL || *value < '0' || *value > '9')
			return "not a number";
		number_parse(value, &end);
		return *end ? "not a number" : NULL;
	}
	return "unknown";
}

void bootargs_check(void)
{
	for (const char *word = line; word < line + line_size; word += strlen(word) + 1)
		if (*word && bootarg_wrong(word))
			kprintf("boot argument %s: %s\n", word, bootarg_wrong(word));
	if (line_cut)
		kprintf("boot arguments: only the first %lu bytes count\n", sizeof(line) - 1);
}
