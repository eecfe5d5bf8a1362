/*
 * The order of all locks. A thread takes locks in rising rank; two of one
 * rank only where the list says so. A debug build panics
 * on an inversion and prints where both locks were taken. Programs see how often each was waited for (abi/stats.h).
 *
 * RANK(name, kind, why it stands here). A kind that ends in _pair allows two of
 * the rank, lower address first; _tree allows several in the order of the
 * structure that they stand for. Sleeping locks come first: none is
 * taken while a spinlock is held. A busy page stands between IMAP and MAP: a
 * thread that waits for one holds neither a VM lock nor a page queue.
 */
#ifndef ABI_LOCKRANK_H
#define ABI_LOCKRANK_H

#define LOCKRANKS(RANK)                                                             \
	RANK(FS_SYNC, sleep, "a pass of the syncer")                                \
	RANK(FS_RENAME, sleep, "one rename of a directory at a time")               \
	RANK(FILE_OFFSET, sleep, "an open file's position")                         \
	RANK(PIPE, sleep, "a pipe's bytes; copies to and from it may fault")        \
	RANK(INODE, sleep_tree, "an inode; parent first, or in address order")      \
	RANK(TRANSACTION, sleep, "a file-system transaction is open")               \
	RANK(IMAP, rw, "which blocks a file has")                                   \
	RANK(FS_ALLOC, sleep, "the free-block and free-inode maps")                 \
	RANK(BUF, sleep_tree, "a metadata buffer")                                  \
	RANK(MAP, rw_tree, "a vm_map: parent then child in fork")                   \
	RANK(AMAP, sleep_pair, "an amap and its anons")                             \
	RANK(OBJECT, sleep_pair, "a vm_object and its pages")                       \
	RANK(PROC, spin, "the process table, parents and children")                 \
	RANK(SIGNAL, spin, "a process's signal state")                              \
	RANK(FUTEX, spin, "a bucket of wait_on(2)'s waiters")                       \
	RANK(FILES, spin, "descriptor tables and open-file counts")                 \
	RANK(INODE_CACHE, spin, "the table of inodes in memory")                    \
	RANK(BUF_CACHE, spin, "the table of metadata buffers")                      \
	RANK(LOG, spin, "the log's own counts")                                     \
	RANK(LISTS, spin, "the lists of all maps, amaps and objects")               \
	RANK(KSTACK, spin, "cached kernel stacks and free slots")                   \
	RANK(PAGEQ, spin, "page queues")                                            \
	RANK(PMAP, spin, "one pmap's tables")                                       \
	RANK(PV, spin, "the PTE list of a page")                                    \
	RANK(POOL, spin, "a pool's slabs")                                          \
	RANK(PAGE, spin, "the buddy allocator")                                     \
	RANK(SHOOTDOWN, spin, "one round of shootdown at a time")                   \
	RANK(CONSOLE, spin, "console input")                                        \
	RANK(DISK, spin, "one disk's request queue")                                \
	RANK(LOCK, spin, "the inside of a sleeping lock")                           \
	RANK(THREADS, spin, "the list of all threads")                              \
	RANK(TIMER, spin, "the list of sleepers with a deadline")                   \
	RANK(SLEEPQ, spin, "a bucket of sleeping threads")                          \
	RANK(RUNQ, spin_pair, "a hart's run queue")                                 \
	RANK(TRACE, spin, "the trace ring's reader")                                \
	RANK(UART, spin, "the UART's registers")                                    \
	RANK(PRINTF, spin, "one message at a time")

#endif
