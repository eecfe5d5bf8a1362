/* vm/vmspace.c: the heap's end to the byte, and the stack's growth. */
#include "host.h"

#include "base/kassert.h"

#define HEAP 0x200000UL

static struct vmspace *vs;

static void begin(void)
{
	vs = host_space();
	vs->brk_start = vs->brk = HEAP;
}

static void end(void)
{
	struct host_use none = { .frames = HOST_FRAMES };

	CHECK_AUDIT();
	vmspace_release(vs);
	CHECK_NO_LEAK(none);
}

static int move(int64_t delta)
{
	vaddr_t old = 0, before = vs->brk;
	int error = vmspace_sbrk(vs, delta, &old);

	CHECK(error || old == before);
	CHECK_EQ(vs->brk, error ? before : before + delta);
	return error;
}

static int peek(vaddr_t va)
{
	uint8_t byte = 0xee;
	int error = user_read(&vs->map, va, &byte);

	return error ? -error : byte;
}

HTEST(brk, "", "the heap grows and shrinks by odd sizes; what it grows over again is zero")
{
	begin();
	CHECK_EQ(move(10), 0);
	CHECK_EQ(user_write(&vs->map, HEAP + 9, 1), 0);
	CHECK_EQ(user_write(&vs->map, HEAP + 4095, 2), 0); /* beyond the break, on its page */
	CHECK_EQ(move(5000), 0);
	CHECK_EQ(peek(HEAP + 4095), 0);
	CHECK_EQ(peek(HEAP + 9), 1);
	CHECK_EQ(user_write(&vs->map, HEAP + 5000, 3), 0);
	CHECK_EQ(move(-5005), 0);
	CHECK_EQ(peek(HEAP + 5000), -EFAULT);
	CHECK_EQ(move(8000), 0);
	CHECK_EQ(peek(HEAP + 9), 0);
	CHECK_EQ(peek(HEAP + 5000), 0);
	CHECK_EQ(vs->map.count, 1);
	end();
}

HTEST(brk_random, "", "random moves of the break with writes below it: every byte below is kept, every new one zero")
{
	enum { MAX = 5 * PAGE_SIZE };
	static uint8_t model[MAX];
	unsigned top = 0;

	begin();
	for (unsigned step = 0; step < 3000; step++) {
		int delta = (int)host_pick(2 * MAX) - MAX;

		if (delta < 0 && (unsigned)-delta > top) {
			CHECK_EQ(move(delta), EINVAL);
			continue;
		}
		if (top + delta > MAX)
			continue;
		CHECK_EQ(move(delta), 0);
		for (unsigned i = top; i < top + delta && delta > 0; i++)
			model[i] = 0;
		top += delta;
		for (unsigned i = 0; i < 4 && top; i++) {
			unsigned at = host_pick(top), up = MIN(page_round(top), (unsigned)MAX);

			CHECK_EQ(peek(HEAP + at), model[at]);
			at = host_pick(up);
			model[at] = host_pick(256);
			CHECK_EQ(user_write(&vs->map, HEAP + at, model[at]), 0);
		}
		if (step % 32 == 0)
			CHECK_AUDIT();
	}
	end();
}

HTEST(brk_limits, "", "the heap stops at its limit, at the mmap area and at another mapping; nothing changes then")
{
	begin();
	vs->data_max = 8 * PAGE_SIZE;
	CHECK_EQ(move(8 * PAGE_SIZE), 0);
	CHECK_EQ(move(1), ENOMEM);
	vs->data_max = 1UL << 40;
	CHECK_EQ(move(USER_MAX), ENOMEM);
	CHECK_EQ(move(INT64_MAX), ENOMEM);
	CHECK_EQ(move(INT64_MIN), EINVAL);
	CHECK_EQ(move(-8 * (int64_t)PAGE_SIZE - 1), EINVAL);
	host_anon(&vs->map, HEAP + 9 * PAGE_SIZE, 1, 3, MAP_INHERIT_COPY);
	CHECK_EQ(move(2 * PAGE_SIZE), ENOMEM);
	CHECK_EQ(move(PAGE_SIZE), 0);
	end();
}

HTEST(brk_shared, "A3", "clearing the rest of a page that a child still shares clears the parent's copy only")
{
	struct vmspace *child;
	uint8_t byte;

	begin();
	CHECK_EQ(move(100), 0);
	CHECK_EQ(user_write(&vs->map, HEAP + 50, 5), 0);
	CHECK_EQ(vmspace_fork(vs, &child), 0);
	CHECK_EQ(move(-60), 0);
	CHECK_EQ(move(60), 0);
	CHECK_EQ(peek(HEAP + 50), 0);
	CHECK_EQ(user_read(&child->map, HEAP + 50, &byte), 0);
	CHECK_EQ(byte, 5);
	vmspace_release(child);
	end();
}

HTEST(brk_no_memory, "", "a break that cannot move for want of memory stays, and moves later")
{
	begin();
	bool fired = true;
	for (unsigned n = 1; fired; n++) {
		host_fail_at(NULL, n);
		int error = move(3 * PAGE_SIZE + 5);
		fired = host_fail_fired();
		host_fail_at(NULL, 0);
		CHECK_EQ(error, fired ? ENOMEM : 0);
	}
	end();
}

static void stack(void)
{
	const struct map_request rq = {
		.start = USER_MAX - 2 * PAGE_SIZE, .size = 2 * PAGE_SIZE, .fixed = true, .prot = 3, .maxprot = 7,
		.inherit = MAP_INHERIT_COPY, .copy_on_write = true, .stack = true,
	};
	vaddr_t where;

	CHECK_EQ(map_enter(&vs->map, &rq, &where), 0);
	vs->stack_min = USER_MAX - 64 * PAGE_SIZE;
}

HTEST(stack, "", "the stack grows down to sp and to its limit, stays one entry, and keeps a page free below")
{
	begin();
	stack();
	vaddr_t low = USER_MAX - 10 * PAGE_SIZE;
	CHECK_EQ(user_write(&vs->map, USER_MAX - 1, 1), 0);
	CHECK(vmspace_stack_grow(vs, low, low + 1) == EFAULT); /* below sp */
	CHECK(vmspace_stack_grow(vs, low + 8, low) == 0);
	CHECK_EQ(vs->map.count, 1);
	CHECK_EQ(user_write(&vs->map, low, 2), 0);
	CHECK(vmspace_stack_grow(vs, low, low) == 0); /* it has grown already */
	CHECK_EQ(vmspace_fault(vs, low, PROT_WRITE, low), 0);
	CHECK_EQ(vmspace_fault(vs, HEAP, PROT_READ, low), EFAULT);
	CHECK(vmspace_stack_grow(vs, USER_MAX - 64 * PAGE_SIZE, 0) == 0);
	CHECK(vmspace_stack_grow(vs, USER_MAX - 65 * PAGE_SIZE, 0) == EFAULT);
	CHECK(vmspace_stack_grow(vs, HEAP, 0) == EFAULT);
	CHECK_EQ(vs->map.count, 1);
	CHECK_EQ(gauge_read(STAT_amaps), 1);
	CHECK_EQ(peek(USER_MAX - 1), 1);
	CHECK_EQ(peek(low), 2);
	CHECK_EQ(peek(low - 1), 0);
	end();
}

HTEST(stack_gap, "", "growth stops a page above another mapping")
{
	begin();
	stack();
	host_anon(&vs->map, USER_MAX - 20 * PAGE_SIZE, 1, 3, MAP_INHERIT_COPY);
	CHECK(vmspace_stack_grow(vs, USER_MAX - 19 * PAGE_SIZE, 0) == EFAULT);
	CHECK(vmspace_stack_grow(vs, USER_MAX - 18 * PAGE_SIZE, 0) == 0);
	end();
}

HTEST(stack_after_fork, "B1", "a stack that is shared with a child grows for each alone")
{
	struct vmspace *child;
	uint8_t byte;

	begin();
	stack();
	CHECK_EQ(user_write(&vs->map, USER_MAX - 1, 1), 0);
	CHECK_EQ(vmspace_fork(vs, &child), 0);
	CHECK(vmspace_stack_grow(vs, USER_MAX - 5 * PAGE_SIZE, 0) == 0);
	CHECK(vmspace_stack_grow(child, USER_MAX - 4 * PAGE_SIZE, 0) == 0);
	CHECK_EQ(user_write(&vs->map, USER_MAX - 4 * PAGE_SIZE, 7), 0);
	CHECK_EQ(user_read(&child->map, USER_MAX - 4 * PAGE_SIZE, &byte), 0);
	CHECK_EQ(byte, 0);
	CHECK_EQ(user_read(&child->map, USER_MAX - 5 * PAGE_SIZE, &byte), EFAULT);
	CHECK_AUDIT();
	vmspace_release(child);
	end();
}

HTEST(mmap_area, "", "mappings without an address stay out of the stack's room")
{
	begin();
	stack();
	for (unsigned i = 0; i < 8; i++)
		CHECK(host_anon(&vs->map, 0, 4, 3, i % 4) + 4 * PAGE_SIZE <= USER_MAX - USER_STACK_MAX);
	end();
}

HTEST(brk_untouched, "", "a page of the heap that nobody has touched needs no clearing")
{
	begin();
	CHECK_EQ(move(10), 0);
	CHECK_EQ(move(10), 0);
	CHECK_EQ(vs->map.count, 1);
	CHECK_EQ(gauge_read(STAT_amaps), 0);
	CHECK_EQ(peek(HEAP + 15), 0);
	end();
}

HTEST(brk_shared_chunk, "A3", "clearing the rest of a page that a child shares by the chunk clears the parent's copy only")
{
	struct vmspace *child;
	uint8_t byte;

	begin();
	CHECK_EQ(move(PAGE_SIZE + 100), 0);
	CHECK_EQ(user_write(&vs->map, HEAP, 1), 0);
	CHECK_EQ(user_write(&vs->map, HEAP + PAGE_SIZE + 50, 5), 0);
	CHECK_EQ(vmspace_fork(vs, &child), 0);
	CHECK_EQ(user_write(&vs->map, HEAP, 2), 0); /* an amap of its own, with the other page still in common */
	CHECK_EQ(move(-60), 0);
	CHECK_EQ(move(60), 0);
	CHECK_EQ(peek(HEAP + PAGE_SIZE + 50), 0);
	CHECK_EQ(user_read(&child->map, HEAP + PAGE_SIZE + 50, &byte), 0);
	CHECK_EQ(byte, 5);
	vmspace_release(child);
	end();
}

/* What is written at the break's last page is past it now, and another thread is at work on the page when the break moves over it. */
static void begin_busy(void (*done)(const void *chan))
{
	begin();
	CHECK_EQ(move(100), 0);
	CHECK_EQ(user_write(&vs->map, HEAP + 50, 5), 0);
	CHECK_EQ(move(-60), 0);
	host_busy(&vs->map, HEAP, done);
}

HTEST(brk_busy, "", "a page of the heap that somebody is at work on is waited for before it is cleared")
{
	begin_busy(host_unbusy);
	CHECK_EQ(move(60), 0);
	CHECK_EQ(host_sleeps, 1);
	CHECK_EQ(peek(HEAP + 50), 0);
	end();
}

HTEST(brk_file, "", "the break does not pass over a page of a file that cannot be read")
{
	struct host_object *file = host_object(PAGE_SIZE, 0x77);

	begin();
	CHECK_EQ(move(100), 0);
	host_file(&vs->map, HEAP, file, 0, 1, 3, false);
	file->error = EIO;
	CHECK_EQ(move(10), ENOMEM);
	CHECK_EQ(move(10), 0);
	CHECK_EQ(peek(HEAP + 99), 0x77);
	CHECK_EQ(peek(HEAP + 100), 0);
	CHECK_AUDIT();
	vmspace_release(vs);
	host_object_put(file);
}

HTEST(brk_gone, "", "a page of the heap that the program has unmapped or made read-only itself is not cleared: nothing to do, or refused")
{
	struct host_object *file = host_object(PAGE_SIZE, 0x77);

	begin();
	CHECK_EQ(move(100), 0);
	CHECK_EQ(map_remove(&vs->map, HEAP, HEAP + PAGE_SIZE), 0);
	CHECK_EQ(move(10), 0);
	CHECK_EQ(peek(HEAP), -EFAULT);
	host_file(&vs->map, HEAP, file, 0, 1, 1, false);
	CHECK_EQ(move(10), ENOMEM);
	CHECK_EQ(peek(HEAP + 115), 0x77);
	CHECK_AUDIT();
	vmspace_release(vs);
	host_object_put(file);
}

static void end_busy_protected(const void *chan __unused)
{
	host_as (1) {
		page_unbusy(host_busy_page);
		CHECK_EQ(map_protect(&vs->map, HEAP, HEAP + PAGE_SIZE, 1), 0);
	}
}

HTEST(brk_race_protect, "A29", "a page of the heap that becomes read-only while the break waits for it is the process's own: the break moves over it")
{
	begin_busy(end_busy_protected);
	CHECK_EQ(move(60), 0);
	CHECK_EQ(peek(HEAP + 50), 0);
	end();
}

static void end_busy_unmapped(const void *chan __unused)
{
	host_as (1) {
		page_unbusy(host_busy_page);
		CHECK_EQ(map_remove(&vs->map, HEAP, HEAP + PAGE_SIZE), 0);
	}
}

HTEST(brk_race_unmap, "A29", "a page of the heap that is unmapped while the break waits for it needs no clearing")
{
	begin_busy(end_busy_unmapped);
	CHECK_EQ(move(60), 0);
	CHECK_EQ(peek(HEAP), -EFAULT);
	end();
}

HTEST(stack_no_memory, "A34", "a stack that gets no memory to grow stays as it was; the fault waits, and says so when nothing is freed")
{
	vaddr_t low = USER_MAX - 5 * PAGE_SIZE;

	begin();
	stack();
	vs->stack_start = USER_MAX - 2 * PAGE_SIZE;
	host_fail_at("pool.map_entry", 1);
	CHECK_EQ(vmspace_stack_grow(vs, low, 0), ENOMEM);
	CHECK_EQ(vs->map.count, 1);
	host_fail_at("pool.map_entry", 1);
	CHECK_EQ(vmspace_fault(vs, low, PROT_WRITE, 0), 0); /* there is enough: once more */
	CHECK(host_fail_fired());
	CHECK_EQ(vs->map.count, 1);

	struct vm_page *hoard[HOST_FRAMES];
	unsigned n = 0;

	while ((hoard[n] = page_alloc(PO_KERNEL, 0)) != NULL)
		n++;
	host_steps();
	host_fail_at("pool.map_entry", 1);
	CHECK_EQ(vmspace_fault(vs, low - PAGE_SIZE, PROT_READ, 0), ENOMEM);
	CHECK_EQ(vmspace_stack_grow(vs, low - PAGE_SIZE, 0), 0); /* growing by itself takes no frame */
	CHECK(!__builtin_strcmp(host_steps(), "GROW"));
	while (n > 0)
		page_free(hoard[--n]);
	end();
}

HTEST(stack_huge, "", "a stack of all that it may ever have is touched like another, and has no room below")
{
	begin();
	const struct map_request rq = {
		.start = USER_MAX - USER_STACK_MAX, .size = USER_STACK_MAX, .fixed = true, .prot = 3, .maxprot = 7,
		.inherit = MAP_INHERIT_COPY, .copy_on_write = true, .stack = true,
	};
	vaddr_t where;

	CHECK_EQ(map_enter(&vs->map, &rq, &where), 0);
	CHECK_EQ(user_write(&vs->map, USER_MAX - 1, 1), 0);
	CHECK_EQ(user_write(&vs->map, USER_MAX - USER_STACK_MAX, 1), 0);
	end();
}

HTEST(stack_none, "", "where no stack begins above, none grows")
{
	begin();
	vs->stack_min = HEAP;
	CHECK_EQ(vmspace_stack_grow(vs, USER_MAX, 0), EFAULT);
	CHECK_EQ(vmspace_stack_grow(vs, USER_MAX - PAGE_SIZE, 0), EFAULT); /* nothing above */
	host_anon(&vs->map, USER_MAX - PAGE_SIZE, 1, 3, MAP_INHERIT_COPY);
	CHECK_EQ(vmspace_stack_grow(vs, USER_MAX - 2 * PAGE_SIZE, 0), EFAULT); /* no stack above */
	CHECK_EQ(vmspace_fault(vs, USER_MAX - 2 * PAGE_SIZE, PROT_READ, 0), EFAULT);
	end();
}
