/*
 * malloc for programs written for xv6: free blocks in a list in order of
 * address, the first that fits is taken, neighbours are joined when freed.
 */
#include "user/user.h"

#pragma weak malloc
#pragma weak free

struct block {
	uint64 size;        /* with this header, a multiple of its size */
	struct block *next; /* of a free block */
};

#define UNIT sizeof(struct block)
#define GROW 65536

static struct block *free_list;

static void insert(struct block *b)
{
	struct block **link = &free_list, *before = 0;

	while (*link && *link < b) {
		before = *link;
		link = &before->next;
	}
	b->next = *link;
	*link = b;
	if (b->next && (char *)b + b->size == (char *)b->next) {
		b->size += b->next->size;
		b->next = b->next->next;
	}
	if (before && (char *)before + before->size == (char *)b) {
		before->size += b->size;
		before->next = b->next;
	}
}

static struct block *take(uint64 size)
{
	struct block **link, *b;

	for (link = &free_list; (b = *link) != 0; link = &b->next) {
		if (b->size < size)
			continue;
		if (b->size > size) {
			struct block *rest = (struct block *)((char *)b + size);

			rest->size = b->size - size;
			rest->next = b->next;
			*link = rest;
			b->size = size;
		} else
			*link = b->next;
		return b;
	}
	return 0;
}

static int grow(uint64 size)
{
	uint64 n = size < GROW ? GROW : size;
	struct block *b;
	char *at = sbrklazy(0);
	int pad = (int)(-(uint64)at & (UNIT - 1));

	if (n > 0x7fffffff - UNIT || sbrk((int)n + pad) == SBRK_ERROR)
		return -1;
	b = (struct block *)(at + pad);
	b->size = n;
	insert(b);
	return 0;
}

void *malloc(uint n)
{
	uint64 size = ((uint64)n + UNIT - 1) / UNIT * UNIT + UNIT;
	struct block *b = take(size);

	if (b == 0 && grow(size) == 0)
		b = take(size);
	return b ? b + 1 : 0;
}

void free(void *p)
{
	if (p)
		insert((struct block *)p - 1);
}
