/* Signals. */
#ifndef SIGNAL_H
#define SIGNAL_H

#include <sys/types.h>

#include <abi/signal.h>

typedef void (*sighandler_t)(int);
#define SIG_ERR ((sighandler_t)-1)

int kill(pid_t pid, int sig);
int raise(int sig);
int sigaction(int sig, const struct sigaction *new, struct sigaction *old);
int sigprocmask(int how, const sigset_t *set, sigset_t *old);
sighandler_t signal(int sig, sighandler_t handler);

static inline int sigemptyset(sigset_t *set) { *set = 0; return 0; }
static inline int sigfillset(sigset_t *set) { *set = ~(sigset_t)0; return 0; }
static inline int sigaddset(sigset_t *set, int sig) { *set |= (sigset_t)1 << (sig - 1); return 0; }
static inline int sigdelset(sigset_t *set, int sig) { *set &= ~((sigset_t)1 << (sig - 1)); return 0; }
static inline int sigismember(const sigset_t *set, int sig) { return *set >> (sig - 1) & 1; }

#endif
