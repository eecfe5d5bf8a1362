/*
 * Checks of the lock order. The list is in the header; here is what it means.
 * Floor: kern, above base.
 */
#include "kern/lockrank.h"

#include "base/kassert.h"
#include "base/printf.h"
#include "riscv/machine.h"

enum order_kind { ONE, BY_ADDRESS, BY_STRUCTURE };

#define KIND_sleep ONE
#define KIND_rw ONE
#define KIND_spin ONE
#define KIND_sleep_pair BY_ADDRESS
#define KIND_spin_pair BY_ADDRESS
#define KIND_sleep_tree BY_STRUCTURE
#define KIND_rw_tree BY_STRUCTURE

#define RANK_INFO(name, kind, why) [RANK_##name] = { #name, KIND_##kind },
static const struct {
	const char *name;
	enum order_kind kind;
} ranks[RANK_MAX] = { LOCKRANKS(RANK_INFO) };
#undef RANK_INFO

bool lock_order_ok(uint32_t rank, const void *lock, uint32_t held_rank, const void *held)
{
	if (rank != held_rank)
		return rank > held_rank;
	if (ranks[rank].kind == BY_ADDRESS)
		return (vaddr_t)lock > (vaddr_t)held;
	return ranks[rank].kind == BY_STRUCTURE && lock != held;
}

const char *lock_rank_name(uint32_t rank)
{
	return rank < RANK_MAX && ranks[rank].name ? ranks[rank].name : "?";
}

static void print_site(const char *verb, uint32_t rank, const void *where)
{
	uint64_t offset = 0;
	const char *symbol = symbol_name((vaddr_t)where, &offset);

	kprintf("lock order: %s %s at %s+0x%lx\n", verb, lock_rank_name(rank), symbol, offset);
}

void lock_order_panic(uint32_t rank, const void *where, uint32_t held_rank, const void *held_where)
{
	print_site("holds", held_rank, held_where);
	print_site("wants", rank, where);
	panic("lock order: %s taken while %s is held", lock_rank_name(rank), lock_rank_name(held_rank));
}
