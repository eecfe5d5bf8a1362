/* Here for programs that include it: a program can see nothing of xv6's kernel locks. */
#ifndef XV6_SLEEPLOCK_H
#define XV6_SLEEPLOCK_H

#include "kernel/types.h"

#endif
