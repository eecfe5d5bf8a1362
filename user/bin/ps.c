/* ps: the processes. */
#include <pagoda.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	struct procinfo *procs = NULL;
	int room = 32, n;

	for (;;) {
		procs = realloc(procs, (size_t)room * sizeof *procs);
		if (procs == NULL)
			n = -1;
		else
			n = proclist(procs, (size_t)room);
		if (n < 0) {
			perror("ps");
			return 1;
		}
		if (n < room)
			break;
		room *= 2;
	}
	printf("  PID  PPID  PGID S THR    MINOR    MAJOR     SIZE      RSS WAITS FOR       NAME\n");
	for (int i = 0; i < n; i++) {
		const struct procinfo *p = &procs[i];

		printf("%5d %5d %5d %c %3d %8u %8u %7lluK %7lluK %-15.15s %.31s\n", p->pid, p->ppid, p->pgid, (char)p->state, p->threads,
			p->minor, p->major, (unsigned long long)p->vsize / 1024, (unsigned long long)p->rss * 4,
			p->wchan[0] ? p->wchan : "-", p->name);
	}
	return 0;
}
