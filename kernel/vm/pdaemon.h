/* The pagedaemon: a thread that gives pages back when frames run low: clean file pages at once, dirty ones once written. */
#ifndef VM_PDAEMON_H
#define VM_PDAEMON_H

#include "base/types.h"

void pdaemon_start(void);
/* Gives back every page that can be, and empty slabs: for audits and leak checks. */
void pdaemon_drain(void);

#endif
