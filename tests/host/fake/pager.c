/* A pager whose "disk" is one byte repeated, and whose I/O runs what a test wants to happen meanwhile. Also what tests set up with. */
#include <stdlib.h>
#include <string.h>

#include "../host.h"

#include "base/kassert.h"
#include "vm/object.h"

static unsigned objects;

static struct host_object *of(struct vm_object *o) { return container_of(o, struct host_object, o); }

static void host_reference(struct vm_object *o) { o->refs++; }

static void host_detach(struct vm_object *o)
{
	KASSERT(o->refs > 0 && curthread->lock_count == 0);
	if (--o->refs)
		return;
	sleeplock_acquire(&o->lock);
	object_free_pages(o, 0, UINT64_MAX & ~PAGE_MASK);
	sleeplock_release(&o->lock);
	object_destroy(o);
	objects--;
	free(of(o));
}

static int host_get(struct vm_object *o, voff_t offset, unsigned access, struct vm_page **out)
{
	struct host_object *ho = of(o);
	struct vm_page *pg;
	size_t size;
	bool fresh;
	int error = ho->error;

	KASSERT(curthread->lock_count == 0);
	ho->error = 0;
	ho->gets++;
	if (error)
		return error;
	sleeplock_acquire(&o->lock);
	while ((pg = object_lookup(o, offset)) != NULL && pg->flags & PG_BUSY) {
		page_wait_busy(pg, &o->lock, "page busy");
		sleeplock_acquire(&o->lock);
	}
	if (offset >= ho->size) {
		sleeplock_release(&o->lock);
		return EFAULT;
	}
	fresh = pg == NULL;
	if (fresh)
		pg = object_page_alloc(o, offset, PAGE_ZERO);
	else
		page_busy(pg);
	if (fresh && pg && ho->announce_writes)
		pg->flags |= PG_RDONLY;
	size = MIN(PAGE_SIZE, ho->size - offset);
	if (pg && access & PROT_WRITE)
		object_page_dirty(o, pg);
	sleeplock_release(&o->lock);
	if (!pg)
		return ENOMEM;
	if (fresh) {
		host_step("disk", pg);
		memset(page_kva(pg), ho->fill, size);
	}
	if (ho->during) {
		void (*during)(struct host_object *, voff_t, struct vm_page *) = ho->during;

		ho->during = NULL;
		during(ho, offset, pg);
	}
	*out = pg;
	return 0;
}

static int host_put(struct vm_object *o __unused, voff_t start __unused, voff_t end __unused, bool free __unused) { return 0; }

static const struct pgops ops = {
	.name = "test", .reference = host_reference, .detach = host_detach, .get = host_get, .put = host_put,
};

struct host_object *host_object(uint64_t size, uint8_t fill)
{
	struct host_object *ho = calloc(1, sizeof(*ho));

	object_init(&ho->o, &ops);
	ho->o.refs = 1;
	ho->size = size;
	ho->fill = fill;
	objects++;
	return ho;
}

void host_object_put(struct host_object *ho) { host_detach(&ho->o); }

/* A busy page is left to who holds it. */
void host_object_truncate(struct host_object *ho, uint64_t size)
{
	uint64_t index = page_round(size) >> PAGE_SHIFT;
	struct vm_page *pg;

	sleeplock_acquire(&ho->o.lock);
	ho->size = size;
	for (; (pg = radix_next(&ho->o.pages, &index)); index++)
		if (pg->flags & PG_BUSY)
			pg->flags |= PG_RELEASED;
		else
			object_page_free(&ho->o, pg);
	sleeplock_release(&ho->o.lock);
}

struct host_use host_use(void)
{
	return (struct host_use){
		page_free_count(), gauge_read(STAT_anons), gauge_read(STAT_amaps), gauge_read(STAT_amap_chunks),
		gauge_read(STAT_map_entries), objects,
	};
}

struct vmspace *host_space(void)
{
	struct vmspace *vs;

	CHECK_EQ(vmspace_new(&vs), 0);
	return vs;
}

vaddr_t host_anon(struct vm_map *map, vaddr_t at, size_t n, prot_t prot, int inherit)
{
	const struct map_request rq = {
		.start = at, .size = n << PAGE_SHIFT, .fixed = at != 0, .prot = prot, .maxprot = 7, .inherit = inherit,
		.copy_on_write = true,
	};
	vaddr_t where;

	CHECK_EQ(map_enter(map, &rq, &where), 0);
	return where;
}

vaddr_t host_file(struct vm_map *map, vaddr_t at, struct host_object *ho, voff_t offset, size_t n, prot_t prot, bool shared)
{
	const struct map_request rq = {
		.start = at, .size = n << PAGE_SHIFT, .fixed = at != 0, .object = &ho->o, .offset = offset, .prot = prot,
		.maxprot = 7, .inherit = shared ? MAP_INHERIT_SHARE : MAP_INHERIT_COPY, .copy_on_write = !shared,
	};
	vaddr_t where;

	host_reference(&ho->o);
	CHECK_EQ(map_enter(map, &rq, &where), 0);
	return where;
}
