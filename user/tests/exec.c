/* exec: what the new program gets, and that a failure leaves the old one as it was. */
#include "test.h"

static int run_program(const char *path, char **argv, char **envp)
{
	pid_t pid = check_fork();
	int status;

	if (pid == 0) {
		execve(path, argv, envp);
		_exit(100 + errno);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

TEST(arguments, "", "arguments and environment arrive, in order, with the stack aligned")
{
	char *argv[] = { "h_args", "4", "one", "", "two words", NULL }, *envp[] = { "A=1", "B=", NULL };

	CHECK_EXIT(run_program("/bin/h_args", argv, envp), 0);
}

TEST(not_executable, "", "what is no program is refused with the right errno")
{
	char *argv[] = { "x", NULL };
	int fd = (int)CHECK_OK(open("/tmp/bad", O_RDWR | O_CREAT | O_TRUNC));

	CHECK_EXIT(run_program("/nowhere", argv, NULL), 100 + ENOENT);
	CHECK_EXIT(run_program("/bin/true/x", argv, NULL), 100 + ENOTDIR);
	CHECK(WEXITSTATUS(run_program("/bin", argv, NULL)) > 100);
	CHECK_EXIT(run_program("/tmp/bad", argv, NULL), 100 + ENOEXEC); /* empty */
	CHECK_EQ(write(fd, "\177ELF", 4), 4);
	CHECK_EXIT(run_program("/tmp/bad", argv, NULL), 100 + ENOEXEC);
	CHECK_OK(close(fd));
	CHECK_OK(unlink("/tmp/bad"));
}

static char image[32768];

TEST(damaged, "", "a program with any 8 bytes of its headers overwritten runs, fails to start, or ends by a signal: the kernel stands")
{
	static const uint64_t values[] = { 0, UINT64_MAX, 0x8000000000000000, 0xffffffff80000000, 0x3ffffff000, 0xfff };
	char *argv[] = { "true", NULL };
	int fd = (int)CHECK_OK(open("/bin/true", O_RDONLY));
	ssize_t size = read(fd, image, sizeof image);

	CHECK(size > 64 + 3 * 56 && size < (ssize_t)sizeof image);
	CHECK_OK(close(fd));
	for (size_t at = 0; at < 64 + 3 * 56; at += 8)
		for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
			uint64_t keep;
			int status;

			memcpy(&keep, image + at, 8);
			memcpy(image + at, &values[v], 8);
			fd = (int)CHECK_OK(open("/tmp/bad", O_WRONLY | O_CREAT | O_TRUNC));
			CHECK_EQ(write(fd, image, (size_t)size), size);
			CHECK_OK(close(fd));
			status = run_program("/tmp/bad", argv, NULL);
			CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) == 0 || WEXITSTATUS(status) > 100);
			memcpy(image + at, &keep, 8);
		}
	CHECK_OK(unlink("/tmp/bad"));
	CHECK_OK(audit(AUDIT_CHECK));
}

/* test: limit=2000M */
static volatile int old_handled;

static void old_handler(int sig) { old_handled = sig; }

TEST(without_memory, "C8", "exec with any one allocation failing is ENOMEM, with the old program running on, its memory, files and handlers as they were, or succeeds")
{
	static char data[3 * PAGE_SIZE];
	int failed = 0;

	memset(data, 'd', sizeof data);
	for (int n = 1; n <= 80; n++) {
		pid_t pid = check_fork();
		int status;

		if (pid == 0) {
			char *argv[] = { "true", "argument", NULL };
			int fd = open("/bin/true", O_RDONLY | O_CLOEXEC);

			signal(SIGUSR1, old_handler);
			inject("*", n, 0);
			execve("/bin/true", argv, NULL);
			if (errno != ENOMEM)
				_exit(100 + errno);
			inject("*", 0, 0);
			for (size_t i = 0; i < sizeof data; i++)
				if (data[i] != 'd')
					_exit(3);
			raise(SIGUSR1);
			if (old_handled != SIGUSR1 || close(fd) < 0)
				_exit(5);
			_exit(4);
		}
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			continue; /* the n-th was in a fault, which waits and goes on, or came after the exec */
		CHECK_EXIT(status, 4);
		failed++;
	}
	if (failed < 3)
		FAIL("only %d execs failed", failed);
	CHECK_OK(audit(AUDIT_CHECK));
}

TEST(argument_limit, "", "arguments up to 256 KiB arrive; more is E2BIG")
{
	size_t size = 200 * 1024;
	char *big = malloc(300 * 1024), *argv[] = { "h_args", "big", big, NULL };

	CHECK(big != NULL);
	memset(big, 'x', 300 * 1024);
	big[size] = '\0';
	CHECK_EXIT(run_program("/bin/h_args", argv, NULL), 0);
	big[size] = 'x';
	big[300 * 1024 - 1] = '\0';
	CHECK_EXIT(run_program("/bin/h_args", argv, NULL), 100 + E2BIG);
}

TEST(script_without_arguments, "", "what lies behind the end of an empty argv is not taken for a script's arguments")
{
	static const char line[] = "#!/bin/h_args script\n";
	char *argv[] = { NULL, "one", "two", NULL };
	int fd = (int)CHECK_OK(open("/tmp/script", O_WRONLY | O_CREAT | O_TRUNC));

	CHECK_EQ(write(fd, line, sizeof line - 1), sizeof line - 1);
	CHECK_OK(close(fd));
	CHECK_EXIT(run_program("/tmp/script", argv, NULL), 0);
	CHECK_EXIT(run_program("/tmp/script", NULL, NULL), 0);
	CHECK_OK(unlink("/tmp/script"));
}

TEST(files, "", "descriptors stay open over exec unless they were opened close-on-exec")
{
	char *argv[] = { "h_args", "fds", "5", "6", NULL };
	int fd = (int)CHECK_OK(open("/bin/true", O_RDONLY)), hidden;

	CHECK_EQ(dup2(fd, 5), 5);
	close(fd);
	CHECK_OK(close(open("/bin/true", O_RDONLY)));
	do
		hidden = (int)CHECK_OK(open("/bin/true", O_RDONLY | O_CLOEXEC));
	while (hidden < 6);
	CHECK_EXIT(run_program("/bin/h_args", argv, NULL), 0);
}

static void copy_file(const char *from, const char *to)
{
	int in = (int)CHECK_OK(open(from, O_RDONLY)), out = (int)CHECK_OK(open(to, O_WRONLY | O_CREAT));
	ssize_t n = read(in, image, sizeof image);

	CHECK(n > 0 && n < (ssize_t)sizeof image);
	CHECK_EQ(write(out, image, (size_t)n), n);
	CHECK_OK(close(in));
	CHECK_OK(close(out));
}

TEST(one_cache, "C15", "a program written with write() runs at once, and again with what was written over it")
{
	char *argv[] = { "prog", NULL };

	for (int i = 0; i < 3; i++) {
		copy_file("/bin/true", "/tmp/prog");
		CHECK_EXIT(run_program("/tmp/prog", argv, NULL), 0);
		copy_file("/bin/false", "/tmp/prog");
		CHECK_EXIT(run_program("/tmp/prog", argv, NULL), 1);
	}
	CHECK_OK(unlink("/tmp/prog"));
}

TEST(memory_gone, "", "exec gives back all memory of the old program")
{
	char *argv[] = { "true", NULL };
	pid_t pid;

	CHECK_EXIT(run_program("/bin/true", argv, NULL), 0);
	count_start();
	pid = check_fork();
	if (pid == 0) {
		char *p = map_pages(300);

		for (int i = 0; i < 300; i++)
			p[PAGES(i)] = 1;
		execve("/bin/true", argv, NULL);
		_exit(1);
	}
	check_child(pid);
	CHECK_COUNT(STAT_anons, 0);
	CHECK_COUNT(STAT_amaps, 0);
	CHECK_COUNT(STAT_map_entries, 0);
	CHECK_COUNT(STAT_pmaps, 0);
}
