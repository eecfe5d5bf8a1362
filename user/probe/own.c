/*
 * The probe's own memory, and how its processes come by it.
 *
 * What a process of the probe writes for itself - its state, its stack, errno - lies
 * in one block that is shared memory as far as the kernel goes, and each process has
 * a block of its own, at the same address. So none of it is ever copied on write:
 * a kernel that copies wrongly breaks the memory that a script names, where the host
 * sees it, and not the program that is to show it.
 *
 * A child writes nothing before it has its block: its first instructions work in
 * registers, and what it is to know lies in `handed`, which all processes share.
 */
#include "probe.h"

#include <abi/syscall.h>
#include <string.h>
#include <sys/mman.h>

struct own own __attribute__((aligned(4096)));
_Static_assert(sizeof own == OWN_SIZE, "a page for the state, the rest is stack");

static struct inherited *handed; /* by number of the process; shared memory */

static void *shared_memory(void *at, size_t size)
{
	void *start = mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANON | (at ? MAP_FIXED : 0), -1, 0);

	return start == MAP_FAILED ? NULL : start;
}

bool own_boot(void)
{
	char here;

	handed = shared_memory(NULL, PROCESSES * sizeof handed[0]);
	if (!handed || !shared_memory(&own, OWN_SIZE))
		return false;
	memset(handed, 0, PROCESSES * sizeof handed[0]); /* its frames are there from now on */
	memset(&own, 0, sizeof own);
	own.now.stack_end = (uint64_t)&here & ~(PAGE - 1);
	return true;
}

void own_enter(void (*fn)(void))
{
	__asm__ volatile(
		"	mv	sp, %0\n"
		"	mv	tp, %1\n"
		"	jr	%2\n"
		: : "r"((char *)&own + OWN_SIZE), "r"(&own.library), "r"(fn) : "memory");
	__builtin_unreachable();
}

/* The child, on its own stack. It has read nothing of its parent's block. */
static void __attribute__((noreturn, used)) own_child(uint64_t process)
{
	own.now = handed[process];
	own.process = process;
	run();
}

int64_t own_fork(uint64_t process)
{
	handed[process] = own.now;

	register uint64_t child __asm__("t0") = process; /* from here on no call may come in between */
	register int64_t pid __asm__("a0");
	__asm__ volatile(
		"	li	a7, %[fork]\n"
		"	ecall\n"
		"	bnez	a0, 1f\n"
		/* The child. A call preserves all registers but a0. */
		"	la	a0, probe_go\n"
		"	li	a1, %[size]\n"
		"	li	a2, %[prot]\n"
		"	li	a3, %[flags]\n"
		"	li	a4, -1\n"
		"	li	a5, 0\n"
		"	li	a7, %[mmap]\n"
		"	ecall\n"
		"	la	t1, probe_go\n"
		"	bne	a0, t1, 2f\n"
		"	li	t2, %[size]\n"
		"	add	sp, t1, t2\n"
		"	addi	tp, t1, %[library]\n"
		"	mv	a0, t0\n"
		"	tail	own_child\n"
		"2:	li	a0, %[failed]\n"
		"	li	a7, %[exit]\n"
		"	ecall\n"
		"1:\n"
		: "=r"(pid), "+r"(child)
		: [fork] "i"(SYS_fork), [mmap] "i"(SYS_mmap), [exit] "i"(SYS_exit), [size] "i"(OWN_SIZE), [prot] "i"(PROT_READ | PROT_WRITE),
		  [flags] "i"(MAP_SHARED | MAP_ANON | MAP_FIXED), [library] "i"(offsetof(struct own, library)), [failed] "i"(FAILED_STATUS)
		: "a1", "a2", "a3", "a4", "a5", "a7", "t1", "t2", "memory");
	return pid;
}
