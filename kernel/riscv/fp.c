/*
 * Which copy of a program's floating-point registers is the true one. Floor: riscv.
 *
 * Registers of a thread that used none are cleared when it comes to the hart, not
 * left as they are: they hold another program's numbers.
 */
#include "riscv/fp.h"
#include "riscv/csr.h"

void fp_store(struct fpstate *fp);
void fp_load(const struct fpstate *fp);
void fp_clear(void);

static void set_fs(struct trapframe *tf, uint64_t fs)
{
	tf->sstatus = (tf->sstatus & ~(uint64_t)SSTATUS_FS) | fs;
}

void fp_leave(struct trapframe *tf, struct fpstate *fp)
{
	if (!tf || (tf->sstatus & SSTATUS_FS) != SSTATUS_FS_DIRTY)
		return;
	fp_store(fp);
	set_fs(tf, SSTATUS_FS_CLEAN);
}

void fp_enter(const struct trapframe *tf, const struct fpstate *fp)
{
	if (!tf)
		return;
	if ((tf->sstatus & SSTATUS_FS) == SSTATUS_FS_CLEAN)
		fp_load(fp);
	else
		fp_clear();
}

void fp_reset(struct trapframe *tf)
{
	set_fs(tf, SSTATUS_FS_INITIAL);
}
