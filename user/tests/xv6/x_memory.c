/* Written the way programs for xv6 are: where memory lies, and how much there is. */
#include "kernel/types.h"
#include "kernel/param.h"
#include "kernel/riscv.h"
#include "kernel/memlayout.h"
#include "kernel/fcntl.h"
#include "user/user.h"

static void
check(int good, char *what)
{
	if (!good) {
		fprintf(2, "x_memory: %s\n", what);
		exit(1);
	}
}

static int
store_kills(uint64 address)
{
	int status, pid = fork();

	if (pid == 0) {
		*(volatile char *)address = 1;
		exit(0);
	}
	wait(&status);
	return status == -1;
}

static int
load_kills(uint64 address)
{
	int status, pid = fork();

	if (pid == 0) {
		char c = *(volatile char *)address;
		exit(c & 1);
	}
	wait(&status);
	return status == -1;
}

int main(int, char **);

/* The stack is the page below the heap; there is nothing below it. */
static void
stack(void)
{
	uint64 heap = (uint64)sbrk(0), sp = r_sp();

	check(heap % PGSIZE == 0, "the first break is on a page");
	check(sp < heap && sp >= heap - USERSTACK * PGSIZE, "the stack ends where the heap begins");
	check(load_kills(sp - USERSTACK * PGSIZE), "one page of stack, then nothing");
	check(store_kills(heap), "nothing above the break");
	check(store_kills((uint64)main) && !load_kills((uint64)main), "text is read-only");
	check((uint64)main < 0x10000, "text is low");
}

/* With only some bytes of stack left a program may still call anything. */
static void
deep(int fd)
{
	volatile char some[64];

	some[0] = 1;
	if (r_sp() % PGSIZE > 512) {
		deep(fd);
		some[1] = 1;
		return;
	}
	check(open("/nowhere/at/all", O_RDONLY) == -1 && open((char *)TRAPFRAME, O_RDONLY) == -1, "open on a full stack");
	if (fork() == 0)
		exit(0);
	check(wait(0) > 0, "fork on a full stack");
	fprintf(fd, "%d %s %p\n", 12345, "some text", (void *)0x123456789);
}

static void
high(void)
{
	uint64 bad[] = { KERNBASE, 0x3fffffc000, 0x3fffffd000, TRAPFRAME, TRAMPOLINE, MAXVA, MAXVA << 1, 0xffffffffffffffff };
	int fd = open("x_high", O_CREATE | O_RDWR), i;

	write(fd, "abc", 3);
	close(fd);
	for (i = 0; i < 8; i++) {
		char *p = (char *)bad[i];

		check(store_kills(bad[i]), "a store to a high address");
		fd = open("x_high", O_RDWR);
		check(read(fd, p, 3) == -1 && write(fd, p, 3) == -1, "a call with a high address");
		close(fd);
	}
	unlink("x_high");
}

/* The heap may take everything up to TRAPFRAME, and no more. */
static void
whole(void)
{
	int status;

	if (fork() == 0) {
		uint64 at = (uint64)sbrk(0);

		while (at < MAXVA - (1 << 30)) {
			check((uint64)sbrklazy(1 << 30) == at, "sbrklazy of 1 GiB");
			at += 1 << 30;
		}
		check((uint64)sbrklazy(TRAPFRAME - PGSIZE - at) == at, "sbrklazy up to the last page");
		check((uint64)sbrk(PGSIZE) == TRAPFRAME - PGSIZE, "sbrk of the last page");
		*(char *)(TRAPFRAME - 1) = 7;
		*(char *)(128L << 30) = 7;
		check(sbrk(1) == SBRK_ERROR && sbrklazy(1) == SBRK_ERROR, "nothing beyond it");
		exit(0);
	}
	check(wait(&status) > 0 && status == 0, "a heap of all there is");
}

static void
breaks(void)
{
	char *a = sbrk(0), *p;
	int status, i;

	check(sbrk(-(int)(uint64)a - 1) == a && sbrk(0) == a, "below address 0: nothing changes");
	for (i = 0; i < 3 * PGSIZE; i += 601) {
		p = sbrk(601);
		check(p == a + i && p[0] == 0 && p[600] == 0, "odd sizes");
		p[0] = p[600] = 1;
	}
	p = sbrk(0);
	check(sbrk(a - p) == p && sbrk(0) == a, "back to the start");
	check(sbrk(PGSIZE) == a && a[600] == 0, "memory that comes again is zero");
	check(sbrklazy(3 * PGSIZE) == a + PGSIZE && a[2 * PGSIZE + 5] == 0, "lazy memory is zero");
	check(write(open("x_lazy", O_CREATE | O_WRONLY), a + 3 * PGSIZE, PGSIZE) == PGSIZE, "a call touches lazy memory");
	unlink("x_lazy");
	sbrk(-4 * PGSIZE);
	if (fork() == 0) {
		sbrk(-PGSIZE);
		exit(0);
	}
	check(wait(&status) > 0 && status == -1, "without its stack a process ends");
	check(sbrk(0x7fffffff) == SBRK_ERROR && sbrk(0) == a, "more than there is");
}

/* As many steps of 64 pages as there are, in a process of its own. */
static int
count(void)
{
	int fds[2], steps = 0, pid, i;
	char c;

	pipe(fds);
	pid = fork();
	if (pid == 0) {
		while (sbrk(64 * PGSIZE) != SBRK_ERROR)
			write(fds[1], "x", 1);
		for (i = 0; sbrk(PGSIZE) != SBRK_ERROR; i++)
			check(i < 64, "less than a step is left");
		sbrk(-10 * PGSIZE);
		for (i = 0; sbrk(PGSIZE) != SBRK_ERROR; i++)
			;
		check(i == 10, "what was given back is there again");
		exit(0);
	}
	close(fds[1]);
	while (read(fds[0], &c, 1) == 1)
		steps++;
	close(fds[0]);
	wait(&i);
	check(i == 0, "the one who counts");
	return steps;
}

int
main(int argc, char **argv)
{
	char line[64];
	int fd, steps;

	check(argc == 3 && argv[3] == 0 && strcmp(argv[2], "two") == 0, "arguments");
	stack();
	fd = open("x_deep", O_CREATE | O_RDWR);
	deep(fd);
	close(fd);
	fd = open("x_deep", O_RDONLY);
	memset(line, 0, sizeof(line));
	read(fd, line, sizeof(line) - 1);
	close(fd);
	unlink("x_deep");
	check(strcmp(line, "12345 some text 0x0000000123456789\n") == 0, "printf on a full stack");
	high();
	whole();
	breaks();
	steps = count();
	check(steps > 10 && count() == steps, "the same amount of memory again");
	return 0;
}
