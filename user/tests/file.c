/* Files and directories, as programs use them. */
#include <dirent.h>

#include "test.h"

static char buf[3 * PAGE_SIZE];

static int create(const char *path) { return (int)CHECK_OK(open(path, O_RDWR | O_CREAT | O_TRUNC)); }

TEST(read_write, "C15", "what is written is read back at once, through every descriptor, at every offset")
{
	int a = create("/tmp/f"), b = (int)CHECK_OK(open("/tmp/f", O_RDONLY));

	for (int i = 0; i < 40; i++) {
		memset(buf, 'a' + i % 26, 1000);
		CHECK_EQ(write(a, buf, 1000), 1000);
		memset(buf, 0, 1000);
		CHECK_EQ(read(b, buf, 3000), 1000);
		for (int j = 0; j < 1000; j++)
			CHECK_EQ(buf[j], 'a' + i % 26);
	}
	CHECK_EQ(read(b, buf, 10), 0);
	CHECK_EQ(pwrite(a, "PAGE", 4, 4094), 4);
	CHECK_EQ(pread(b, buf, 6, 4093), 6);
	CHECK(memcmp(buf, "ePAGEe", 6) == 0);
	CHECK_EQ(lseek(a, 0, SEEK_CUR), 40000);
	CHECK_OK(close(a));
	CHECK_OK(close(b));
	a = (int)CHECK_OK(open("/tmp/f", O_RDONLY));
	CHECK_EQ(pread(a, buf, 1, 39999), 1);
	CHECK_EQ(buf[0], 'a' + 39 % 26);
	CHECK_ERROR(write(a, buf, 1), EBADF);
	CHECK_OK(close(a));
	CHECK_OK(unlink("/tmp/f"));
}

TEST(copy_half_way, "C15", "a write whose bytes end where memory does changes nothing of that page, whether it is as on the disk or to be written")
{
	char *p = map_pages(2);
	int fd = create("/tmp/f");

	CHECK_OK(munmap(p + PAGES(1), PAGES(1)));
	memset(p, 'n', PAGES(1));
	memset(buf, 'o', PAGES(2));
	CHECK_EQ(write(fd, buf, PAGES(2)), (ssize_t)PAGES(2));
	CHECK_OK(fsync(fd));
	CHECK_ERROR(pwrite(fd, p + PAGE_SIZE - 100, 200, 50), EFAULT);
	CHECK_ERROR(pwrite(fd, p + PAGE_SIZE - 100, PAGES(1), 0), EFAULT);
	CHECK_EQ(pread(fd, buf, PAGES(2), 0), (ssize_t)PAGES(2));
	for (size_t i = 0; i < PAGES(2); i++)
		CHECK_EQ(buf[i], 'o');
	CHECK_EQ(pwrite(fd, p + PAGE_SIZE - 100, 200, PAGES(1) - 100), 100); /* what came before stands */
	CHECK_EQ(pread(fd, buf, PAGES(2), 0), (ssize_t)PAGES(2));
	for (size_t i = 0; i < PAGES(2); i++)
		CHECK_EQ(buf[i], i >= PAGES(1) - 100 && i < PAGES(1) ? 'n' : 'o');
	CHECK_OK(close(fd));
	CHECK_OK(unlink("/tmp/f"));
}

TEST(between_processes, "C15", "a write by one process is seen by a read in another, without a sync")
{
	struct gate written, answered;
	int fd = create("/tmp/f");
	pid_t pid;

	gate_init(&written);
	gate_init(&answered);
	pid = check_fork();
	if (pid == 0) {
		int mine = (int)CHECK_OK(open("/tmp/f", O_RDWR));

		for (int i = 0; i < 20; i++) {
			gate_wait(&written);
			CHECK_EQ(pread(mine, buf, 1, i * 5000), 1);
			CHECK_EQ(buf[0], i);
			buf[0] = (char)(100 + i);
			CHECK_EQ(pwrite(mine, buf, 1, i * 5000), 1);
			gate_open(&answered);
		}
		exit(0);
	}
	for (int i = 0; i < 20; i++) {
		buf[0] = (char)i;
		CHECK_EQ(pwrite(fd, buf, 1, i * 5000), 1);
		gate_open(&written);
		gate_wait(&answered);
		CHECK_EQ(pread(fd, buf, 1, i * 5000), 1);
		CHECK_EQ(buf[0], 100 + i);
	}
	check_child(pid);
	CHECK_OK(close(fd));
	CHECK_OK(unlink("/tmp/f"));
}

TEST(holes, "", "what lies between writes reads as zero, also after truncation and growth")
{
	int fd = create("/tmp/f");
	struct stat st;

	CHECK_EQ(pwrite(fd, "x", 1, 1000000), 1);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 1000001);
	CHECK(st.st_blocks < 20);
	memset(buf, 'g', sizeof buf);
	CHECK_EQ(pread(fd, buf, sizeof buf, 500000), sizeof buf);
	for (size_t i = 0; i < sizeof buf; i++)
		CHECK_EQ(buf[i], 0);
	memset(buf, 'g', sizeof buf);
	CHECK_EQ(pwrite(fd, buf, 5000, 0), 5000);
	CHECK_OK(ftruncate(fd, 100));
	CHECK_OK(ftruncate(fd, 9000));
	CHECK_EQ(pread(fd, buf, sizeof buf, 0), 9000);
	for (int i = 0; i < 9000; i++)
		CHECK_EQ(buf[i], i < 100 ? 'g' : 0);
	CHECK_ERROR(ftruncate(fd, -1), EINVAL);
	CHECK_OK(close(fd));
	CHECK_OK(unlink("/tmp/f"));
}

TEST(failed_growth, "", "a write beyond the end that fails leaves the file as long as it was")
{
	int fd = create("/tmp/f");
	struct stat st;

	CHECK_EQ(write(fd, "0123456789", 10), 10);
	CHECK_OK(fsync(fd));
	CHECK_ERROR(pwrite(fd, (void *)8, 10, 20), EFAULT);
	CHECK_ERROR(pwrite(fd, (void *)8, 10, (off_t)PAGES(2)), EFAULT);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 10);
	CHECK_EQ(pread(fd, buf, sizeof(buf), 0), 10);
	CHECK_EQ(pwrite(fd, "x", 1, (off_t)PAGES(2)), 1);
	CHECK_EQ(pread(fd, buf, sizeof(buf), 0), (ssize_t)PAGES(2) + 1);
	for (size_t i = 10; i < PAGES(2); i++)
		CHECK_EQ(buf[i], 0);
	CHECK_OK(close(fd));
	CHECK_OK(unlink("/tmp/f"));
}

TEST(offsets, "", "lseek, append, and descriptors that share an offset")
{
	int a = create("/tmp/f"), b, fds[2];

	CHECK_EQ(write(a, "0123456789", 10), 10);
	CHECK_EQ(lseek(a, -3, SEEK_END), 7);
	CHECK_EQ(lseek(a, -2, SEEK_CUR), 5);
	CHECK_ERROR(lseek(a, -6, SEEK_CUR), EINVAL);
	CHECK_ERROR(lseek(a, 0, 9), EINVAL);
	b = (int)CHECK_OK(dup(a));
	CHECK_EQ(read(b, buf, 2), 2);
	CHECK_EQ(buf[0], '5');
	CHECK_EQ(lseek(a, 0, SEEK_CUR), 7);
	CHECK_OK(close(b));
	b = (int)CHECK_OK(open("/tmp/f", O_WRONLY | O_APPEND));
	CHECK_EQ(write(b, "ab", 2), 2);
	CHECK_EQ(write(a, "X", 1), 1);
	CHECK_EQ(write(b, "cd", 2), 2);
	CHECK_EQ(pread(a, buf, 20, 0), 14);
	CHECK(memcmp(buf, "0123456X89abcd", 14) == 0);
	CHECK_OK(pipe(fds));
	CHECK_ERROR(lseek(fds[0], 0, SEEK_CUR), ESPIPE);
	CHECK_ERROR(pread(fds[0], buf, 1, 0), ESPIPE);
	CHECK_ERROR(read(99, buf, 1), EBADF);
	CHECK_ERROR(close(99), EBADF);
	CHECK_ERROR(dup(-1), EBADF);
	CHECK_OK(close(a));
	CHECK_OK(close(b));
	CHECK_OK(unlink("/tmp/f"));
}

TEST(names, "", "create, link, rename, unlink: names come and go, the file stays until its last name and descriptor")
{
	int fd = create("/tmp/a");
	struct stat st;

	CHECK_EQ(write(fd, "data", 4), 4);
	CHECK_OK(link("/tmp/a", "/tmp/b"));
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 2);
	CHECK_ERROR(link("/tmp/a", "/tmp/b"), EEXIST);
	CHECK_OK(unlink("/tmp/a"));
	CHECK_ERROR(open("/tmp/a", O_RDONLY), ENOENT);
	CHECK_ERROR(rename("/tmp/b", "/tmp/b/"), ENOTDIR);
	CHECK_OK(rename("/tmp/b", "/tmp/c"));
	CHECK_ERROR(stat("/tmp/b", &st), ENOENT);
	CHECK_OK(stat("/tmp/c", &st));
	CHECK_EQ(st.st_size, 4);
	CHECK_OK(close(create("/tmp/d")));
	CHECK_OK(rename("/tmp/c", "/tmp/d"));
	CHECK_OK(stat("/tmp/d", &st));
	CHECK_EQ(st.st_size, 4);
	CHECK_OK(unlink("/tmp/d"));
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(pread(fd, buf, 10, 0), 4);
	CHECK_OK(close(fd));
	CHECK_ERROR(unlink("/tmp/d"), ENOENT);
	CHECK_ERROR(open("/tmp/none/x", O_RDONLY), ENOENT);
	CHECK_ERROR(open("/bin/true/x", O_RDONLY), ENOTDIR);
	CHECK_ERROR(open("/bin", O_RDWR), EISDIR);
	CHECK_ERROR(open("/bin/true", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK_ERROR(open("/bin/true", O_RDWR | O_CREAT | O_EXCL), EEXIST);
	CHECK_ERROR(link("/bin", "/tmp/bin"), EPERM);
}

TEST(directories, "", "mkdir, rmdir, chdir, getcwd, ..: trees are made, walked, moved and removed")
{
	char path[64];
	int fd;

	CHECK_OK(mkdir("/tmp/d"));
	CHECK_ERROR(mkdir("/tmp/d"), EEXIST);
	CHECK_OK(mkdir("/tmp/d/e"));
	CHECK_OK(chdir("/tmp/d/e"));
	CHECK(getcwd(path, sizeof path) != NULL);
	CHECK_TEXT(path, "/tmp/d/e");
	CHECK(getcwd(path, 5) == NULL && errno == ERANGE);
	fd = create("../file");
	CHECK_OK(close(fd));
	CHECK_OK(close((int)CHECK_OK(open("/tmp/d/file", O_RDONLY))));
	CHECK_ERROR(rmdir("/tmp/d"), ENOTEMPTY);
	CHECK_ERROR(unlink("/tmp/d/e"), EISDIR);
	CHECK_ERROR(rmdir("/tmp/d/file"), ENOTDIR);
	CHECK_ERROR(rename("/tmp/d", "/tmp/d/e/f"), EINVAL);
	CHECK_OK(mkdir("/tmp/g"));
	CHECK_OK(rename("/tmp/d/e", "/tmp/g/e"));
	CHECK(getcwd(path, sizeof path) != NULL);
	CHECK_TEXT(path, "/tmp/g/e");
	CHECK_ERROR(open("../file", O_RDONLY), ENOENT);
	CHECK_OK(chdir("/"));
	CHECK_OK(rmdir("/tmp/g/e"));
	CHECK_OK(rmdir("/tmp/g"));
	CHECK_OK(unlink("/tmp/d/file"));
	CHECK_OK(rmdir("/tmp/d"));
	CHECK_ERROR(chdir("/tmp/d"), ENOENT);
	CHECK_ERROR(chdir("/bin/true"), ENOTDIR);
}

TEST(many_names, "", "a directory of hundreds of files lists each once; long names work, longer ones do not")
{
	static char seen[300];
	char name[NAME_MAX + 20];
	struct dirent *e;
	int count = 0;
	DIR *d;

	CHECK_OK(mkdir("/tmp/many"));
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "/tmp/many/file-%d", i);
		CHECK_OK(close(create(name)));
	}
	d = opendir("/tmp/many");
	CHECK(d != NULL);
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] == 'f') {
			int i = atoi(e->d_name + 5);

			CHECK(i >= 0 && i < 300 && !seen[i]);
			seen[i] = 1;
			count++;
		}
	CHECK_EQ(count, 300);
	CHECK_OK(closedir(d));
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "/tmp/many/file-%d", (i * 7) % 300);
		CHECK_OK(unlink(name));
	}
	strcpy(name, "/tmp/many/");
	memset(name + 10, 'n', NAME_MAX);
	name[10 + NAME_MAX] = '\0';
	CHECK_OK(close(create(name)));
	CHECK_OK(unlink(name));
	name[10 + NAME_MAX] = 'n';
	name[11 + NAME_MAX] = '\0';
	CHECK_ERROR(open(name, O_RDWR | O_CREAT), ENAMETOOLONG);
	CHECK_OK(rmdir("/tmp/many"));
}

TEST(devices, "", "/dev/null swallows and is empty, /dev/zero is full of zeroes")
{
	int null = (int)CHECK_OK(open("/dev/null", O_RDWR)), zero = (int)CHECK_OK(open("/dev/zero", O_RDONLY));

	CHECK_EQ(write(null, buf, sizeof buf), sizeof buf);
	CHECK_EQ(read(null, buf, sizeof buf), 0);
	memset(buf, 'x', sizeof buf);
	CHECK_EQ(read(zero, buf, 5000), 5000);
	for (int i = 0; i < 5000; i++)
		CHECK_EQ(buf[i], 0);
	CHECK_EQ(buf[5000], 'x');
	CHECK_OK(close(null));
	CHECK_OK(close(zero));
}

TEST(descriptors, "", "descriptors are the lowest free ones, up to the limit, which is EMFILE; dup2 replaces")
{
	int first = (int)CHECK_OK(dup(0)), last = first, fd;

	CHECK_OK(close(first));
	while ((fd = dup(0)) >= 0) {
		CHECK_EQ(fd, last);
		last++;
	}
	CHECK_EQ(errno, EMFILE);
	CHECK(last >= 64);
	CHECK_OK(close(first + 5));
	CHECK_EQ(dup(0), first + 5);
	for (fd = first; fd < last; fd++)
		CHECK_OK(close(fd));
	fd = (int)CHECK_OK(open("/bin/true", O_RDONLY));
	CHECK_EQ(dup2(fd, 30), 30);
	CHECK_EQ(dup2(fd, fd), fd);
	CHECK_EQ(read(30, buf, 4), 4);
	CHECK(memcmp(buf, "\177ELF", 4) == 0);
	CHECK_ERROR(dup2(fd, -1), EBADF);
	CHECK_ERROR(dup2(99, 5), EBADF);
	CHECK_OK(close(30));
	CHECK_OK(close(fd));
}

/* ---- pipes ---- */

TEST(pipe_order, "", "bytes come out of a pipe in order, across many processes' worth of filling it, and then the end")
{
	int fds[2], status = 0;
	unsigned expected = 0;
	pid_t pid;
	ssize_t n;

	CHECK_OK(pipe(fds));
	pid = check_fork();
	if (pid == 0) {
		unsigned next = 0;

		close(fds[0]);
		for (int i = 0; i < 60; i++) {
			size_t size = (size_t)(i * 397) % sizeof buf + 1;

			for (size_t j = 0; j < size; j++)
				buf[j] = (char)(next++ % 251);
			CHECK_EQ(write(fds[1], buf, size), size);
		}
		exit(0);
	}
	close(fds[1]);
	while ((n = read(fds[0], buf, (size_t)(status++ * 131) % 5000 + 1)) > 0)
		for (ssize_t i = 0; i < n; i++)
			CHECK_EQ((unsigned char)buf[i], expected++ % 251);
	CHECK_EQ(n, 0);
	check_child(pid);
	CHECK(expected > 100000);
	CHECK_OK(close(fds[0]));
}

TEST(pipe_ends, "", "a pipe without writers is at its end; one without readers is EPIPE and SIGPIPE")
{
	int fds[2], status;
	pid_t pid;

	CHECK_OK(pipe(fds));
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_ERROR(read(fds[1], buf, 1), EBADF);
	CHECK_ERROR(write(fds[0], buf, 1), EBADF);
	CHECK_OK(close(fds[1]));
	CHECK_EQ(read(fds[0], buf, 10), 1);
	CHECK_EQ(read(fds[0], buf, 10), 0);
	CHECK_OK(close(fds[0]));
	CHECK_OK(pipe(fds));
	CHECK_OK(close(fds[0]));
	pid = check_fork();
	if (pid == 0) {
		write(fds[1], "x", 1);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_SIGNAL(status, SIGPIPE);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERROR(write(fds[1], "x", 1), EPIPE);
	CHECK_OK(close(fds[1]));
}

TEST(removed_directory, "", "a directory that was removed leads nowhere: what takes its parent's number is not found by ..")
{
	struct stat parent, st = { 0 };
	char name[32];
	DIR *d;
	int fd;

	CHECK_OK(mkdir("/tmp/p"));
	CHECK_OK(mkdir("/tmp/p/q"));
	fd = (int)CHECK_OK(open("/tmp/p", O_RDONLY));
	CHECK_OK(fstat(fd, &parent));
	CHECK_OK(close(fd));
	CHECK_OK(chdir("/tmp/p/q"));
	CHECK((d = opendir(".")) != NULL);
	CHECK_OK(rmdir("/tmp/p/q"));
	CHECK_OK(rmdir("/tmp/p"));
	for (int i = 0; i < 20 && st.st_ino != parent.st_ino; i++) {
		snprintf(name, sizeof name, "/tmp/n%d", i);
		CHECK_OK(mkdir(name));
		int made = (int)CHECK_OK(open(name, O_RDONLY));
		CHECK_OK(fstat(made, &st));
		CHECK_OK(close(made));
	}
	CHECK_ERROR(chdir(".."), ENOENT);
	CHECK_ERROR(open("../x", O_CREAT | O_RDWR), ENOENT);
	CHECK_ERROR(open("x", O_CREAT | O_RDWR), ENOENT);
	CHECK(getcwd(buf, sizeof buf) == NULL);
	CHECK_EQ(errno, ENOENT);
	CHECK(readdir(d) == NULL);
	CHECK_OK(closedir(d));
	CHECK_OK(chdir("/"));
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "/tmp/n%d", i);
		rmdir(name);
	}
}

TEST(pipe_atomic, "", "writes of up to 4096 bytes by several processes do not mix")
{
	int fds[2];

	CHECK_OK(pipe(fds));
	for (int w = 0; w < 3; w++)
		if (check_fork() == 0) {
			memset(buf, 'a' + w, 4000);
			for (int i = 0; i < 10; i++)
				CHECK_EQ(write(fds[1], buf, 4000), 4000);
			_exit(0);
		}
	CHECK_OK(close(fds[1]));
	for (int i = 0; i < 30; i++) {
		for (int n = 0; n < 4000;) {
			ssize_t got = read(fds[0], buf + n, (size_t)(4000 - n));

			CHECK(got > 0);
			n += (int)got;
		}
		for (int j = 1; j < 4000; j++)
			CHECK_EQ(buf[j], buf[0]);
	}
	CHECK_EQ(read(fds[0], buf, 1), 0);
	for (int w = 0; w < 3; w++) {
		int status;

		CHECK_OK(wait(&status));
		CHECK_EXIT(status, 0);
	}
}
