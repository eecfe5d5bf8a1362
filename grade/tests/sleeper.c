/* Two processes that each wait for the other to write, for ever. */
#include <unistd.h>

int main(void)
{
	int here[2], there[2];
	char c;

	pipe(here);
	pipe(there);
	if (fork() == 0)
		read(here[0], &c, 1);
	else
		read(there[0], &c, 1);
	return 0;
}
