/* vm/page.c and page_claim.c: the last frames, blocks among frames that are in use, waiting for memory. */
#include "host.h"

#include "base/kassert.h"
#include "vm/object.h"
#include "vm/page_claim.h"
#include "vm/pageq.h"

static struct vm_page *taken[HOST_FRAMES];
static size_t count;

static void take_all(unsigned flags)
{
	struct vm_page *pg;

	while ((pg = page_alloc(PO_KERNEL, flags)) != NULL)
		taken[count++] = pg;
}

static void give_all(void)
{
	while (count > 0)
		if (taken[--count])
			page_free(taken[count]);
	CHECK_EQ(page_free_count(), HOST_FRAMES);
	CHECK_AUDIT();
}

HTEST(reserve, "", "the last frames are for threads that free memory, and for who says so")
{
	take_all(0);
	CHECK_EQ(page_free_count(), page_reserve);
	curthread->mem_reserve = true;
	taken[count++] = page_alloc(PO_KERNEL, 0);
	CHECK(taken[count - 1] != NULL);
	curthread->mem_reserve = false;
	CHECK(page_alloc(PO_KERNEL, 0) == NULL);
	take_all(PAGE_RESERVE);
	CHECK_EQ(page_free_count(), 0);
	give_all();
}

HTEST(no_block, "", "where no two free frames lie side by side there is no block, and nothing is lost by asking")
{
	size_t n;

	CHECK(page_alloc_block(PAGE_ORDER_MAX + 1, 0) == NULL);
	take_all(PAGE_RESERVE);
	CHECK(page_alloc_block(1, PAGE_RESERVE) == NULL);
	for (size_t i = 0; i < count; i++)
		if (taken[i] && page_pa(taken[i]) / PAGE_SIZE % 2) {
			page_free(taken[i]);
			taken[i] = NULL;
		}
	n = page_free_count();
	CHECK(n > HOST_FRAMES / 4);
	CHECK(page_alloc_block(1, PAGE_RESERVE) == NULL);
	CHECK_EQ(page_free_count(), n);
	CHECK_AUDIT();
	give_all();
}

static unsigned relaxed;
static void relax(void) { relaxed++; }

HTEST(elsewhere, "", "the last frames are found in the caches of other harts")
{
	take_all(PAGE_RESERVE);
	for (unsigned hart = 1; hart < HART_MAX; hart++) {
		mycpu()->index = hart;
		for (unsigned i = 0; i < 30; i++) /* the first ones do not stay in a cache, since there are few */
			page_free(taken[--count]);
	}
	mycpu()->index = 0;
	host_relax_hook = relax;
	for (unsigned i = 0; i < 100 && !relaxed; i++) {
		CHECK(page_free_count() > page_free_low);
		CHECK((taken[count++] = page_alloc(PO_KERNEL, 0)) != NULL);
	}
	CHECK_EQ(relaxed, 1);
	give_all();
}

/* Another hart has let a frame be had and puts it back only now. */
static void put_back_late(void)
{
	if (++relaxed < 3)
		return;
	page_free(taken[--count]);
	CHECK(page_claim(1, PAGE_RESERVE));
}

HTEST(on_its_way, "", "who has a claim to a frame that is on its way waits for it")
{
	struct vm_page *pg;

	take_all(PAGE_RESERVE);
	page_unclaim(1);
	host_relax_hook = put_back_late;
	pg = page_alloc(PO_KERNEL, PAGE_RESERVE);
	CHECK(pg && relaxed == 3);
	page_free(pg);
	give_all();
}

HTEST(batches, "", "a batch of invalidations that stays open keeps its number's place, however many others come and go")
{
	uint64_t first = page_batch_open(), next;
	struct vm_page *pg = page_alloc(PO_KERNEL, 0);

	CHECK(page_batch_name(pg, first));
	for (unsigned i = 0; i < 10000; i++) {
		next = page_batch_open();
		CHECK(next != first && !page_batch_name(pg, next));
		page_batch_close(next);
		CHECK_EQ(page_batch_of(pg), first);
	}
	page_batch_close(first);
	CHECK_EQ(page_batch_of(pg), 0);
	page_free(pg);
}

HTEST(states, "B12", "fields that contradict each other are no state of a frame")
{
	struct vm_page *pg = page_alloc(PO_KERNEL, 0);

	CHECK_EQ(page_state(pg), PS_FIXED);
	pg->flags = PG_BUSY;
	CHECK_EQ(page_state(pg), PS_NOWHERE);
	pg->hold_count = PAGE_FREED;
	CHECK_EQ(page_state(pg), PS_NOWHERE);
	pg->flags = 0;
	CHECK_EQ(page_state(pg), PS_ENDED);
	pg->hold_count = 0;
	pg->owner = PO_ANON;
	pg->flags = PG_WANTED;
	CHECK_EQ(page_state(pg), PS_NOWHERE);
	pg->flags = PG_RELEASED;
	CHECK_EQ(page_state(pg), PS_LEAVING);
	pg->flags = 0;
	pg->owner = PO_KERNEL;
	page_free(pg);
	CHECK_EQ(page_state(pg), PS_FREE);
	pg->flags = PG_BUSY;
	CHECK_EQ(page_state(pg), PS_NOWHERE);
	pg->flags = 0;
}

HTEST(no_oldest, "", "a queue with nothing on it has no oldest page, and a page on no queue no object to lock")
{
	CHECK(object_try_lock(&pages[0]) == NULL);
	CHECK(pageq_oldest_active() == NULL && pageq_oldest_inactive() == NULL);
}

HTEST(no_frame, "", "what lies below or beyond memory is no frame")
{
	CHECK(page_of(page_base) == &pages[0] && page_of(page_base - 1) == NULL);
	CHECK(page_of(page_base + (page_count << PAGE_SHIFT)) == NULL);
}

/* Waiting. */

static void nothing_to_do(void) {}

static void give_some(void)
{
	for (unsigned i = 0; i < 2 * PAGE_WAIT_FRAMES; i++)
		page_free(taken[--count]);
}

HTEST(wait_alone, "A34", "nobody waits who frees memory itself, or where nothing frees any")
{
	take_all(0);
	CHECK_EQ(page_wait_free("test"), ENOMEM);
	page_shortage_hook = nothing_to_do;
	curthread->mem_reserve = true;
	CHECK_EQ(page_wait_free("test"), ENOMEM);
	curthread->mem_reserve = false;
	give_all();
}

HTEST(wait_none, "A34", "what is freed between the question and the sleep is seen: nobody sleeps")
{
	take_all(0);
	page_shortage_hook = give_some;
	CHECK_EQ(page_wait_free("test"), 0);
	CHECK_EQ(host_sleeps, 0);
	page_shortage_hook = NULL;
	give_all();
}

static void give_up_twice(void)
{
	page_shortage_hook = nothing_to_do;
	page_gave_up(0);
	page_gave_up(0);
}

HTEST(wait_given_up, "A34", "where the pagedaemon gives up between the question and the sleep nobody sleeps either")
{
	take_all(0);
	page_shortage_hook = give_up_twice;
	CHECK_EQ(page_wait_free("test"), ENOMEM);
	CHECK_EQ(host_sleeps, 0);
	page_shortage_hook = NULL;
	give_all();
}

static void found_some(const void *chan __unused)
{
	host_as (1) {
		if (host_sleeps < 5)
			page_gave_up(1); /* something was written, say, and nothing is free yet */
		else
			give_some();
	}
}

HTEST(wait_found, "A34", "as long as the pagedaemon finds something a waiter waits")
{
	take_all(0);
	page_shortage_hook = nothing_to_do;
	host_sleep_hook = found_some;
	CHECK_EQ(page_wait_free("test"), 0);
	CHECK_EQ(host_sleeps, 5);
	page_shortage_hook = NULL;
	give_all();
}

/* A frame comes back and is gone again before the waiter looks; the pagedaemon has found nothing. */
static void freed_in_vain(const void *chan __unused)
{
	host_as (1) {
		page_unclaim(1);
		CHECK(page_claim(1, PAGE_RESERVE));
		page_gave_up(0);
	}
}

HTEST(wait_patience, "A34", "frames that come back to be taken by others keep a waiter waiting, but not for ever")
{
	take_all(0);
	page_shortage_hook = nothing_to_do;
	host_sleep_hook = freed_in_vain;
	CHECK_EQ(page_wait_free("test"), ENOMEM);
	CHECK(host_sleeps > 60 && host_sleeps < 200);
	page_shortage_hook = NULL;
	give_all();
}
