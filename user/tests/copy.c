/* Bad pointers: every call that copies answers EFAULT, and has done no harm. */
#include "test.h"

/* Addresses that no call can read or write: nothing mapped, the kernel's, nowhere. */
static void *const bad[] = {
	NULL, (void *)8, (void *)0x3ffffff000, (void *)0x3fffffffff, (void *)0x8000000000, (void *)0xffffffc080200000,
	(void *)0xffffffff80200000, (void *)-4096L, (void *)-8L,
};
#define BAD_COUNT (sizeof bad / sizeof bad[0])

ssize_t getdents(int fd, void *buf, size_t size);

TEST(read_write, "B6", "read and write with a bad buffer are EFAULT; a pipe has lost nothing, a file neither moved nor grew")
{
	struct stat st;
	char c[4];
	int fds[2], fd;

	CHECK_OK(pipe(fds));
	CHECK_EQ(write(fds[1], "abc", 3), 3);
	fd = (int)CHECK_OK(open("/tmp/copy", O_RDWR | O_CREAT | O_TRUNC));
	CHECK_EQ(write(fd, "xyz", 3), 3);
	for (size_t i = 0; i < BAD_COUNT; i++) {
		CHECK_ERROR(read(fds[0], bad[i], 3), EFAULT);
		CHECK_ERROR(write(fds[1], bad[i], 3), EFAULT);
		CHECK_ERROR(write(fd, bad[i], 3), EFAULT);
		CHECK_ERROR(pwrite(fd, bad[i], 3, 0), EFAULT);
		CHECK_ERROR(pread(fd, bad[i], 3, 0), EFAULT);
	}
	CHECK_EQ(read(fds[0], c, 4), 3);
	CHECK(memcmp(c, "abc", 3) == 0);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 3);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 3);
	CHECK_EQ(pread(fd, c, 4, 0), 3);
	CHECK(memcmp(c, "xyz", 3) == 0);
	CHECK_OK(lseek(fd, 0, SEEK_SET));
	CHECK_ERROR(read(fd, bad[5], 3), EFAULT);
	CHECK_OK(close(fd));
	CHECK_OK(unlink("/tmp/copy"));
}

static int late_fds[2];
static volatile int late_result, late_errno, late_waits;

static void *read_late(void *arg)
{
	late_waits = 1;
	late_result = (int)read(late_fds[0], arg, 4);
	late_errno = errno;
	return NULL;
}

/* Starts a thread that reads 4 bytes to p from a pipe that is empty still, and gives it the time to sleep there. */
static void start_read_late(thread_t *t, char *p)
{
	late_waits = late_result = 0;
	CHECK_EQ(thread_start(t, read_late, p), 0);
	while (!late_waits)
		sched_yield();
	nanosleep(2000000);
}

TEST(late, "B6", "whether memory can be read or written is found out by the copy: what is mapped or unmapped while the call waits decides")
{
	char *p = (char *)0x10000000, c[4]; /* where nothing goes by itself */
	thread_t t;

	CHECK_OK(pipe(late_fds));
	start_read_late(&t, p); /* not there yet */
	CHECK(mmap(p, PAGES(2), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON | MAP_FIXED, -1, 0) == p);
	CHECK_EQ(write(late_fds[1], "abcd", 4), 4);
	CHECK_EQ(thread_wait(t, NULL), 0);
	CHECK_EQ(late_result, 4);
	CHECK(memcmp(p, "abcd", 4) == 0);

	start_read_late(&t, p); /* there, but not any more */
	CHECK_OK(munmap(p, PAGES(1)));
	CHECK_EQ(write(late_fds[1], "efgh", 4), 4);
	CHECK_EQ(thread_wait(t, NULL), 0);
	CHECK_EQ(late_result, -1);
	CHECK_EQ(late_errno, EFAULT);
	CHECK_EQ(read(late_fds[0], c, 4), 4); /* the bytes are still in the pipe */
	CHECK(memcmp(c, "efgh", 4) == 0);

	p += PAGES(1);
	start_read_late(&t, p); /* read-only by then */
	CHECK_OK(mprotect(p, PAGES(1), PROT_READ));
	CHECK_EQ(write(late_fds[1], "i", 1), 1);
	CHECK_EQ(thread_wait(t, NULL), 0);
	CHECK_EQ(late_errno, EFAULT);
}

TEST(paths, "B6", "a bad path is EFAULT in every call that takes one")
{
	for (size_t i = 0; i < BAD_COUNT; i++) {
		char *p = bad[i];

		CHECK_ERROR(open(p, O_RDONLY), EFAULT);
		CHECK_ERROR(unlink(p), EFAULT);
		CHECK_ERROR(mkdir(p), EFAULT);
		CHECK_ERROR(rmdir(p), EFAULT);
		CHECK_ERROR(chdir(p), EFAULT);
		CHECK_ERROR(mknod(p, S_IFCHR, 0x100), EFAULT);
		CHECK_ERROR(link(p, "/tmp/x"), EFAULT);
		CHECK_ERROR(link("/bin/true", p), EFAULT);
		CHECK_ERROR(rename(p, "/tmp/x"), EFAULT);
		CHECK_ERROR(rename("/bin/true", p), EFAULT);
	}
}

TEST(exec_pointers, "B6", "exec with a bad path, vector or string is EFAULT and the old program goes on")
{
	char *args[] = { "x", NULL, NULL };

	for (size_t i = 0; i < BAD_COUNT; i++) {
		CHECK_ERROR(execve(bad[i], args, NULL), EFAULT);
		if (bad[i] == NULL)
			continue; /* no vector at all */
		CHECK_ERROR(execve("/bin/true", bad[i], NULL), EFAULT);
		CHECK_ERROR(execve("/bin/true", args, bad[i]), EFAULT);
		args[1] = bad[i];
		CHECK_ERROR(execve("/bin/true", args, NULL), EFAULT);
		args[1] = NULL;
	}
}

TEST(results, "B6", "calls that answer through a pointer are EFAULT when it is bad, and undone")
{
	int fd = (int)CHECK_OK(open("/bin", O_RDONLY)), status, count;
	pid_t pid = check_fork();

	if (pid == 0)
		exit(7);
	count = dup(0);
	CHECK_OK(count);
	close(count);
	for (size_t i = 0; i < BAD_COUNT; i++) {
		void *p = bad[i];

		CHECK_ERROR(pipe(p), EFAULT);
		CHECK_ERROR(fstat(fd, p), EFAULT);
		CHECK_ERROR(getdents(fd, p, 512), EFAULT);
		CHECK_ERROR((intptr_t)getcwd(p, 64) == 0 ? -1 : 0, EFAULT);
		CHECK_ERROR(vmstat(p, 4), EFAULT);
		CHECK_ERROR(proclist(p, 4), EFAULT);
		CHECK_ERROR(procmap(0, p, 4), EFAULT);
		CHECK_ERROR(inject(p, 1, 0), EFAULT);
		if (p) {
			CHECK_ERROR(sigaction(SIGUSR1, NULL, p), EFAULT);
			CHECK_ERROR(sigprocmask(SIG_BLOCK, NULL, p), EFAULT);
			CHECK_ERROR(sigprocmask(SIG_BLOCK, p, NULL), EFAULT);
		}
		CHECK_ERROR(wait_on(p, 0, 1), EFAULT);
	}
	status = dup(0);
	CHECK_EQ(status, count); /* no pipe's descriptors are left */
	close(status);
	CHECK_OK(close(fd));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EXIT(status, 7);
}

TEST(partly_bad, "B6", "a buffer whose end is not mapped: what fits before it arrives, or EFAULT; nothing is written beyond")
{
	char *p = map_pages(3);
	int fds[2];
	ssize_t n;

	CHECK_OK(munmap(p + PAGES(1), PAGES(1)));
	CHECK_OK(pipe(fds));
	memset(p, 'a', PAGE_SIZE);
	memset(p + PAGES(2), 'z', PAGE_SIZE);
	n = write(fds[1], p + PAGE_SIZE - 10, 20);
	if (n < 0) {
		CHECK_EQ(errno, EFAULT);
		n = 0;
	}
	CHECK(n <= 10);
	CHECK_EQ(write(fds[1], "bbbbbbbbbbbbbbbbbbbb", 20), 20);
	errno = 0;
	n = read(fds[0], p + PAGE_SIZE - 4, 20);
	CHECK((n == -1 && errno == EFAULT) || (n >= 0 && n <= 4));
	CHECK_EQ(p[PAGES(2)], 'z');
}

TEST(read_only, "B6", "a read into memory that may not be written is EFAULT, and the memory unchanged")
{
	FILE_CONST constant[16] = "constant";
	char *p = map_pages(1);
	int fd = (int)CHECK_OK(open("/bin/true", O_RDONLY)), fds[2];

	memset(p, 'x', PAGE_SIZE);
	CHECK_OK(mprotect(p, PAGE_SIZE, PROT_READ));
	CHECK_OK(pipe(fds));
	CHECK_EQ(write(fds[1], p, 100), 100);
	CHECK_ERROR(read(fd, p, 100), EFAULT);
	CHECK_ERROR(read(fds[0], p, 100), EFAULT);
	CHECK_ERROR(read(fd, (void *)(uintptr_t)constant, 8), EFAULT);
	CHECK_ERROR(read(fd, (void *)(uintptr_t)try_read, 8), EFAULT);
	CHECK_EQ(p[0], 'x');
	CHECK_EQ(constant[0], 'c');
	CHECK_OK(mprotect(p, PAGE_SIZE, PROT_NONE));
	CHECK_ERROR(write(fds[1], p, 100), EFAULT);
}

TEST(untouched, "A5", "copies into and out of memory that was never touched fault it in")
{
	char *p = map_pages(8);
	int fd = (int)CHECK_OK(open("/tmp/copy", O_RDWR | O_CREAT | O_TRUNC));

	CHECK_EQ(write(fd, p, PAGES(3)), PAGES(3)); /* zeroes */
	CHECK_EQ(pwrite(fd, "end", 3, (off_t)PAGES(3) - 3), 3);
	CHECK_OK(lseek(fd, 0, SEEK_SET));
	CHECK_EQ(read(fd, p + PAGES(4) + 100, PAGES(3)), PAGES(3));
	CHECK_EQ(p[PAGES(4) + 100], 0);
	CHECK(memcmp(p + PAGES(7) + 97, "end", 3) == 0);
	CHECK_OK(close(fd));
	CHECK_OK(unlink("/tmp/copy"));
}

TEST(unterminated, "B6", "a path that runs into unmapped memory is EFAULT, one that is too long ENAMETOOLONG")
{
	char *p = map_pages(3);

	CHECK_OK(munmap(p + PAGES(2), PAGES(1)));
	memset(p, 'a', PAGES(2));
	p[PAGES(2) - 3] = '/';
	CHECK_ERROR(open(p + PAGES(2) - 3, O_RDONLY), EFAULT);
	CHECK_ERROR(open(p, O_RDONLY), ENAMETOOLONG);
	p[300] = '\0';
	CHECK_ERROR(open(p, O_RDONLY), ENAMETOOLONG);
	p[NAME_MAX] = '\0';
	CHECK_ERROR(open(p, O_RDONLY), ENOENT);
}

TEST(stack_copy, "", "a read() into stack that has not grown yet makes it grow")
{
	char *sp;
	int fds[2];

	__asm__ volatile("mv %0, sp" : "=r"(sp));
	CHECK_OK(pipe(fds));
	CHECK_EQ(write(fds[1], "deep", 4), 4);
	sp -= PAGES(40);
	CHECK_EQ(read(fds[0], sp, 4), 4);
	CHECK(memcmp(sp, "deep", 4) == 0);
}

TEST(numbers, "", "calls that do not exist are ENOSYS, whatever their arguments")
{
	static const long numbers[] = { 0, 29, 35, 49, 97, 127, 128, 1000, 1L << 40, -1 };

	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		register long a0 __asm__("a0") = -1, a7 __asm__("a7") = numbers[i];

		__asm__ volatile("ecall" : "+r"(a0) : "r"(a7) : "memory");
		CHECK_EQ(a0, -ENOSYS);
	}
}
