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
