/* Written the way programs for xv6 are: limits, and the corners of each call. */
#include "kernel/types.h"
#include "kernel/stat.h"
#include "kernel/fcntl.h"
#include "kernel/fs.h"
#include "kernel/param.h"
#include "kernel/riscv.h"
#include "user/user.h"

static char page[PGSIZE + 1];

static void
check(int good, char *what)
{
	if (!good) {
		fprintf(2, "x_limits: %s\n", what);
		exit(1);
	}
}

static void
statuses(void)
{
	int codes[] = { 747, 256, -2, 0x12345678, -0x7fffffff - 1 }, status, i;

	for (i = 0; i < 5; i++) {
		if (fork() == 0)
			exit(codes[i]);
		check(wait(&status) > 0 && status == codes[i], "an exit status of 32 bits");
	}
	status = 99;
	check(wait(&status) == -1 && status == 99, "nobody: the status stays");
	i = fork();
	if (i == 0)
		exit(5);
	check(wait((int *)page + 0x10000000) == -1, "a bad place for the status");
	check(wait(&status) == i && status == 5, "and the child is still there");
}

static void
processes(void)
{
	int n = 0, pid, fds[2], i;
	char c;

	pipe(fds);
	while ((pid = fork()) > 0)
		n++;
	if (pid == 0) {
		close(fds[1]);
		read(fds[0], &c, 1); /* until the parent closes its end */
		exit(0);
	}
	check(n > 20 && n < NPROC, "no more than NPROC processes");
	close(fds[0]);
	close(fds[1]);
	for (i = 0; i < n; i++)
		check(wait(0) > 0, "each is there to wait for");
	check(wait(0) == -1, "and no other");
	check((pid = fork()) >= 0, "afterwards there is room");
	if (pid == 0)
		exit(0);
	wait(0);
}

/* Runs true with n arguments of `size` bytes, their NUL among them. 0: it could not be run. */
static int
runs(int n, int size)
{
	static char *args[MAXARG + 2];
	int status;

	memset(page, 'x', sizeof(page));
	page[size - 1] = 0;
	memset(args, 0, sizeof(args));
	while (n > 0)
		args[--n] = page;
	if (fork() == 0) {
		exec("true", args);
		exit(77);
	}
	wait(&status);
	return status != 77;
}

static void
arguments(void)
{
	char path[MAXPATH + 2];

	check(runs(MAXARG - 1, 2) && !runs(MAXARG, 2), "MAXARG");
	check(runs(1, PGSIZE - 16) && !runs(1, PGSIZE), "arguments and pointers share one page");
	check(runs(3, 1024) && !runs(4, 1024), "also when they are several");

	memset(path, '/', sizeof(path));
	strcpy(path + MAXPATH - 1 - 3, "tmp");
	check(chdir(path) == 0, "a path of MAXPATH bytes with its NUL");
	memset(path, '/', sizeof(path));
	strcpy(path + MAXPATH - 3, "tmp");
	check(chdir(path) == -1 && open(path, O_RDONLY) == -1 && mkdir(path) == -1 && link(path, "x") == -1 &&
	      unlink(path) == -1 && exec(path, (char *[]){ "x", 0 }) == -1, "one byte more");
}

static void
paths(void)
{
	struct stat st;
	int fd;

	check(mkdir("x_dir/") == 0 && stat("x_dir///", &st) == 0 && st.type == T_DIR, "slashes at the end");
	check(open("x_dir", O_CREATE) == -1 && open("x_dir", O_TRUNC) == -1 && open("x_dir", O_RDWR) == -1, "a directory is only read");
	check(chdir("x_dir") == 0 && chdir("") == 0, "the empty path is here");
	check((fd = open("", O_RDONLY)) >= 0 && fstat(fd, &st) == 0 && st.type == T_DIR, "it can be opened");
	close(fd);
	check(open("", O_CREATE) == -1 && mkdir("") == -1 && unlink("") == -1 && link("/bin/true", "") == -1, "but not made");
	check(unlink(".") == -1 && unlink("..") == -1 && unlink("../x_dir/.") == -1, "nor . removed");
	check(link(".", "../x_link") == -1, "a directory has one name");
	check(unlink("../x_dir") == 0, "where one stands can be removed");
	check(open("x", O_CREATE) == -1 && mkdir("y") == -1, "nothing is made there");
	check(chdir("/tmp") == 0, "one can leave");
}

static void
files(void)
{
	struct stat st;
	char *p;
	int fd, fd2, i;
	uint first;

	fd = open("x_file", O_CREATE | O_WRONLY);
	check(write(fd, "abcd", 4) == 4, "write");
	check(read(fd, page, 1) == -1, "no read without the right");
	fd2 = open("x_file", O_RDONLY | O_TRUNC);
	check(fstat(fd, &st) == 0 && st.size == 0, "a reader may truncate");
	check(write(fd, "x", 1) == -1 && write(fd2, "x", 1) == -1, "no write beyond the end, none without the right");
	close(fd2);
	close(fd);

	fd = open("x_file", O_RDWR);
	p = sbrk(2 * PGSIZE) + 2 * PGSIZE;
	check(write(fd, "A", 1) == 1, "one byte");
	close(fd);
	fd = open("x_file", O_RDWR);
	p[-1] = 'X';
	check(write(fd, p - 1, 2) == -1 && fstat(fd, &st) == 0 && st.size == 1, "as far as there is memory, and -1");
	close(fd);
	fd = open("x_file", O_RDONLY);
	check(read(fd, p - 1, 2) == 1 && p[-1] == 'X', "the byte that was there is written");
	check(read(fd, p, -1) == -1 && write(fd, p, -1) == -1, "a negative length");
	close(fd);

	fd = open("x_file", O_WRONLY | O_RDWR); /* both bits: to write only */
	check(fd >= 0 && read(fd, page, 1) == -1 && write(fd, "y", 1) == 1, "both bits of access");
	for (i = 1; i + 2 * BSIZE <= (int)(MAXFILE * BSIZE); i += 2 * BSIZE)
		check(write(fd, page, 2 * BSIZE) == 2 * BSIZE, "a long file");
	check(write(fd, page, 2 * BSIZE) == -1 && fstat(fd, &st) == 0 && (int)st.size == i, "all of a block or none of it");
	close(fd);
	unlink("x_file");

	fd = open("x_n", O_CREATE | O_RDWR);
	fstat(fd, &st);
	first = st.ino;
	close(fd);
	unlink("x_n");
	for (i = 0; i < 100; i++) {
		fd = open("x_n", O_CREATE | O_RDWR);
		check(fstat(fd, &st) == 0 && st.ino == first && st.dev == ROOTDEV && st.nlink == 1, "the lowest number that is free");
		close(fd);
		unlink("x_n");
	}
}

static void
pipes(void)
{
	struct stat st;
	char *p = sbrk(PGSIZE) + PGSIZE;
	int fds[2], more[2], i;

	check(pipe(fds) == 0 && fstat(fds[0], &st) == -1, "a pipe has no stat");
	check(write(fds[0], "x", 1) == -1 && read(fds[1], page, 1) == -1, "each end has its direction");
	check(write(fds[1], p - 3, 10) == 3 && read(fds[0], page, 10) == 3, "a write as far as there is memory");
	check(pipe((int *)(p - 4)) == -1 && dup(0) == fds[1] + 1, "a bad place for a pipe leaves nothing open");
	for (i = fds[1] + 2; i < NOFILE - 1; i++)
		check(dup(0) == i, "dup");
	check(pipe(more) == -1, "no pipe for one descriptor");
	check(dup(0) == NOFILE - 1 && dup(0) == -1, "the last one");
	for (i = fds[0]; i < NOFILE; i++)
		check(close(i) == 0, "close");
	check(close(NOFILE) == -1 && close(-1) == -1 && dup(-1) == -1 && read(99, page, 1) == -1, "no such descriptor");
}

/* A directory is a file of entries of 16 bytes, whose place is shared as any file's is. */
static void
directories(void)
{
	struct dirent de, many[40];
	struct stat st;
	char name[8] = "x_d/a";
	int fd, fd2, n = 0, i, status;

	mkdir("x_d");
	check(stat("x_d", &st) == 0 && st.nlink == 1 && st.size % sizeof(de) == 0, "a new directory");
	for (i = 0; i < 20; i++, name[4]++)
		close(open(name, O_CREATE));
	check(stat("x_d", &st) == 0 && st.size >= 22 * sizeof(de), "its size is that of its entries");
	fd = open("x_d", O_RDONLY);
	check(read(fd, many, sizeof(many)) == 22 * sizeof(de), "all at once");
	check(read(fd, many, sizeof(many)) == 0, "the end");
	close(fd);
	fd = open("x_d", O_RDONLY);
	fd2 = dup(fd);
	for (i = 0; i < 22; i++) {
		if (i % 3 == 0 && fork() == 0)
			exit(read(fd, &de, sizeof(de)) != sizeof(de) || strcmp(de.name, many[i].name) != 0);
		if (i % 3 == 0)
			check(wait(&status) > 0 && status == 0, "read by a child");
		else {
			check(read(i % 3 == 1 ? fd : fd2, &de, sizeof(de)) == sizeof(de), "an entry");
			check(de.inum == many[i].inum && strcmp(de.name, many[i].name) == 0, "the next one");
		}
		n++;
	}
	check(n == 22 && read(fd2, &de, sizeof(de)) == 0, "each once");
	close(fd2);
	close(fd);
	fd = open("x_d", O_RDONLY);
	check(read(fd, (void *)0x3fffffe000, sizeof(de)) == -1 && write(fd, "x", 1) == -1, "a bad address, a write");
	close(fd);
	check(unlink("x_d") == -1, "not empty");
	for (i = 0, name[4] = 'a'; i < 20; i++, name[4]++)
		check(unlink(name) == 0, "unlink");
	check(unlink("x_d") == 0, "empty");
}

static void
others(void)
{
	int before = uptime(), pid, status, fds[2];
	char c;

	check(pause(1) == 0 && uptime() > before && sleep(-1) == 0, "a tick");
	check(kill(0) == -1 && kill(-1) == -1 && kill(-getpid()) == -1, "nobody has such a number");
	pipe(fds);
	pid = fork();
	if (pid == 0)
		exit(read(fds[0], &c, 1));
	check(kill(pid) == 0 && wait(&status) == pid && status == -1, "killed while it waits for a pipe");
	pid = fork();
	if (pid == 0)
		exit(pause(100000));
	check(kill(pid) == 0 && wait(&status) == pid && status == -1, "killed in its sleep");
	close(fds[0]);
	check(write(fds[1], page, PGSIZE) == -1, "nobody reads");
	close(fds[1]);
	check(mknod("x_console", 1, 0) == 0 && mknod("x_console", 1, 0) == -1, "a device is made once");
	pid = open("x_console", O_RDWR);
	check(pid >= 0 && write(pid, "", 0) == 0 && close(pid) == 0 && unlink("x_console") == 0, "it is the console");
}

int
main(void)
{
	statuses();
	processes();
	arguments();
	paths();
	files();
	pipes();
	directories();
	others();
	exit(0);
}
