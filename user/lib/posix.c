/* Calls that are made of other calls. */
#include <errno.h>
#include <fcntl.h>
#include <pagoda.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

long _getcwd(char *buf, size_t size);

pid_t wait(int *status) { return waitpid(-1, status, 0); }

unsigned sleep(unsigned seconds)
{
	return nanosleep(seconds * 1000000000UL) < 0 ? 1 : 0;
}

int usleep(unsigned long microseconds) { return nanosleep(microseconds * 1000); }

char *getcwd(char *buf, size_t size) { return _getcwd(buf, size) < 0 ? NULL : buf; }

int stat(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY), result;

	if (fd < 0)
		return -1;
	result = fstat(fd, st);
	close(fd);
	return result;
}

int execv(const char *path, char *const argv[]) { return execve(path, argv, environ); }

int execvp(const char *file, char *const argv[])
{
	const char *path = getenv("PATH"), *end;
	char full[PATH_MAX];
	int error = ENOENT;

	if (strchr(file, '/'))
		return execv(file, argv);
	if (path == NULL)
		path = "/bin";
	for (;; path = end + 1) {
		size_t n;

		end = strchr(path, ':');
		if (end == NULL)
			end = path + strlen(path);
		n = (size_t)(end - path);
		if (n + strlen(file) + 2 <= sizeof full) {
			memcpy(full, path, n);
			full[n] = '/';
			strcpy(full + n + (n > 0), file);
			execv(full, argv);
			if (errno != ENOENT && errno != ENOTDIR)
				error = errno;
		}
		if (*end == '\0')
			break;
	}
	errno = error;
	return -1;
}
