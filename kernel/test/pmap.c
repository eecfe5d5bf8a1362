/*
 * The pmap: every short sequence of calls on two addresses and two pages against a
 * model, accessed and dirty bits set by the hart and by faults, failures, the kernel's half.
 */
#include "abi/errno.h"
#include "abi/mman.h"
#include "abi/stats.h"
#include "base/string.h"
#include "kern/counters.h"
#include "kern/failpoint.h"
#include "riscv/cpu.h"
#include "riscv/csr.h"
#include "riscv/pmap-int.h"
#include "test/test.h"
#include "vm/pageq.h"

#define R PROT_READ
#define W PROT_WRITE
#define X PROT_EXEC

static struct vm_page *new_page(uint64_t word)
{
	struct vm_page *pg = page_alloc(PO_ANON, PAGE_ZERO);

	CHECK(pg);
	if (pg)
		*(uint64_t *)page_kva(pg) = word;
	return pg;
}

static void free_page(struct vm_page *pg)
{
	if (pg == NULL)
		return;
	pmap_page_protect(pg, PROT_NONE);
	CHECK(!pmap_page_mapped(pg));
	page_free(pg);
}

/* ---- all short sequences --------------------------------------------------------- */

#define ADDRESSES 3
#define PAGES 2
/* The first two share a table of level 0, the third only the root. */
static const vaddr_t addresses[ADDRESSES] = { 0x10000, 0x11000, 0x3ffffff000 - PAGE_SIZE };

struct model {
	int page[ADDRESSES];   /* or -1 */
	prot_t prot[ADDRESSES];
	bool wired[ADDRESSES];
};

struct world {
	struct pmap *pm;
	struct vm_page *pg[PAGES];
	struct model m;
};

enum { ENTER = 0, REMOVE = ADDRESSES * PAGES * 2, REMOVE_BOTH = REMOVE + ADDRESSES, PROTECT, PAGE_READ = PROTECT + ADDRESSES,
       PAGE_NONE = PAGE_READ + PAGES, WIRE = PAGE_NONE + PAGES, REMOVE_ALL, OPERATIONS };

static void model_remove(struct model *m, unsigned a)
{
	m->page[a] = -1;
	m->prot[a] = 0;
	m->wired[a] = false;
}

static void do_enter(struct world *w, unsigned n)
{
	unsigned a = n / (PAGES * 2), p = n / 2 % PAGES;
	prot_t prot = n % 2 ? R | W : R;

	CHECK(pmap_enter(w->pm, addresses[a], w->pg[p], prot, PMAP_CANFAIL) == 0);
	w->m.page[a] = p;
	w->m.prot[a] = prot;
	w->m.wired[a] = false;
}

static void do_page(struct world *w, unsigned p, prot_t prot)
{
	pmap_page_protect(w->pg[p], prot);
	for (unsigned a = 0; a < ADDRESSES; a++)
		if (w->m.page[a] == (int)p) {
			if (prot)
				w->m.prot[a] &= prot;
			else
				model_remove(&w->m, a);
		}
}

static void operate(struct world *w, unsigned op)
{
	struct model *m = &w->m;

	if (op < REMOVE) {
		do_enter(w, op - ENTER);
	} else if (op < REMOVE_BOTH) {
		pmap_remove(w->pm, addresses[op - REMOVE], addresses[op - REMOVE] + PAGE_SIZE);
		model_remove(m, op - REMOVE);
	} else if (op == REMOVE_BOTH) {
		pmap_remove(w->pm, 0, 0x20000);
		model_remove(m, 0);
		model_remove(m, 1);
	} else if (op < PAGE_READ) {
		pmap_protect(w->pm, addresses[op - PROTECT], addresses[op - PROTECT] + PAGE_SIZE, R);
		m->prot[op - PROTECT] &= R;
	} else if (op < WIRE) {
		do_page(w, (op - PAGE_READ) % PAGES, op < PAGE_NONE ? R : PROT_NONE);
	} else if (op == WIRE) {
		CHECK(pmap_enter(w->pm, addresses[0], w->pg[0], R | W, PMAP_WIRED) == 0);
		m->page[0] = 0;
		m->prot[0] = R | W;
		m->wired[0] = true;
	} else {
		pmap_remove_all(w->pm);
		for (unsigned a = 0; a < ADDRESSES; a++)
			if (!m->wired[a])
				model_remove(m, a);
	}
	pmap_update(w->pm);
}

static void compare(struct world *w)
{
	size_t resident = 0, wired = 0;
	paddr_t pa = 0;
	prot_t prot = 0;

	for (unsigned a = 0; a < ADDRESSES; a++) {
		bool mapped = pmap_extract(w->pm, addresses[a], &pa, &prot);

		CHECK(mapped == (w->m.page[a] >= 0));
		if (mapped && w->m.page[a] >= 0)
			CHECK(pa == page_pa(w->pg[w->m.page[a]]) && prot == w->m.prot[a]);
		resident += w->m.page[a] >= 0;
		wired += w->m.wired[a];
	}
	CHECK(pmap_resident_count(w->pm) == resident && pmap_wired_count(w->pm) == wired);
	for (int p = 0; p < PAGES; p++)
		CHECK(pmap_page_mapped(w->pg[p]) == (w->m.page[0] == p || w->m.page[1] == p || w->m.page[2] == p));
}

/* test: limit=600M */
KTEST(sequences, "A35", "every sequence of three calls on three addresses and two pages leaves what the model says") {
	struct world w = { .pg = { new_page(1), new_page(2) } };
	uint64_t tables = gauge_read(STAT_pages_table);

	CHECK(pmap_create(&w.pm) == 0);
	for (unsigned n = 0; n < OPERATIONS * OPERATIONS * OPERATIONS && !ktest_has_failed(); n++) {
		for (unsigned a = 0; a < ADDRESSES; a++) {
			pmap_remove(w.pm, addresses[a], addresses[a] + PAGE_SIZE);
			model_remove(&w.m, a);
		}
		pmap_update(w.pm);
		operate(&w, n / OPERATIONS / OPERATIONS);
		operate(&w, n / OPERATIONS % OPERATIONS);
		operate(&w, n % OPERATIONS);
		compare(&w);
		if (n % 64 == 0)
			CHECK(pmap_check(w.pm) && pmap_check_page(w.pg[0]) && pmap_check_page(w.pg[1]));
	}
	pmap_remove(w.pm, 0, USER_MAX);
	pmap_update(w.pm);
	CHECK(gauge_read(STAT_pages_table) == tables + 1); /* no table but the root is kept for nothing */
	pmap_destroy(w.pm);
	CHECK(gauge_read(STAT_pages_table) == tables);
	free_page(w.pg[0]);
	free_page(w.pg[1]);
}

/* pmap_enter() asks no more of an address that is in the range which goes with the hint. */
KTEST(hint, "C13", "the table at hand is one for addresses that a program may have mapped, and for no others") {
	const vaddr_t ends[] = { USER_MIN, USER_MAX - PAGE_SIZE };
	struct vm_page *pg = new_page(1);
	struct pmap *pm;

	CHECK(pmap_create(&pm) == 0 && pm->enter.size == 0);
	for (unsigned i = 0; i < ARRAY_COUNT(ends); i++) {
		CHECK(pmap_enter(pm, ends[i], pg, R, 0) == 0);
		CHECK(pm->hint && ends[i] - pm->enter.start < pm->enter.size);
		CHECK(pmap_check(pm));
	}
	CHECK(pm->enter.start + pm->enter.size == USER_MAX);
	CHECK(pmap_extract(pm, USER_MIN, NULL, NULL) && pm->enter.start == USER_MIN);
	CHECK(pmap_extract(pm, (vaddr_t)&pm, NULL, NULL)); /* on a kernel stack: every root leads to the kernel's tables */
	CHECK(pmap_check(pm) && pmap_check(pmap_kernel));
	pmap_remove(pm, 0, USER_MAX);
	pmap_update(pm);
	CHECK(pm->enter.size == 0);
	pmap_destroy(pm);
	free_page(pg);
}

/* fork takes the right to write from a process's mappings and flushes when it is through with all of them. */
KTEST(sweep, "A35", "who restricts a page does not go on while a hart may still write to it, because a fork has not flushed yet") {
	struct vm_page *pg = new_page(1);
	struct pmap *pm;
	prot_t prot = 0;

	CHECK(pmap_create(&pm) == 0);
	CHECK(pmap_enter(pm, addresses[0], pg, R | W, PMAP_MODIFIED) == 0);
	pmap_protect(pm, addresses[0], addresses[0] + PAGE_SIZE, R);
	CHECK(pmap_extract(pm, addresses[0], NULL, &prot) && prot == R);
	CHECK(pm->pending.sweep && tlb_sweeping());
	pmap_page_protect(pg, R);
	CHECK(!pm->pending.sweep && pm->pending.end == 0);
	pmap_remove(pm, 0, USER_MAX);
	pmap_destroy(pm);
	free_page(pg);
}

/* ---- accessed and dirty bits ---------------------------------------------------------- */

/* Touches va as a program would: the hart's own access, or the fault that it would take. => pm is active here, SUM is set */
static uint64_t touch(struct pmap *pm, vaddr_t va, bool write)
{
	volatile uint64_t *p = (volatile uint64_t *)va;
	uint64_t had;

	if (pte_soft)
		CHECK(pmap_fault_ad(pm, va, write ? W : R));
	had = *p;
	if (write)
		*p = had + 1;
	return had;
}

static void bits_test(void)
{
	struct vm_page *pg = new_page(7);
	vaddr_t va = 0x40000;
	struct pmap *pm;

	CHECK(pmap_create(&pm) == 0);
	ktest_user_begin(pm);
	CHECK(pmap_enter(pm, va, pg, R | W, PMAP_CANFAIL) == 0);
	CHECK(!pmap_is_referenced(pg) && !pmap_is_modified(pg));
	CHECK(touch(pm, va, false) == 7);
	CHECK(pmap_is_referenced(pg) && !pmap_is_modified(pg));
	CHECK(touch(pm, va, true) == 7);
	CHECK(pmap_is_modified(pg));
	CHECK(pmap_clear_modified(pg) && !pmap_is_modified(pg) && !pmap_clear_modified(pg));
	touch(pm, va, true); /* the right to write is still there, and the bit is set anew */
	CHECK(pmap_is_modified(pg));
	CHECK(pmap_clear_referenced(pg) && !pmap_is_referenced(pg));
	touch(pm, va, false);
	CHECK(pmap_is_referenced(pg));

	/* What goes away leaves its bits with the page. */
	pmap_remove(pm, va, va + PAGE_SIZE);
	pmap_update(pm);
	CHECK(pmap_is_referenced(pg) && pmap_is_modified(pg));
	CHECK(pmap_clear_modified(pg) && pmap_clear_referenced(pg));
	CHECK(!pmap_is_referenced(pg) && !pmap_is_modified(pg));

	/* A fault that knows sets them at once; rights are never more than was entered. */
	CHECK(pmap_enter(pm, va, pg, R | W, PMAP_CANFAIL | PMAP_MODIFIED) == 0);
	CHECK(pmap_is_referenced(pg) && pmap_is_modified(pg));
	pmap_protect(pm, va, va + PAGE_SIZE, R);
	pmap_update(pm);
	CHECK(!pmap_fault_ad(pm, va, W) && pmap_fault_ad(pm, va, R) && !pmap_fault_ad(pm, va, X));
	CHECK(!pmap_fault_ad(pm, va + PAGE_SIZE, R));
	CHECK(touch(pm, va, false) == 9);
	ktest_user_end(pm);
	free_page(pg);
	pmap_destroy(pm);
}

KTEST(bits, "B8", "referenced and modified bits come and go with accesses") { bits_test(); }

/* test: args="ad=soft" */
KTEST(bits_soft, "B8", "the same where a fault sets them: ad=soft") {
	bits_test();
}

/* ---- failures ---------------------------------------------------------------------------- */

KTEST(enter_fails, "A17", "an enter that gets no memory, at any site, leaves no entry and no table behind") {
	static const char *const sites[] = { "pmap.enter", "page.alloc", "pool.pv" };
	struct vm_page *pg = new_page(1);
	struct pmap *pm;
	uint64_t tables;

	CHECK(pmap_create(&pm) == 0);
	tables = gauge_read(STAT_pages_table);
	for (unsigned i = 0; i < ARRAY_COUNT(sites); i++)
		for (unsigned n = 1; n < 10; n++) {
			/* With the page mapped once already, the second mapping needs a record. */
			CHECK(pmap_enter(pm, 0x10000, pg, R, PMAP_CANFAIL) == 0);
			CHECK(fail_arm(sites[i], n, 0) == 0);
			int error = pmap_enter(pm, 0x3f00000000, pg, R, PMAP_CANFAIL);

			fail_arm(sites[i], 0, 0);
			pmap_update(pm);
			CHECK(pmap_check(pm) && pmap_check_page(pg));
			CHECK(error == 0 || error == ENOMEM);
			CHECK(n > 1 || error == ENOMEM);
			CHECK(pmap_extract(pm, 0x3f00000000, NULL, NULL) == !error);
			CHECK(pmap_resident_count(pm) == (error ? 1 : 2));
			pmap_remove(pm, 0, USER_MAX);
			pmap_update(pm);
			CHECK(gauge_read(STAT_pages_table) == tables);
			if (!error)
				break;
		}
	pmap_destroy(pm);
	free_page(pg);
}

KTEST(hold, "D11", "a page that was extracted and held outlives its mapping and its owner") {
	struct vm_page *pg = new_page(1);
	struct pmap *pm;

	CHECK(pmap_create(&pm) == 0);
	CHECK(pmap_enter(pm, 0x10000, pg, R, PMAP_CANFAIL) == 0);
	CHECK(pmap_extract_and_hold(pm, 0x10000, W) == NULL);
	CHECK(pmap_extract_and_hold(pm, 0x20000, R) == NULL);
	CHECK(pmap_extract_and_hold(pm, 0x10000, R) == pg);
	free_page(pg);
	CHECK(pg->owner != PO_FREE);
	page_unhold(pg);
	CHECK(pg->owner == PO_FREE);
	pmap_destroy(pm);
}

KTEST(wired, "A16 A35", "throwing everything away leaves wired mappings, and page_protect those of a wired page") {
	struct vm_page *pg = new_page(1), *other = new_page(2);
	struct pmap *pm;

	CHECK(pmap_create(&pm) == 0);
	pageq_wire(pg);
	CHECK(pmap_enter(pm, 0x10000, pg, R, PMAP_WIRED) == 0);
	CHECK(pmap_enter(pm, 0x12000, pg, R, 0) == 0);
	CHECK(pmap_enter(pm, 0x14000, other, R, 0) == 0);
	pmap_remove_all(pm);
	pmap_update(pm);
	CHECK(pmap_extract(pm, 0x10000, NULL, NULL) && !pmap_extract(pm, 0x12000, NULL, NULL));
	CHECK(pmap_resident_count(pm) == 1 && pmap_wired_count(pm) == 1);
	CHECK(pmap_enter(pm, 0x12000, pg, R, 0) == 0);
	pmap_page_protect(pg, PROT_NONE);
	CHECK(pmap_extract(pm, 0x10000, NULL, NULL) && !pmap_extract(pm, 0x12000, NULL, NULL));
	pmap_unwire(pm, 0x10000);
	pageq_unwire(pg);
	CHECK(pmap_wired_count(pm) == 0);
	free_page(pg);
	free_page(other);
	CHECK(pmap_resident_count(pm) == 0);
	pmap_destroy(pm);
}

KTEST(exec, "", "a page that was written is fenced for before it is executable, once") {
	struct vm_page *pg = new_page(1);
	struct pmap *pm;
	uint32_t gen;

	CHECK(pmap_create(&pm) == 0);
	CHECK(pg->exec_gen == 0);
	CHECK(pmap_enter(pm, 0x10000, pg, R | X, 0) == 0);
	gen = pg->exec_gen;
	CHECK(gen != 0);
	CHECK(pmap_enter(pm, 0x11000, pg, R | X, 0) == 0 && pg->exec_gen == gen);
	CHECK(pmap_enter(pm, 0x12000, pg, R | W, 0) == 0 && pg->exec_gen == 0);
	CHECK(pmap_enter(pm, 0x11000, pg, R | X, 0) == 0 && pg->exec_gen != gen && pg->exec_gen != 0);
	free_page(pg);
	pmap_destroy(pm);
}

KTEST(bytes, "", "pages are cleared and copied whole") {
	struct vm_page *from = new_page(1), *to = new_page(2);
	uint64_t *f = page_kva(from), *t = page_kva(to);

	for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
		f[i] = i * 0x9e3779b97f4a7c15u;
	pmap_copy_page(from, to);
	CHECK(memcmp(f, t, PAGE_SIZE) == 0 && t[511] == 511 * 0x9e3779b97f4a7c15u);
	pmap_zero_page(from);
	for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
		CHECK(f[i] == 0);
	free_page(from);
	free_page(to);
}

/* ---- the kernel's half, read from satp without the pmap's help ------------------------------ */

struct half {
	size_t leaves, user, writable_code, not_global, text, low;
};

static void walk(paddr_t table, unsigned level, vaddr_t base, struct half *h)
{
	extern char kernel_text_start[];
	const uint64_t *pte = phys_to_virt(table);

	for (vaddr_t i = 0; i < 512; i++) {
		vaddr_t va = base + (i << (12 + 9 * level));

		if (level == 2 && i >= 256)
			va |= 0xffffff8000000000u;
		if (!(pte[i] & 1))
			continue;
		if ((pte[i] & 0xe) == 0) {
			walk((pte[i] >> 10) << 12, level - 1, va, h);
			continue;
		}
		h->leaves++;
		h->user += va >> 63 && pte[i] & 0x10;
		h->low += !(va >> 63) && (!(pte[i] & 0x10) || va == 0);
		h->writable_code += (pte[i] & 0xc) == 0xc;
		h->not_global += va >> 63 && !(pte[i] & 0x20);
		h->text += va == (vaddr_t)kernel_text_start && (pte[i] & 0xf) == 0xb;
	}
}

KTEST(kernel_half, "C13", "user mode reaches nothing of the kernel's half, page 0 is not mapped, no code is writable") {
	struct vm_page *pg = new_page(1);
	struct half h = { 0 };
	struct pmap *pm;

	CHECK(pmap_create(&pm) == 0);
	CHECK(pmap_enter(pm, 0x10000, pg, R, 0) == 0);
	ktest_user_begin(pm);
	walk((csr_read(satp) & 0xfffffffffff) << 12, 2, 0, &h);
	ktest_user_end(pm);
	CHECK(h.leaves > 128 && h.text == 1);
	CHECK(h.user == 0);
	CHECK(h.low == 0);
	CHECK(h.writable_code == 0);
	CHECK(h.not_global == 0);
	CHECK(pmap_check(pmap_kernel) && pmap_check(pm));
	free_page(pg);
	pmap_destroy(pm);
}
