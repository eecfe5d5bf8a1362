/* The ranks of locks, in the order of abi/lockrank.h, and the check of it. */
#ifndef KERN_LOCKRANK_H
#define KERN_LOCKRANK_H

#include "abi/lockrank.h"
#include "base/types.h"

#define LOCKRANK_ENUM(name, kind, why) RANK_##name,
enum lock_rank { RANK_NONE, LOCKRANKS(LOCKRANK_ENUM) RANK_MAX };
#undef LOCKRANK_ENUM

#define RANK_FIRST_SPIN RANK_PROC

/* May a lock of this rank be taken after one of rank `held`? a, b: their addresses. */
bool lock_order_ok(uint32_t rank, const void *lock, uint32_t held_rank, const void *held);
/* Prints where both were taken and panics. */
void lock_order_panic(uint32_t rank, const void *where, uint32_t held_rank, const void *held_where) __noreturn;
const char *lock_rank_name(uint32_t rank);

#endif
