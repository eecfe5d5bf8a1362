/*
 * Signals.
 *
 * A signal is pending in the process until one of its threads that does not
 * block it takes it, on the way back to user mode. A fault's signal goes
 * straight to the thread that faulted. Ignored signals are never pending.
 *
 * A handler runs on the user's stack above a frame that holds all registers:
 *
 *	sp -> struct sigframe { registers, mask, siginfo }   16-byte aligned
 *
 * and returns to sa_restorer, which calls sigreturn with sp where it was. What
 * sigreturn finds there is the program's own word: it can set any user register, nothing else.
 * Floor: sys.
 */
#include "abi/errno.h"
#include "abi/syscall.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "base/string.h"
#include "riscv/copyuser.h"
#include "riscv/csr.h"
#include "riscv/fp.h"
#include "riscv/layout.h"
#include "riscv/trap.h"
#include "sys/proc.h"

#define BIT(sig) (1u << ((sig) - 1))
#define UNBLOCKABLE (BIT(SIGKILL) | BIT(SIGSTOP))
#define IGNORED_BY_DEFAULT (BIT(SIGCHLD) | BIT(SIGCONT))

struct sigframe {
	uint64_t x[31];
	uint64_t epc;
	uint64_t fs;       /* the FS field: were the floating point registers in use? */
	struct fpstate fp;
	uint64_t sigmask;
	struct siginfo info;
};

static bool must_end(const struct thread *t);
static bool ignored(const struct proc *p, int sig);
static void take_one(struct trapframe *tf, int sig);
static int frame_push(struct trapframe *tf, int sig, const struct siginfo *info, const struct sigaction *act);
static bool restarts(uint64_t number);

void signal_send(struct proc *p, int sig, const struct siginfo *info)
{
	KASSERT(sig > 0 && sig < NSIG);
	spinlock_acquire(&p->signal_lock);
	if (!ignored(p, sig)) {
		if (!(p->pending & BIT(sig)))
			p->info[sig] = info ? *info : (struct siginfo){ .si_signo = sig };
		__atomic_fetch_or(&p->pending, BIT(sig), __ATOMIC_SEQ_CST);
		list_for_each(link, &p->threads) {
			struct thread *t = list_entry(link, struct thread, proc_link);
			if (!(t->sigmask & BIT(sig)))
				proc_thread_kick(t);
		}
	}
	spinlock_release(&p->signal_lock);
}

int signal_kill(int32_t pid, int sig)
{
	const struct siginfo info = { .si_signo = sig, .si_pid = curproc->pid };
	int error = ESRCH;

	if (sig < 0 || sig >= NSIG || sig == SIGSTOP)
		return EINVAL;
	spinlock_acquire(&proc_lock);
	if (pid > 0) {
		struct proc *p = proc_find(pid);
		if (p) {
			error = 0;
			if (sig)
				signal_send(p, sig, &info);
		}
	} else {
		int32_t group = pid == 0 ? curproc->pgid : -pid;
		list_for_each(link, &all_procs) {
			struct proc *p = list_entry(link, struct proc, all_link);
			/* -1 is everybody but init and the sender. */
			if (pid == -1 ? p == init_proc || p == curproc : p->pgid != group)
				continue;
			error = 0;
			if (sig)
				signal_send(p, sig, &info);
		}
	}
	spinlock_release(&proc_lock);
	return error;
}

void signal_group(int32_t pgid, int sig)
{
	spinlock_acquire(&proc_lock);
	list_for_each(link, &all_procs) {
		struct proc *p = list_entry(link, struct proc, all_link);
		if (p->pgid == pgid)
			signal_send(p, sig, NULL);
	}
	spinlock_release(&proc_lock);
}

bool signal_deliverable(struct thread *t)
{
	return t->proc && proc_has_signals(t);
}

bool signal_ends(struct thread *t)
{
	struct proc *p = t->proc;
	bool ends = must_end(t);

	spinlock_acquire(&p->signal_lock);
	for (uint32_t left = p->pending & ~t->sigmask; left && !ends; left &= left - 1) {
		int sig = __builtin_ctz(left) + 1;

		ends = p->actions[sig].sa_handler == SIG_DFL && !ignored(p, sig);
	}
	spinlock_release(&p->signal_lock);
	return ends;
}

/* Its process ends, or another of its threads becomes the only one. */
static bool must_end(const struct thread *t)
{
	const struct thread *survivor = __atomic_load_n(&t->proc->survivor, __ATOMIC_RELAXED);

	return survivor && survivor != t;
}

static bool ignored(const struct proc *p, int sig)
{
	void (*handler)(int) = p->actions[sig].sa_handler;

	/* Whoever sends init a signal means well: it takes only what it asked for. */
	if (p == init_proc && handler == SIG_DFL)
		return true;
	if (BIT(sig) & UNBLOCKABLE)
		return false;
	return handler == SIG_IGN || (handler == SIG_DFL && (BIT(sig) & IGNORED_BY_DEFAULT));
}

/* ---- taking a signal ---- */

void signal_deliver(struct trapframe *tf)
{
	struct thread *t = curthread;
	struct proc *p = t->proc;
	uint32_t ready;

	for (;;) {
		if (must_end(t))
			thread_exit_current(0);
		ready = __atomic_load_n(&p->pending, __ATOMIC_RELAXED) & ~t->sigmask;
		if (ready == 0)
			return;
		take_one(tf, ready & BIT(SIGKILL) ? SIGKILL : __builtin_ctz(ready) + 1);
	}
}

static void take_one(struct trapframe *tf, int sig)
{
	struct thread *t = curthread;
	struct proc *p = t->proc;
	struct sigaction act;
	struct siginfo info;
	bool still, ignore;

	spinlock_acquire(&p->signal_lock);
	still = p->pending & BIT(sig); /* another thread may have taken it */
	ignore = ignored(p, sig);      /* or it was ignored since */
	act = p->actions[sig];
	info = p->info[sig];
	__atomic_fetch_and(&p->pending, ~BIT(sig), __ATOMIC_RELAXED);
	spinlock_release(&p->signal_lock);
	if (!still || ignore)
		return;
	if (act.sa_handler == SIG_DFL)
		proc_exit(0, sig);
	if ((act.sa_flags & SA_RESTART) && tf->scause == SCAUSE_ECALL_USER && tf->a0 == (uint64_t)-EINTR &&
	    restarts(tf->a7)) {
		tf->a0 = t->syscall_arg0;
		tf->epc -= 4;
	}
	if (frame_push(tf, sig, &info, &act) != 0)
		proc_exit(0, SIGSEGV);
}

/* Waits with a time limit are not started over: they would wait the whole time again. */
static bool restarts(uint64_t number)
{
	return number != SYS_nanosleep && number != SYS_wait_on;
}

void signal_trap(int sig, int code, vaddr_t addr)
{
	struct thread *t = curthread;

	t->trap_signal = sig;
	t->trap_code = code;
	t->trap_addr = addr;
}

void signal_trapped(struct trapframe *tf)
{
#define SIGNAL_NAME(name) [name] = #name
	static const char *const names[NSIG] = {
		SIGNAL_NAME(SIGILL), SIGNAL_NAME(SIGTRAP), SIGNAL_NAME(SIGBUS), SIGNAL_NAME(SIGFPE), SIGNAL_NAME(SIGSEGV),
	};
#undef SIGNAL_NAME
	struct thread *t = curthread;
	int sig = t->trap_signal;
	const struct siginfo info = { .si_signo = sig, .si_code = t->trap_code, .si_addr = (void *)t->trap_addr };
	struct proc *p = t->proc;
	struct sigaction act;

	t->trap_signal = 0;
	spinlock_acquire(&p->signal_lock);
	act = p->actions[sig];
	spinlock_release(&p->signal_lock);
	if (act.sa_handler != SIG_DFL && act.sa_handler != SIG_IGN && !(t->sigmask & BIT(sig)) &&
	    frame_push(tf, sig, &info, &act) == 0)
		return;
	if (!must_end(t))
		kprintf("pid %d (%s): %s at 0x%lx pc 0x%lx\n", p->pid, p->name, names[sig] ? names[sig] : "signal",
			t->trap_addr, tf->epc);
	proc_exit(0, sig);
}

static int frame_push(struct trapframe *tf, int sig, const struct siginfo *info, const struct sigaction *act)
{
	struct thread *t = curthread;
	vaddr_t sp = (tf->sp - sizeof(struct sigframe)) & ~15UL;
	struct sigframe frame;
	int error;

	if (tf->sp < sizeof(frame))
		return EFAULT;
	irq_push_off();
	fp_leave(tf, &t->fp);
	irq_pop_off();
	memset(&frame, 0, sizeof(frame));
	memcpy(frame.x, tf->x, sizeof(frame.x));
	frame.epc = tf->epc;
	frame.fs = tf->sstatus & SSTATUS_FS;
	if (frame.fs == SSTATUS_FS_CLEAN)
		frame.fp = t->fp;
	frame.sigmask = t->sigmask;
	frame.info = *info;
	error = copyout(sp, &frame, sizeof(frame));
	if (error)
		return error;

	t->sigmask |= act->sa_mask | (act->sa_flags & SA_NODEFER ? 0 : BIT(sig));
	t->sigmask &= ~UNBLOCKABLE;
	tf->sp = sp;
	tf->ra = (uint64_t)act->sa_restorer;
	tf->epc = (uint64_t)act->sa_handler;
	tf->a0 = sig;
	tf->a1 = sp + offsetof(struct sigframe, info);
	tf->a2 = sp;
	irq_push_off();
	fp_reset(tf);
	fp_enter(tf, &t->fp);
	irq_pop_off();
	return 0;
}

int signal_return(struct trapframe *tf)
{
	struct thread *t = curthread;
	struct sigframe frame;
	int error = copyin(&frame, tf->sp, sizeof(frame));

	if (error)
		return error;
	memcpy(tf->x, frame.x, sizeof(frame.x));
	tf->scause = 0; /* these registers are no system call's: take_one() must not start one over with them */
	tf->epc = frame.epc & ~1UL;
	t->sigmask = frame.sigmask & ~UNBLOCKABLE;
	irq_push_off();
	fp_reset(tf);
	if (frame.fs == SSTATUS_FS_CLEAN) {
		t->fp = frame.fp;
		tf->sstatus = (tf->sstatus & ~(uint64_t)SSTATUS_FS) | SSTATUS_FS_CLEAN;
	}
	fp_enter(tf, &t->fp);
	irq_pop_off();
	return 0;
}

/* ---- settings ---- */

int signal_action(int sig, const struct sigaction *new, struct sigaction *old)
{
	struct proc *p = curproc;

	if (sig <= 0 || sig >= NSIG || (new && (BIT(sig) & UNBLOCKABLE)))
		return EINVAL;
	spinlock_acquire(&p->signal_lock);
	if (old)
		*old = p->actions[sig];
	if (new) {
		p->actions[sig] = *new;
		if (ignored(p, sig))
			__atomic_fetch_and(&p->pending, ~BIT(sig), __ATOMIC_RELAXED);
	}
	spinlock_release(&p->signal_lock);
	return 0;
}

int signal_mask(int how, const sigset_t *new, sigset_t *old)
{
	struct thread *t = curthread;

	if (old)
		*old = t->sigmask;
	if (new == NULL)
		return 0;
	switch (how) {
	case SIG_BLOCK:
		t->sigmask |= *new;
		break;
	case SIG_UNBLOCK:
		t->sigmask &= ~*new;
		break;
	case SIG_SETMASK:
		t->sigmask = *new;
		break;
	default:
		return EINVAL;
	}
	t->sigmask &= ~UNBLOCKABLE;
	return 0;
}

void signal_exec(struct proc *p)
{
	spinlock_acquire(&p->signal_lock);
	for (int sig = 1; sig < NSIG; sig++)
		if (p->actions[sig].sa_handler != SIG_IGN)
			p->actions[sig] = (struct sigaction){ .sa_handler = SIG_DFL };
	spinlock_release(&p->signal_lock);
}
