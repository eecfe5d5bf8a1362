// printf's conversions, those of the years before %ld among them.
#include "kernel/types.h"
#include "kernel/stat.h"
#include "kernel/fcntl.h"
#include "user/user.h"

static char *formats = "%d %x %l %lu %ld %s %c %% %q %l";
static char *wanted = "-5 ff 30064771072 3 -4 hi c % %q 9";

int
main(void)
{
	char got[128];
	int fd = open("xtext", O_CREATE | O_RDWR);

	fprintf(fd, formats, -5, 255, 7UL << 32, 3UL, -4L, "hi", 'c', 9UL);
	close(fd);
	fd = open("xtext", O_RDONLY);
	memset(got, 0, sizeof(got));
	read(fd, got, sizeof(got) - 1);
	close(fd);
	unlink("xtext");
	if(strcmp(got, wanted) != 0){
		fprintf(2, "x_text: got \"%s\", want \"%s\"\n", got, wanted);
		exit(1);
	}
	exit(0);
}
