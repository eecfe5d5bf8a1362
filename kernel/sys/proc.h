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
	struct list threads;        /* written with p and s held, read with either */
	uint32_t thread_count;      /* p: not yet dead */
	int status;                 /* p: for waitpid, once a zombie */
	int exit_code;              /* p: likewise; all that was given to exit, -1 after a signal */
	bool exiting;               /* s: every thread is on its way out */
	struct thread *survivor;    /* s: every other thread is on its way out (exit, exec) */

	struct vmspace *vmspace;    /* p: a reference; exec replaces it when one thread is left, exit clears it */
	struct fdtable *files;      /* t */
	struct inode *cwd;          /* p */
	char name[32];              /* p: last component of the program */
	uint64_t serial;            /* c: no two processes since boot have the same, 0 is nobody's */
	uint64_t fail_scope;        /* a: serial of the process whose failure points its threads visit (inject(2)), or 0 */

	struct spinlock signal_lock; /* RANK_SIGNAL */
	uint32_t pending;            /* s: signals, bit n-1 */
	struct siginfo info[NSIG];   /* s: of the pending ones */
	struct sigaction actions[NSIG]; /* s */
	uint64_t minor, major;       /* p: faults, once it has no address space */
	uint64_t child_minor, child_major; /* p: of collected children */
};

extern struct spinlock proc_lock;
extern struct list all_procs;   /* p: in order of creation */
extern struct proc *init_proc;  /* fixed at boot */

#define curproc (curthread->proc)

void proc_boot(void);
int proc_new(struct proc **out);             /* no pid, thread, memory or files yet. ENOMEM */
void proc_free(struct proc *p);              /* on no list */
/*
 * Gives the process a pid and a place among the others. False, and nothing happened: the running thread, its
 * parent's, has been told to end; a kill of everybody must not miss who is born meanwhile.
 */
bool proc_publish(struct proc *p, struct proc *parent, int32_t pgid);
void proc_unlink(struct proc *p);            /* off every list. => p held */
struct proc *proc_find(int32_t pid);         /* => p held; NULL: none */

/* A thread for p that starts in user mode with what the caller puts into its trapframe. ENOMEM. */
int proc_thread_new(struct proc *p, struct thread **out);
/* Adds it to p; EAGAIN: p is on its way out. */
int proc_thread_add(struct proc *p, struct thread *t);
/* Makes t notice that signal_deliverable() has changed: ends its sleep, or brings it into the kernel. */
void proc_thread_kick(struct thread *t);
/* Ends all other threads of the running one's process and waits for them. False: this thread is to end itself. */
bool proc_end_others(void);

/* The address space in which the running thread works from now on; no reference moves. */
void proc_attach(struct vmspace *vs);

int proc_thread_create(vaddr_t entry, uint64_t arg, vaddr_t stack, int32_t *tid);
int proc_thread_join(int32_t tid, uint64_t *value);
int proc_fork(int32_t *pid);                 /* sys/fork.c */
void proc_exit(int code, int sig) __noreturn; /* sig: the signal that ends the process, or 0; sys/exit.c */
void thread_exit_current(uint64_t value) __noreturn;
int proc_wait(int32_t pid, int options, int *status, int32_t *who);
/* sys/exec.c. argv, envp: user addresses of arrays of strings, 0 for none. On success the registers are the new program's, but a0 = argc. */
int proc_exec(const char *path, vaddr_t argv, vaddr_t envp, int *argc);
int proc_exec_kernel(const char *path, char *const argv[]); /* the same with kernel strings, for init */
/* The first process: runs path with these kernel strings. */
int proc_start_init(const char *path, char *const argv[]);

/* Sends a signal; any context that may take RANK_SIGNAL. */
void signal_send(struct proc *p, int sig, const struct siginfo *info);
int signal_kill(int32_t pid, int sig);       /* kill(2): pid, or -pgid */
void signal_group(int32_t pgid, int sig);    /* the console's interrupt key */
/*
 * A fault or trap of the running thread: cannot be blocked or ignored. signal_trap notes it, since the program's registers
 * are not all in the frame yet; signal_trapped takes it when they are. Prints a message when it ends the process.
 */
void signal_trap(int sig, int code, vaddr_t addr);
void signal_trapped(struct trapframe *tf);
bool signal_deliverable(struct thread *t);      /* no lock; a stale answer is followed by proc_thread_kick() */
/* The same for a thread of a process, short enough for every return to user mode. */
static inline bool proc_has_signals(const struct thread *t)
{
	const struct thread *survivor = __atomic_load_n(&t->proc->survivor, __ATOMIC_RELAXED);

	return (survivor && survivor != t) || (__atomic_load_n(&t->proc->pending, __ATOMIC_RELAXED) & ~t->sigmask);
}
bool signal_ends(struct thread *t); /* will t, the running thread, end before it is in user mode again? */
int signal_action(int sig, const struct sigaction *new, struct sigaction *old); /* EINVAL; either may be NULL */
int signal_mask(int how, const sigset_t *new, sigset_t *old);
int signal_return(struct trapframe *tf);        /* EFAULT: no frame there */
void signal_exec(struct proc *p);               /* handlers are gone with the old image */
/* On the way back to user mode: takes signals, ends the process, builds a handler's frame. */
void signal_deliver(struct trapframe *tf);

/* The running process ends for want of memory, with a message. */
void proc_out_of_memory(void) __noreturn;

void syscall_dispatch(struct trapframe *tf); /* sys/syscall.c */

/* Everything to disk, then off. */
void system_off(int how) __noreturn;         /* REBOOT_*; sys/main.c */
extern bool under_test;                      /* test=, ktest= or exit= was given */

#endif
