/* Written the way programs for xv6 are: files. */
#include "kernel/types.h"
#include "kernel/stat.h"
#include "kernel/fcntl.h"
#include "kernel/fs.h"
#include "kernel/param.h"
#include "user/user.h"

static char buf[BSIZE];

static void
check(int good, char *what)
{
	if (!good) {
		fprintf(2, "x_files: %s\n", what);
		exit(1);
	}
}

static void
names(void)
{
	struct stat st;
	int fd;

	check(mkdir("x6") == 0, "mkdir");
	check(mkdir("x6") < 0, "mkdir twice");
	fd = open("x6/12345678901234567", O_CREATE | O_RDWR);
	check(fd >= 0, "create a long name");
	check(write(fd, "abc", 3) == 3, "write");
	close(fd);
	fd = open("x6/12345678901234", O_RDONLY);
	check(fd >= 0, "14 bytes count");
	check(fstat(fd, &st) == 0 && st.type == T_FILE && st.size == 3 && st.nlink == 1, "fstat");
	close(fd);
	check(link("x6/12345678901234", "x6/b") == 0, "link");
	check(stat("x6/b", &st) == 0 && st.nlink == 2, "nlink");
	check(unlink("x6") < 0, "unlink of a directory with files");
	check(unlink("x6/b") == 0, "unlink");
	check(open("x6/b", O_RDONLY) < 0, "open what is gone");
}

static void
directory(void)
{
	struct dirent de;
	struct stat st;
	int fd = open("x6", O_RDONLY), files = 0, dots = 0;

	check(fd >= 0 && fstat(fd, &st) == 0 && st.type == T_DIR, "open a directory");
	while (read(fd, &de, sizeof(de)) == sizeof(de)) {
		if (de.inum == 0)
			continue;
		if (strcmp(de.name, ".") == 0 || strcmp(de.name, "..") == 0)
			dots++;
		else {
			check(memcmp(de.name, "12345678901234", DIRSIZ) == 0, "the name");
			files++;
		}
	}
	close(fd);
	check(dots == 2 && files == 1, "entries");
	check(unlink("x6/12345678901234") == 0 && unlink("x6") == 0, "remove all");
}

static void
large(void)
{
	int fd = open("big", O_CREATE | O_RDWR), n;

	for (n = 0; n < (int)MAXFILE; n++) {
		buf[0] = n;
		check(write(fd, buf, BSIZE) == BSIZE, "write up to MAXFILE");
	}
	check(write(fd, buf, BSIZE) < 0, "no block beyond MAXFILE");
	close(fd);
	fd = open("big", O_RDONLY);
	for (n = 0; n < (int)MAXFILE; n++)
		check(read(fd, buf, BSIZE) == BSIZE && (uchar)buf[0] == (uchar)n, "read back");
	check(read(fd, buf, BSIZE) == 0, "the end");
	close(fd);
	check((fd = open("big", O_RDWR | O_TRUNC)) >= 0 && read(fd, buf, 1) == 0, "truncate");
	close(fd);
	check(unlink("big") == 0, "unlink big");
}

static void
descriptors(void)
{
	int first = dup(0), last = first, fd;

	while ((fd = dup(0)) >= 0)
		last = fd;
	check(last == NOFILE - 1, "NOFILE descriptors");
	check(open("/bin/true", O_RDONLY) < 0, "no more");
	for (fd = first; fd <= last; fd++)
		check(close(fd) == 0, "close");
}

int
main(int argc, char *argv[])
{
	check(argc == 3 && strcmp(argv[1], "one") == 0 && strcmp(argv[2], "two") == 0, "arguments");
	names();
	directory();
	large();
	descriptors();
	exit(0);
}
