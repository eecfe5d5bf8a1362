/*
 * malloc: blocks carved from the heap, free ones in a list in order of address,
 * neighbours joined as they are freed, the first that fits taken. The end of the
 * heap goes back to the kernel when much of it is free; a large block is a
 * mapping of its own.
 *
 * A block is a header of 16 bytes, then the memory, 16-byte aligned. Freeing
 * what malloc did not give, or twice, is found by the header's mark and ends the
 * program. One mutex protects the list.
 */
#include <assert.h>
#include <errno.h>
#include <pagoda.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define UNIT 16UL
#define GROW (16 * PAGE_SIZE)       /* the heap grows by at least this much */
#define TRIM (64 * PAGE_SIZE)       /* and shrinks when its last block is at least this large */
#define LARGE (64 * PAGE_SIZE)      /* from here on a block is a mapping */

enum { USED = 0x75736564, MAPPED = 0x6d617070, FREE = 0x66726565 };

struct block {
	size_t size;        /* with the header, a multiple of UNIT */
	uint64_t mark;
	struct block *next; /* of a free block: the next higher one */
};
#define HEADER offsetof(struct block, next)
_Static_assert(HEADER == UNIT, "memory behind a header is aligned");

static struct mutex lock = MUTEX_INIT;
static struct block *free_list;

static struct block *block_end(struct block *b) { return (struct block *)((char *)b + b->size); }

/* The header of what a program gives back. */
static struct block *block_of(void *p)
{
	struct block *b = (struct block *)((char *)p - HEADER);

	assert(((uintptr_t)p & (UNIT - 1)) == 0 && (b->mark == USED || b->mark == MAPPED));
	return b;
}

/* Puts a block in its place in the list and joins it with its neighbours. => locked */
static void list_insert(struct block *b)
{
	struct block **link = &free_list, *before = NULL;

	while (*link && *link < b) {
		before = *link;
		link = &before->next;
	}
	b->mark = FREE;
	b->next = *link;
	*link = b;
	if (b->next && block_end(b) == b->next) {
		b->size += b->next->size;
		b->next = b->next->next;
	}
	if (before && block_end(before) == b) {
		before->size += b->size;
		before->next = b->next;
	}
}

/* The first free block that holds `size`, cut to it; NULL. => locked */
static struct block *list_take(size_t size)
{
	struct block **link, *b;

	for (link = &free_list; (b = *link) != NULL; link = &b->next) {
		if (b->size < size)
			continue;
		if (b->size - size >= 2 * UNIT) {
			struct block *rest = (struct block *)((char *)b + size);

			rest->size = b->size - size;
			rest->mark = FREE;
			rest->next = b->next;
			*link = rest;
			b->size = size;
		} else
			*link = b->next;
		return b;
	}
	return NULL;
}

/* => locked */
static int heap_grow(size_t size)
{
	size_t n = (size + GROW - 1) / GROW * GROW;
	uintptr_t at = (uintptr_t)sbrk(0), pad = -at & (UNIT - 1);
	struct block *b;

	if (sbrk((intptr_t)(n + pad)) == (void *)-1) {
		n = size;
		if (sbrk((intptr_t)(n + pad)) == (void *)-1)
			return -1;
	}
	b = (struct block *)(at + pad);
	b->size = n;
	list_insert(b);
	return 0;
}

/* Gives the heap's end back when it is one large free block. => locked */
static void heap_trim(void)
{
	struct block **link, *b;
	size_t n;

	for (link = &free_list; (b = *link) != NULL && b->next; link = &b->next)
		;
	if (b == NULL || b->size < TRIM || (void *)block_end(b) != sbrk(0))
		return;
	n = b->size;
	*link = NULL;
	if (sbrk(-(intptr_t)n) == (void *)-1)
		*link = b;
}

static void *large_alloc(size_t size)
{
	size_t n = (size + HEADER + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	struct block *b = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);

	if (b == MAP_FAILED)
		return NULL;
	b->size = n;
	b->mark = MAPPED;
	return (char *)b + HEADER;
}

void *malloc(size_t size)
{
	struct block *b;
	size_t n;

	if (size > PTRDIFF_MAX - PAGE_SIZE) {
		errno = ENOMEM;
		return NULL;
	}
	if (size >= LARGE)
		return large_alloc(size);
	n = (size + HEADER + UNIT - 1) & ~(UNIT - 1);
	if (n < 2 * UNIT)
		n = 2 * UNIT;

	mutex_lock(&lock);
	b = list_take(n);
	if (b == NULL && heap_grow(n) == 0)
		b = list_take(n);
	if (b)
		b->mark = USED;
	mutex_unlock(&lock);
	return b ? (char *)b + HEADER : NULL;
}

void free(void *p)
{
	struct block *b;
	int error = errno;

	if (p == NULL)
		return;
	b = block_of(p);
	if (b->mark == MAPPED)
		munmap(b, b->size);
	else {
		mutex_lock(&lock);
		list_insert(b);
		heap_trim();
		mutex_unlock(&lock);
	}
	errno = error;
}

void *calloc(size_t count, size_t size)
{
	size_t n;
	void *p;

	if (__builtin_mul_overflow(count, size, &n)) {
		errno = ENOMEM;
		return NULL;
	}
	p = malloc(n);
	if (p && block_of(p)->mark != MAPPED) /* a mapping is zero already */
		memset(p, 0, n);
	return p;
}

void *realloc(void *p, size_t size)
{
	size_t have;
	void *to;

	if (p == NULL)
		return malloc(size);
	have = block_of(p)->size - HEADER;
	if (size <= have && size >= have / 2)
		return p;
	to = malloc(size);
	if (to) {
		memcpy(to, p, size < have ? size : have);
		free(p);
	}
	return to;
}
