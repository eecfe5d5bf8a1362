/* Memory of all processes, and of this one. */
#ifndef XV6_MEMORY_H
#define XV6_MEMORY_H

#include "kernel/types.h"

void __memory_begin(void);  /* once, at the start of a program */
uint64 __gauge(int which);  /* STAT_*, as it is now */
void __credit_drop(void);   /* in a new process: what its parent was allowed is its parent's */

#endif
