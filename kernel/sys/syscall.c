/*
 * The system-call table and the calls about processes, threads, signals and time.
 * Floor: sys.
 */
#include "sys/syscall.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "kern/counters.h"
#include "riscv/copyuser.h"
#include "riscv/trap.h"
#include "sys/futex.h"
#include "sys/proc.h"
#include "vm/page.h"

#define MEMORY_TRIES 16
#define MEMORY_PAUSE 1000000UL /* ns */

static bool memory_again(unsigned tries);
static uint64_t __cold failure(int error, uint64_t *result);

#define SYSCALL_ENTRY(number, name, args) [number] = sys_##name,
static syscall_fn *const table[SYS_MAX] = { SYSCALLS(SYSCALL_ENTRY) };
#undef SYSCALL_ENTRY

/*
 * A copy that failed because there was no memory for the page is ENOMEM, not
 * the program's mistake. execve and sigreturn do not come back when they succeed: they
 * leave with the registers that they have put into the frame.
 */
void syscall_dispatch(struct trapframe *tf)
{
	struct thread *t = curthread;
	uint64_t number = tf->a7, result = 0;
	int error;

	COUNT(syscalls);
	t->syscall_arg0 = tf->a0;
	tf->epc += 4;
	if (number >= SYS_MAX || table[number] == NULL) {
		tf->a0 = -ENOSYS;
		return;
	}
	t->copy_error = 0;
	t->mem_refused = false;
	error = table[number](&tf->a0, &result);
	if (__builtin_expect(error != 0, 0))
		result = failure(error, &result);
	tf->a0 = result;
}

/* What a0 is to be after a call that failed; if only memory was short it is made again, and may come to something. */
static uint64_t failure(int error, uint64_t *result)
{
	struct thread *t = curthread;
	struct trapframe *tf = t->trapframe;
	unsigned tries = 0;

	while (error == ENOMEM && memory_again(++tries)) {
		*result = 0;
		t->copy_error = 0;
		t->mem_refused = false;
		error = table[tf->a7](&tf->a0, result);
	}
	if (error == EFAULT && t->copy_error == ENOMEM)
		error = ENOMEM;
	KASSERT(error >= 0 && error < ERESTART);
	return error ? -(uint64_t)error : *result;
}

/*
 * A call found no memory: is it to be made once more? A call that answers ENOMEM has changed nothing, and most often
 * frames are short only because the pagedaemon has yet to give file pages back. Not when no frame was refused (a limit,
 * a hole in the map), nor when a copy failed: that has waited itself, and what was to be copied may be gone.
 */
static bool memory_again(unsigned tries)
{
	const struct thread *t = curthread;

	if (!t->mem_refused || t->copy_error || tries > MEMORY_TRIES || proc_has_signals(t))
		return false;
	if (tries > 1)
		thread_pause(MEMORY_PAUSE, 0); /* what is free is not enough so far: the pagedaemon is at work */
	return page_wait_free("system call") == 0;
}

/* ---- processes ---- */

int sys_exit(const uint64_t *args, uint64_t *result __unused)
{
	proc_exit((int)args[0], 0);
}

int sys_fork(const uint64_t *args __unused, uint64_t *result)
{
	int32_t pid;
	int error = proc_fork(&pid);

	if (error == 0)
		*result = pid;
	return error;
}

int sys_waitpid(const uint64_t *args, uint64_t *result)
{
	int32_t who;
	int status, error;

	error = proc_wait((int32_t)args[0], (int)args[2], &status, &who);
	if (error)
		return error;
	if (who && args[1]) {
		error = copyout(args[1], &status, sizeof(status));
		if (error)
			return error;
	}
	*result = who;
	return 0;
}

int sys_execve(const uint64_t *args, uint64_t *result __unused)
{
	char *path;
	int argc = 0;
	int error = path_get(args[0], &path);

	if (error)
		return error;
	error = proc_exec(path, args[1], args[2], &argc);
	path_free(path);
	if (error)
		return error;
	curthread->trapframe->a0 = argc;
	trap_leave(curthread->trapframe);
}

int sys_kill(const uint64_t *args, uint64_t *result __unused)
{
	return signal_kill((int32_t)args[0], (int)args[1]);
}

int sys_getpid(const uint64_t *args __unused, uint64_t *result)
{
	*result = curproc->pid;
	return 0;
}

int sys_getppid(const uint64_t *args __unused, uint64_t *result)
{
	spinlock_acquire(&proc_lock);
	*result = curproc->parent ? curproc->parent->pid : 0;
	spinlock_release(&proc_lock);
	return 0;
}

int sys_setpgid(const uint64_t *args, uint64_t *result __unused)
{
	int32_t pid = args[0], pgid = args[1];
	struct proc *p;
	int error = 0;

	if (pgid < 0)
		return EINVAL;
	spinlock_acquire(&proc_lock);
	p = pid == 0 ? curproc : proc_find(pid);
	if (p == NULL || (p != curproc && p->parent != curproc))
		error = ESRCH;
	else
		p->pgid = pgid ? pgid : p->pid;
	spinlock_release(&proc_lock);
	return error;
}

int sys_getpgid(const uint64_t *args, uint64_t *result)
{
	struct proc *p;
	int error = 0;

	spinlock_acquire(&proc_lock);
	p = (int32_t)args[0] == 0 ? curproc : proc_find((int32_t)args[0]);
	if (p)
		*result = p->pgid;
	else
		error = ESRCH;
	spinlock_release(&proc_lock);
	return error;
}

/* ---- threads ---- */

int sys_thread_create(const uint64_t *args, uint64_t *result)
{
	int32_t tid;
	int error = proc_thread_create(args[0], args[1], args[2], &tid);

	if (error == 0)
		*result = tid;
	return error;
}

int sys_thread_exit(const uint64_t *args, uint64_t *result __unused)
{
	thread_exit_current(args[0]);
}

int sys_thread_join(const uint64_t *args, uint64_t *result __unused)
{
	uint64_t value;
	int error = proc_thread_join((int32_t)args[0], &value);

	if (error == 0 && args[1])
		error = copyout(args[1], &value, sizeof(value));
	return error;
}

int sys_gettid(const uint64_t *args __unused, uint64_t *result)
{
	*result = curthread->tid;
	return 0;
}

int sys_wait_on(const uint64_t *args, uint64_t *result __unused)
{
	return futex_wait(args[0], (uint32_t)args[1], args[2]);
}

int sys_wake(const uint64_t *args, uint64_t *result)
{
	*result = futex_wake(args[0], args[1]);
	return 0;
}

int sys_sched_yield(const uint64_t *args __unused, uint64_t *result __unused)
{
	thread_yield();
	return 0;
}

/* ---- time ---- */

int sys_nanosleep(const uint64_t *args, uint64_t *result __unused)
{
	return thread_pause(args[0], SLEEP_INTR);
}

int sys_clock(const uint64_t *args __unused, uint64_t *result)
{
	*result = clock_ns();
	return 0;
}

/* ---- signals ---- */

int sys_sigaction(const uint64_t *args, uint64_t *result __unused)
{
	struct sigaction new, old;
	int error = args[1] ? copyin(&new, args[1], sizeof(new)) : 0;

	if (error)
		return error;
	error = signal_action((int)args[0], args[1] ? &new : NULL, &old);
	if (error == 0 && args[2])
		error = copyout(args[2], &old, sizeof(old));
	return error;
}

int sys_sigprocmask(const uint64_t *args, uint64_t *result __unused)
{
	sigset_t new, old;
	int error = args[1] ? copyin(&new, args[1], sizeof(new)) : 0;

	if (error)
		return error;
	error = signal_mask((int)args[0], args[1] ? &new : NULL, &old);
	if (error == 0 && args[2])
		error = copyout(args[2], &old, sizeof(old));
	return error;
}

int sys_sigreturn(const uint64_t *args __unused, uint64_t *result __unused)
{
	if (signal_return(curthread->trapframe) != 0)
		proc_exit(0, SIGSEGV); /* there is nothing to go back to */
	trap_leave(curthread->trapframe); /* a0 too is as it was */
}
