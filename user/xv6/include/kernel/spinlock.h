/* Here for programs that include it: a program can see nothing of xv6's kernel locks. */
#ifndef XV6_SPINLOCK_H
#define XV6_SPINLOCK_H

#include "kernel/types.h"

#endif
