/* Calls that are Pagoda's own: threads, looking inside, failures on demand. */
#ifndef PAGODA_H
#define PAGODA_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <abi/stats.h>
#include <abi/trace.h>

#define PAGE_SIZE 4096UL

/*
 * Threads share the address space, the files and the signal actions; each has
 * its own errno. A thread that was started must be joined once.
 */
typedef struct thread *thread_t;
int thread_start(thread_t *out, void *(*fn)(void *), void *arg); /* 0 or an errno */
int thread_wait(thread_t t, void **value);                        /* 0 or an errno; frees the thread's stack */
void thread_finish(void *value) __attribute__((noreturn));
int gettid(void);
int sched_yield(void);

/* wait_on: sleeps while *addr == value. -1 with EAGAIN: it is not; ETIMEDOUT; EINTR. timeout in ns, 0 for ever. */
int wait_on(const uint32_t *addr, uint32_t value, uint64_t timeout);
int wake(const uint32_t *addr, int count); /* how many it woke */

struct mutex { uint32_t state; }; /* 0 free, 1 held, 2 held and somebody may sleep */
#define MUTEX_INIT { 0 }
void mutex_lock(struct mutex *m);
bool mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);

struct cond { uint32_t sequence; };
#define COND_INIT { 0 }
void cond_wait(struct cond *c, struct mutex *m);
void cond_signal(struct cond *c);
void cond_broadcast(struct cond *c);

int nanosleep(uint64_t ns);

/* Counters and gauges, in the order of abi/stats.h; the number filled in. */
int vmstat(uint64_t *values, size_t count);
int proclist(struct procinfo *out, size_t count);
int procmap(pid_t pid, struct mapinfo *out, size_t count);
int vmtrace(int op, void *arg, uint64_t count);
int audit(int op);
int inject(const char *site, uint64_t nth, int flags);
int reboot(int how);

#endif
