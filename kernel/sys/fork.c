/*
 * fork: a child with a copy of everything, made whole before anybody can see
 * or run it. Nothing can fail once it has a pid. Floor: sys.
 */
#include "abi/errno.h"
#include "base/string.h"
#include "fs/file.h"
#include "kern/counters.h"
#include "kern/trace.h"
#include "riscv/fp.h"
#include "riscv/trap.h"
#include "sys/proc.h"

static void copy_registers(struct thread *child);

int proc_fork(int32_t *pid)
{
	struct proc *parent = curproc, *p;
	struct thread *t;
	int error;

	error = proc_new(&p);
	if (error)
		return error;
	error = fdtable_fork(parent->files, &p->files);
	if (error)
		goto free_proc;
	error = proc_thread_new(p, &t);
	if (error)
		goto free_files;
	error = vmspace_fork(curthread->vmspace, &p->vmspace);
	if (error)
		goto free_thread;

	copy_registers(t);
	t->vmspace = p->vmspace;
	vmspace_reference(t->vmspace);
	spinlock_acquire(&proc_lock);
	p->cwd = inode_reference(parent->cwd);
	memcpy(p->name, parent->name, sizeof(p->name));
	spinlock_release(&proc_lock);
	p->fail_scope = __atomic_load_n(&parent->fail_scope, __ATOMIC_RELAXED);
	spinlock_acquire(&parent->signal_lock);
	memcpy(p->actions, parent->actions, sizeof(p->actions));
	spinlock_release(&parent->signal_lock);

	if (!proc_publish(p, parent, parent->pgid)) {
		error = EINTR; /* nobody will see it */
		goto free_space;
	}
	/* It may be killed from now on, but it runs and ends only after thread_start. */
	*pid = p->pid;
	COUNT(forks);
	TRACE(FORK, parent->pid, p->pid);
	proc_thread_add(p, t);
	thread_start(t);
	return 0;

free_space:
	inode_put(p->cwd);
	t->vmspace = NULL;
	vmspace_release(p->vmspace);
	vmspace_release(p->vmspace);
free_thread:
	thread_free(t);
free_files:
	fdtable_release(p->files);
free_proc:
	proc_free(p);
	return error;
}

static void copy_registers(struct thread *child)
{
	struct thread *t = curthread;

	irq_push_off();
	fp_leave(t->trapframe, &t->fp); /* what is in the hart goes into t->fp */
	irq_pop_off();
	*child->trapframe = *t->trapframe;
	child->fp = t->fp;
	child->trapframe->a0 = 0; /* what fork answers in the child */
}
