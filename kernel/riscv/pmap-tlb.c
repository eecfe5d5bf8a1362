/*
 * TLBs, instruction caches, and which hart uses which page tables.
 *
 * A shootdown is one round: the request stands in `round`, its harts in
 * `waiting`, and each clears its own bit when it has done what was asked. One round at a
 * time. Rounds cannot deadlock: the request is answered by interrupt and by
 * cpu_relax(), through which every wait for another hart goes, so a hart that spins with interrupts
 * off - for a lock, or for a round of its own - answers too; answering takes no lock.
 *
 * A hart whose thread has left an address space stays on its tables ("lazy") until it
 * runs another or is first asked to flush them: most often the same one comes back.
 *
 * Invariant: hart h's bit in pm->active is set before satp holds pm's tables and cleared
 * after. Changes to entries come before the look at pm->active, and a hart flushes after it sets its
 * bit: either it is asked, or it never saw the old entry.
 * Floor: riscv/pmap.
 */
#include "base/kassert.h"
#include "kern/counters.h"
#include "kern/trace.h"
#include "riscv/cpu.h"
#include "riscv/csr.h"
#include "riscv/pmap-int.h"

static struct pmap kernel_store; /* pmap.c fills it in */
struct pmap *const pmap_kernel = &kernel_store;

#define FLUSH_SINGLE_MAX 32 /* pages; more are dropped all at once */

enum round_op { ROUND_FLUSH, ROUND_LEAVE, ROUND_FENCE_I };

struct round {
	enum round_op op;
	struct pmap *pmap;   /* FLUSH: harts that left it need not; NULL: whatever they run */
	vaddr_t start, end;  /* FLUSH: all when start > end */
	uint32_t icache_gen; /* FENCE_I */
};

static struct spinlock round_lock = SPINLOCK_INIT(RANK_SHOOTDOWN, "shootdown");
static struct round round;  /* round_lock; read by the harts in waiting */
static uint32_t waiting;    /* a: harts that have yet to answer */

static uint32_t sweeps;     /* a: pmaps with a sweep to be flushed */

static uint32_t icache_gen; /* a: fences of instruction caches that pages asked for */

static struct {
	bool lazy;           /* its own, interrupts off: nobody runs on cpu->pmap now */
	uint32_t icache_gen; /* a: written by the hart itself: its last fence.i was for this one or a later one */
} harts[HART_MAX];

static void round_answer(void);
static void round_run(uint32_t mask, const struct round *r, size_t pages);
static void hart_switch(struct pmap *pm);
static void __attribute__((noinline)) update(struct pmap *pm);

void tlb_boot(void)
{
	ipi_shootdown_hook = round_answer;
	tlb_boot_hart();
}

void tlb_boot_hart(void)
{
	uint32_t me = mycpu()->index;

	__atomic_fetch_or(&pmap_kernel->active, 1u << me, __ATOMIC_SEQ_CST);
	hart_switch(pmap_kernel);
	harts[me].icache_gen = __atomic_load_n(&icache_gen, __ATOMIC_SEQ_CST);
	fence_i();
}

/* ---- address spaces of harts ------------------------------------------------ */

static void hart_switch(struct pmap *pm)
{
	csr_write(satp, SATP_SV39 | page_pa(pm->root) >> PAGE_SHIFT);
	sfence_all();
	mycpu()->pmap = pm;
	harts[mycpu()->index].lazy = false;
}

/* From a user's tables to the kernel's. => interrupts off */
static void hart_leave(void)
{
	struct pmap *old = mycpu()->pmap;

	hart_switch(pmap_kernel);
	__atomic_fetch_and(&old->active, ~(1u << mycpu()->index), __ATOMIC_SEQ_CST);
}

void pmap_activate(struct pmap *pm)
{
	struct cpu *cpu = mycpu();
	struct pmap *old = cpu->pmap;
	uint32_t gen;

	KASSERT(!irq_enabled() && pm != pmap_kernel);
	harts[cpu->index].lazy = false;
	if (old != pm) {
		__atomic_fetch_or(&pm->active, 1u << cpu->index, __ATOMIC_SEQ_CST);
		hart_switch(pm);
		if (old != pmap_kernel)
			__atomic_fetch_and(&old->active, ~(1u << cpu->index), __ATOMIC_SEQ_CST);
	}
	gen = __atomic_load_n(&icache_gen, __ATOMIC_SEQ_CST);
	if (harts[cpu->index].icache_gen != gen) {
		fence_i();
		__atomic_store_n(&harts[cpu->index].icache_gen, gen, __ATOMIC_SEQ_CST);
	}
}

void pmap_deactivate(struct pmap *pm)
{
	KASSERT(!irq_enabled() && mycpu()->pmap == pm);
	harts[mycpu()->index].lazy = true;
}

void tlb_leave(struct pmap *pm)
{
	struct round r = { .op = ROUND_LEAVE, .pmap = pm };

	irq_push_off();
	round_run(__atomic_load_n(&pm->active, __ATOMIC_SEQ_CST), &r, 0);
	irq_pop_off();
	KASSERT(__atomic_load_n(&pm->active, __ATOMIC_SEQ_CST) == 0);
}

/* ---- rounds -------------------------------------------------------------------- */

static bool before(uint32_t gen, uint32_t other) { return (int32_t)(gen - other) < 0; }

/* What one hart does for a round. => interrupts off */
static void round_apply(const struct round *r)
{
	uint32_t me = mycpu()->index;
	bool here = mycpu()->pmap == r->pmap;

	switch (r->op) {
	case ROUND_FLUSH:
		if (r->pmap && r->pmap != pmap_kernel && !here)
			return; /* it moved on, and flushed then */
		if (here && harts[me].lazy)
			hart_leave(); /* once is enough: it is not asked again */
		else if (r->start > r->end)
			sfence_all();
		else
			for (vaddr_t va = r->start; va < r->end; va += PAGE_SIZE)
				sfence_page(va);
		break;
	case ROUND_LEAVE:
		KASSERT(!here || harts[me].lazy);
		if (here)
			hart_leave();
		break;
	case ROUND_FENCE_I:
		fence_i();
		if (before(harts[me].icache_gen, r->icache_gen)) /* rounds need not come in order of their numbers */
			__atomic_store_n(&harts[me].icache_gen, r->icache_gen, __ATOMIC_SEQ_CST);
		break;
	}
}

static void round_answer(void)
{
	uint32_t me;

	irq_push_off();
	me = 1u << mycpu()->index;
	if (__atomic_load_n(&waiting, __ATOMIC_SEQ_CST) & me) {
		round_apply(&round);
		__atomic_fetch_and(&waiting, ~me, __ATOMIC_SEQ_CST);
	}
	irq_pop_off();
}

/* Has all harts in mask do r, this one among them, and returns when they have. => interrupts off */
static void round_run(uint32_t mask, const struct round *r, size_t pages __unused)
{
	uint32_t me = 1u << mycpu()->index;
	uint32_t others = mask & ~me;

	KASSERT(!irq_enabled());
	if (mask & me)
		round_apply(r);
	if (others == 0)
		return;
	spinlock_acquire(&round_lock);
	round = *r;
	__atomic_store_n(&waiting, others, __ATOMIC_SEQ_CST);
	COUNT(tlb_shootdowns);
	COUNT_N(tlb_ipis, __builtin_popcount(others));
	TRACE(SHOOTDOWN, others, pages);
	ipi_send(others, IPI_SHOOTDOWN);
	while (__atomic_load_n(&waiting, __ATOMIC_SEQ_CST))
		cpu_relax();
	spinlock_release(&round_lock);
}

/* ---- pending work ---------------------------------------------------------------- */

void tlb_pending_init(struct pending *p)
{
	*p = (struct pending){ 0 };
	list_init(&p->dead);
}

void tlb_add(struct pmap *pm, vaddr_t va)
{
	struct pending *p = &pm->pending;

	KASSERT(spinlock_held(&pm->lock));
	p->start = p->end ? MIN(p->start, va) : va;
	p->end = MAX(p->end, va + PAGE_SIZE);
}

void tlb_drop(struct pmap *pm, vaddr_t va, struct vm_page *pg)
{
	struct pending *p = &pm->pending;

	tlb_add(pm, va);
	p->pages++;
	if (p->batch == 0)
		p->batch = page_batch_open();
	if (pg && !page_batch_name(pg, p->batch))
		pmap_flush(pm); /* another pmap's batch names it, and a page has room for one: ours is done at once */
}

void tlb_sweep(struct pmap *pm, vaddr_t start, vaddr_t end)
{
	tlb_add(pm, start);
	tlb_add(pm, end - PAGE_SIZE);
	if (!pm->pending.sweep)
		__atomic_add_fetch(&sweeps, 1, __ATOMIC_SEQ_CST); /* before an entry changes */
	pm->pending.sweep = true;
}

bool tlb_sweeping(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the entries first */
	return __atomic_load_n(&sweeps, __ATOMIC_SEQ_CST);
}

/* The round for a range: single pages if they are few. */
static void flush_run(uint32_t mask, struct pmap *pm, vaddr_t start, vaddr_t end, bool full, size_t pages)
{
	struct round r = { .op = ROUND_FLUSH, .pmap = pm, .start = start, .end = end };

	if (full || end - start > FLUSH_SINGLE_MAX * PAGE_SIZE) {
		r.start = 1;
		r.end = 0;
	}
	round_run(mask, &r, pages);
}

/* Also without the lock: it is false when all that was pending has been done. */
static bool pending_any(const struct pmap *pm)
{
	return __atomic_load_n(&pm->pending.end, __ATOMIC_ACQUIRE) || __atomic_load_n(&pm->pending.full, __ATOMIC_ACQUIRE);
}

void pmap_flush(struct pmap *pm)
{
	struct pending *p = &pm->pending;
	struct list *node;

	KASSERT(spinlock_held(&pm->lock));
	if (!pending_any(pm))
		return;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* entries first, then the look at who is active */
	flush_run(__atomic_load_n(&pm->active, __ATOMIC_SEQ_CST), pm, p->start, p->end, p->full, p->pages);
	COUNT_N(tlb_pages, p->pages);
	if (p->batch)
		page_batch_close(p->batch);
	if (p->sweep)
		__atomic_sub_fetch(&sweeps, 1, __ATOMIC_SEQ_CST);
	while ((node = list_pop_front(&p->dead)) != NULL)
		page_free(list_entry(node, struct vm_page, link));
	tlb_pending_init(p);
}

/*
 * Whoever shares pm may have taken the pending work over, and a page's rights may
 * be in the making in pmap-page.c: neither is waited for in vain, both are over on return.
 */
void pmap_update(struct pmap *pm)
{
	if (pending_any(pm) || __atomic_load_n(&pm->flushing, __ATOMIC_ACQUIRE))
		update(pm);
}

static void update(struct pmap *pm)
{
	spinlock_acquire(&pm->lock);
	pmap_flush(pm);
	spinlock_release(&pm->lock);
	while (__atomic_load_n(&pm->flushing, __ATOMIC_ACQUIRE))
		cpu_relax();
}

void tlb_flush_harts(uint32_t mask, vaddr_t start, vaddr_t end)
{
	flush_run(mask, NULL, start, end, false, 1);
}

void tlb_flush_elsewhere(struct pmap *pm, vaddr_t va, uint32_t harts)
{
	flush_run(harts, pm, va, va + PAGE_SIZE, false, 1);
}

/* ---- instruction caches -------------------------------------------------------------- */

/*
 * A page that was written since it was last executable gets a new number; every
 * hart that uses pm must have fenced for it, or for a later one, before the entry is made.
 * A hart that activates pm afterwards looks at the last number of all.
 */
void icache_settle(struct pmap *pm, struct vm_page *pg)
{
	uint32_t gen = __atomic_load_n(&pg->exec_gen, __ATOMIC_ACQUIRE);
	uint32_t active, mask = 0;

	KASSERT(spinlock_held(&pm->lock));
	while (gen == 0) {
		gen = __atomic_add_fetch(&icache_gen, 1, __ATOMIC_SEQ_CST);
		__atomic_store_n(&pg->exec_gen, gen, __ATOMIC_RELEASE);
	}
	active = __atomic_load_n(&pm->active, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < HART_MAX; i++)
		if (active & 1u << i && before(__atomic_load_n(&harts[i].icache_gen, __ATOMIC_SEQ_CST), gen))
			mask |= 1u << i;
	if (mask) {
		struct round r = { .op = ROUND_FENCE_I, .icache_gen = gen };

		round_run(mask, &r, 0);
	}
}
