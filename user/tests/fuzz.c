/*
 * Calls that no program means: random system calls with random and nearly
 * right arguments, from processes and threads at once. What they answer is
 * not looked at; the kernel has to live, to keep its invariants and to lose nothing.
 *
 * The judge starts workers, lets them go on for a while of guest time, kills what is
 * left, and starts the next ones: a round. What a worker does to its own text,
 * stack and heap is its own loss. A witness beside them makes no random call and looks
 * whether its memory and its answers are as if it were alone.
 *
 * Call i of a worker is a function of the run's seed, the round, the worker and i, whatever
 * the calls before it answered. So a part of a run, of which a plan says which rounds,
 * workers, calls and kinds of calls, makes the same calls as the whole: `make fuzz` runs
 * plans given in TEST_WORDS, and makes the plan of one that fails smaller.
 */
#include "test.h"

#include <abi/syscall.h>
#include <dirent.h>
#include <time.h>

#define WORKERS 3
#define WITNESS (1 << WORKERS) /* its bit in a plan's workers */
#define OPS 400           /* a worker's calls, unless it dies of one; each may be a few system calls */
#define ROUND_NS 12000000 /* after that the workers are killed */
#define ARENA PAGES(64)

typedef uint64_t word;

struct worker {
	uint64_t seed;   /* of all its calls */
	uint64_t random; /* of this call, so far */
	int main_tid, depth;
	sigjmp_buf out;
};

/* Which part of a seed's run to make. */
struct plan {
	uint64_t seed, calls;  /* ends after the round in which there were as many system calls */
	uint64_t first, last;  /* rounds, without the last */
	uint64_t workers;      /* a bit each, and one for the witness */
	uint64_t from, to;     /* calls of each worker, without `to` */
	uint64_t kinds;        /* a bit each, as in make_call() */
};
static struct plan plan = { .last = -1UL, .workers = 2 * WITNESS - 1, .to = OPS, .kinds = 0x7f };

static char *const arena = (char *)0x20000000; /* shared with children or with other workers, private, read-only, rightless, and holes */
static char buffer[8 * PAGE_SIZE] __attribute__((aligned(4096)));
static struct worker me;

static word call(word number, word a, word b, word c, word d, word e, word f)
{
	register word a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c, a3 __asm__("a3") = d;
	register word a4 __asm__("a4") = e, a5 __asm__("a5") = f, a7 __asm__("a7") = number;

	__asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7) : "memory");
	return a0;
}

#define SYS(name, ...) SYS_6(SYS_##name, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define SYS_6(n, a, b, c, d, e, f, ...) call(n, (word)(a), (word)(b), (word)(c), (word)(d), (word)(e), (word)(f))

static word break_now(void) { return SYS(sbrk, 0); }
static word pid_now(void) { return SYS(getpid); }
static word tid_now(void) { return SYS(gettid); }

/* ---- arguments ---- */

static word any(struct worker *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random * 0x2545f4914f6cdd1dUL >> 16;
}

/* The random numbers of one call, far from those of its neighbours. */
static void begin_call(struct worker *w, word i)
{
	w->random = (w->seed ^ i * 0xd1342543de82ef95) | 1;
	for (int k = 0; k < 4; k++)
		any(w);
}

static word below(struct worker *w, word n) { return any(w) % n; }

static word size(struct worker *w)
{
	static const word edges[] = { 0, 1, 7, 8, 4095, 4096, 4097, 8192, 1UL << 16, 1UL << 20, (1UL << 31) - 1, 1UL << 31, 1UL << 32,
		1UL << 38, (1UL << 38) - 4096, 1UL << 40, (1UL << 63) - 1, 1UL << 63, -1UL, -8UL, -4096UL, -4097UL };

	return below(w, 2) ? below(w, 3 * PAGE_SIZE) : edges[below(w, sizeof edges / sizeof *edges)];
}

static word pointer(struct worker *w)
{
	word near = below(w, 3) ? below(w, 64) : 0;
	word here = (word)&near;

	switch (below(w, 16)) {
	case 0:
		return near;
	case 1:
		return 0x3ffffff000UL - near; /* the end of user memory */
	case 2:
		return 0x4000000000UL - near;
	case 3:
		return below(w, 2) ? 0xffffffff80200000UL + near : 0xffffffc080000000UL - near;
	case 4:
		return -near;
	case 5:
		return here - below(w, 1UL << 20); /* stack, and what it may grow to */
	case 6:
		return (word)&call + near;
	case 7:
		return break_now() - near;
	case 8:
	case 9:
	case 10:
	case 11:
		return (word)arena + below(w, ARENA / PAGE_SIZE) * PAGE_SIZE - near;
	default:
		return (word)buffer + below(w, 4) * PAGE_SIZE - near + 64;
	}
}

static word descriptor(struct worker *w)
{
	static const word odd[] = { -1UL, 63, 64, 65, 255, 256, 1000, 0x7fffffff, 0x80000000, 1UL << 32 };

	return below(w, 8) ? below(w, 20) : odd[below(w, sizeof odd / sizeof *odd)];
}

static word path(struct worker *w)
{
	static const char *const names[] = { "a", "b", "c", "d", "d/a", "d/d", "d/d/d", "d/d/../b", "d/..", "..", ".", "", "/", "//", "a/", "a/b",
		"d/.", "./d/./d/..", "null", "zero", "/bin/true", "/nothing", "d/d/d/d/d/d/d/d" };
	static char deep[1100];
	word n;

	switch (below(w, 12)) {
	case 0:
		return pointer(w);
	case 1: /* a name at its limit */
		n = 250 + below(w, 4);
		memset(deep, 'n', n);
		deep[n] = '\0';
		return (word)deep;
	case 2: /* a path at its limit */
		n = 1020 + below(w, 8);
		for (word i = 0; i < n; i++)
			deep[i] = i % 2 ? '/' : '.';
		deep[n] = '\0';
		return (word)deep;
	case 3: { /* without an end, up to the edge of a page */
		char *at = buffer + PAGE_SIZE - 1;

		*at = 'a';
		return (word)at;
	}
	default:
		return (word)names[below(w, sizeof names / sizeof *names)];
	}
}

/* ---- calls ---- */

static void work(struct worker *w, int ops);

/* A pipe where the table of descriptors is about to grow, or is full. */
static void use_up_descriptors(struct worker *w)
{
	word n = below(w, 4) ? below(w, 70) : 300, fd;

	while (n-- > 0 && (long)SYS(dup, 0) >= 0)
		continue;
	SYS(pipe, pointer(w), 0);
	for (fd = below(w, 2) ? 10 : below(w, 300); fd < 260; fd++)
		SYS(close, fd);
}

static void op_files(struct worker *w)
{
	static const word offsets[] = { 0, 1, 4095, 4096, 1UL << 20, 1UL << 30, 1UL << 40, 1UL << 62, (1UL << 63) - 1, 1UL << 63, -1UL };
	word offset = offsets[below(w, sizeof offsets / sizeof *offsets)];

	switch (below(w, 24)) {
	case 0:
	case 1:
	case 2:
		SYS(open, path(w), below(w, 4) ? O_RDWR | O_CREAT : below(w, 2) ? O_RDONLY : any(w) & 0x7fff, 0);
		break;
	case 3:
		SYS(close, descriptor(w));
		break;
	case 4:
		SYS(read, descriptor(w), pointer(w), size(w));
		break;
	case 5:
	case 6:
		SYS(write, descriptor(w), pointer(w), size(w));
		break;
	case 7:
		SYS(pread, descriptor(w), pointer(w), size(w), offset);
		break;
	case 8:
		SYS(pwrite, descriptor(w), pointer(w), size(w), offset);
		break;
	case 9:
		SYS(lseek, descriptor(w), below(w, 2) ? offset : size(w), below(w, 4));
		break;
	case 10:
		SYS(ftruncate, descriptor(w), below(w, 2) ? offset : size(w));
		break;
	case 11:
		SYS(fstat, descriptor(w), pointer(w));
		break;
	case 12:
		SYS(fsync, descriptor(w));
		break;
	case 13:
		SYS(dup, descriptor(w));
		if (below(w, 40) == 0)
			use_up_descriptors(w);
		break;
	case 14:
		SYS(dup2, descriptor(w), descriptor(w));
		break;
	case 15:
		SYS(pipe, pointer(w), 0);
		break;
	case 16:
		SYS(link, path(w), path(w));
		break;
	case 17:
		SYS(unlink, path(w));
		break;
	case 18:
		SYS(rename, path(w), path(w));
		break;
	case 19:
		SYS(mkdir, path(w), 0);
		break;
	case 20:
		SYS(rmdir, path(w));
		break;
	case 21:
		SYS(mknod, path(w), any(w), below(w, 8));
		break;
	case 22:
		SYS(chdir, below(w, 2) ? path(w) : (word)"/fuzz");
		SYS(getcwd, pointer(w), size(w));
		break;
	case 23: {
		word fd = below(w, 2) ? descriptor(w) : SYS(open, below(w, 2) ? "." : "/bin", O_RDONLY, 0);

		SYS(getdents, fd, pointer(w), size(w));
		SYS(isatty, descriptor(w));
		if (below(w, 2))
			SYS(close, fd);
		if (below(w, 8) == 0)
			SYS(sync);
		break;
	}
	}
}

static void op_memory(struct worker *w)
{
	static const word flags[] = { MAP_ANON | MAP_PRIVATE, MAP_ANON | MAP_SHARED, MAP_ANON | MAP_PRIVATE | MAP_FIXED,
		MAP_ANON | MAP_SHARED | MAP_FIXED, MAP_ANON | MAP_FIXED_NOREPLACE, MAP_PRIVATE };
	word page = (word)arena + below(w, 64) * PAGE_SIZE, length = (1 + below(w, 8)) * PAGE_SIZE;

	switch (below(w, 14)) {
	case 0:
	case 1:
		SYS(mmap, page, length, below(w, 8), flags[below(w, 6)], -1, 0);
		break;
	case 2: /* over text, stack, heap, anything */
		SYS(mmap, pointer(w) & ~(PAGE_SIZE - 1), size(w), any(w) & 15, flags[below(w, 6)] | (below(w, 4) ? 0 : any(w)), -1, 0);
		break;
	case 3:
	case 4:
		SYS(munmap, page, length);
		break;
	case 5:
		SYS(munmap, below(w, 2) ? pointer(w) : pointer(w) & ~(PAGE_SIZE - 1), size(w));
		break;
	case 6:
	case 7:
		SYS(mprotect, page, length, below(w, 8));
		break;
	case 8:
		SYS(mprotect, pointer(w) & ~(PAGE_SIZE - 1), size(w), any(w) & 15);
		break;
	case 9:
		SYS(sbrk, below(w, 2) ? size(w) : below(w, 20000) - 10000);
		break;
	case 10:
		SYS(brk, below(w, 2) ? pointer(w) : break_now() + below(w, 8192) - 4096);
		break;
	case 11: /* the page of the break, shared */
		SYS(mmap, (break_now() - 1) & ~(PAGE_SIZE - 1), PAGE_SIZE, 3, MAP_ANON | MAP_SHARED | MAP_FIXED, -1, 0);
		break;
	default:
		if (below(w, 2))
			*(volatile char *)pointer(w) = 'w';
		else
			(void)*(volatile char *)pointer(w);
		break;
	}
}

static void on_signal(int sig)
{
	(void)sig;
	if (gettid() == me.main_tid)
		siglongjmp(me.out, 1);
	SYS(thread_exit, 0);
}

static void op_signals(struct worker *w)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGUSR1, SIGUSR2, SIGPIPE, SIGCHLD, SIGTRAP };
	int sig = signals[below(w, 8)];

	switch (below(w, 10)) {
	case 0:
	case 1:
		signal(sig, on_signal);
		break;
	case 2: {
		struct sigaction act = { .sa_flags = (int)any(w), .sa_mask = (uint32_t)any(w) };

		act.sa_handler = (void (*)(int))pointer(w);
		act.sa_restorer = (void (*)(void))pointer(w);
		SYS(sigaction, below(w, 40), &act, pointer(w));
		break;
	}
	case 3:
		SYS(sigaction, below(w, 40), pointer(w), pointer(w));
		break;
	case 4:
		SYS(sigprocmask, below(w, 4), pointer(w), pointer(w));
		break;
	case 5:
		SYS(kill, pid_now(), below(w, 4) ? sig : (int)below(w, 40));
		break;
	case 6:
		SYS(kill, 0, below(w, 8) ? 0 : sig);
		break;
	case 7: /* a signal with the stack anywhere, and a return from nowhere */
		if (below(w, 4) == 0) {
			register word a7 __asm__("a7") = below(w, 2) ? SYS_sigreturn : SYS_getpid;
			word at = pointer(w);

			__asm__ volatile("mv t0, sp; mv sp, %0; ecall; mv sp, t0" : : "r"(at), "r"(a7) : "t0", "a0", "memory");
		}
		break;
	case 8:
		if (below(w, 8) == 0)
			__asm__ volatile(".word 0");
		else if (below(w, 4) == 0)
			__asm__ volatile("ebreak");
		break;
	case 9:
		SYS(nanosleep, below(w, 20) ? below(w, 300000) : size(w));
		break;
	}
}

static void thread_body(word seed)
{
	struct worker mine = { .seed = seed, .random = seed | 1, .depth = 9 };

	work(&mine, 40);
	SYS(thread_exit, any(&mine));
}

/* Writes to one page of the arena without a call in between, so that only a shootdown tells its hart that the page is gone. */
static void hammer_body(word seed)
{
	struct worker mine = { .random = seed | 1 };
	volatile char *page = arena + PAGES(below(&mine, ARENA / PAGE_SIZE));

	for (word i = 1000 << below(&mine, 9); i > 0; i--) /* the longest goes on while other harts have their turns */
		page[i % PAGE_SIZE] = 'h';
	SYS(thread_exit, 0);
}

static void op_threads(struct worker *w)
{
	word stack;

	switch (below(w, 9)) {
	case 0:
	case 1:
	case 8:
		stack = SYS(mmap, 0, PAGES(8), 3, MAP_ANON | MAP_PRIVATE, -1, 0);
		if (stack < -4095UL && w->depth < 9)
			SYS(thread_create, below(w, 3) ? thread_body : hammer_body, any(w), stack + PAGES(8));
		break;
	case 2:
		if (below(w, 4) == 0)
			SYS(thread_create, pointer(w), any(w), pointer(w));
		break;
	case 3:
		SYS(thread_join, tid_now() + below(w, 6) - 1, below(w, 2) ? 0 : pointer(w));
		break;
	case 4:
		SYS(wait_on, pointer(w), below(w, 2), 1 + below(w, 100000));
		break;
	case 5:
		SYS(wake, pointer(w), below(w, 3) ? 1 : size(w));
		break;
	case 6:
		if (below(w, 30) == 0)
			SYS(wait_on, (word)buffer & ~3UL, *(uint32_t *)buffer, size(w));
		if (below(w, 60) == 0)
			SYS(thread_exit, any(w));
		break;
	case 7:
		SYS(sched_yield);
		break;
	}
}

/* A program file with a few wrong bytes, run by a child. */
static void exec_damaged(struct worker *w)
{
	static char image[PAGES(4)];
	int from = open("/bin/true", O_RDONLY), to = open("/fuzz/elf", O_RDWR | O_CREAT | O_TRUNC);
	long n = read(from, image, sizeof image);

	for (word i = below(w, 4); n > 0 && i < 5; i++) {
		static const unsigned char bytes[] = { 0, 1, 0x7f, 0x80, 0xff };

		image[below(w, below(w, 3) ? 64 + 56 * 4 : (word)n)] = (char)bytes[below(w, sizeof bytes)];
	}
	if (n > 0)
		write(to, image, below(w, 4) ? (size_t)n : below(w, (word)n));
	close(from);
	close(to);
	if (SYS(fork) == 0) {
		SYS(execve, "/fuzz/elf", 0, 0);
		SYS(exit, 1);
	}
}

static void exec_arguments(struct worker *w)
{
	static const char *const programs[] = { "/bin/true", "/fuzz/a", "/fuzz/script", "/fuzz", "/fuzz/null", "/bin/cat" };
	word *list = (word *)buffer, n = below(w, 2) ? below(w, 6) : below(w, sizeof buffer / sizeof *list - 1), i;

	for (i = 0; i < n; i++)
		list[i] = below(w, i ? 50 : 2) ? (word)programs[below(w, 6)] : pointer(w);
	list[i] = 0;
	if (SYS(fork) != 0)
		return;
	SYS(execve, below(w, 8) ? (word)programs[below(w, 2) * below(w, 6)] : path(w), below(w, 4) ? (word)list : pointer(w),
		below(w, 4) ? 0 : pointer(w));
	SYS(exit, 1);
}

static void op_processes(struct worker *w)
{
	switch (below(w, 10)) {
	case 0:
	case 1:
		if (w->depth < 2 && SYS(fork) == 0) {
			w->seed = any(w);
			w->depth++;
			w->main_tid = (int)SYS(gettid);
			work(w, 40);
			SYS(exit, any(w));
		}
		break;
	case 2:
		SYS(waitpid, below(w, 2) ? -1 : (int)below(w, 30), below(w, 2) ? 0 : pointer(w), below(w, 8) ? 1 : any(w));
		break;
	case 3:
		if (w->depth < 3)
			exec_damaged(w);
		break;
	case 4:
	case 9:
		if (w->depth < 3)
			exec_arguments(w);
		break;
	case 5:
		if (below(w, 30) == 0)
			SYS(execve, path(w), pointer(w), pointer(w));
		SYS(getpgid, below(w, 20));
		break;
	case 6:
		if (below(w, 2))
			SYS(inject, "page.alloc", 1 + below(w, 20), 0);
		else
			SYS(inject, below(w, 2) ? (word)"*" : pointer(w), below(w, 4) ? 1 + below(w, 60) : size(w), below(w, 8) == 0);
		break;
	case 7:
		if (below(w, 100) == 0)
			SYS(exit, any(w));
		SYS(getppid);
		break;
	}
}

static void op_inspection(struct worker *w)
{
	switch (below(w, 6)) {
	case 0:
		SYS(vmstat, pointer(w), size(w));
		break;
	case 1:
		SYS(proclist, pointer(w), size(w));
		break;
	case 2:
	case 3:
		SYS(procmap, below(w, 30), pointer(w), size(w));
		break;
	case 4:
		SYS(vmtrace, below(w, 3) ? TRACE_OP_READ : 77, pointer(w), size(w));
		break;
	case 5:
		if (below(w, 10) == 0)
			SYS(audit, AUDIT_CHECK);
		SYS(audit, 3 + any(w));
		break;
	}
}

/* Any number with any arguments, but for those that end the machine or the judge. */
static void op_wild(struct worker *w)
{
	word number = below(w, 140), args[6];

	if (number == SYS_reboot || number == SYS_kill || number == SYS_audit || number == SYS_vmtrace || number == SYS_setpgid ||
	    number == SYS_tcsetpgrp || number == SYS_sigreturn || number == SYS_exit || number == SYS_thread_exit || number == SYS_fork)
		return;
	for (int i = 0; i < 6; i++)
		args[i] = below(w, 3) == 0 ? size(w) : below(w, 2) ? pointer(w) : descriptor(w);
	call(number, args[0], args[1], args[2], args[3], args[4], args[5]);
}

static void make_call(struct worker *w, word i)
{
	static const struct {
		word share; /* of a hundred */
		void (*op)(struct worker *w);
	} kinds[] = {
		{ 35, op_files }, { 30, op_memory }, { 10, op_signals }, { 8, op_threads }, { 8, op_processes }, { 4, op_inspection }, { 5, op_wild },
	};
	word dice, kind = 0;

	if (w == &me && w->depth == 0 && (i < plan.from || i >= plan.to))
		return;
	begin_call(w, i);
	for (dice = below(w, 100); dice >= kinds[kind].share; kind++)
		dice -= kinds[kind].share;
	if (plan.kinds >> kind & 1)
		kinds[kind].op(w);
}

static void work(struct worker *w, int ops)
{
	for (volatile int i = 0; i < ops; i++)
		if (w != &me || sigsetjmp(w->out, 1) == 0) /* a signal ends this call, not the ones after it */
			make_call(w, (word)i);
}

static void worker_main(uint64_t seed, int null)
{
	setpgid(0, 0);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd); /* what they write is not for the console */
	for (int i = 0; i < 3; i++)
		SYS(pipe, buffer, 0);
	mmap(arena, PAGES(16), 3, MAP_ANON | MAP_PRIVATE | MAP_FIXED, -1, 0);
	mmap(arena + PAGES(17), PAGES(8), 3, MAP_ANON | MAP_SHARED | MAP_FIXED, -1, 0);
	mmap(arena + PAGES(26), PAGES(2), PROT_READ, MAP_ANON | MAP_PRIVATE | MAP_FIXED, -1, 0);
	mmap(arena + PAGES(29), PAGES(2), PROT_NONE, MAP_ANON | MAP_PRIVATE | MAP_FIXED, -1, 0);
	me.seed = seed;
	me.main_tid = gettid();
	if (seed % 4)
		for (int sig = SIGILL; sig <= SIGSEGV; sig++)
			signal(sig, on_signal);
	work(&me, OPS);
	_exit(0);
}

/* ---- the witness ---- */

#define WITNESS_PAGES 8

static char witness_byte(char *p, int salt) { return (char)(((word)p >> 12) * 31 + (word)p / 512 + (word)salt); }

static void witness_write(char *p, int salt)
{
	for (char *at = p; at < p + PAGES(WITNESS_PAGES); at += 512)
		*at = witness_byte(at, salt);
}

static void witness_read(char *p, int salt, const char *what)
{
	for (char *at = p; at < p + PAGES(WITNESS_PAGES); at++) {
		char want = salt && (word)at % 512 == 0 ? witness_byte(at, salt) : 0;

		if (*at != want)
			FAIL("%s: byte %ld is %#x, want %#x", what, (long)(at - p), *at, want);
	}
}

/* New memory is zero, and stays what is written to it; a child has a copy. What there is no memory for is left out. */
static void witness_memory(int salt)
{
	char *p = mmap(NULL, PAGES(WITNESS_PAGES), 3, MAP_ANON | MAP_PRIVATE, -1, 0);
	pid_t pid;

	if (p == MAP_FAILED)
		return;
	witness_read(p, 0, "new memory");
	witness_write(p, salt);
	pid = (pid_t)SYS(fork);
	if (pid == 0) {
		witness_read(p, salt, "the child's memory");
		witness_write(p, salt + 1);
		nanosleep(100000);
		witness_read(p, salt + 1, "what the child wrote");
		_exit(0);
	}
	nanosleep(200000);
	witness_read(p, salt, "memory that was written before");
	if (pid > 0) {
		int status;

		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK(!WIFEXITED(status) || WEXITSTATUS(status) == 0);
	}
	munmap(p, PAGES(WITNESS_PAGES));
}

static void on_loss(int sig)
{
	(void)sig;
	SYS(thread_exit, 0);
}

static void hammer_for_ever(volatile char *page)
{
	for (;;)
		*page = 'h';
}

/* A page is taken from under a thread that writes to it: the thread has lost it then, and memory made after that is zero. */
static void witness_loss(void)
{
	char *stack = mmap(NULL, PAGES(2), 3, MAP_ANON | MAP_PRIVATE, -1, 0);
	char *page = mmap(arena, PAGE_SIZE, 3, MAP_ANON | MAP_PRIVATE | MAP_FIXED, -1, 0), *fresh;
	long tid = -1;

	if (stack != MAP_FAILED && page != MAP_FAILED)
		tid = (long)SYS(thread_create, hammer_for_ever, page, stack + PAGES(2));
	for (int i = 0; tid > 0 && i < 20 && *(volatile char *)page == 0; i++)
		nanosleep(20000);
	if (page != MAP_FAILED && munmap(page, PAGE_SIZE) == 0) {
		fresh = mmap(arena + PAGES(1), PAGES(WITNESS_PAGES), 3, MAP_ANON | MAP_PRIVATE | MAP_FIXED, -1, 0);
		for (int i = 0; fresh != MAP_FAILED && i < 3; i++) {
			witness_read(fresh, 0, "memory made after a page was unmapped");
			nanosleep(30000);
		}
		if (fresh != MAP_FAILED)
			munmap(fresh, PAGES(WITNESS_PAGES));
		if (tid > 0)
			CHECK_EQ((long)SYS(thread_join, tid, 0), 0);
	}
	if (stack != MAP_FAILED)
		munmap(stack, PAGES(2));
}

/* No call reads from the kernel's half, or writes to it. */
static void witness_pointers(const int *fds)
{
	static const word places[] = { 0x4000000000, 0xffffffc080200000, 0xffffffff80200000, 0xfffffffffffffff0 };

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		char *bad = (char *)places[i];

		CHECK(write(fds[1], bad, 8) == -1);
		CHECK(read(fds[0], bad, 8) == -1); /* there is a byte */
		CHECK(open(bad, O_RDONLY) == -1);
		CHECK(getcwd(bad, 8) == NULL);
		CHECK(vmstat((uint64_t *)bad, 1) == -1);
	}
}

static void witness_main(uint64_t end)
{
	int fds[2];

	signal(SIGSEGV, on_loss);
	if (pipe(fds) < 0 || write(fds[1], "w", 1) < 0)
		_exit(0);
	for (int salt = 1; SYS(clock) < end; salt += 2) {
		witness_memory(salt % 128);
		witness_loss();
		witness_pointers(fds);
	}
	_exit(0);
}

/* ---- the judge ---- */

static pid_t witness = -1; /* of this round */

/* It ends when it is content; that it is killed may be for want of memory. */
static void check_witness(pid_t pid, int status)
{
	if (pid > 0 && pid == witness && WIFEXITED(status) && WEXITSTATUS(status) != 0)
		FAIL("the witness has seen what cannot be");
}

/* Kills everybody but init and this process until nobody is left. */
static void end_workers(void)
{
	struct procinfo procs[16];
	int status, n;
	pid_t pid;

	for (;;) {
		kill(-1, SIGKILL);
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			check_witness(pid, status);
		n = proclist(procs, 16);
		if (n >= 0 && n <= 2)
			return;
		nanosleep(200000);
	}
}

/* The working directory. By steps, since the names in it may make paths too long for one. */
static void empty_directory(void)
{
	char records[512];
	int fd = open(".", O_RDONLY), n, removed;

	do {
		removed = 0;
		lseek(fd, 0, SEEK_SET);
		while ((n = (int)SYS(getdents, fd, records, sizeof records)) > 0)
			for (int at = 0; at < n;) {
				struct dirent *d = (struct dirent *)(records + at);

				at += d->d_reclen;
				if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
					continue;
				if (unlink(d->d_name) < 0) {
					CHECK_OK(chdir(d->d_name));
					empty_directory();
					CHECK_OK(chdir(".."));
					CHECK_OK(rmdir(d->d_name));
				}
				removed++;
			}
	} while (removed);
	close(fd);
}

/* And the directory itself, wherever it is by now: a worker knows its path, from getcwd, and may have renamed it. */
static void leave_directory(void)
{
	char path[1024];

	empty_directory();
	CHECK(getcwd(path, sizeof path) == path);
	CHECK_OK(chdir("/"));
	CHECK_OK(rmdir(path));
}

static void run_round(uint64_t round, int null)
{
	static const char script[] = "#!/bin/true  -x \n";
	uint64_t end = clock() + ROUND_NS;
	int fd, status, alive = 0;
	pid_t pid;

	witness = plan.workers & WITNESS ? (pid_t)SYS(fork) : -1;
	if (witness == 0)
		witness_main(end);
	mknod("/fuzz/zero", S_IFCHR, 0x201);
	fd = open("script", O_CREAT | O_RDWR);
	if (fd >= 0)
		write(fd, script, sizeof script - 1);
	close(fd);
	for (unsigned i = 0; i < WORKERS; i++) {
		uint64_t its = (plan.seed * 1000003 + round) * WORKERS + i + 1;

		if (!(plan.workers >> i & 1))
			continue;
		pid = (pid_t)SYS(fork);
		if (pid == 0)
			worker_main(its * 0x9e3779b97f4a7c15 | 1, null);
		alive += pid > 0;
	}
	while (SYS(clock) < end && alive > 0) {
		pid = (pid_t)SYS(waitpid, -1, &status, WNOHANG);
		check_witness(pid, status);
		if (pid > 0)
			alive -= pid != witness;
		else
			nanosleep(500000);
	}
	end_workers();
	if (audit(AUDIT_CHECK) < 0)
		FAIL("round %ld of seed %ld: an invariant is broken", (long)round, (long)plan.seed);
}

static void fuzz(void)
{
	uint64_t before = stat_now(STAT_syscalls), made = 0;
	void *shared = arena + PAGES(40); /* by all workers */
	int null;

	CHECK_OK(mkdir("/fuzz", 0));
	CHECK_OK(chdir("/fuzz"));
	CHECK_OK(mknod("null", S_IFCHR, 0x200));
	null = (int)CHECK_OK(open("null", O_RDWR));
	CHECK(mmap(shared, PAGES(8), 3, MAP_ANON | MAP_SHARED | MAP_FIXED, -1, 0) == shared);
	for (uint64_t round = plan.first; round < plan.last && made < plan.calls; round++) {
		if (plan.calls != -1UL)
			printf("round %ld: %ld calls\n", (long)round, (long)made);
		run_round(round, null);
		made = stat_now(STAT_syscalls) - before;
	}
	if (plan.calls != -1UL)
		printf("%ld calls\n", (long)made);
	CHECK_OK(munmap(shared, PAGES(8)));
	leave_directory();
	close(null);
}

static void fuzz_rounds(uint64_t seed, uint64_t rounds)
{
	plan.seed = seed;
	plan.calls = -1UL;
	plan.last = rounds;
	fuzz();
}

TEST(processes, "", "random and nearly right system calls from several processes and threads leave the kernel whole")
{
	fuzz_rounds(1, 3);
}

/* test: mem=4M */
TEST(little_memory, "", "the same where memory runs out")
{
	fuzz_rounds(2, 3);
}

/* test: seeds=1,2 */
TEST(explore, "", "the same with calls that the boot's seed decides, by way of the clock")
{
	fuzz_rounds(clock(), 3);
}

/* test: harts=3 limit=4000M audit=no */
TEST(slice, "", "the first 20,000 calls that make fuzz makes")
{
	plan.seed = 1;
	plan.calls = 20000;
	fuzz();
}

TEST(run, "", "a plan that make fuzz gives, SEED:CALLS:FIRST:LAST:WORKERS:FROM:TO:KINDS; a short one without")
{
	uint64_t *fields[] = { &plan.seed, &plan.calls, &plan.first, &plan.last, &plan.workers, &plan.from, &plan.to, &plan.kinds };
	char *words = getenv("TEST_WORDS");

	plan.seed = 3;
	plan.calls = 1000;
	for (int i = 0; words && *words && i < 8; i++) {
		*fields[i] = strtoul(words, &words, 0);
		words += *words == ':';
	}
	fuzz();
}

/* ---- ends ---- */

static uint32_t go;

static void end_body(struct worker *shared)
{
	struct worker mine = { .random = any(shared) | 1 };
	char *const argv[] = { "true", NULL };

	while (__atomic_load_n(&go, __ATOMIC_RELAXED) == 0)
		if (below(&mine, 2))
			SYS(wait_on, &go, 0, 1000);
	for (word i = below(&mine, 400); i > 0; i--)
		__asm__ volatile("");
	for (;;)
		switch (below(&mine, 10)) {
		case 0:
		case 1:
			SYS(execve, "/bin/true", argv, 0);
			break;
		case 2:
			SYS(exit, 0);
			break;
		case 3:
			SYS(kill, pid_now(), SIGKILL);
			break;
		case 4:
			*(volatile int *)(uintptr_t)below(&mine, 2) = 1;
			break;
		case 5:
			if (SYS(fork) == 0)
				SYS(execve, "/bin/true", argv, 0);
			break;
		case 6:
			SYS(munmap, 0x10000, 1UL << 28);
			break;
		case 7:
			SYS(waitpid, -1, 0, 0);
			break;
		case 8:
			SYS(thread_join, tid_now() + below(&mine, 4) - 2, 0);
			break;
		case 9:
			SYS(thread_exit, 0);
			break;
		}
}

TEST(ends, "", "threads that exec, exit, fault, fork, kill and unmap their process all at once end it, each time")
{
	static struct worker seeds = { .random = 77 };
	int status;

	for (int round = 0; round < 60; round++) {
		any(&seeds);
		if (check_fork() == 0) {
			for (int i = 0; i < 4; i++) {
				char *stack = map_pages(4);

				SYS(thread_create, end_body, &seeds, stack + PAGES(4));
				any(&seeds);
			}
			__atomic_store_n(&go, 1, __ATOMIC_RELAXED);
			SYS(wake, &go, -1);
			SYS(thread_exit, 0);
		}
		if (round % 4 == 3) {
			nanosleep(100000 + below(&seeds, 2000000));
			end_workers();
		}
	}
	CHECK(waitpid(-1, &status, 0) < 0);
	CHECK_OK(audit(AUDIT_CHECK));
}

#define TREE 400 /* processes of it, so that memory does not end first and take the judge */

/* test: limit=1500M audit=no */
TEST(everybody, "", "kill(-1) ends a tree of processes that go on forking, but not init")
{
	uint32_t *made = mmap(NULL, PAGE_SIZE, 3, MAP_ANON | MAP_SHARED, -1, 0);

	CHECK(made != MAP_FAILED);
	for (int round = 0; round < 4; round++) {
		__atomic_store_n(made, 0, __ATOMIC_RELAXED);
		for (bool child = check_fork() == 0; child;) {
			if (__atomic_add_fetch(made, 1, __ATOMIC_RELAXED) > TREE)
				sched_yield();
			else if (fork() < 0)
				_exit(0);
		}
		nanosleep(round * 300000);
		end_workers();
	}
	CHECK_EQ(kill(1, 0), 0);
	CHECK_OK(audit(AUDIT_CHECK));
}
