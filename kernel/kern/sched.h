/*
 * Inside kern/: what thread.c, sched.c, sleepq.c and the sleeping locks owe each other.
 */
#ifndef KERN_SCHED_H
#define KERN_SCHED_H

#include "kern/thread.h"

/* thread.c: what every thread has, idle ones too. => t is cleared but for its stack */
void thread_setup(struct thread *t, const char *name);

/* sched.c */
/* Makes t ready: a NEW thread, or one that sleeps. => SLEEPQ lock held if it sleeps. */
void sched_ready(struct thread *t);
/* Runs the next thread here; comes back when the calling one runs again. => irq_push_off() once, no spinlock held */
void sched_switch(void);
/* The first thing that a new thread does on its stack: ends the switch that led here. */
void sched_switched(void);

/* sleepq.c */
void sleepq_init(void);
/* The thread that has waited for chan longest; NULL: none. => the caller's lock keeps others from joining and leaving */
struct thread *sleepq_first(const void *chan);
/* Wakes every thread whose deadline is past. Returns the next deadline in ns, or UINT64_MAX. */
uint64_t sleepq_expire(uint64_t now);
/* Asks this hart's timer to look again by then. Interrupts off. */
void sched_timer_before(uint64_t deadline_ns);

#endif
