/*
 * The end of threads and processes, and how a parent learns of it.
 *
 * A process ends on the stack of its last thread, in this order: the other
 * threads end; the address space is left, then freed while sleeping is still
 * allowed; files go; the children go to init; it becomes a zombie. From
 * there on interrupts are off until the hart has left the stack, so a parent
 * that finds the zombie waits for a few instructions of another hart at most.
 * The parent frees stack and process: there is no reaper. Floor: sys.
 */
#include "abi/errno.h"
#include "abi/stats.h"
#include "abi/wait.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "fs/file.h"
#include "kern/failpoint.h"
#include "kern/trace.h"
#include "sys/proc.h"

static bool claim_exit(struct proc *p, int code, int sig);
static void leave_memory(struct proc *p);
static void become_zombie(struct proc *p) __noreturn;
static void give_children_away(struct proc *p);
static bool wait_matches(const struct proc *child, int32_t pid, const struct proc *parent);
static void collect(struct proc *child);

void proc_exit(int code, int sig)
{
	struct proc *p = curproc;
	struct fdtable *files;
	struct inode *cwd;

	if (!claim_exit(p, code, sig) || !proc_end_others())
		thread_exit_current(0);
	TRACE(EXIT, p->pid, W_EXITCODE(code, sig));
	if (p == init_proc) {
		kprintf("init has ended: status %x\n", W_EXITCODE(code, sig));
		system_off(REBOOT_FAIL);
	}
	leave_memory(p);
	spinlock_acquire(&proc_lock);
	files = p->files;
	cwd = p->cwd;
	p->files = NULL;
	p->cwd = NULL;
	spinlock_release(&proc_lock);
	fdtable_release(files);
	if (cwd)
		inode_put(cwd);
	fail_forget(p->serial);
	become_zombie(p);
}

/* True: this thread sees the end of the process through. An exec that waits for other threads loses. */
static bool claim_exit(struct proc *p, int code, int sig)
{
	bool first;

	spinlock_acquire(&proc_lock);
	spinlock_acquire(&p->signal_lock);
	first = !p->exiting;
	if (first) {
		p->exiting = true;
		p->survivor = curthread;
		p->status = W_EXITCODE(code, sig);
		p->exit_code = sig ? -1 : code;
		thread_wakeup(&p->thread_count);
	}
	spinlock_release(&p->signal_lock);
	spinlock_release(&proc_lock);
	return first;
}

static void leave_memory(struct proc *p)
{
	struct vmspace *mine = curthread->vmspace, *vs;

	proc_attach(NULL);
	spinlock_acquire(&proc_lock);
	vs = p->vmspace;
	p->vmspace = NULL;
	p->minor = __atomic_load_n(&vs->minor, __ATOMIC_RELAXED);
	p->major = __atomic_load_n(&vs->major, __ATOMIC_RELAXED);
	spinlock_release(&proc_lock);
	if (mine)
		vmspace_release(mine);
	vmspace_release(vs);
}

static void become_zombie(struct proc *p)
{
	irq_push_off(); /* until this stack is left: see above */
	spinlock_acquire(&proc_lock);
	give_children_away(p);
	p->state = PROC_ZOMBIE;
	p->thread_count = 0;
	signal_send(p->parent, SIGCHLD, &(struct siginfo){ .si_signo = SIGCHLD, .si_pid = p->pid });
	thread_wakeup(p->parent);
	spinlock_release(&proc_lock);
	thread_die();
}

static void give_children_away(struct proc *p)
{
	struct list *link;

	KASSERT(spinlock_held(&proc_lock));
	if (!list_empty(&p->children))
		thread_wakeup(init_proc); /* one of them may be a zombie already */
	while ((link = list_pop_front(&p->children))) {
		struct proc *child = list_entry(link, struct proc, sibling);
		child->parent = init_proc;
		list_push_back(&init_proc->children, link);
	}
}

void thread_exit_current(uint64_t value)
{
	struct proc *p = curproc;
	struct thread *t = curthread;
	struct vmspace *vs = t->vmspace;

	proc_attach(NULL);
	if (vs)
		vmspace_release(vs); /* never the last: the process has one */
	irq_push_off(); /* a join may free this thread once it is marked */
	spinlock_acquire(&proc_lock);
	if (p->thread_count == 1) {
		spinlock_release(&proc_lock);
		irq_pop_off();
		proc_exit(0, 0);
	}
	t->exit_value = value;
	t->exited = true;
	p->thread_count--;
	thread_wakeup(&p->threads);
	thread_wakeup(&p->thread_count);
	spinlock_release(&proc_lock);
	thread_die();
}

int proc_wait(int32_t pid, int options, int *status, int32_t *who)
{
	struct proc *p = curproc, *zombie;
	bool any;
	int error;

	if (options & ~(WNOHANG | WWHOLE))
		return EINVAL;
	spinlock_acquire(&proc_lock);
	for (;;) {
		zombie = NULL;
		any = false;
		list_for_each(link, &p->children) {
			struct proc *child = list_entry(link, struct proc, sibling);
			if (!wait_matches(child, pid, p))
				continue;
			any = true;
			if (child->state == PROC_ZOMBIE) {
				zombie = child;
				break;
			}
		}
		if (zombie || !any || (options & WNOHANG))
			break;
		error = thread_sleep(p, &proc_lock, "wait", SLEEP_INTR);
		if (error) {
			spinlock_release(&proc_lock);
			return error;
		}
	}
	*who = 0;
	*status = 0;
	if (zombie) {
		*who = zombie->pid;
		*status = options & WWHOLE ? zombie->exit_code : zombie->status;
		p->child_minor += zombie->minor + zombie->child_minor;
		p->child_major += zombie->major + zombie->child_major;
		proc_unlink(zombie);
	}
	spinlock_release(&proc_lock);
	if (zombie)
		collect(zombie);
	return any ? 0 : ECHILD;
}

static bool wait_matches(const struct proc *child, int32_t pid, const struct proc *parent)
{
	if (pid > 0)
		return child->pid == pid;
	if (pid == -1)
		return true;
	return child->pgid == (pid == 0 ? parent->pgid : -pid);
}

/* Frees what is left of a zombie that no list knows any more. */
static void collect(struct proc *child)
{
	struct thread *t = list_entry(list_pop_front(&child->threads), struct thread, proc_link);

	KASSERT(list_empty(&child->threads));
	thread_free(t);
	proc_free(child);
}

void proc_out_of_memory(void)
{
	kprintf("pid %d (%s): out of memory\n", curproc->pid, curproc->name);
	proc_exit(0, SIGKILL);
}
