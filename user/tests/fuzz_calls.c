/* What a worker of the fuzz does: calls of each kind, with arguments that are random or nearly right. */
#include "fuzz.h"

#include <time.h>

static char buffer[8 * PAGE_SIZE] __attribute__((aligned(4096)));
static struct worker me;

word call(word number, word a, word b, word c, word d, word e, word f)
{
	register word a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c, a3 __asm__("a3") = d;
	register word a4 __asm__("a4") = e, a5 __asm__("a5") = f, a7 __asm__("a7") = number;

	__asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7) : "memory");
	return a0;
}

/* ---- arguments ---- */

word any(struct worker *w)
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

word below(struct worker *w, word n) { return any(w) % n; }

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
		return (word)arena + below(w, ARENA_PAGES) * PAGE_SIZE - near;
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
	volatile char *page = arena + PAGES(below(&mine, ARENA_PAGES));

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
	if (n > 0 && below(w, 3) == 0)
		list[0] = 0x4000000000UL - below(w, 64); /* exec has taken a page for it by then */
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
			w->main_tid = (int)tid_now();
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

void worker_main(uint64_t seed, int null)
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
