/*
 * Arguments and environment of exec. Pages are taken one at a time, so that
 * 256 KiB of arguments need no large block. Floor: sys.
 */
#include "sys/args.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "base/string.h"
#include "riscv/copyuser.h"
#include "vm/pool.h"

static int room(struct args *a, char **at, size_t *left);
static size_t table_size(const struct args *a);

int args_new(struct args **out)
{
	*out = kmalloc(sizeof(**out), POOL_ZERO);
	return *out ? 0 : ENOMEM;
}

void args_free(struct args *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < ARRAY_COUNT(a->page); i++)
		kfree(a->page[i], PAGE_SIZE);
	kfree(a, sizeof(*a));
}

int args_add(struct args *a, const char *string)
{
	size_t n = strlen(string) + 1;

	while (n > 0) {
		size_t left, part;
		char *at;
		int error = room(a, &at, &left);
		if (error)
			return error;
		part = MIN(n, left);
		memcpy(at, string, part);
		a->used += part;
		string += part;
		n -= part;
	}
	return 0;
}

/* A string may go over from one page to the next. */
int args_add_user(struct args *a, vaddr_t string)
{
	for (;;) {
		size_t left, length;
		char *at;
		int error = room(a, &at, &left);
		if (error)
			return error;
		error = copyinstr(at, string, left, &length);
		if (error == 0)
			a->used += length;
		if (error != ENAMETOOLONG)
			return error;
		/* No NUL so far: the rest of the page is full of it. */
		a->used += left;
		string += left;
	}
}

int args_add_user_array(struct args *a, vaddr_t array, size_t from, size_t *count)
{
	for (size_t i = 0; array; i++) {
		vaddr_t string;
		int error = copyin(&string, array + i * sizeof(string), sizeof(string));
		if (error)
			return error;
		if (string == 0)
			break; /* an array may end before `from` */
		if (i < from)
			continue;
		error = args_add_user(a, string);
		if (error)
			return error;
		++*count;
		if (a->used + table_size(a) > ARG_MAX)
			return E2BIG;
	}
	return 0;
}

/* Where the next byte goes, and how many fit there. */
static int room(struct args *a, char **at, size_t *left)
{
	size_t i = a->used / PAGE_SIZE;

	if (a->used + table_size(a) >= ARG_MAX)
		return E2BIG;
	if (a->page[i] == NULL)
		a->page[i] = kmalloc(PAGE_SIZE, 0);
	if (a->page[i] == NULL)
		return ENOMEM;
	*at = a->page[i] + a->used % PAGE_SIZE;
	*left = PAGE_SIZE - a->used % PAGE_SIZE;
	return 0;
}

/* argc, the two arrays and their ends. */
static size_t table_size(const struct args *a)
{
	return (1 + a->argc + 1 + a->envc + 1) * sizeof(uint64_t);
}

size_t args_stack_size(const struct args *a)
{
	return ROUND_UP(a->used, 16) + ROUND_UP(table_size(a), 16);
}

int args_put(const struct args *a, vaddr_t top, vaddr_t *sp)
{
	vaddr_t strings = top - ROUND_UP(a->used, 16), at;
	size_t offset = 0;
	uint64_t word = a->argc;
	int error;

	for (size_t i = 0; i * PAGE_SIZE < a->used; i++) {
		error = copyout(strings + i * PAGE_SIZE, a->page[i], MIN(PAGE_SIZE, a->used - i * PAGE_SIZE));
		if (error)
			return error;
	}
	*sp = at = strings - ROUND_UP(table_size(a), 16);
	error = copyout(at, &word, sizeof(word));
	for (size_t i = 0; error == 0 && i < a->argc + a->envc + 2; i++) {
		bool end = i == a->argc || i == a->argc + a->envc + 1;
		word = end ? 0 : strings + offset;
		at += sizeof(word);
		error = copyout(at, &word, sizeof(word));
		while (!end && a->page[offset / PAGE_SIZE][offset % PAGE_SIZE])
			offset++;
		if (!end)
			offset++; /* its NUL */
	}
	return error;
}
