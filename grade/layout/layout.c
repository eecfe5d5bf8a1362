/*
 * Where the kernel's structures keep what the host's tools look for. Compiled with
 * the kernel's own headers and flags; grade/pagoda/layout.py reads the table out of the
 * object, which is never linked or run.
 *
 * What is private to a source of the kernel is why that is included whole.
 */
#include "kern/trace.c"
#include "vm/page.c"
#include "vm/radix.c"

#include "abi/mman.h"
#include "fs/inode.h"
#include "riscv/layout.h"
#include "riscv/pmap-int.h"
#include "riscv/trap.h"
#include "sys/proc.h"
#include "vm/map.h"
#include "vm/pool.h"
#include "vm/vmspace.h"
#include "vm/vnode.h"

enum layout_kind { LAYOUT_SIZE = 1, LAYOUT_UNSIGNED, LAYOUT_SIGNED, LAYOUT_VALUE, LAYOUT_TEXT };

struct layout_item {
	uint32_t kind;
	char name[44];
	char text[80];
	uint64_t value; /* offset, size of a type, or a constant */
	uint64_t size;  /* of a field */
};

#define IS_SIGNED(x) _Generic((x), int8_t: 1, int16_t: 1, int32_t: 1, int64_t: 1, default: 0)
#define TYPE(type) { LAYOUT_SIZE, #type, "", sizeof(struct type), 0 }
#define FIELD(type, member)                                                                             \
	{ IS_SIGNED(((struct type *)0)->member) ? LAYOUT_SIGNED : LAYOUT_UNSIGNED, #type "." #member, "", \
	  offsetof(struct type, member), sizeof(((struct type *)0)->member) }
#define VALUE(name) { LAYOUT_VALUE, #name, "", (uint64_t)(name), 0 }
#define STEP(id, text, a, b) VALUE(TRACE_##id), { LAYOUT_TEXT, "TRACE_" #id, text "|" a "|" b, 0, 0 },

static const struct layout_item items[] __attribute__((used, section(".layout"))) = {
	/* memory layout */
	VALUE(PAGE_SIZE), VALUE(HART_MAX), VALUE(DIRECT_MAP), VALUE(DIRECT_MAP_SIZE), VALUE(KERNEL_BASE), VALUE(KERNEL_PHYS),
	VALUE(KMAP_MIN), VALUE(KMAP_MAX), VALUE(USER_MIN), VALUE(USER_MAX), VALUE(KSTACK_PAGES),

	/* lists, trees, radix trees */
	TYPE(list), FIELD(list, next), FIELD(list, prev),
	TYPE(tree), FIELD(tree, root),
	TYPE(tree_node), FIELD(tree_node, left), FIELD(tree_node, right), FIELD(tree_node, parent),
	TYPE(radix), FIELD(radix, root), FIELD(radix, height), FIELD(radix, count),
	TYPE(radix_node), FIELD(radix_node, slot), FIELD(radix_node, count), VALUE(BITS), VALUE(SLOTS), VALUE(HEIGHT_MAX),

	/* locks */
	TYPE(spinlock), FIELD(spinlock, locked), FIELD(spinlock, name), FIELD(spinlock, holder),
	TYPE(sleeplock), FIELD(sleeplock, holder), FIELD(sleeplock, waiters), FIELD(sleeplock, name),
	TYPE(rwlock), FIELD(rwlock, writer), FIELD(rwlock, readers), FIELD(rwlock, name),

	/* pools */
	TYPE(pool), FIELD(pool, name), FIELD(pool, live), FIELD(pool, all_link),

	/* frames */
	TYPE(vm_page), FIELD(vm_page, link), FIELD(vm_page, owner), FIELD(vm_page, order), FIELD(vm_page, queue), FIELD(vm_page, attrs),
	FIELD(vm_page, flags), FIELD(vm_page, wire_count), FIELD(vm_page, loan_count), FIELD(vm_page, hold_count), FIELD(vm_page, anon),
	FIELD(vm_page, object), FIELD(vm_page, pmap), FIELD(vm_page, pool), FIELD(vm_page, offset), FIELD(vm_page, pv), FIELD(vm_page, live),
	TYPE(pv), FIELD(pv, table), FIELD(pv, index), FIELD(pv, next),
	VALUE(PO_FREE), VALUE(PO_KERNEL), VALUE(PO_TABLE), VALUE(PO_ANON), VALUE(PO_OBJECT),
	VALUE(PQ_NONE), VALUE(PQ_ACTIVE), VALUE(PQ_INACTIVE),
	TYPE(page_cache), FIELD(page_cache, list), FIELD(page_cache, count), VALUE(PAGE_ORDER_MAX), VALUE(PAGE_NO_ORDER),
	VALUE(PG_BUSY), VALUE(PG_WANTED), VALUE(PG_RELEASED), VALUE(PG_DIRTY), VALUE(PG_RDONLY),

	/* address spaces */
	TYPE(pmap), FIELD(pmap, refs), FIELD(pmap, active), FIELD(pmap, root), FIELD(pmap, resident), FIELD(pmap, wired),
	TYPE(vm_map), FIELD(vm_map, lock), FIELD(vm_map, pmap), FIELD(vm_map, min), FIELD(vm_map, max), FIELD(vm_map, entries),
	FIELD(vm_map, count), FIELD(vm_map, size), FIELD(vm_map, version), FIELD(vm_map, all_link),
	TYPE(vm_map_entry), FIELD(vm_map_entry, node), FIELD(vm_map_entry, link), FIELD(vm_map_entry, start), FIELD(vm_map_entry, end),
	FIELD(vm_map_entry, object), FIELD(vm_map_entry, offset), FIELD(vm_map_entry, aref), FIELD(vm_map_entry, prot),
	FIELD(vm_map_entry, maxprot), FIELD(vm_map_entry, inherit), FIELD(vm_map_entry, advice), FIELD(vm_map_entry, wired),
	FIELD(vm_map_entry, copy_on_write), FIELD(vm_map_entry, needs_copy), FIELD(vm_map_entry, reserved), FIELD(vm_map_entry, stack),
	TYPE(vmspace), FIELD(vmspace, map), FIELD(vmspace, refs), FIELD(vmspace, brk_start), FIELD(vmspace, brk),
	FIELD(vmspace, stack_start), FIELD(vmspace, minor), FIELD(vmspace, major),
	VALUE(PROT_READ), VALUE(PROT_WRITE), VALUE(PROT_EXEC),
	VALUE(MAP_INHERIT_SHARE), VALUE(MAP_INHERIT_COPY), VALUE(MAP_INHERIT_NONE), VALUE(MAP_INHERIT_ZERO),

	/* upper layer */
	TYPE(aref), FIELD(aref, amap), FIELD(aref, slot),
	TYPE(vm_lock), FIELD(vm_lock, lock), FIELD(vm_lock, refs),
	TYPE(vm_amap), FIELD(vm_amap, lock), FIELD(vm_amap, nslots), FIELD(vm_amap, used), FIELD(vm_amap, refs), FIELD(vm_amap, chunks),
	FIELD(vm_amap, runs), FIELD(vm_amap, all_link),
	TYPE(amap_run), FIELD(amap_run, node), FIELD(amap_run, start), FIELD(amap_run, refs),
	TYPE(amap_chunk), FIELD(amap_chunk, refs), FIELD(amap_chunk, used), FIELD(amap_chunk, anon), VALUE(AMAP_CHUNK),
	TYPE(vm_anon), FIELD(vm_anon, lock), FIELD(vm_anon, page), FIELD(vm_anon, ref), FIELD(vm_anon, slot),

	/* lower layer */
	TYPE(vm_object), FIELD(vm_object, dirty), FIELD(vm_object, lock), FIELD(vm_object, ops), FIELD(vm_object, pages), FIELD(vm_object, npages),
	FIELD(vm_object, refs), FIELD(vm_object, dead), FIELD(vm_object, all_link),
	TYPE(pgops), FIELD(pgops, name),
	TYPE(vnode), FIELD(vnode, object), FIELD(vnode, size), TYPE(inode), FIELD(inode, vnode), FIELD(inode, number),

	/* who runs */
	TYPE(thread), FIELD(thread, context), FIELD(thread, kstack), FIELD(thread, cpu), FIELD(thread, trapframe), FIELD(thread, state),
	FIELD(thread, on_cpu), FIELD(thread, wchan), FIELD(thread, wwhy), FIELD(thread, deadline), FIELD(thread, tid), FIELD(thread, pid),
	FIELD(thread, all_link), FIELD(thread, name), FIELD(thread, proc), FIELD(thread, proc_link), FIELD(thread, vmspace),
	VALUE(THREAD_NEW), VALUE(THREAD_READY), VALUE(THREAD_RUNNING), VALUE(THREAD_SLEEPING), VALUE(THREAD_DEAD),
	TYPE(context), FIELD(context, ra), FIELD(context, sp), FIELD(context, s),
	TYPE(trapframe), FIELD(trapframe, x), FIELD(trapframe, epc), FIELD(trapframe, sstatus), FIELD(trapframe, scause), FIELD(trapframe, stval),
	TYPE(cpu), FIELD(cpu, thread), FIELD(cpu, idle), FIELD(cpu, index), FIELD(cpu, hartid), FIELD(cpu, online), FIELD(cpu, idling),
	FIELD(cpu, pmap), FIELD(cpu, spin_count),
	TYPE(proc), FIELD(proc, pid), FIELD(proc, state), FIELD(proc, parent), FIELD(proc, all_link), FIELD(proc, pgid), FIELD(proc, threads),
	FIELD(proc, thread_count), FIELD(proc, status), FIELD(proc, exiting), FIELD(proc, vmspace), FIELD(proc, name),
	VALUE(PROC_NEW), VALUE(PROC_ALIVE), VALUE(PROC_ZOMBIE),

	/* the trace */
	TYPE(ring), FIELD(ring, events), FIELD(ring, head), FIELD(ring, tail),
	TYPE(trace_event), FIELD(trace_event, seq), FIELD(trace_event, time), FIELD(trace_event, step), FIELD(trace_event, hart),
	FIELD(trace_event, pid), FIELD(trace_event, tid), FIELD(trace_event, a), FIELD(trace_event, b),
	TRACE_STEPS(STEP)
};
