/*
 * The trace rings.
 *
 * Each hart writes into its own ring with interrupts off and publishes an event
 * by storing head last. A reader (one at a time, trace_lock) copies the event at
 * tail and then looks at head again: when the writer has come around meanwhile,
 * the copy is thrown away and counted as lost. So writers never wait.
 *
 * Invariant: events tail .. head - 1 are the ones not read yet; at most
 * size - 1 of them are good, the slot at head may be half written.
 * Floor: kern, above thread.
 */
#include "kern/trace.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "kern/bootargs.h"
#include "kern/thread.h"
#include "riscv/machine.h"

#define TRACE_DEFAULT 1024 /* events a hart */

struct ring {
	struct trace_event *events; /* fixed once set */
	uint64_t head;              /* atomic: events ever written */
	uint64_t tail;              /* trace_lock: events ever read or given up */
	uint32_t lost;              /* trace_lock: given up since the last one read */
};

static struct ring rings[HART_MAX];
static uint64_t ring_size;
static uint64_t sequence; /* atomic */
static struct spinlock trace_lock = SPINLOCK_INIT(RANK_TRACE, "trace");

bool trace_on;

static bool ring_peek(struct ring *r, struct trace_event *out);
static size_t read_locked(struct trace_event *out, size_t count);

int trace_init(void)
{
	uint64_t size = bootarg_number("tracesize", TRACE_DEFAULT);

	ring_size = MAX(size, 16UL);
	for (uint32_t i = 0; i < machine.hart_count; i++) {
		rings[i].events = thread_memory->alloc(ring_size * sizeof(struct trace_event));
		if (rings[i].events == NULL)
			goto fail;
	}
	trace_on = bootarg("trace") != NULL;
	return 0;
fail:
	for (uint32_t i = 0; i < machine.hart_count && rings[i].events; i++) {
		thread_memory->free(rings[i].events, ring_size * sizeof(struct trace_event));
		rings[i].events = NULL;
	}
	return ENOMEM;
}

bool trace_switch(bool on)
{
	if (rings[0].events == NULL)
		return false;
	trace_on = on;
	return true;
}

void trace_record(enum trace_step step, uint64_t a, uint64_t b)
{
	const struct thread *t = curthread;
	struct trace_event *e;
	struct ring *r;

	irq_push_off();
	r = &rings[mycpu()->index];
	if (r->events) {
		e = &r->events[r->head % ring_size];
		*e = (struct trace_event){
			.seq = __atomic_fetch_add(&sequence, 1, __ATOMIC_RELAXED),
			.time = time_read(), .step = step, .hart = mycpu()->index,
			.pid = t->pid, .tid = t->tid, .a = a, .b = b,
		};
		__atomic_store_n(&r->head, r->head + 1, __ATOMIC_RELEASE);
	}
	irq_pop_off();
}

size_t trace_read(struct trace_event *out, size_t count)
{
	size_t n;

	spinlock_acquire(&trace_lock);
	n = read_locked(out, count);
	spinlock_release(&trace_lock);
	return n;
}

void trace_print_last(size_t count)
{
	struct trace_event e;
	uint64_t total = 0;

	/* For the panic: no lock, the other harts stand still. */
	for (uint32_t i = 0; i < machine.hart_count; i++)
		total += rings[i].events ? MIN(rings[i].head - rings[i].tail, ring_size - 1) : 0;
	while (read_locked(&e, 1) == 1) {
		if (total-- > count)
			continue;
		kprintf(" trace %lu hart %u pid %d tid %d %s %lx %lx\n", e.seq, e.hart, e.pid, e.tid,
			trace_name(e.step), e.a, e.b);
	}
}

/* Oldest first over all rings: each time the one whose next event has the lowest number. */
static size_t read_locked(struct trace_event *out, size_t count)
{
	size_t n;

	for (n = 0; n < count; n++) {
		struct trace_event e, best = { 0 };
		struct ring *from = NULL;
		for (uint32_t i = 0; i < machine.hart_count; i++) {
			if (!ring_peek(&rings[i], &e) || (from && e.seq > best.seq))
				continue;
			best = e;
			from = &rings[i];
		}
		if (from == NULL)
			break;
		best.lost = from->lost;
		from->lost = 0;
		from->tail++;
		out[n] = best;
	}
	return n;
}

/* A good copy of the ring's oldest event; false: it is empty. */
static bool ring_peek(struct ring *r, struct trace_event *out)
{
	if (r->events == NULL)
		return false;
	for (;;) {
		uint64_t head = __atomic_load_n(&r->head, __ATOMIC_ACQUIRE);
		if (head - r->tail >= ring_size) {
			uint64_t oldest = head - (ring_size - 1);
			r->lost += oldest - r->tail;
			r->tail = oldest;
		}
		if (r->tail == head)
			return false;
		*out = r->events[r->tail % ring_size];
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&r->head, __ATOMIC_RELAXED) - r->tail < ring_size)
			return true;
	}
}

const char *trace_name(enum trace_step step)
{
#define TRACE_NAME(id, text, a, b) [TRACE_##id] = #id,
	static const char *const names[TRACE_MAX] = { TRACE_STEPS(TRACE_NAME) };
#undef TRACE_NAME
	return (unsigned)step < TRACE_MAX && names[step] ? names[step] : "?";
}
