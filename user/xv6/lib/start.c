/* The start of a program written for xv6. Broken pipes are failures of write() there, never signals. */
#include "raw.h"
#include "user/user.h"

int main(int argc, char **argv);

#define IGNORE ((void (*)(int))1)

void __start(int argc, char **argv)
{
	struct raw_sigaction ignore = { .handler = IGNORE };

	__sys_sigaction(RAW_SIGPIPE, &ignore, 0);
	exit(main(argc, argv));
}
