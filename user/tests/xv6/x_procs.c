/* Written the way programs for xv6 are: processes, pipes and memory. */
#include "kernel/types.h"
#include "kernel/riscv.h"
#include "kernel/fcntl.h"
#include "user/user.h"

static void
check(int good, char *what)
{
	if (!good) {
		fprintf(2, "x_procs: %s\n", what);
		exit(1);
	}
}

static void
statuses(void)
{
	int codes[] = { 0, 1, 42, -1 }, status, pid, i;

	for (i = 0; i < 4; i++) {
		pid = fork();
		if (pid == 0)
			exit(codes[i]);
		check(wait(&status) == pid && status == codes[i], "exit status as given");
	}
	pid = fork();
	if (pid == 0)
		for (;;)
			sleep(1);
	check(kill(pid) == 0, "kill");
	check(wait(&status) == pid && status == -1, "a killed child's status is -1");
	pid = fork();
	if (pid == 0) {
		*(volatile char *)0 = 1;
		exit(0);
	}
	check(wait(&status) == pid && status == -1, "a faulting child's status is -1");
	check(wait(0) == -1, "nobody to wait for");
	check(kill(12345) == -1, "nobody to kill");
}

static void
pipes(void)
{
	char buf[512];
	int fds[2], n, total = 0, i;

	check(pipe(fds) == 0, "pipe");
	if (fork() == 0) {
		close(fds[0]);
		for (i = 0; i < 20; i++) {
			memset(buf, i, sizeof(buf));
			if (write(fds[1], buf, sizeof(buf)) != sizeof(buf))
				exit(1);
		}
		exit(0);
	}
	close(fds[1]);
	while ((n = read(fds[0], buf, 300)) > 0)
		total += n;
	check(n == 0 && total == 20 * 512, "all of it arrives");
	close(fds[0]);
	wait(0);
	check(pipe(fds) == 0, "pipe again");
	close(fds[0]);
	check(write(fds[1], "x", 1) == -1, "no reader: -1, no signal");
	close(fds[1]);
}

static void
memory(void)
{
	char *a = sbrk(0), *b, *p;
	int i;

	check(sbrk(5 * PGSIZE) == a && sbrk(0) == a + 5 * PGSIZE, "sbrk");
	for (i = 0; i < 5 * PGSIZE; i++)
		check(a[i] == 0, "zero");
	a[PGSIZE] = 1;
	check(sbrk(-5 * PGSIZE) == a + 5 * PGSIZE, "shrink");
	b = sbrklazy(PGSIZE);
	check(b == a && *b == 0, "sbrklazy");
	check(sbrk(0x7fffffff) == SBRK_ERROR, "too much");
	for (i = 0; i < 100; i++) {
		p = malloc(i * 57 + 1);
		check(p != 0, "malloc");
		memset(p, i, i * 57 + 1);
		if (i % 2)
			free(p);
	}
}

static void
programs(void)
{
	char *echo[] = { "echo", "from", "exec", 0 }, buf[32];
	int fds[2], status;

	pipe(fds);
	if (fork() == 0) {
		close(1);
		dup(fds[1]);
		close(fds[0]);
		close(fds[1]);
		exec("echo", echo);
		exit(1);
	}
	close(fds[1]);
	check(read(fds[0], buf, sizeof(buf)) == 10 && memcmp(buf, "from exec\n", 10) == 0, "exec by name");
	check(wait(&status) > 0 && status == 0, "its status");
	check(exec("nosuch", echo) == -1, "exec of nothing");
	check(uptime() >= 0 && atoi("123x") == 123 && strlen("four") == 4 && strchr("abc", 'b') != 0, "small things");
}

int
main(void)
{
	statuses();
	pipes();
	memory();
	programs();
	return 0;
}
