/*
 * Which sleeping locks and read locks a thread holds, in debug builds: the
 * order is checked when one is taken, and a reader can be asked for its lock.
 */
#ifndef KERN_HELD_H
#define KERN_HELD_H

#include "base/kassert.h"
#include "kern/thread.h"

#ifdef DEBUG
/* => before the lock is taken: panics on an inversion. */
void held_check(uint32_t rank, const void *lock, const void *where);
void held_add(uint32_t rank, const void *lock, const void *where);
void held_remove(const void *lock);
bool held_has(const void *lock);
#else
static inline void held_check(uint32_t rank __unused, const void *lock __unused, const void *where __unused) {}
static inline void held_add(uint32_t rank __unused, const void *lock __unused, const void *where __unused) {}
static inline void held_remove(const void *lock __unused) {}
#endif

#endif
