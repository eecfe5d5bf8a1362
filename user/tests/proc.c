/* Processes: their birth, their end, and what is left of them. */
#include <abi/syscall.h>

#include "test.h"

static struct procinfo procs[64];

/* The state letter of a process, 0 when there is none. */
static char state_of(pid_t pid)
{
	int n = proclist(procs, 64);

	for (int i = 0; i < n; i++)
		if (procs[i].pid == pid)
			return (char)procs[i].state;
	return 0;
}

static void wait_state(pid_t pid, char state)
{
	for (int i = 0; i < 1000; i++) {
		if (state_of(pid) == state)
			return;
		nanosleep(1000000);
	}
	FAIL("process %d does not come to state %c", pid, state);
}

TEST(status, "B3", "waitpid tells exit codes and signals apart, once each, and ECHILD when there is nobody")
{
	int status;

	for (int code = 0; code < 256; code += 51) {
		pid_t pid = check_fork();

		if (pid == 0)
			_exit(code);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EXIT(status, code);
		CHECK_ERROR(waitpid(pid, &status, 0), ECHILD);
	}
	for (int sig = SIGHUP; sig <= SIGTERM; sig += SIGTERM - SIGHUP) {
		pid_t pid = check_fork();

		if (pid == 0) {
			kill(getpid(), sig);
			_exit(0);
		}
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_SIGNAL(status, sig);
		CHECK_ERROR(waitpid(pid, &status, 0), ECHILD);
	}
	CHECK_ERROR(waitpid(-1, &status, 0), ECHILD);
	CHECK_ERROR(waitpid(-1, NULL, WNOHANG), ECHILD);
	CHECK_ERROR(waitpid(1, NULL, 0), ECHILD);
}

TEST(no_hang, "B3", "WNOHANG answers 0 while the child runs and its pid when it has ended")
{
	struct gate go;
	int status;
	pid_t pid;

	gate_init(&go);
	pid = check_fork();
	if (pid == 0) {
		gate_wait(&go);
		_exit(9);
	}
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	gate_open(&go);
	wait_state(pid, 'Z');
	CHECK_EQ(waitpid(-1, &status, WNOHANG), pid);
	CHECK_EXIT(status, 9);
}

static pid_t run_and_exit(void)
{
	pid_t pid = check_fork();

	if (pid == 0)
		_exit(0);
	return pid;
}

TEST(zombie, "B3", "a process that has ended holds no memory while it waits to be collected; its parent frees the rest, so that nothing of it is left when wait returns")
{
	struct gate go;
	pid_t pid;

	gate_init(&go);
	memset(procs, 0, sizeof procs); /* its pages are there before anything is counted */
	check_child(run_and_exit()); /* threads of the boot are freed when one is made after them */
	count_start();
	pid = check_fork();
	if (pid == 0) {
		char *p = map_pages(200);

		for (int i = 0; i < 200; i++)
			p[PAGES(i)] = 1;
		gate_open(&go);
		_exit(0);
	}
	gate_wait(&go);
	wait_state(pid, 'Z');
	CHECK_COUNT(STAT_anons, 0);
	CHECK_COUNT(STAT_pmaps, 0);
	CHECK_COUNT(STAT_map_entries, 0);
	CHECK_COUNT(STAT_procs, 1);
	CHECK_COUNT(STAT_threads, 1);
	check_child(pid);
	CHECK_COUNT(STAT_procs, 0);
	CHECK_COUNT(STAT_threads, 0);
	CHECK_EQ(state_of(pid), 0);
}

TEST(orphan, "B3", "a child whose parent ends becomes init's")
{
	struct gate go;
	int fds[2];
	pid_t pid, orphan;

	gate_init(&go);
	CHECK_OK(pipe(fds));
	pid = check_fork();
	if (pid == 0) {
		orphan = check_fork();
		if (orphan == 0) {
			gate_wait(&go);
			for (int i = 0; getppid() != 1 && i < 50; i++)
				nanosleep(1000000);
			write(fds[1], getppid() == 1 ? "y" : "n", 1);
			_exit(0);
		}
		write(fds[1], &orphan, sizeof orphan);
		_exit(0);
	}
	CHECK_EQ(read(fds[0], &orphan, sizeof orphan), sizeof orphan);
	check_child(pid);
	gate_open(&go);
	CHECK_EQ(read(fds[0], &pid, 1), 1);
	CHECK_EQ(*(char *)&pid, 'y');
	for (int i = 0; state_of(orphan) == 'R' || state_of(orphan) == 'S'; i++)
		if (i < 1000)
			nanosleep(1000000);
		else
			FAIL("the orphan does not end");
	CHECK_ERROR(waitpid(orphan, NULL, 0), ECHILD);
}

/* test: seeds=1,2,3 */
TEST(many_waits, "B3", "parents collect each child once, in whatever order they end, and while it may be on its way off its stack")
{
	static pid_t pids[40];
	int seen = 0;

	for (int i = 0; i < 40; i++) {
		pids[i] = check_fork();
		if (pids[i] == 0) {
			for (int j = 0; j < (i * 7) % 11; j++)
				sched_yield();
			_exit(i);
		}
	}
	for (int i = 0; i < 40; i++) {
		int status;
		pid_t pid = waitpid(-1, &status, 0);

		CHECK_OK(pid);
		for (int j = 0; j < 40; j++)
			if (pids[j] == pid) {
				CHECK_EXIT(status, j);
				pids[j] = 0;
				seen++;
			}
	}
	CHECK_EQ(seen, 40);
	CHECK_ERROR(waitpid(-1, NULL, 0), ECHILD);
}

/* Forks children that wait for its end until no more can be had. Without memory it may itself be the one that ends. */
static void fork_on(volatile int *count)
{
	struct gate end;
	pid_t pid;
	char c;

	gate_init(&end);
	while ((pid = fork()) > 0)
		++*count;
	if (pid == 0) {
		close(end.fds[1]);
		read(end.fds[0], &c, 1);
		_exit(0);
	}
	_exit(errno == ENOMEM || errno == EAGAIN ? 0 : 1);
}

/* test: mem=8M limit=4000M audit=no */
TEST(fork_until_failure, "B3", "forks until memory is gone fail with ENOMEM or EAGAIN, or a fault ends the one that forks; when all have ended as many can be had again")
{
	volatile int *count = mmap(NULL, PAGES(1), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANON, -1, 0);
	long long procs = (long long)stat_now(STAT_procs);
	int first = 0;

	CHECK(count != MAP_FAILED);
	for (int round = 0; round < 2; round++) {
		int status;
		pid_t pid;

		*count = 0;
		pid = check_fork();
		if (pid == 0)
			fork_on(count);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0) || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
		for (int i = 0; (long long)stat_now(STAT_procs) != procs; i++) { /* init collects the children */
			CHECK(i < 1000);
			nanosleep(10000000);
		}
		CHECK(*count >= 10);
		if (round == 0)
			first = *count;
		else
			CHECK(*count >= first * 3 / 4);
	}
	CHECK_OK(audit(AUDIT_CHECK));
}

/* Reads a file that is larger than memory, again and again, until it is killed. */
static void stream(const char *name)
{
	static char block[32768];
	int fd = (int)CHECK_OK(open(name, O_RDONLY));

	for (;;) {
		CHECK_OK(lseek(fd, 0, SEEK_SET));
		while (CHECK_OK(read(fd, block, sizeof block)) > 0)
			;
	}
}

/* test: mem=4M limit=4000M args="trace=on" */
TEST(cache_is_memory, "C7", "frames that hold file pages are no reason for ENOMEM: fork and pipe work beside processes that stream a large file")
{
	static char block[4096];
	int fd = (int)CHECK_OK(open("large", O_RDWR | O_CREAT, 0644)), status;
	pid_t reader[3];

	for (int i = 0; i < 1100; i++)
		CHECK_EQ(write(fd, block, sizeof block), sizeof block);
	for (int i = 0; i < 3; i++)
		if ((reader[i] = check_fork()) == 0)
			stream("large");
	for (int round = 0; round < 60; round++) {
		int fds[2];
		pid_t pid;

		CHECK_OK(pipe(fds));
		pid = (pid_t)CHECK_OK(fork());
		if (pid == 0) {
			CHECK_EQ(write(fds[1], block, sizeof block), sizeof block);
			_exit(0);
		}
		CHECK_EQ(read(fds[0], block, sizeof block), sizeof block);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EXIT(status, 0);
		CHECK_OK(close(fds[0]));
		CHECK_OK(close(fds[1]));
	}
	for (int i = 0; i < 3; i++) {
		CHECK_OK(kill(reader[i], SIGKILL));
		CHECK_EQ(waitpid(reader[i], &status, 0), reader[i]);
	}
	CHECK_OK(close(fd));
	CHECK_OK(unlink("large"));
}

static void *wait_forever(void *arg)
{
	wait_on(arg, 0, 0);
	return NULL;
}

TEST(kill_sleeping, "", "a kill ends processes that sleep: in a pipe, in a wait, in nanosleep, in a thread's wait, or that spin")
{
	for (int how = 0; how < 6; how++) {
		static uint32_t never;
		int fds[2], status;
		struct gate go;
		pid_t pid;

		gate_init(&go);
		CHECK_OK(pipe(fds));
		pid = check_fork();
		if (pid == 0) {
			thread_t t;
			char c;

			gate_open(&go);
			switch (how) {
			case 0: read(fds[0], &c, 1); break;
			case 1: nanosleep(1000000000000); break;
			case 2: wait_on(&never, 0, 0); break;
			case 3:
				if (fork() == 0) { /* ends when the test closes the pipe */
					close(fds[1]);
					read(fds[0], &c, 1);
					_exit(0);
				}
				close(fds[1]);
				wait(NULL);
				break;
			case 4:
				thread_start(&t, wait_forever, &never);
				thread_wait(t, NULL);
				break;
			case 5:
				for (;;)
					__asm__ volatile("" ::: "memory");
			}
			_exit(1);
		}
		gate_wait(&go);
		nanosleep(2000000);
		CHECK_OK(kill(pid, SIGKILL));
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_SIGNAL(status, SIGKILL);
		close(fds[0]);
		close(fds[1]);
		gate_done(&go);
		if (how == 3)
			nanosleep(20000000);
	}
	CHECK_ERROR(kill(9999, SIGKILL), ESRCH);
	CHECK_ERROR(kill(getpid(), 77), EINVAL);
	CHECK_OK(kill(getpid(), 0));
}

TEST(sleep_for_ever, "", "a time to sleep that no clock reaches does not wrap to none at all")
{
	pid_t pid = check_fork();
	int status;

	if (pid == 0) {
		nanosleep(UINT64_MAX);
		exit(0);
	}
	nanosleep(3000000);
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_OK(kill(pid, SIGKILL));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_SIGNAL(status, SIGKILL);
}

TEST(groups, "", "a signal to a process group reaches each of its members and nobody else")
{
	pid_t a = check_fork(), b;
	int status;

	if (a == 0) {
		for (;;)
			nanosleep(1000000000);
	}
	b = check_fork();
	if (b == 0) {
		for (;;)
			nanosleep(1000000000);
	}
	CHECK_OK(setpgid(a, 0));
	CHECK_OK(setpgid(b, a));
	CHECK_EQ(getpgid(a), a);
	CHECK_EQ(getpgid(b), a);
	CHECK(getpgid(0) != a);
	CHECK_OK(kill(-a, SIGTERM));
	CHECK_EQ(waitpid(a, &status, 0), a);
	CHECK_SIGNAL(status, SIGTERM);
	CHECK_EQ(waitpid(b, &status, 0), b);
	CHECK_SIGNAL(status, SIGTERM);
	CHECK_ERROR(kill(-a, SIGTERM), ESRCH);
}

static volatile int handled, nested;

static void on_signal(int sig) { handled = handled * 10 + (sig == SIGUSR1 ? 1 : 2); }

TEST(handlers, "", "handlers run and return; registers and the mask are as before")
{
	sigset_t mask = 0, old;
	uint64_t s = 0x1234567, f;
	double x = 1.5;

	CHECK(signal(SIGUSR1, on_signal) == SIG_DFL);
	CHECK(signal(SIGUSR2, on_signal) == SIG_DFL);
	__asm__ volatile("mv s5, %1\n fmv.d fs3, %2\n mv a0, %3\n li a1, 10\n li a7, 5\n ecall\n mv %0, s5\n" : "=r"(f) : "r"(s), "f"(x), "r"((long)getpid()) : "s5", "a0", "a1", "a7", "fs3", "memory");
	CHECK_EQ(f, s);
	__asm__ volatile("fmv.d %0, fs3" : "=f"(x));
	CHECK(x == 1.5);
	CHECK_EQ(handled, 1);
	sigaddset(&mask, SIGUSR1);
	CHECK_OK(sigprocmask(SIG_BLOCK, &mask, &old));
	CHECK_EQ(old, 0);
	CHECK_OK(raise(SIGUSR1));
	CHECK_EQ(handled, 1);
	CHECK_OK(raise(SIGUSR2));
	CHECK_EQ(handled, 12);
	CHECK_OK(sigprocmask(SIG_SETMASK, &old, NULL));
	CHECK_EQ(handled, 121);
	CHECK(signal(SIGUSR1, SIG_IGN) == on_signal);
	CHECK_OK(raise(SIGUSR1));
	CHECK_EQ(handled, 121);
	CHECK_ERROR(sigaction(SIGKILL, &(struct sigaction){ .sa_handler = on_signal }, NULL), EINVAL);
	CHECK_ERROR(sigaction(0, NULL, NULL), EINVAL);
	CHECK_ERROR(sigaction(NSIG, NULL, NULL), EINVAL);
	CHECK_ERROR(sigprocmask(9, &mask, NULL), EINVAL);
}

TEST(interrupted, "", "a signal ends a sleeping read with EINTR, or the read goes on under SA_RESTART")
{
	struct sigaction act = { .sa_handler = on_signal };
	pid_t parent = getpid(), pid;
	int fds[2];
	char c;

	CHECK_OK(pipe(fds));
	CHECK_OK(sigaction(SIGUSR1, &act, NULL));
	pid = check_fork();
	if (pid == 0) {
		nanosleep(5000000);
		kill(parent, SIGUSR1);
		_exit(0);
	}
	CHECK_ERROR(read(fds[0], &c, 1), EINTR);
	check_child(pid);
	act.sa_flags = SA_RESTART;
	CHECK_OK(sigaction(SIGUSR1, &act, NULL));
	pid = check_fork();
	if (pid == 0) {
		nanosleep(5000000);
		kill(parent, SIGUSR1);
		nanosleep(5000000);
		write(fds[1], "x", 1);
		_exit(0);
	}
	CHECK_EQ(read(fds[0], &c, 1), 1);
	CHECK_EQ(c, 'x');
	CHECK_EQ(handled, 11);
	check_child(pid);
}

static volatile int second_ran;

static void raise_second(int sig) { (void)sig, kill(getpid(), SIGUSR2); }
static void on_second(int sig) { (void)sig, second_ran = 1; }

/* Goes round with registers as if a read had just been interrupted. What a0 is when second_ran is set. */
static long spin_like_interrupted(void)
{
	register long a0 __asm__("a0") = -EINTR;
	register long a7 __asm__("a7") = SYS_read;

	__asm__ volatile(".option push\n .option norvc\n nop\n"
			 "1: lw t0, 0(%1)\n beqz t0, 1b\n .option pop"
			 : "+r"(a0) : "r"(&second_ran), "r"(a7) : "t0", "memory");
	return a0;
}

TEST(two_signals, "", "a signal that was blocked while another was handled comes with its return: what runs goes on as it was, no system call is started over")
{
	struct sigaction first = { .sa_handler = raise_second, .sa_mask = 1u << (SIGUSR2 - 1) };
	struct sigaction second = { .sa_handler = on_second, .sa_flags = SA_RESTART };
	pid_t parent = getpid(), pid;

	CHECK_OK(sigaction(SIGUSR1, &first, NULL));
	CHECK_OK(sigaction(SIGUSR2, &second, NULL));
	pid = check_fork();
	if (pid == 0) {
		nanosleep(3000000);
		CHECK_OK(kill(parent, SIGUSR1));
		exit(0);
	}
	CHECK_EQ(spin_like_interrupted(), -EINTR);
	check_child(pid);
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	CHECK_EQ(info->si_code, SEGV_ACCERR);
	nested++;
	CHECK_OK(mprotect((void *)((uintptr_t)info->si_addr & ~(PAGE_SIZE - 1)), PAGE_SIZE, PROT_READ | PROT_WRITE));
}

TEST(fault_handler, "A6", "a handler may mend what faulted and return: the access is done again")
{
	struct sigaction act = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	char *p = map_pages(3);

	CHECK_OK(mprotect(p, PAGES(3), PROT_NONE));
	CHECK_OK(sigaction(SIGSEGV, &act, NULL));
	p[5] = 'a';
	p[PAGES(2)] = 'b';
	CHECK_EQ(nested, 2);
	CHECK_EQ(p[5], 'a');
	CHECK_EQ(p[PAGES(2)], 'b');
}

/* Sets a callee's registers to 1 to 12, writes to p, and gives back in how many of them something else is found then. */
static long registers_over(volatile char *p)
{
	long wrong = 0;
	register volatile char *a0 __asm__("a0") = p;

	__asm__ volatile(
		"li s1, 1\n li s2, 2\n li s3, 3\n li s4, 4\n li s5, 5\n li s6, 6\n"
		"li s7, 7\n li s8, 8\n li s9, 9\n li s10, 10\n li s11, 11\n"
		"sb s1, 0(%1)\n"
		".irp n, 1,2,3,4,5,6,7,8,9,10,11\n addi t0, s\\n, -\\n\n snez t0, t0\n add %0, %0, t0\n .endr"
		: "+&r"(wrong) : "r"(a0)
		: "t0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "memory");
	return wrong;
}

TEST(fault_registers, "A6", "a handler of a fault uses all registers; what faulted goes on with its own")
{
	struct sigaction act = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	char *p = map_pages(1);

	CHECK_OK(mprotect(p, PAGES(1), PROT_NONE));
	CHECK_OK(sigaction(SIGSEGV, &act, NULL));
	CHECK_EQ(registers_over(p), 0);
	CHECK_EQ(nested, 1);
	CHECK_EQ(p[0], 1);
}

TEST(inject_scope, "", "failures that a process asked for are its own and its children's: not of who lives on when another has taken its place")
{
	volatile int *forked = mmap(NULL, PAGES(1), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANON, -1, 0), *orphan = forked + 1;
	struct gate go, done;
	pid_t pid;

	*forked = 0;
	gate_init(&go);
	gate_init(&done);
	pid = check_fork();
	if (pid == 0) {
		CHECK_OK(inject("proc.struct", 1000, 0));
		if (check_fork() == 0) { /* in the scope of a process that ends */
			gate_wait(&go);
			pid = fork();
			if (pid == 0)
				exit(0);
			*orphan = getpid();
			*forked = pid > 0 ? 1 : 2;
			gate_open(&done);
			CHECK_EQ(waitpid(pid, NULL, 0), pid);
		}
		exit(0);
	}
	check_child(pid);
	pid = check_fork();
	if (pid == 0) {
		CHECK_OK(inject("proc.struct", 1, 0));
		gate_open(&go);
		gate_wait(&done);
		CHECK_EQ(*forked, 1);
		CHECK_ERROR(fork(), ENOMEM);
		exit(0);
	}
	check_child(pid);
	while (state_of(*orphan) == 'R' || state_of(*orphan) == 'S') /* it ends by itself; a test leaves nobody behind */
		nanosleep(1000000);
	gate_done(&go);
	gate_done(&done);
}

static void bad_stack(void *arg)
{
	(void)arg;
	signal(SIGSEGV, on_signal);
	__asm__ volatile("li sp, 16\n ld t0, 0(sp)\n");
}

TEST(bad_stack, "", "a handler that has no stack to run on ends its process")
{
	CHECK_SIGNAL(run_child(bad_stack, NULL), SIGSEGV);
}

TEST(sigreturn_garbage, "", "sigreturn without a frame, or with one of garbage, harms nobody but the caller")
{
	for (int i = 0; i < 3; i++) {
		pid_t pid = check_fork();
		int status;

		if (pid == 0) {
			char *p = map_pages(2);

			memset(p, i == 1 ? 0xff : 0, PAGES(2));
			if (i == 2)
				p = (char *)0x100;
			__asm__ volatile("mv sp, %0\n mv a0, sp\n li a7, 10\n ecall\n li a0, 3\n li a7, 1\n ecall" : : "r"(p));
		}
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) == 3);
	}
	CHECK_OK(audit(AUDIT_CHECK));
}
