/* Floating-point registers: a program's own, whoever else runs on its hart. */
#include "test.h"

#include "abi/syscall.h"

/* Registers whose contents calls may change and registers that they keep. The system call is made with all of them live. */
#define LOAD(v)                                                                                    \
	__asm__ volatile("fmv.d.x ft0, %0\n fmv.d.x ft11, %0\n fmv.d.x fs0, %0\n fmv.d.x fs11, %0\n" \
			 "fmv.d.x fa7, %0\n fscsr %1"                                              \
			 : : "r"(v), "r"((v) & 0x1f) : "ft0", "ft11", "fs0", "fs11", "fa7")

/* ORs together where each register differs from v, across one system call without arguments. */
static uint64_t differs(uint64_t v, long number)
{
	uint64_t bad, seen, flags;
	register long a7 __asm__("a7") = number;
	register long a0 __asm__("a0");

	LOAD(v);
	__asm__ volatile("ecall\n"
			 "fmv.x.d %0, ft0\n xor %0, %0, %4\n"
			 "fmv.x.d %1, ft11\n xor %1, %1, %4\n or %0, %0, %1\n"
			 "fmv.x.d %1, fs0\n xor %1, %1, %4\n or %0, %0, %1\n"
			 "fmv.x.d %1, fs11\n xor %1, %1, %4\n or %0, %0, %1\n"
			 "fmv.x.d %1, fa7\n xor %1, %1, %4\n or %0, %0, %1\n"
			 "frcsr %2"
			 : "=&r"(bad), "=&r"(seen), "=&r"(flags), "=&r"(a0)
			 : "r"(v), "r"(a7) : "ft0", "ft11", "fs0", "fs11", "fa7", "memory");
	return bad | (flags ^ (v & 0x1f));
}

/* test: seeds=1,2,3 */
TEST(switches, "", "programs that share harts keep their own floating-point registers")
{
	pid_t pid[4];

	for (int i = 0; i < 4; i++) {
		pid[i] = check_fork();
		if (pid[i] == 0) {
			for (int round = 0; round < 200; round++)
				CHECK_EQ(differs(0x3ff0000000000000u + (i + 1) * 0x01010101u * (round + 1), SYS_sched_yield), 0);
			_exit(0);
		}
	}
	for (int i = 0; i < 4; i++)
		check_child(pid[i]);
}

TEST(computes, "", "a sum stays right when the program is preempted on the way")
{
	pid_t other = check_fork();
	volatile double sum = 0;

	if (other == 0) {
		volatile double x = 1;
		for (;;)
			x = x * 1.5 - x;
	}
	for (int i = 1; i <= 200000; i++)
		sum += i * 0.5;
	CHECK_OK(kill(other, SIGKILL));
	CHECK_EQ(waitpid(other, NULL, 0), other);
	CHECK(sum == 200000.0 * 200001 / 4);
}

/* fork(2) by hand: both sides look at the registers before anything else is called. */
TEST(fork_copies, "", "a child starts with its parent's floating-point registers")
{
	uint64_t v = 0x4009000012345678, seen, kept;
	register long a7 __asm__("a7") = SYS_fork;
	register long a0 __asm__("a0");

	LOAD(v);
	__asm__ volatile("ecall\n fmv.x.d %0, ft11\n fmv.x.d %1, fs11"
			 : "=&r"(seen), "=&r"(kept), "=&r"(a0) : "r"(a7) : "ft11", "fs11", "memory");
	pid_t pid = (pid_t)a0;
	if (pid == 0) {
		CHECK(seen == v && kept == v);
		_exit(0);
	}
	CHECK(pid > 0 && seen == v && kept == v);
	check_child(pid);
}
