/*
 * Processes: a set of threads with an address space, open files and a place
 * among parents and children.
 *
 * Locks: (p) proc_lock, one spinlock over the table and the family; (s) the
 * process's signal lock; (t) only its own threads; (a) atomic; (c) fixed.
 */
#ifndef SYS_PROC_H
#define SYS_PROC_H

#include "abi/signal.h"
#include "base/list.h"
#include "kern/thread.h"
#include "vm/vmspace.h"

struct fdtable;
struct inode;

enum proc_state { PROC_NEW, PROC_ALIVE, PROC_ZOMBIE };

struct proc {
	int32_t pid;                /* c */
	enum proc_state state;      /* p */
	struct proc *parent;        /* p */
	struct list children;       /* p */
	struct list sibling;        /* p: in the parent's children */
	struct list all_link;       /* p */
	struct list hash_link;      /* p: by pid */
	int32_t pgid;               /* p */
	struct list threads;        /* p */
	uint32_t thread_count;      /* p: not yet dead */
	int status;                 /* p: for waitpid, once a zombie */
	bool exiting;               /* s: every thread is on its way out */

	struct vmspace *vmspace;    /* t: exec replaces it when one thread is left */
	struct fdtable *files;      /* t */
	struct inode *cwd;          /* p */
	char name[32];              /* t: last component of the program */

	struct spinlock signal_lock; /* RANK_SIGNAL */
	uint32_t pending;            /* s: signals, bit n-1 */
	struct siginfo info[NSIG];   /* s: of the pending ones */
	struct sigaction actions[NSIG]; /* s */
	uint64_t child_minor, child_major; /* p: of collected children */
};

#define curproc (curthread->proc)

void proc_boot(void);
int proc_fork(int32_t *pid);                 /* sys/fork.c */
void proc_exit(int status) __noreturn;       /* status as waitpid answers it; sys/exit.c */
void thread_exit_current(uint64_t value) __noreturn;
int proc_wait(int32_t pid, int options, int *status, int32_t *who);
int proc_exec(const char *path, char **argv_user, char **envp_user); /* sys/exec.c; user addresses */
/* The first process: runs path with these kernel strings. */
int proc_start_init(const char *path, char *const argv[]);

/* Sends a signal; any context that may take RANK_SIGNAL. */
void signal_send(struct proc *p, int sig, const struct siginfo *info);
int signal_kill(int32_t pid, int sig);       /* kill(2): pid, or -pgid */
void signal_group(int32_t pgid, int sig);    /* the console's interrupt key */
/* A fault or trap of the running thread: cannot be blocked or ignored. Prints a message when it ends the process. */
void signal_trap(int sig, int code, vaddr_t addr);
bool signal_deliverable(struct thread *t);
/* On the way back to user mode: takes signals, ends the process, builds a handler's frame. */
void signal_deliver(struct trapframe *tf);

void syscall_dispatch(struct trapframe *tf); /* sys/syscall.c */

#endif
