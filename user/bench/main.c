/*
 * bench: what the kernel's operations cost, in guest instructions. It is the
 * first process of a machine that is there for it alone; `make bench` reads what it prints:
 *
 *	bench NAME VALUE FLOOR UNIT		both in thousandths of an instruction
 *
 * With test=NAME as its argument it measures just that; test=throughput is throughput.c's.
 */
#include <fcntl.h>
#include <pagoda.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

uint64_t part_cost[PART_COUNT];

/* ---- floors ---- */

#define PART_TIMES 64

static char frame[PAGE_SIZE] __attribute__((aligned(4096)));
static char page[PAGE_SIZE] __attribute__((aligned(4096)));
static uint64_t table[512] __attribute__((aligned(4096)));

static void part_none(void) { }
static void part_trap(void) { floor_trap(frame); }
static void part_switch(void) { floor_switch(frame, frame); }
static void part_map(void) { floor_map(table, 0x1234567000, 1); }
static void part_clear(void) { floor_clear(page); }
static void part_copy(void) { floor_copy(page, frame); }
static void part_find(void) { floor_find(table, 8, 1); }

static uint64_t part_time(void (*part)(void))
{
	uint64_t before;

	part(); /* its pages come in */
	before = instructions();
	for (int i = 0; i < PART_TIMES; i++)
		part();
	return instructions() - before;
}

static void measure_here(void)
{
	static void (*const part[PART_COUNT])(void) = {
		part_trap, part_switch, part_map, part_clear, part_copy, part_find,
	};
	uint64_t none = part_time(part_none);

	for (unsigned i = 0; i < 512; i++)
		table[i] = (uint64_t)table;
	for (unsigned i = 0; i < PART_COUNT; i++)
		part_cost[i] = (part_time(part[i]) - none) * 1000 / PART_TIMES;
	part_cost[PART_FIND] /= 8;
}

/* In a process of its own: the floors write to fcsr, and who has done that has floating-point registers to be saved ever after. */
void parts_measure(void)
{
	int fds[2];
	pid_t pid;

	CHECK(pipe(fds) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		measure_here();
		write(fds[1], part_cost, sizeof part_cost);
		_exit(0);
	}
	CHECK(read(fds[0], part_cost, sizeof part_cost) == (ssize_t)sizeof part_cost);
	CHECK(waitpid(pid, NULL, 0) == pid);
	close(fds[0]);
	close(fds[1]);
}

static uint64_t floor_of(const struct bench *b)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < PART_COUNT; i++)
		sum += b->floor[i] * part_cost[i];
	return sum / (b->divide ? b->divide : 1);
}

/* ---- the machine ---- */

void give_up(const char *what)
{
	printf("bench: not so: %s\n", what);
	fflush(stdout);
	reboot(REBOOT_FAIL);
	_exit(1);
}

static void measure(const struct bench *b)
{
	struct took took = b->run(b->argument);

	CHECK(took.times > 0);
	printf("bench %s %lu %lu %s\n", b->name, took.instructions * 1000 / took.times, floor_of(b), b->unit);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const char *only = "";

	while (open("/dev/console", O_RDWR) < 2)
		continue;
	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], "test=", 5) == 0)
			only = argv[i] + 5;
	if (strcmp(only, "throughput") == 0)
		throughput();
	else
		parts_measure();
	for (unsigned i = 0; i < bench_count; i++)
		if (*only == '\0' || strcmp(only, benches[i].name) == 0)
			measure(&benches[i]);
	printf("bench: done\n");
	fflush(stdout);
	reboot(REBOOT_POWEROFF);
	return 1;
}
