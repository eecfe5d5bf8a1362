/* Time since the machine started; there is no calendar. */
#ifndef TIME_H
#define TIME_H

#include <stdint.h>

typedef uint64_t clock_t;
#define CLOCKS_PER_SEC 1000000000UL
clock_t clock(void); /* nanoseconds */

#endif
