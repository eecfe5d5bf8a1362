/*
 * What vmstat(2), proclist(2) and procmap(2) answer.
 *
 * COUNTER(name, text): counts of events since boot, summed over the harts.
 * GAUGE(name, text): how much of something there is now.
 * The order is the order of the array that vmstat(2) fills: counters, how often a lock of each rank was waited for, gauges.
 */
#ifndef ABI_STATS_H
#define ABI_STATS_H

#include <stdint.h>

#include "abi/lockrank.h"

#define COUNTERS(COUNTER)                                            \
	COUNTER(faults, "page faults")                               \
	COUNTER(fault_restarts, "faults started over")               \
	COUNTER(fault_maperr, "faults with no mapping")              \
	COUNTER(fault_accerr, "faults without the right")            \
	COUNTER(fault_buserr, "faults beyond an object or in I/O")   \
	COUNTER(fault_nomem, "faults that found no memory")          \
	COUNTER(fault_case0, "case 0: neither amap nor object")      \
	COUNTER(fault_1a, "case 1A: anon used as it is")             \
	COUNTER(fault_1b, "case 1B: anon copied")                    \
	COUNTER(fault_2a, "case 2A: object page used as it is")      \
	COUNTER(fault_2b_copy, "case 2B: object page copied")        \
	COUNTER(fault_2b_zero, "case 2B: page filled with zeroes")   \
	COUNTER(fault_amap_copy, "needs_copy settled by copying the amap") \
	COUNTER(fault_amap_clamp, "needs_copy left, mapped read-only") \
	COUNTER(fault_object_io, "object pages read during a fault") \
	COUNTER(fault_relock_ok, "relocks that found the map unchanged") \
	COUNTER(fault_relock_fail, "relocks that found it changed")  \
	COUNTER(fault_busy_waits, "waits for a busy page")           \
	COUNTER(fault_mem_waits, "waits for memory in a fault")      \
	COUNTER(fault_stack_grow, "stack growths")                   \
	COUNTER(pmap_soft_ad, "accessed or dirty bits set by a fault") \
	COUNTER(tlb_shootdowns, "rounds of shootdown")               \
	COUNTER(tlb_ipis, "harts interrupted for a shootdown")       \
	COUNTER(tlb_pages, "pages whose translation was dropped")    \
	COUNTER(page_allocs, "frames allocated")                     \
	COUNTER(page_zeroed, "frames cleared")                       \
	COUNTER(page_copied, "frames copied")                        \
	COUNTER(pd_wakeups, "wake-ups of the pagedaemon")            \
	COUNTER(pd_scanned, "pages looked at by the pagedaemon")     \
	COUNTER(pd_freed, "pages that it gave back")                 \
	COUNTER(pd_written, "pages that it wrote")                   \
	COUNTER(switches, "context switches")                        \
	COUNTER(lock_handoffs, "changes of a lock's owner (debug)")  \
	COUNTER(interrupts, "interrupts")                            \
	COUNTER(syscalls, "system calls")                            \
	COUNTER(forks, "forks")                                      \
	COUNTER(execs, "execs")                                      \
	COUNTER(disk_reads, "disk reads")                            \
	COUNTER(disk_writes, "disk writes")                          \
	COUNTER(log_commits, "transactions committed")

#define GAUGES(GAUGE)                                \
	GAUGE(pages_total, "frames in all")          \
	GAUGE(pages_free, "frames free")             \
	GAUGE(pages_kernel, "frames of the kernel")  \
	GAUGE(pages_table, "frames of page tables")  \
	GAUGE(pages_anon, "frames of anons")         \
	GAUGE(pages_object, "frames of objects")     \
	GAUGE(pages_active, "frames active")         \
	GAUGE(pages_inactive, "frames inactive")     \
	GAUGE(pages_wired, "frames wired")           \
	GAUGE(anons, "anons")                        \
	GAUGE(amaps, "amaps")                        \
	GAUGE(amap_chunks, "amap chunks")            \
	GAUGE(map_entries, "map entries")            \
	GAUGE(pmaps, "pmaps")                        \
	GAUGE(inodes, "inodes in memory")            \
	GAUGE(files, "open files")                   \
	GAUGE(procs, "processes")                    \
	GAUGE(threads, "threads")

#define STATS_ENUM_COUNTER(name, text) STAT_##name,
#define STATS_ENUM_WAIT(name, kind, why) STAT_wait_##name,
enum {
	COUNTERS(STATS_ENUM_COUNTER)
	STAT_WAITS, /* the first rank's */
	STAT_BEFORE_WAITS = STAT_WAITS - 1,
	LOCKRANKS(STATS_ENUM_WAIT)
	STAT_COUNTERS,
	STAT_BEFORE_GAUGES = STAT_COUNTERS - 1,
	GAUGES(STATS_ENUM_COUNTER)
	STAT_MAX
};
#undef STATS_ENUM_COUNTER
#undef STATS_ENUM_WAIT

/* One process, as proclist(2) hands it out. */
struct procinfo {
	int32_t pid, ppid, pgid;
	int32_t threads;
	uint32_t state;         /* 'R' running or ready, 'S' asleep, 'Z' zombie */
	uint32_t minor, major;  /* faults */
	uint64_t vsize;         /* mapped, bytes */
	uint64_t rss, rss_peak; /* resident, pages */
	char wchan[16];         /* what the first thread waits for */
	char name[32];
};

/* One map entry, as procmap(2) hands it out. */
struct mapinfo {
	uint64_t start, end;
	uint64_t offset;   /* in the object */
	uint64_t inode;    /* of a file, else 0 */
	uint32_t prot, maxprot;
	uint32_t inherit, advice;
	uint32_t flags;    /* MAPINFO_* */
	uint32_t resident; /* pages that the pmap maps here */
	uint32_t anons;    /* anons in the upper layer here */
	uint32_t amap_refs;
};
#define MAPINFO_COW 1
#define MAPINFO_NEEDS_COPY 2
#define MAPINFO_STACK 4
#define MAPINFO_HEAP 8

/* audit(2) */
#define AUDIT_CHECK 0    /* every invariant; EIO when one is broken */
#define AUDIT_SNAPSHOT 1 /* note what is in use now, caches given back first */
#define AUDIT_COMPARE 2  /* the same as at the snapshot? EBUSY when not, with a message */

/* inject(2): flags */
#define INJECT_LIST 1 /* site is a struct failinfo to fill in for place number n; ENOENT: there are no more */

/* One place that can be made to fail. */
struct failinfo {
	char name[48]; /* KIND@FUNCTION */
	char file[40];
	uint64_t fired; /* how often it failed on demand since boot */
};

/* reboot(2) */
#define REBOOT_POWEROFF 0
#define REBOOT_FAIL 1 /* power off; QEMU exits with status 1 under test */
#define REBOOT_RESTART 2

#endif
