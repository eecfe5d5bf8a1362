/*
 * Redirections. Descriptors from SHELL_FDS on are the shell's own: a stack of
 * copies of those that are redirected for a while, when the shell itself runs
 * what is redirected. Its children close them.
 */
#include "sh.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHELL_FDS 100
#define KEPT_MAX 100

static struct {
	int fd;       /* where copy SHELL_FDS + index goes back to; -1: nowhere */
	bool was_open;
} kept[KEPT_MAX];
static int kept_count;

static bool complain(const char *what, int error)
{
	fprintf(stderr, "sh: %s: %s\n", what, strerror(error));
	return false;
}

static bool keep(int fd, int back_to)
{
	if (kept_count == KEPT_MAX) {
		errno = EMFILE;
		return false;
	}
	kept[kept_count].was_open = dup2(fd, SHELL_FDS + kept_count) >= 0;
	if (!kept[kept_count].was_open && errno != EBADF)
		return false;
	kept[kept_count++].fd = back_to;
	return true;
}

int fd_keep(int fd)
{
	if (!keep(fd, -1))
		return -1;
	close(fd);
	return SHELL_FDS + kept_count - 1;
}

/* Copies descriptor `from` to `to`. */
static bool copy(int from, int to, const char *name)
{
	return (from < SHELL_FDS && dup2(from, to) >= 0) || complain(name, from < SHELL_FDS ? errno : EBADF);
}

static bool redirect_one(const struct redirect *r)
{
	char *word = expand_one(r->word), number[16];
	bool done;
	int fd;

	if (r->fd >= SHELL_FDS) {
		snprintf(number, sizeof number, "%d", r->fd);
		return complain(number, EBADF);
	}
	if (r->flags == -1) {
		size_t digits = strspn(word, "0123456789");

		return copy(digits > 0 && digits < 4 && word[digits] == '\0' ? atoi(word) : SHELL_FDS, r->fd, word);
	}
	fd = open(word, r->flags);
	if (fd < 0)
		return complain(word, errno);
	if (fd == r->fd)
		return true;
	done = copy(fd, r->fd, word);
	close(fd);
	return done;
}

bool redirect_all(const struct redirect *r)
{
	for (; r; r = r->next)
		if (!redirect_one(r))
			return false;
	return true;
}

int redirect_mark(void) { return kept_count; }

bool redirect_for_now(const struct redirect *r)
{
	for (; r; r = r->next) {
		if (r->fd < SHELL_FDS && !keep(r->fd, r->fd))
			return complain(r->word, errno);
		if (!redirect_one(r))
			return false;
	}
	return true;
}

void redirect_undo(int mark)
{
	while (kept_count > mark) {
		int copy_fd = SHELL_FDS + --kept_count;

		if (kept[kept_count].was_open) {
			dup2(copy_fd, kept[kept_count].fd);
			close(copy_fd);
		} else
			close(kept[kept_count].fd);
	}
}

void redirect_forget(void)
{
	while (kept_count > 0)
		close(SHELL_FDS + --kept_count);
}
