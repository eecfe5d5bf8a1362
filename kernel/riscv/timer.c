/*
 * The clock and this hart's alarm: the stimecmp register where every hart has it
 * (Sstc), else the firmware. Floor: riscv.
 */
#include "kern/bootargs.h"
#include "riscv/csr.h"
#include "riscv/machine.h"
#include "riscv/sbi.h"
#include "base/string.h"

static bool use_stimecmp;

void timer_init(void)
{
	const char *choice = bootarg("timer");
	use_stimecmp = machine.sstc && !(choice && strcmp(choice, "sbi") == 0);
}

uint64_t time_read(void)
{
	return csr_read(time);
}

void timer_arm(uint64_t deadline)
{
	if (use_stimecmp)
		csr_write(0x14d, deadline); /* stimecmp: assemblers of our age do not know its name */
	else
		sbi_timer_set(deadline);
}
