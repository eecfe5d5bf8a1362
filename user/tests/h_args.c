/* h_args N ...: are these the arguments that the test gave? See exec.c there. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv, char **envp)
{
	struct stat st;

	if (((uintptr_t)__builtin_frame_address(0) & 15) != 0 || argv[argc] != NULL)
		return 2;
	if (strcmp(argv[1], "big") == 0)
		return argc == 3 && strlen(argv[2]) == 200 * 1024 ? 0 : 3;
	if (strcmp(argv[1], "fds") == 0)
		return fstat(5, &st) == 0 && fstat(6, &st) == -1 && errno == EBADF ? 0 : 4;
	if (strcmp(argv[1], "script") == 0)
		return argc == 3 && strcmp(argv[2], "/tmp/script") == 0 ? 0 : 6;
	return argc == 5 && strcmp(argv[0], "h_args") == 0 && strcmp(argv[1], "4") == 0 && strcmp(argv[2], "one") == 0 &&
		argv[3][0] == '\0' && strcmp(argv[4], "two words") == 0 && strcmp(envp[0], "A=1") == 0 &&
		strcmp(envp[1], "B=") == 0 && envp[2] == NULL && strcmp(getenv("A"), "1") == 0 ? 0 : 5;
}
