/* Page queues: every sequence of six operations on a page, against a model. */
#include "test/test.h"
#include "vm/page.h"
#include "vm/pageq.h"

enum { ACTIVATE, DEACTIVATE, REMOVE, WIRE, UNWIRE, OPERATIONS };

struct model {
	enum page_queue queue;
	unsigned wired;
};

/* False: not a legal step here. */
static bool step(struct vm_page *pg, struct model *m, unsigned operation)
{
	switch (operation) {
	case ACTIVATE:
		pageq_activate(pg);
		m->queue = m->wired ? PQ_NONE : PQ_ACTIVE;
		return true;
	case DEACTIVATE:
		pageq_deactivate(pg);
		m->queue = m->wired ? PQ_NONE : PQ_INACTIVE;
		return true;
	case REMOVE:
		pageq_remove(pg);
		m->queue = PQ_NONE;
		return true;
	case WIRE:
		pageq_wire(pg);
		m->wired++;
		m->queue = PQ_NONE;
		return true;
	default:
		if (m->wired == 0)
			return false;
		pageq_unwire(pg);
		if (--m->wired == 0)
			m->queue = PQ_ACTIVE;
		return true;
	}
}

KTEST(sequences, "", "every sequence of six steps leaves the page where the model says") {
	for (unsigned n = 0; n < 15625 && !ktest_has_failed(); n++) {
		struct vm_page *pg = page_alloc(PO_OBJECT, 0);
		struct model m = { PQ_NONE, 0 };
		unsigned operations = n;

		CHECK(pg);
		if (pg == NULL)
			return;
		for (unsigned i = 0; i < 6; i++, operations /= OPERATIONS) {
			if (!step(pg, &m, operations % OPERATIONS))
				continue;
			CHECK(pg->queue == m.queue && pg->wire_count == m.wired);
		}
		while (m.wired)
			step(pg, &m, UNWIRE);
		page_free(pg); /* from whatever queue it is on */
	}
	CHECK(pageq_check());
}

KTEST(oldest, "", "the oldest page is answered and moved to the tail") {
	struct vm_page *pg[3];
	size_t others = pageq_inactive_count();
	unsigned found = 0;

	for (unsigned i = 0; i < 3; i++) {
		pg[i] = page_alloc(PO_OBJECT, 0);
		CHECK(pg[i]);
		if (pg[i])
			pageq_deactivate(pg[i]);
	}
	for (size_t i = 0; i < others; i++)
		pageq_oldest_inactive();
	for (unsigned i = 0; i < 6; i++)
		found += pageq_oldest_inactive() == pg[i % 3] || others;
	CHECK(found == 6);
	for (unsigned i = 0; i < 3; i++)
		if (pg[i])
			page_free(pg[i]);
	CHECK(pageq_inactive_count() == others && pageq_check());
}
