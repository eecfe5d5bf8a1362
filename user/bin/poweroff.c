/* poweroff: writes what is not on the disk yet and switches the machine off. */
#include <pagoda.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	sync();
	reboot(REBOOT_POWEROFF);
	perror("poweroff");
	return 1;
}
