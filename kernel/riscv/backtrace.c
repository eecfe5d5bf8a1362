/*
 * The walk over frame records. Floor: above kern/thread's header.
 *
 * Believes nothing: a record is read only where the running thread's stack, or
 * the image's own data, is known to be mapped; frames must rise.
 */
#include "base/printf.h"
#include "kern/thread.h"
#include "riscv/layout.h"
#include "riscv/machine.h"

#define DEPTH_MAX 40

extern const char kernel_text_start[], kernel_text_end[], kernel_data_start[], kernel_end[];

static bool in_text(vaddr_t pc)
{
	return pc >= (vaddr_t)kernel_text_start && pc < (vaddr_t)kernel_text_end;
}

static void print_pc(vaddr_t pc)
{
	uint64_t offset;
	const char *name = symbol_name(pc, &offset);
	kprintf(" [%016lx] %s+0x%lx\n", pc, name, offset);
}

/* After a call that never returns, the return address may be the next function's: the call itself lies before it. */
static void print_return(vaddr_t ra)
{
	uint64_t offset;
	const char *name = symbol_name(ra - 1, &offset);
	kprintf(" [%016lx] %s+0x%lx\n", ra, name, offset + 1);
}

/* A record lies in the 16 bytes below fp: are they within [start, end)? */
static bool record_within(uint64_t fp, vaddr_t start, vaddr_t end)
{
	return fp % 8 == 0 && fp >= start + 16 && fp <= end;
}

void backtrace_print(uint64_t fp, uint64_t pc)
{
	vaddr_t stack = curthread->kstack;
	if (pc)
		print_pc(pc);
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		if (!record_within(fp, stack, stack + KSTACK_PAGES * PAGE_SIZE) &&
		    !record_within(fp, (vaddr_t)kernel_data_start, (vaddr_t)kernel_end))
			break;
		/* By the psABI: the caller's fp, then where the call returns to. */
		const uint64_t *record = (const uint64_t *)fp;
		uint64_t caller = record[-2], ra = record[-1];
		if (in_text(ra))
			print_return(ra);
		else
			caller = ra; /* a function that calls none keeps only its caller's fp, where ra would be */
		if (caller <= fp)
			break;
		fp = caller;
	}
}
