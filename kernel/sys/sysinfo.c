/*
 * System calls that look inside the kernel: counters, processes, maps, the
 * trace, the audit, failures on demand, and the way off. Floor: sys.
 *
 * What is copied out is gathered in kernel memory first: no copy under a lock.
 */
#include "abi/errno.h"
#include "abi/mman.h"
#include "abi/stats.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "base/string.h"
#include "fs/inode.h"
#include "kern/counters.h"
#include "kern/failpoint.h"
#include "kern/trace.h"
#include "riscv/copyuser.h"
#include "sys/proc.h"
#include "sys/syscall.h"
#include "vm/audit.h"
#include "vm/pageq.h"
#include "vm/pool.h"
#include "vm/vnode.h"

static uint64_t stat_read(unsigned which);
static void procinfo_fill(struct proc *p, struct procinfo *pi);
static int vmspace_of(int32_t pid, struct vmspace **out);
static size_t mapinfo_fill(struct vmspace *vs, struct mapinfo *out, size_t max);
static bool count_resident(void *arg, vaddr_t va, paddr_t pa, prot_t prot, bool wired);
static uint32_t count_anons(const struct vm_map_entry *e);
static int list_place(uint64_t out, uint64_t index);

int sys_vmstat(const uint64_t *args, uint64_t *result)
{
	uint64_t values[STAT_MAX];
	size_t n = MIN(args[1], (uint64_t)STAT_MAX);

	for (unsigned i = 0; i < n; i++)
		values[i] = stat_read(i);
	*result = n;
	return copyout(args[0], values, n * sizeof(values[0]));
}

static uint64_t stat_read(unsigned which)
{
	switch (which) {
	case STAT_pages_total:
		return page_count;
	case STAT_pages_free:
		return page_free_count();
	case STAT_pages_active:
		return pageq_active_count();
	case STAT_pages_inactive:
		return pageq_inactive_count();
	}
	return which < STAT_COUNTERS ? counter_read(which) : gauge_read(which);
}

int sys_proclist(const uint64_t *args, uint64_t *result)
{
	size_t max = MIN(args[1], gauge_read(STAT_procs)), n = 0;
	struct procinfo *list;
	int error;

	if (max == 0)
		return 0;
	list = kmalloc(max * sizeof(*list), POOL_ZERO);
	if (list == NULL)
		return ENOMEM;
	spinlock_acquire(&proc_lock);
	list_for_each(link, &all_procs) {
		if (n == max)
			break;
		procinfo_fill(list_entry(link, struct proc, all_link), &list[n++]);
	}
	spinlock_release(&proc_lock);
	error = copyout(args[0], list, n * sizeof(*list));
	kfree(list, max * sizeof(*list));
	*result = n;
	return error;
}

/* Threads and maps go on changing meanwhile: each number is true by itself. */
static void procinfo_fill(struct proc *p, struct procinfo *pi)
{
	struct vmspace *vs = p->vmspace;

	KASSERT(spinlock_held(&proc_lock));
	pi->pid = p->pid;
	pi->ppid = p->parent ? p->parent->pid : 0;
	pi->pgid = p->pgid;
	pi->threads = p->thread_count;
	pi->state = p->state == PROC_ZOMBIE ? 'Z' : 'S';
	pi->minor = vs ? vs->minor : p->minor;
	pi->major = vs ? vs->major : p->major;
	if (vs) {
		pi->vsize = vs->map.size;
		pi->rss = pmap_resident_count(vs->map.pmap);
		pi->rss_peak = vs->rss_peak;
	}
	strlcpy(pi->name, p->name, sizeof(pi->name));
	if (pi->state == 'Z')
		return;
	list_for_each(link, &p->threads) {
		struct thread *t = list_entry(link, struct thread, proc_link);
		if (t->state == THREAD_RUNNING || t->state == THREAD_READY)
			pi->state = 'R';
		else if (pi->wchan[0] == '\0' && t->wwhy)
			strlcpy(pi->wchan, t->wwhy, sizeof(pi->wchan));
	}
}

/* ---- maps ---- */

int sys_procmap(const uint64_t *args, uint64_t *result)
{
	struct mapinfo *list = NULL;
	struct vmspace *vs;
	size_t max = 0, n = 0;
	int error;

	error = vmspace_of((int32_t)args[0], &vs);
	if (error)
		return error;
	map_lock_read(&vs->map);
	max = MIN(args[2], vs->map.count);
	if (max) {
		list = kmalloc(max * sizeof(*list), POOL_ZERO);
		if (list)
			n = mapinfo_fill(vs, list, max);
		else
			error = ENOMEM;
	}
	map_unlock_read(&vs->map);
	vmspace_release(vs);
	if (error == 0 && n)
		error = copyout(args[1], list, n * sizeof(*list));
	kfree(list, max * sizeof(*list));
	*result = n;
	return error;
}

/* A reference. ESRCH: no such process, or one without memory. pid 0: the caller. */
static int vmspace_of(int32_t pid, struct vmspace **out)
{
	struct proc *p;

	spinlock_acquire(&proc_lock);
	p = pid == 0 ? curproc : proc_find(pid);
	*out = p ? p->vmspace : NULL;
	if (*out)
		vmspace_reference(*out);
	spinlock_release(&proc_lock);
	return *out ? 0 : ESRCH;
}

struct resident {
	struct mapinfo *list;
	size_t n, i; /* i: the entry that the walk has come to */
};

/* => map locked */
static size_t mapinfo_fill(struct vmspace *vs, struct mapinfo *out, size_t max)
{
	struct resident r = { .list = out };

	list_for_each(link, &vs->map.entries) {
		struct vm_map_entry *e = list_entry(link, struct vm_map_entry, link);
		struct mapinfo *m = &out[r.n];
		if (r.n == max)
			break;
		r.n++;
		*m = (struct mapinfo){
			.start = e->start, .end = e->end, .offset = e->offset, .prot = e->prot,
			.maxprot = e->maxprot, .inherit = e->inherit, .advice = e->advice,
			.flags = (e->copy_on_write ? MAPINFO_COW : 0) | (e->needs_copy ? MAPINFO_NEEDS_COPY : 0) |
				 (e->stack ? MAPINFO_STACK : 0) |
				 (e->start >= vs->brk_start && e->end <= page_round(vs->brk) ? MAPINFO_HEAP : 0),
		};
		if (e->object && vnode_of(e->object))
			m->inode = container_of(e->object, struct inode, vnode.object)->number;
		if (e->aref.amap) {
			sleeplock_acquire(&e->aref.amap->lock->lock);
			m->anons = count_anons(e);
			m->amap_refs = e->aref.amap->refs;
			sleeplock_release(&e->aref.amap->lock->lock);
		}
	}
	pmap_walk(vs->map.pmap, count_resident, &r);
	return r.n;
}

/* Leaves come in order of address, as the entries do. */
static bool count_resident(void *arg, vaddr_t va, paddr_t pa __unused, prot_t prot __unused, bool wired __unused)
{
	struct resident *r = arg;

	while (r->i < r->n && va >= r->list[r->i].end)
		r->i++;
	if (r->i == r->n)
		return false;
	if (va >= r->list[r->i].start)
		r->list[r->i].resident++;
	return true;
}

/* Chunk by chunk, so that a wide and empty range costs nothing. => amap locked */
static uint32_t count_anons(const struct vm_map_entry *e)
{
	size_t first = e->aref.slot, end = first + ((e->end - e->start) >> PAGE_SHIFT);
	uint64_t index = first / AMAP_CHUNK;
	const struct amap_chunk *chunk;
	uint32_t n = 0;

	while ((chunk = radix_next(&e->aref.amap->chunks, &index)) && index * AMAP_CHUNK < end) {
		for (size_t i = 0; i < AMAP_CHUNK; i++) {
			size_t slot = index * AMAP_CHUNK + i;
			if (slot >= first && slot < end && (chunk->used >> i & 1))
				n++;
		}
		index++;
	}
	return n;
}

/* ---- trace, audit, failures ---- */

#define TRACE_CHUNK 32

int sys_vmtrace(const uint64_t *args, uint64_t *result)
{
	struct trace_event *events;
	size_t n;
	int error = 0;

	switch (args[0]) {
	case TRACE_OP_ON:
	case TRACE_OP_OFF:
		return trace_switch(args[0] == TRACE_OP_ON) ? 0 : ENOMEM;
	case TRACE_OP_MARK:
		TRACE(USER, args[1], args[2]);
		return 0;
	case TRACE_OP_READ:
		break;
	default:
		return EINVAL;
	}
	events = kmalloc(TRACE_CHUNK * sizeof(*events), 0);
	if (events == NULL)
		return ENOMEM;
	do {
		size_t want = MIN(args[2] - *result, (uint64_t)TRACE_CHUNK);
		n = want ? trace_read(events, want) : 0;
		if (n)
			error = copyout(args[1] + *result * sizeof(*events), events, n * sizeof(*events));
		*result += n;
	} while (n && error == 0);
	kfree(events, TRACE_CHUNK * sizeof(*events));
	return error;
}

int sys_audit(const uint64_t *args, uint64_t *result __unused)
{
	static struct spinlock lock = SPINLOCK_INIT(RANK_PROC, "snapshot");
	static struct audit_snapshot noted; /* lock */
	struct audit_snapshot now, before;

	switch (args[0]) {
	case AUDIT_CHECK:
		return audit("audit(2)") ? 0 : EIO;
	case AUDIT_SNAPSHOT:
		audit_snapshot(&now);
		spinlock_acquire(&lock);
		noted = now;
		spinlock_release(&lock);
		return 0;
	case AUDIT_COMPARE:
		audit_snapshot(&now);
		spinlock_acquire(&lock);
		before = noted;
		spinlock_release(&lock);
		return audit_same(&before, &now) ? 0 : EBUSY;
	}
	return EINVAL;
}

int sys_inject(const uint64_t *args, uint64_t *result __unused)
{
	char site[48];
	int error;

	if (args[2] == INJECT_LIST)
		return list_place(args[0], args[1]);
	if (args[2] != 0)
		return EINVAL;
	error = copyinstr(site, args[0], sizeof(site), NULL);
	if (error)
		return error == ENAMETOOLONG ? EINVAL : error;
	__atomic_store_n(&curproc->fail_scope, curproc->serial, __ATOMIC_RELAXED);
	return fail_arm(site, args[1], curproc->serial);
}

static int list_place(uint64_t out, uint64_t index)
{
	const struct fail_site *s = fail_site(index);
	struct failinfo info;

	if (s == NULL)
		return ENOENT;
	memset(&info, 0, sizeof(info));
	ksnprintf(info.name, sizeof(info.name), "%s@%s", s->kind, s->function);
	strlcpy(info.file, s->file, sizeof(info.file));
	info.fired = __atomic_load_n(&s->fired, __ATOMIC_RELAXED);
	return copyout(out, &info, sizeof(info));
}

int sys_reboot(const uint64_t *args, uint64_t *result __unused)
{
	if (args[0] > REBOOT_RESTART)
		return EINVAL;
	system_off((int)args[0]);
}
