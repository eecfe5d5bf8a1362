/*
 * schedule: the first process of a boot that is to be compared with another one.
 *
 * Does work in which many processes and threads meet at the same locks, then
 * prints every event of the trace ring as one hash, the order in which threads
 * got the harts, and how often a lock changed its owner. `pagoda repeats` reads it.
 */
#include <fcntl.h>
#include <pagoda.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN 6
#define ROUNDS 180
#define TOUCHED 2
#define BATCH 64

/* Pages of its own, a file, and the pipe that all write to. */
static void child(int number, int out)
{
	char path[32], page[4096];

	snprintf(path, sizeof path, "/tmp/schedule%d", number);
	for (int round = 0; round < ROUNDS; round++) {
		char *memory = mmap(NULL, TOUCHED * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
		int fd;

		if (memory == MAP_FAILED)
			_exit(1);
		for (int i = 0; i < TOUCHED; i++)
			memory[i * PAGE_SIZE] = (char)number;
		munmap(memory, TOUCHED * PAGE_SIZE);
		memset(page, number, sizeof page);
		fd = open(path, O_RDWR | O_CREAT);
		if (fd >= 0) {
			write(fd, page, 512);
			close(fd);
		}
		if (write(out, page, 1) != 1)
			_exit(1);
	}
	unlink(path);
	_exit(0);
}

static void work(void)
{
	int ends[2];
	char byte;

	if (pipe(ends) < 0)
		return;
	for (int i = 0; i < CHILDREN; i++)
		if (fork() == 0) {
			close(ends[0]);
			child(i, ends[1]);
		}
	close(ends[1]);
	while (read(ends[0], &byte, 1) == 1)
		;
	while (wait(NULL) > 0)
		;
}

static uint64_t mixed(uint64_t hash, uint64_t value) { return (hash ^ value) * 0x100000001b3UL; }

int main(void)
{
	static struct trace_event events[BATCH];
	static uint64_t counters[STAT_MAX];
	uint64_t hash = 0xcbf29ce484222325UL, count = 0, lost = 0;
	int n;

	mkdir("/dev");
	mknod("/dev/console", S_IFCHR, 0x0100);
	while (open("/dev/console", O_RDWR) == 0 || dup(0) < 2)
		;
	work();
	vmtrace(TRACE_OP_OFF, NULL, 0);
	vmstat(counters, STAT_MAX);
	do {
		n = vmtrace(TRACE_OP_READ, events, BATCH);
		for (int i = 0; i < n; i++) {
			const struct trace_event *e = &events[i];

			hash = mixed(mixed(mixed(mixed(hash, e->seq), e->time), e->step << 8 | e->hart), (uint64_t)e->tid);
			hash = mixed(mixed(hash, e->a), e->b);
			count++;
			lost += e->lost;
			if (e->step == TRACE_SWITCH)
				printf("switch %u %lu\n", e->hart, e->b);
		}
	} while (n == BATCH);
	printf("trace %lx events %lu lost %lu handoffs %lu\n", hash, count, lost, counters[STAT_lock_handoffs]);
	fflush(stdout);
	reboot(REBOOT_POWEROFF);
	return 1;
}
