/*
 * RAM disks: ram0 is the initrd, ram1 a range that ramswap=SIZE sets aside.
 *
 * A request is over when submit returns; with ramdelay=N in the boot arguments
 * it is over N microseconds later, served in order by a thread, so that whoever waits really sleeps.
 */
#ifndef DEV_RAMDISK_H
#define DEV_RAMDISK_H

#include "riscv/machine.h"

/* At boot, before page_init: the range for ram1, empty when none is asked for. It lies at the end of RAM and must be reserved. */
struct machine_range ramdisk_reserve(void);
void ramdisk_init(void); /* after sched_init(): registers the disks */

#endif
