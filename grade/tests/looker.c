/*
 * Says what the kernel holds, as it answers by its own system calls, then stands still: the
 * host reads the same from outside. The first round brings everything into place that the
 * second one needs, so that saying it changes nothing.
 */
#include <pagoda.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONSOLE_DEVICE 0x0100
#define PROCS 16
#define MAPS 32
#define EVENTS 200

static char text[32768];
static size_t length;
static struct procinfo procs[PROCS];
static struct mapinfo maps[PROCS][MAPS];
static int map_count[PROCS];
static uint64_t stats[STAT_MAX];
static struct trace_event events[EVENTS];
static const char *const stat_names[] = {
#define NAME(name, what) #name,
#define WAIT_NAME(name, kind, why) "wait_" #name,
	COUNTERS(NAME) LOCKRANKS(WAIT_NAME) GAUGES(NAME)
};

#define SAY(...) (length += (size_t)snprintf(text + length, sizeof text - length, __VA_ARGS__))

static void spaces_make(void)
{
	char *anon = mmap(NULL, 70 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
	char *shared = mmap(NULL, 3 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANON, -1, 0);
	int never[2];

	for (int i = 0; i < 70; i += 3)
		anon[i * PAGE_SIZE] = 1;
	mprotect(anon + 20 * PAGE_SIZE, 5 * PAGE_SIZE, PROT_READ);
	shared[0] = 1;
	sbrk(3 * PAGE_SIZE + 100);
	pipe(never);
	if (fork() == 0) {
		anon[0] = 2;
		anon[66 * PAGE_SIZE] = 2;
		for (;;)
			nanosleep(1000ull * 1000 * 1000 * 1000);
	}
	if (fork() == 0) {
		munmap(anon + 5 * PAGE_SIZE, 10 * PAGE_SIZE);
		shared[PAGE_SIZE] = 2;
		for (;;)
			read(never[0], text, 1);
	}
	if (fork() == 0)
		_exit(3);
	nanosleep(100 * 1000 * 1000);
}

static void round_say(void)
{
	int n, events_count, sound = audit(AUDIT_CHECK);

	length = 0;
	vmtrace(TRACE_OP_OFF, NULL, 0);
	events_count = vmtrace(TRACE_OP_READ, events, EVENTS);
	n = proclist(procs, PROCS);
	for (int i = 0; i < n; i++)
		map_count[i] = procs[i].state == 'Z' ? 0 : procmap(procs[i].pid, maps[i], MAPS);
	vmstat(stats, STAT_MAX);
	SAY("round audit=%d\n", sound);
	for (int i = 0; i < n; i++) {
		const struct procinfo *p = &procs[i];

		SAY("proc %d %d %d %d %c %u %u %llu %llu %s %s\n", p->pid, p->ppid, p->pgid, p->threads, (char)p->state, p->minor, p->major,
		    (unsigned long long)p->vsize, (unsigned long long)p->rss, p->wchan[0] ? p->wchan : "-", p->name);
		for (int j = 0; j < map_count[i]; j++) {
			const struct mapinfo *m = &maps[i][j];

			SAY("map %d %llx %llx %llx %llu %u %u %u %u %u %u %u %u\n", p->pid, (unsigned long long)m->start, (unsigned long long)m->end,
			    (unsigned long long)m->offset, (unsigned long long)m->inode, m->prot, m->maxprot, m->inherit, m->advice, m->flags,
			    m->resident, m->anons, m->amap_refs);
		}
	}
	for (int i = 0; i < STAT_MAX; i++)
		SAY("stat %s %llu\n", stat_names[i], (unsigned long long)stats[i]);
	for (int i = 0; i < events_count; i++)
		SAY("event %llu %u %d %llx %llx\n", (unsigned long long)events[i].seq, events[i].step, events[i].pid,
		    (unsigned long long)events[i].a, (unsigned long long)events[i].b);
	SAY("said\n");
	write(STDOUT_FILENO, text, length);
}

int main(void)
{
	mkdir("/dev");
	mknod("/dev/console", S_IFCHR, CONSOLE_DEVICE);
	for (int fd = 0; fd < 3; fd++)
		open("/dev/console", O_RDWR);
	spaces_make();
	memset(text, ' ', sizeof text); /* the second round may be longer */
	round_say();
	round_say();
	for (;;)
		;
}
