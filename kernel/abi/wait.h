/* How waitpid(2) tells the ends of a process apart. */
#ifndef ABI_WAIT_H
#define ABI_WAIT_H

#define WNOHANG 1
#define WWHOLE 2 /* the status is what was given to exit, all of it; -1 for a process that a signal ended */

#define WIFEXITED(s) (((s) & 0x7f) == 0)
#define WEXITSTATUS(s) (((s) >> 8) & 0xff)
#define WIFSIGNALED(s) (((s) & 0x7f) != 0)
#define WTERMSIG(s) ((s) & 0x7f)
#define W_EXITCODE(code, sig) (((code) & 0xff) << 8 | ((sig) & 0x7f))

#endif
