/* Panics: for a fault of the kernel's own, and for a lock in memory that was freed. */
#include "base/kassert.h"
#include "base/string.h"
#include "kern/sleeplock.h"
#include "riscv/layout.h"
#include "test/test.h"

#define NOT_MAPPED (KMAP_MIN - PAGE_SIZE)

static void __attribute__((noinline)) fault_here(void)
{
	*(volatile int *)NOT_MAPPED = 1;
}

static void fault(void)
{
	fault_here();
	panic("a store to %lx went through", NOT_MAPPED);
}

/* What a freed pool object holds where its lock was. */
static void freed_lock(void)
{
	static struct sleeplock gone;

	memset(&gone, 0xdf, sizeof(gone));
	sleeplock_acquire(&gone);
	panic("a lock that is none was taken");
}

KTEST(cause_first, "", "a fault of the kernel's own: its cause is the first thing said, once the console is the panic's; then where, and the registers")
{
	static const char cause[] = "\npanic: unexpected trap in the kernel: scause f stval ";
	const struct ktest_panic *told = ktest_panic(fault);

	CHECK(!told->early);
	CHECK(strncmp(told->said, cause, strlen(cause)) == 0);
	CHECK(ktest_said(told, "thread faulting") && ktest_said(told, "fault_here+0x"));
	CHECK(ktest_said(told, " x31 ") > ktest_said(told, "fault_here+0x"));
	CHECK(!ktest_said(told, "freed memory"));
}

KTEST(freed_lock, "", "who takes a lock in memory that was freed is told so, instead of waiting for ever")
{
	CHECK(ktest_said(ktest_panic(freed_lock), "faulting wants a lock that is none"));
}
