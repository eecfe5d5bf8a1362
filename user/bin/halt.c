/* halt: poweroff by another name. */
#include <pagoda.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	sync();
	reboot(REBOOT_POWEROFF);
	perror("halt");
	return 1;
}
