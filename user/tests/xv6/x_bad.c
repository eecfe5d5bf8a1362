/* Written the way programs for xv6 are: pointers that lead nowhere. */
#include "kernel/types.h"
#include "kernel/stat.h"
#include "kernel/fcntl.h"
#include "kernel/memlayout.h"
#include "user/user.h"

int
main(void)
{
	uint64 bad[] = { 0, KERNBASE, MAXVA - PGSIZE, MAXVA, 0xffffffffffffffff };
	char *argv[] = { "true", 0, 0 };
	int fd = open("/bin/true", O_RDONLY), fds[2];

	pipe(fds);
	for (int i = 0; i < 5; i++) {
		char *p = (char *)bad[i];

		if (open(p, O_RDONLY) != -1 || mkdir(p) != -1 || unlink(p) != -1 || link(p, "x") != -1 || chdir(p) != -1 ||
		    read(fd, p, 100) != -1 || write(fds[1], p, 100) > 0 || pipe((int *)p) != -1 || fstat(fd, (struct stat *)p) != -1 ||
		    exec(p, argv) != -1 || (p && exec("/bin/true", (char **)p) != -1)) {
			fprintf(2, "x_bad: %p was accepted\n", p);
			exit(1);
		}
		argv[1] = p;
		if (p && exec("/bin/true", argv) != -1)
			exit(2);
		argv[1] = 0;
	}
	exit(0);
}
