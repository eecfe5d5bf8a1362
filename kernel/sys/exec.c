/*
 * exec: a new image for the running process.
 *
 * The new address space is built to the end beside the old one, with the
 * arguments in kernel memory in between; only then does it take the old one's
 * place, in steps that cannot fail. Whatever goes wrong before leaves the
 * program as it was. Floor: sys.
 *
 *	find the file (or the interpreter that its first line names)
 *	gather the arguments
 *	build: segments, heap, stack, arguments on it
 *	end the other threads
 *	switch over
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/mman.h"
#include "base/kassert.h"
#include "base/string.h"
#include "fs/file.h"
#include "kern/counters.h"
#include "kern/failpoint.h"
#include "kern/trace.h"
#include "riscv/layout.h"
#include "riscv/trap.h"
#include "sys/args.h"
#include "sys/elf.h"
#include "sys/proc.h"

#define STACK_SPARE (2 * PAGE_SIZE) /* mapped below the arguments from the start */
#define SCRIPT_LINE 128             /* longest #! line */

struct exec {
	const char *path;           /* as it was asked for */
	struct inode *ip;           /* the program; a reference */
	bool script;                /* run by an interpreter: */
	char line[SCRIPT_LINE];     /* its path, NUL, its argument if any */
	const char *script_arg;     /* in line, or NULL */
	struct args *args;
	struct vmspace *vs;         /* new; one reference */
	vaddr_t entry, sp;
};

static int exec_find(struct exec *x);
static int program_open(const char *path, struct inode **out);
static int script_read(struct exec *x);
static int script_args(struct exec *x);
static int exec_build(struct exec *x);
static int stack_map(struct exec *x);
static bool exec_alone(void);
static void exec_commit(struct exec *x);
static int exec_run(struct exec *x);
static void exec_release(struct exec *x);

int proc_exec(const char *path, vaddr_t argv, vaddr_t envp, int *argc)
{
	struct exec x = { .path = path };
	int error;

	error = exec_find(&x);
	if (error == 0)
		error = args_new(&x.args);
	if (error == 0)
		error = script_args(&x);
	/* A script's own name has taken the place of argv[0]. */
	if (error == 0)
		error = args_add_user_array(x.args, argv, x.script ? 1 : 0, &x.args->argc);
	if (error == 0)
		error = args_add_user_array(x.args, envp, 0, &x.args->envc);
	if (error == 0)
		error = exec_run(&x);
	if (error == 0)
		*argc = x.args->argc;
	exec_release(&x);
	return error;
}

int proc_exec_kernel(const char *path, char *const argv[])
{
	struct exec x = { .path = path };
	int error;

	error = exec_find(&x);
	if (error == 0)
		error = args_new(&x.args);
	if (error == 0)
		error = script_args(&x);
	for (size_t i = x.script ? 1 : 0; error == 0 && argv[i]; i++) {
		error = args_add(x.args, argv[i]);
		if (error == 0)
			x.args->argc++;
	}
	if (error == 0)
		error = exec_run(&x);
	if (error == 0)
		curthread->trapframe->a0 = x.args->argc;
	exec_release(&x);
	return error;
}

static int exec_run(struct exec *x)
{
	struct vmspace *old = curthread->vmspace;
	int error = exec_build(x);

	if (error == 0 && !exec_alone())
		error = EINTR; /* this thread is to end: nobody reads it */
	if (error)
		proc_attach(old);
	else
		exec_commit(x);
	return error;
}

static void exec_release(struct exec *x)
{
	if (x->vs)
		vmspace_release(x->vs);
	args_free(x->args);
	if (x->ip)
		inode_put(x->ip);
}

/* ---- the file ---- */

static int exec_find(struct exec *x)
{
	int error = program_open(x->path, &x->ip);

	if (error)
		return error;
	error = script_read(x);
	if (error || !x->script)
		return error;
	inode_put(x->ip);
	x->ip = NULL;
	/* An interpreter that is a script itself is no program: elf_load says so. */
	return program_open(x->line, &x->ip);
}

static int program_open(const char *path, struct inode **out)
{
	struct inode *cwd = NULL;
	struct stat st;
	int error;

	spinlock_acquire(&proc_lock);
	if (curproc->cwd)
		cwd = inode_reference(curproc->cwd);
	spinlock_release(&proc_lock);
	error = path_lookup(path, cwd, out);
	if (cwd)
		inode_put(cwd);
	if (error) {
		*out = NULL;
		return error;
	}
	error = inode_stat(*out, &st);
	if (error == 0 && (st.st_mode & S_IFMT) != S_IFREG)
		error = EACCES;
	if (error) {
		inode_put(*out);
		*out = NULL;
	}
	return error;
}

/* "#! interpreter [argument]": everything after the first blank is one argument. */
static int script_read(struct exec *x)
{
	struct io_target to = { .user = false, .address = (vaddr_t)x->line };
	size_t n = 0;
	char *s, *end;
	int error = inode_read(x->ip, to, 0, sizeof(x->line) - 1, &n);

	if (error)
		return error;
	x->line[n] = '\0';
	if (x->line[0] != '#' || x->line[1] != '!')
		return 0;
	end = strchr(x->line, '\n');
	if (end == NULL)
		return ENOEXEC;
	*end = '\0';
	while (end > x->line && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		*--end = '\0';
	for (s = x->line + 2; *s == ' ' || *s == '\t'; s++)
		continue;
	if (*s == '\0')
		return ENOEXEC;
	memmove(x->line, s, strlen(s) + 1);
	for (s = x->line; *s && *s != ' ' && *s != '\t'; s++)
		continue;
	if (*s) {
		*s++ = '\0';
		while (*s == ' ' || *s == '\t')
			s++;
		x->script_arg = s;
	}
	x->script = true;
	return 0;
}

/* What comes before a script's own arguments: interpreter, its argument, the script. */
static int script_args(struct exec *x)
{
	const char *words[] = { x->line, x->script_arg, x->path };
	int error = 0;

	for (unsigned i = 0; x->script && error == 0 && i < ARRAY_COUNT(words); i++) {
		if (words[i] == NULL)
			continue;
		error = args_add(x->args, words[i]);
		if (error == 0)
			x->args->argc++;
	}
	return error;
}

/* ---- the image ---- */

/* The thread works in the new address space meanwhile, so that copies to it are ordinary ones. */
static int exec_build(struct exec *x)
{
	int error = FAIL("exec.build") ? ENOMEM : vmspace_new(&x->vs);

	if (error)
		return error;
	proc_attach(x->vs);
	error = elf_load(x->ip, x->vs, &x->entry);
	if (error == 0)
		error = stack_map(x);
	if (error == 0) {
		error = args_put(x->args, USER_MAX, &x->sp);
		if (error && curthread->copy_error == ENOMEM)
			error = ENOMEM;
	}
	return error;
}

static int stack_map(struct exec *x)
{
	struct map_request rq = {
		.size = page_round(args_stack_size(x->args)) + STACK_SPARE,
		.fixed = true, .noreplace = true, .stack = true,
		.prot = PROT_READ | PROT_WRITE, .maxprot = PROT_READ | PROT_WRITE | PROT_EXEC,
		.inherit = MAP_INHERIT_COPY, .advice = MADV_NORMAL, .copy_on_write = true,
	};
	vaddr_t start;

	rq.start = USER_MAX - rq.size;
	x->vs->stack_start = rq.start;
	return map_enter(&x->vs->map, &rq, &start);
}

/* ---- the switch ---- */

/* Ends all other threads. False: the process ends, or another thread's exec came first. */
static bool exec_alone(void)
{
	struct proc *p = curproc;
	bool first;

	spinlock_acquire(&proc_lock);
	spinlock_acquire(&p->signal_lock);
	first = !p->exiting && !p->survivor;
	if (first)
		p->survivor = curthread;
	spinlock_release(&p->signal_lock);
	spinlock_release(&proc_lock);
	return first && proc_end_others();
}

static void exec_commit(struct exec *x)
{
	struct thread *t = curthread;
	struct trapframe *tf = t->trapframe;
	struct proc *p = curproc;
	const char *name = strrchr(x->path, '/');
	struct vmspace *old;

	TRACE(EXEC, p->pid, x->entry);
	COUNT(execs);
	vmspace_reference(x->vs); /* the process's, beside the thread's */
	spinlock_acquire(&proc_lock);
	old = p->vmspace;
	p->vmspace = x->vs;
	strlcpy(p->name, name ? name + 1 : x->path, sizeof(p->name));
	spinlock_release(&proc_lock);
	x->vs = NULL;
	if (old) {
		vmspace_release(old); /* the thread's */
		vmspace_release(old); /* the process's */
	}
	fdtable_exec(p->files);
	signal_exec(p);

	memset(tf->x, 0, sizeof(tf->x));
	tf->epc = x->entry;
	tf->sp = x->sp;
	tf->a0 = x->args->argc;
	tf->a1 = x->sp + sizeof(uint64_t);
	tf->a2 = tf->a1 + (x->args->argc + 1) * sizeof(uint64_t);
	irq_push_off();
	fp_reset(tf);
	fp_enter(tf, &t->fp);
	irq_pop_off();

	spinlock_acquire(&p->signal_lock);
	if (!p->exiting)
		p->survivor = NULL;
	spinlock_release(&p->signal_lock);
}
