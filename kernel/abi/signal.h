/* Signals: numbers, codes, and the structures of sigaction(2). */
#ifndef ABI_SIGNAL_H
#define ABI_SIGNAL_H

#include <stdint.h>

#define SIGHUP 1
#define SIGINT 2
#define SIGQUIT 3
#define SIGILL 4
#define SIGTRAP 5
#define SIGABRT 6
#define SIGBUS 7
#define SIGFPE 8
#define SIGKILL 9
#define SIGUSR1 10
#define SIGSEGV 11
#define SIGUSR2 12
#define SIGPIPE 13
#define SIGALRM 14
#define SIGTERM 15
#define SIGCHLD 17
#define SIGCONT 18
#define SIGSTOP 19
#define NSIG 32

#define SEGV_MAPERR 1 /* address not mapped */
#define SEGV_ACCERR 2 /* mapped, but not with these rights */
#define BUS_ADRALN 1
#define BUS_ADRERR 2 /* beyond the end of the object */
#define BUS_OBJERR 3 /* the object could not be read */
#define ILL_ILLOPC 1

typedef uint32_t sigset_t; /* bit N-1 stands for signal N */

typedef struct siginfo {
	int si_signo;
	int si_code;
	int si_pid;
	void *si_addr;
} siginfo_t;

#define SA_SIGINFO 4
#define SA_RESTART 2
#define SA_NODEFER 0x10
#define SIG_DFL ((void (*)(int))0)
#define SIG_IGN ((void (*)(int))1)

struct sigaction {
	union {
		void (*sa_handler)(int);
		void (*sa_sigaction)(int, siginfo_t *, void *);
	};
	sigset_t sa_mask;
	int sa_flags;
	void (*sa_restorer)(void); /* set by the library: where a handler returns to */
};

#define SIG_BLOCK 0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2

#endif
