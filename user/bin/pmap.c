/* pmap PID: the map entries of a process. */
#include <pagoda.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "number.h"

static const char *const inheritance[] = { "share", "copy", "none", "zero" };

static void show(const struct mapinfo *m)
{
	printf("%010llx-%010llx %c%c%c/%c%c%c %-5s %6llu %6u %5u", (unsigned long long)m->start, (unsigned long long)m->end,
		m->prot & PROT_READ ? 'r' : '-', m->prot & PROT_WRITE ? 'w' : '-', m->prot & PROT_EXEC ? 'x' : '-',
		m->maxprot & PROT_READ ? 'r' : '-', m->maxprot & PROT_WRITE ? 'w' : '-', m->maxprot & PROT_EXEC ? 'x' : '-',
		m->inherit < 4 ? inheritance[m->inherit] : "?", (unsigned long long)(m->end - m->start) / PAGE_SIZE, m->resident, m->anons);
	if (m->flags & MAPINFO_COW)
		printf(" cow");
	if (m->flags & MAPINFO_NEEDS_COPY)
		printf(" needs-copy");
	if (m->flags & MAPINFO_HEAP)
		printf(" heap");
	if (m->flags & MAPINFO_STACK)
		printf(" stack");
	if (m->amap_refs > 1)
		printf(" amap-refs=%u", m->amap_refs);
	if (m->inode)
		printf(" inode=%llu+%#llx", (unsigned long long)m->inode, (unsigned long long)m->offset);
	putchar('\n');
}

int main(int argc, char **argv)
{
	struct mapinfo *entries = NULL;
	int room = 64, n;
	long pid;

	if (argc != 2 || !parse_number(argv[1], &pid)) {
		fprintf(stderr, "usage: pmap PID\n");
		return 2;
	}
	for (;;) {
		entries = realloc(entries, (size_t)room * sizeof *entries);
		if (entries == NULL)
			n = -1;
		else
			n = procmap((pid_t)pid, entries, (size_t)room);
		if (n < 0) {
			fprintf(stderr, "pmap: %ld: %s\n", pid, strerror(errno));
			return 1;
		}
		if (n < room)
			break;
		room *= 2;
	}
	printf("RANGE                 PROT/MAX INHERIT PAGES RESIDENT ANONS\n");
	for (int i = 0; i < n; i++)
		show(&entries[i]);
	return 0;
}
