/*
 * TLB work across harts: what one hart unmaps, another uses no more once
 * pmap_update() has returned. A reader keeps its interrupts off and fences
 * nothing by itself, so that a translation that nobody drops is seen to live on.
 */
#include "abi/mman.h"
#include "abi/stats.h"
#include "kern/counters.h"
#include "kern/thread.h"
#include "riscv/cpu.h"
#include "riscv/pmap-int.h"
#include "test/test.h"
#include "vm/kmap.h"

#define R PROT_READ
#define W PROT_WRITE
#define VA 0x10000UL
#define PAGES 4
#define OLD 0x01d01d01dUL
#define NEW 0x2e2e2e2e2UL

static struct vm_page *new_page(uint64_t word)
{
	struct vm_page *pg = page_alloc(PO_ANON, PAGE_ZERO);

	CHECK(pg);
	if (pg)
		*(uint64_t *)page_kva(pg) = word;
	return pg;
}

static uint64_t read_at(vaddr_t va) { return *(volatile uint64_t *)va; }

/* ---- a reader on another hart -------------------------------------------------- */

enum stage { START, READ_OLD, CHANGED, READ_NEW };

struct play {
	struct pmap *pm;       /* NULL: a kernel mapping */
	vaddr_t va;
	size_t pages;
	enum stage stage;      /* atomic */
	void (*change)(struct play *p);
	struct vm_page *old[PAGES], *new[PAGES];
	size_t stale;          /* reads of a page that was replaced */
	uint64_t rounds, ipis; /* of the change */
};

static void stage_wait(struct play *p, enum stage s)
{
	while (__atomic_load_n(&p->stage, __ATOMIC_SEQ_CST) != s)
		cpu_relax();
}

static void stage_set(struct play *p, enum stage s) { __atomic_store_n(&p->stage, s, __ATOMIC_SEQ_CST); }

static void reader(struct play *p)
{
	irq_push_off();
	if (p->pm)
		ktest_user_begin(p->pm);
	for (size_t i = 0; i < p->pages; i++)
		CHECK(read_at(p->va + i * PAGE_SIZE) == OLD);
	stage_set(p, READ_OLD);
	stage_wait(p, CHANGED);
	for (size_t i = 0; i < p->pages; i++)
		p->stale += read_at(p->va + i * PAGE_SIZE) != NEW;
	if (p->pm)
		ktest_user_end(p->pm);
	irq_pop_off();
	stage_set(p, READ_NEW);
}

static void player(void *arg, unsigned index)
{
	struct play *p = arg;

	if (index == 0) {
		reader(p);
		return;
	}
	stage_wait(p, READ_OLD); /* with its interrupts off the reader leaves its hart to nobody: this is another */
	p->rounds = counter_read(STAT_tlb_shootdowns);
	p->ipis = counter_read(STAT_tlb_ipis);
	p->change(p);
	p->rounds = counter_read(STAT_tlb_shootdowns) - p->rounds;
	p->ipis = counter_read(STAT_tlb_ipis) - p->ipis;
	stage_set(p, CHANGED);
	stage_wait(p, READ_NEW);
}

static void play_begin(struct play *p)
{
	for (size_t i = 0; i < p->pages; i++) {
		p->old[i] = new_page(OLD);
		p->new[i] = new_page(NEW);
		if (p->pm)
			CHECK(pmap_enter(p->pm, p->va + i * PAGE_SIZE, p->old[i], R, 0) == 0);
		else
			CHECK(pmap_kenter(p->va + i * PAGE_SIZE, page_pa(p->old[i]), R | W) == 0);
	}
}

static void play_end(struct play *p)
{
	for (size_t i = 0; i < p->pages; i++) {
		pmap_page_protect(p->old[i], PROT_NONE);
		pmap_page_protect(p->new[i], PROT_NONE);
		page_free(p->old[i]);
		page_free(p->new[i]);
	}
}

static void enter_new(struct play *p)
{
	for (size_t i = 0; i < p->pages; i++)
		CHECK(pmap_enter(p->pm, p->va + i * PAGE_SIZE, p->new[i], R, 0) == 0);
}

/* The pages go one by one, the update comes once. */
static void change_remove(struct play *p)
{
	uint64_t rounds = counter_read(STAT_tlb_shootdowns);

	for (size_t i = 0; i < p->pages; i++)
		pmap_remove(p->pm, p->va + i * PAGE_SIZE, p->va + (i + 1) * PAGE_SIZE);
	CHECK(counter_read(STAT_tlb_shootdowns) == rounds);
	pmap_update(p->pm);
	enter_new(p);
}

static void change_page(struct play *p)
{
	for (size_t i = 0; i < p->pages; i++)
		pmap_page_protect(p->old[i], PROT_NONE);
	enter_new(p);
}

static void change_enter(struct play *p) { enter_new(p); }

static void user_play(void (*change)(struct play *p), uint64_t rounds)
{
	struct play p = { .va = VA, .pages = PAGES, .change = change };

	if (ktest_harts() < 2)
		return;
	CHECK(pmap_create(&p.pm) == 0);
	play_begin(&p);
	CHECK(ktest_threads(2, player, &p));
	CHECK(p.stale == 0);
	CHECK(p.rounds == rounds && p.ipis == rounds);
	play_end(&p);
	pmap_destroy(p.pm);
}

/* test: harts=2,3 */
KTEST(remove, "A26", "removals are batched to pmap_update: one round, after which the other hart sees none of the pages") { user_play(change_remove, 1); }
/* test: harts=2,3 */
KTEST(page_protect, "A26", "a page that is taken from all mappings is gone on the other hart") { user_play(change_page, PAGES); }
/* test: harts=2,3 */
KTEST(enter, "A26", "a mapping that is replaced is replaced on the other hart") { user_play(change_enter, PAGES); }

static void change_kernel(struct play *p)
{
	pmap_kremove(p->va, p->va + p->pages * PAGE_SIZE);
	for (size_t i = 0; i < p->pages; i++)
		CHECK(pmap_kenter(p->va + i * PAGE_SIZE, page_pa(p->new[i]), R | W) == 0);
	pmap_update(pmap_kernel);
}

/* test: harts=2,3 */
KTEST(kernel, "A26", "a kernel mapping that is removed is gone on every hart") {
	struct play p = { .va = KMAP_MAX - PAGES * PAGE_SIZE, .pages = PAGES, .change = change_kernel };

	if (ktest_harts() < 2)
		return;
	play_begin(&p);
	pmap_update(pmap_kernel);
	CHECK(ktest_threads(2, player, &p));
	CHECK(p.stale == 0);
	CHECK(p.rounds == 2 && p.ipis == 2 * (ktest_harts() - 1)); /* for what went, and for what came */
	pmap_kremove(p.va, p.va + PAGES * PAGE_SIZE);
	play_end(&p);
}

/* ---- one hart ------------------------------------------------------------------------ */

KTEST(local, "A26", "after pmap_update this hart uses nothing that was removed, be it a page or many") {
	struct play p = { .va = VA, .pages = 1 };

	CHECK(pmap_create(&p.pm) == 0);
	for (size_t span = 1; span <= 64; span *= 8) {
		play_begin(&p);
		ktest_user_begin(p.pm);
		CHECK(read_at(VA) == OLD);
		pmap_remove(p.pm, VA, VA + span * PAGE_SIZE);
		pmap_update(p.pm);
		enter_new(&p);
		CHECK(read_at(VA) == NEW);
		ktest_user_end(p.pm);
		play_end(&p);
	}
	pmap_destroy(p.pm);
}

KTEST(quiet, "A26", "without other harts in the address space there is no round, and none without pending work") {
	struct play p = { .va = VA, .pages = 1 };
	uint64_t rounds;

	CHECK(pmap_create(&p.pm) == 0);
	play_begin(&p);
	rounds = counter_read(STAT_tlb_shootdowns);
	pmap_update(p.pm);
	pmap_remove(p.pm, VA, VA + PAGE_SIZE);
	pmap_update(p.pm);
	enter_new(&p);
	pmap_protect(p.pm, VA, VA + PAGE_SIZE, R);
	pmap_update(p.pm);
	CHECK(counter_read(STAT_tlb_shootdowns) == rounds);
	play_end(&p);
	pmap_destroy(p.pm);
}

KTEST(settle, "A26", "a page may be freed at once although the thread that unmapped it has not come to its update") {
	struct play p[2] = { { .va = VA, .pages = 1 }, { .va = VA, .pages = 1 } };
	struct vm_page *pg = new_page(OLD);

	for (unsigned i = 0; i < 2; i++) {
		CHECK(pmap_create(&p[i].pm) == 0);
		CHECK(pmap_enter(p[i].pm, VA, pg, R | W, 0) == 0);
	}
	for (unsigned i = 0; i < 2; i++)
		pmap_remove(p[i].pm, VA, VA + PAGE_SIZE);
	CHECK(pmap_page_mapped(pg)); /* for all that is known, harts still use it */
	pmap_page_protect(pg, PROT_NONE);
	CHECK(!pmap_page_mapped(pg));
	page_free(pg);
	for (unsigned i = 0; i < 2; i++)
		pmap_destroy(p[i].pm);
}

/* ---- all against all -------------------------------------------------------------------- */

#define STORM_ROUNDS 150

struct storm {
	struct pmap *pm;
};

/* Each has its own addresses in one address space; each waits for the others' answers while they wait for its own. */
static void storm(void *arg, unsigned index)
{
	struct storm *s = arg;
	vaddr_t va = VA + index * 16 * PAGE_SIZE;
	struct vm_page *a = new_page(OLD), *b = new_page(NEW);

	for (unsigned n = 0; a && b && n < STORM_ROUNDS && !ktest_has_failed(); n++) {
		ktest_user_begin(s->pm);
		CHECK(pmap_enter(s->pm, va, a, R | W, PMAP_MODIFIED) == 0);
		CHECK(read_at(va) == OLD);
		pmap_remove(s->pm, va, va + PAGE_SIZE);
		pmap_update(s->pm);
		CHECK(pmap_enter(s->pm, va, b, R | W, PMAP_MODIFIED) == 0);
		CHECK(read_at(va) == NEW);
		CHECK(pmap_enter(s->pm, va, a, R, PMAP_REFERENCED) == 0);
		CHECK(read_at(va) == OLD);
		pmap_page_protect(a, PROT_NONE);
		ktest_user_end(s->pm);
		if (n % 16 == index)
			thread_yield();
	}
	pmap_page_protect(a, PROT_NONE);
	pmap_page_protect(b, PROT_NONE);
	if (a)
		page_free(a);
	if (b)
		page_free(b);
}

/* test: limit=400M seeds=1,2,3 */
KTEST(storm, "A26", "harts that shoot at each other all the time all get on") {
	struct storm s = { 0 };

	CHECK(pmap_create(&s.pm) == 0);
	CHECK(ktest_threads(4, storm, &s));
	CHECK(pmap_check(s.pm) && pmap_resident_count(s.pm) == 0);
	pmap_destroy(s.pm);
}
