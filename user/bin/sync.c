/* sync: writes all that is not on the disk yet. */
#include <unistd.h>

int main(void)
{
	sync();
	return 0;
}
