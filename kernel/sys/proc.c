/*
 * The table of processes, and the threads of each.
 *
 * A process is found by its pid through a hash, or in all_procs; both under
 * proc_lock, as are parents and children. A process holds a reference to its
 * address space, and so does each of its threads.
 *
 * Invariant: thread_count is the number of threads that have not reached their
 * end; those that have stay in `threads` until they are joined or the process ends.
 * Floor: sys.
 */
#include "sys/proc.h"

#include "abi/errno.h"
#include "abi/fcntl.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "base/string.h"
#include "dev/console.h"
#include "fs/file.h"
#include "kern/counters.h"
#include "kern/failpoint.h"
#include "riscv/csr.h"
#include "riscv/fp.h"
#include "riscv/trap.h"
#include "vm/pool.h"

#define PID_BUCKETS 64

struct spinlock proc_lock = SPINLOCK_INIT(RANK_PROC, "processes");
struct list all_procs = LIST_INIT(all_procs);
struct proc *init_proc;

static struct list by_pid[PID_BUCKETS]; /* proc_lock */
static int32_t last_pid;                /* proc_lock */
static uint64_t last_serial;            /* atomic */

static void on_switch(struct thread *from, struct thread *to);
static uint64_t fail_scope(void);
static void console_interrupt(int32_t pgid);
static void list_processes(void);
static void broken_pipe(void);
static void user_entry(void *arg);

void proc_boot(void)
{
	for (unsigned i = 0; i < PID_BUCKETS; i++)
		list_init(&by_pid[i]);
	thread_switch_hook = on_switch;
	thread_interrupted_hook = signal_deliverable;
	fail_scope_hook = fail_scope;
	console_interrupt_hook = console_interrupt;
	console_list_hook = list_processes;
	file_sigpipe_hook = broken_pipe;
}

int proc_new(struct proc **out)
{
	struct proc *p = FAIL("proc.struct") ? NULL : kmalloc(sizeof(*p), POOL_ZERO);

	if (p == NULL)
		return ENOMEM;
	p->state = PROC_NEW;
	p->serial = __atomic_add_fetch(&last_serial, 1, __ATOMIC_RELAXED);
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->all_link);
	list_init(&p->hash_link);
	list_init(&p->threads);
	spinlock_init(&p->signal_lock, RANK_SIGNAL, "signals");
	GAUGE_ADD(procs, 1);
	*out = p;
	return 0;
}

void proc_free(struct proc *p)
{
	KASSERT(list_empty(&p->all_link) && list_empty(&p->threads));
	kfree(p, sizeof(*p));
	GAUGE_ADD(procs, -1);
}

bool proc_publish(struct proc *p, struct proc *parent, int32_t pgid)
{
	spinlock_acquire(&proc_lock);
	if (parent && signal_ends(curthread)) {
		spinlock_release(&proc_lock);
		return false;
	}
	do {
		last_pid = last_pid == INT32_MAX ? 1 : last_pid + 1;
	} while (proc_find(last_pid));
	p->pid = last_pid;
	p->pgid = pgid ? pgid : p->pid;
	p->state = PROC_ALIVE;
	p->parent = parent;
	if (parent)
		list_push_back(&parent->children, &p->sibling);
	list_push_back(&all_procs, &p->all_link);
	list_push_back(&by_pid[p->pid % PID_BUCKETS], &p->hash_link);
	spinlock_release(&proc_lock);
	return true;
}

void proc_unlink(struct proc *p)
{
	KASSERT(spinlock_held(&proc_lock));
	list_remove(&p->sibling);
	list_remove(&p->all_link);
	list_remove(&p->hash_link);
}

struct proc *proc_find(int32_t pid)
{
	KASSERT(spinlock_held(&proc_lock));
	if (pid <= 0)
		return NULL;
	list_for_each(link, &by_pid[pid % PID_BUCKETS]) {
		struct proc *p = list_entry(link, struct proc, hash_link);
		if (p->pid == pid)
			return p;
	}
	return NULL;
}

/* ---- threads of a process ---- */

int proc_thread_new(struct proc *p, struct thread **out)
{
	struct thread *t;
	int error = thread_new(&t, p->name, user_entry, NULL, p);

	if (error)
		return error;
	t->pid = p->pid;
	t->sigmask = curthread->sigmask;
	*out = t;
	return 0;
}

int proc_thread_add(struct proc *p, struct thread *t)
{
	int error = EAGAIN;

	spinlock_acquire(&proc_lock);
	spinlock_acquire(&p->signal_lock);
	if (!p->exiting && !p->survivor) {
		t->pid = p->pid;
		list_push_back(&p->threads, &t->proc_link);
		p->thread_count++;
		error = 0;
	}
	spinlock_release(&p->signal_lock);
	spinlock_release(&proc_lock);
	return error;
}

/* The first steps of every user thread. */
static void user_entry(void *arg __unused)
{
	irq_disable();
	/* A kill that came before it first ran is noticed by the next trap: the timer's, at the latest. */
	trap_return(curthread->trapframe);
}

int proc_thread_create(vaddr_t entry, uint64_t arg, vaddr_t stack, int32_t *tid)
{
	struct proc *p = curproc;
	struct thread *t;
	int error = proc_thread_new(p, &t);

	if (error)
		return error;
	t->trapframe->epc = entry;
	t->trapframe->a0 = arg;
	t->trapframe->sp = stack;
	t->vmspace = curthread->vmspace;
	vmspace_reference(t->vmspace);
	*tid = t->tid;
	error = proc_thread_add(p, t);
	if (error) {
		vmspace_release(t->vmspace);
		thread_free(t);
		return error;
	}
	thread_start(t);
	return 0;
}

int proc_thread_join(int32_t tid, uint64_t *value)
{
	struct proc *p = curproc;
	struct thread *found;
	int error = 0;

	if (tid == curthread->tid)
		return EDEADLK;
	spinlock_acquire(&proc_lock);
	for (;;) {
		found = NULL;
		list_for_each(link, &p->threads) {
			struct thread *t = list_entry(link, struct thread, proc_link);
			if (t->tid == tid)
				found = t;
		}
		if (found == NULL)
			error = ESRCH;
		if (found == NULL || found->exited)
			break;
		error = thread_sleep(&p->threads, &proc_lock, "join", SLEEP_INTR);
		if (error)
			break;
	}
	if (error == 0) {
		*value = found->exit_value;
		spinlock_acquire(&p->signal_lock);
		list_remove(&found->proc_link);
		spinlock_release(&p->signal_lock);
	}
	spinlock_release(&proc_lock);
	if (error == 0)
		thread_free(found);
	return error;
}

void proc_thread_kick(struct thread *t)
{
	thread_interrupt(t);
	/* In user mode on another hart: any interrupt will do. Stale answers cost a tick. */
	if (t != curthread && t->on_cpu)
		ipi_send(1u << t->cpu->index, IPI_RESCHED);
}

bool proc_end_others(void)
{
	struct proc *p = curproc;
	struct list ended = LIST_INIT(ended), *link;
	bool alone;

	spinlock_acquire(&proc_lock);
	list_for_each(l, &p->threads) {
		struct thread *t = list_entry(l, struct thread, proc_link);
		if (t != curthread)
			proc_thread_kick(t);
	}
	while (p->thread_count > 1 && p->survivor == curthread)
		thread_sleep(&p->thread_count, &proc_lock, "threads", 0);
	alone = p->survivor == curthread;
	if (alone) {
		spinlock_acquire(&p->signal_lock);
		list_remove(&curthread->proc_link);
		list_splice_back(&ended, &p->threads);
		list_push_back(&p->threads, &curthread->proc_link);
		spinlock_release(&p->signal_lock);
	}
	spinlock_release(&proc_lock);
	while ((link = list_pop_front(&ended)))
		thread_free(list_entry(link, struct thread, proc_link));
	return alone;
}

/* ---- address spaces ---- */

void proc_attach(struct vmspace *vs)
{
	struct thread *t = curthread;

	irq_push_off();
	if (t->vmspace)
		pmap_deactivate(t->vmspace->map.pmap);
	t->vmspace = vs;
	if (vs)
		pmap_activate(vs->map.pmap);
	irq_pop_off();
}

/* The hart's page table is always that of the thread's address space, or the kernel's. */
static void on_switch(struct thread *from, struct thread *to)
{
	if (from->vmspace == to->vmspace)
		return;
	if (from->vmspace)
		pmap_deactivate(from->vmspace->map.pmap);
	if (to->vmspace)
		pmap_activate(to->vmspace->map.pmap);
}

/* ---- hooks ---- */

static uint64_t fail_scope(void)
{
	return curproc ? __atomic_load_n(&curproc->fail_scope, __ATOMIC_RELAXED) : 0;
}

static void broken_pipe(void)
{
	if (curproc)
		signal_send(curproc, SIGPIPE, NULL);
}

/* ^C and ^P on the console; in an interrupt. */
static void console_interrupt(int32_t pgid)
{
	if (pgid > 0)
		signal_group(pgid, SIGINT);
}

static void list_processes(void)
{
	spinlock_acquire(&proc_lock);
	list_for_each(link, &all_procs) {
		struct proc *p = list_entry(link, struct proc, all_link);
		struct thread *t = list_empty(&p->threads) ? NULL
			: list_entry(p->threads.next, struct thread, proc_link);
		kprintf("%5d %5d %u %s %s\n", p->pid, p->parent ? p->parent->pid : 0, p->thread_count,
			p->state == PROC_ZOMBIE ? "zombie" : t && t->wchan ? t->wwhy : "runs", p->name);
	}
	spinlock_release(&proc_lock);
}
