/* Programs written for xv6, compiled unmodified: they check themselves. */
#include "test.h"

static int run(const char *name)
{
	pid_t pid = check_fork();
	int status;

	if (pid == 0) {
		char path[40], *argv[] = { (char *)name, "one", "two", NULL };

		snprintf(path, sizeof path, "/bin/%s", name);
		CHECK_OK(chdir("/tmp"));
		execv(path, argv);
		FAIL("%s: %s", path, strerror(errno));
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

TEST(files, "", "files as xv6 has them: 14-byte names, 268 blocks, readable directories, 16 descriptors")
{
	CHECK_EXIT(run("x_files"), 0);
}

TEST(text, "", "printf as xv6 has it, in each of its years")
{
	CHECK_EXIT(run("x_text"), 0);
}

TEST(processes, "", "processes as xv6 has them: raw status, -1 for the killed, pipes, exec, sbrk")
{
	CHECK_EXIT(run("x_procs"), 0);
}

TEST(pointers, "", "bad pointers make xv6's calls fail with -1")
{
	CHECK_EXIT(run("x_bad"), 0);
}

/* test: mem=32M limit=400M audit=no */
TEST(memory, "", "memory as xv6 has it: text low, one page of stack over a guard, a heap up to TRAPFRAME, the same amount each time")
{
	CHECK_EXIT(run("x_memory"), 0);
}

/* test: limit=600M */
TEST(limits, "", "xv6's limits and the corners of each call: whole statuses, NPROC, MAXARG, MAXPATH, directories with a shared place")
{
	CHECK_EXIT(run("x_limits"), 0);
}

TEST(status, "", "waitpid with WWHOLE: all that was given to exit, -1 after a signal; without it eight bits, as ever")
{
	static const int codes[] = { 0, 255, 747, -1, INT32_MIN };
	int status;

	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		for (int options = 0; options <= WWHOLE; options += WWHOLE) {
			pid_t pid = check_fork();

			if (pid == 0)
				_exit(codes[i]);
			CHECK_EQ(waitpid(pid, &status, options), pid);
			CHECK_EQ(status, options ? codes[i] : W_EXITCODE(codes[i], 0));
		}
	}
	for (int options = 0; options <= WWHOLE; options += WWHOLE) {
		pid_t pid = check_fork();

		if (pid == 0)
			kill(getpid(), SIGTERM);
		CHECK_EQ(waitpid(pid, &status, options), pid);
		CHECK_EQ(status, options ? -1 : SIGTERM);
	}
	CHECK_ERROR(waitpid(-1, &status, 4), EINVAL);
}
