/*
 * Sleep and wake-up, and the switch between threads.
 *
 * Models of kernel/kern: sleepq.c (sleep_prepare, commit, wake, thread_wakeup, unsleep, thread_interrupt), sched.c
 * (sched_start, sched_switch, sched_switched, runq_take, steal, sched_ready, hart_for, work_anywhere), thread.c
 * (thread_die, thread_free).
 *
 * Two harts, each with its idle thread. FIRST waits for two events, one after the other, SECOND for the second one. A third party
 * (a device's interrupt, or a thread on a hart that is not shown) makes them happen, and somebody frees both threads when they
 * have ended. With INTERRUPT there is only SECOND, whose event never comes, though it is called now and then: an interruption ends
 * its wait. A thread may be preempted between joining a queue and sleeping.
 *
 * What a lock of the kernel makes one step is one step here, and the lock is not shown; shown are the buckets' locks, which a waker
 * holds over several steps.
 *
 * What must hold:
 *	no thread runs on two harts, nor before the last one has saved its registers      assertions in switch_to
 *	a thread that is made ready is on no sleep queue                                  assertion in ready
 *	a stack is freed when its thread has left it, and nobody switches to a freed one  assertions in switch_to, reaper
 *	no wake-up is lost: every run ends with both threads freed and the harts idle     no invalid end, ltl ends
 *
 * Idle harts wait for an interrupt from another hart only: here is no heartbeat of the timer to hide one that is missing.
 *
 * check: safety
 * check: safety (INTERRUPT)
 * check: ltl ends (INTERRUPT)
 * mutation CHECK_FIRST: the condition is looked at before the queue is joined, not after -> invalid end
 * mutation HOOK_FIRST (INTERRUPT): the sleeper asks whether it is interrupted before it joins the queue -> invalid end
 * mutation NO_RECHECK: sleep_commit sleeps without looking whether it was taken off the queue -> invalid end
 * mutation BARE_COMMIT: sleep_commit looks at wchan without the lock, so that a waker may still be at work -> assertion
 * mutation STEAL_ANY: steal does not pass over a thread that is still on its stack -> assertion
 * mutation READY_ANYWHERE: a woken thread goes to an idle hart though it is still on its stack -> assertion
 * mutation CLEARED_EARLY: on_cpu is cleared by the thread that leaves, before its registers are saved -> assertion
 * mutation FREED_EARLY: thread_free does not wait for on_cpu -> assertion
 * mutation IDLE_LOOKS_FIRST: a hart looks for work, then says that it is idle -> invalid end
 */

#define HARTS 2
#define THREADS 4          /* 0 and 1 are the idle threads of those harts */
#define FIRST 2            /* waits for both events */
#define SECOND 3           /* can be interrupted, which is all that ends its second wait */
#define NONE 9
#define bit(n) (1 << (n))

mtype = { RUNNING, READY, SLEEPING, DEAD };

/* Threads. */
mtype state[THREADS] = READY;
byte cpu[THREADS];                /* its hart, while it runs or is on a run queue */
bool on_cpu[THREADS];
bool saved[THREADS] = true;       /* its registers are in memory: nobody runs it */
byte wchan[THREADS] = NONE;       /* set: on that channel's sleep queue */
bool wintr[THREADS];
bool woken_early[THREADS];        /* wresult is EINTR */
bool freed[THREADS];

/* Harts. */
byte runq[HARTS];                 /* a set of threads: any order of service */
byte leaving[HARTS];
bool idling[HARTS];
bool ipi[HARTS];
byte idle_harts;

/* Channels, each with a bucket of its own. */
bool bucket[2];

/* What is waited for. */
bool event_lock;
bool happened[2];
bool interrupted;                 /* what thread_interrupted_hook() says of SECOND */
bool exited[THREADS];

inline acquire(lock) { atomic { !lock -> lock = true } }
inline release(lock) { lock = false }

/* ---- sched.c ------------------------------------------------------------------------------- */

/* The end of a switch, by the thread that was switched to. */
inline switched()
{
	hart = cpu[me];
#ifndef CLEARED_EARLY
	on_cpu[leaving[hart]] = false;
#endif
	leaving[hart] = 0
}

/* context_switch() and what follows it on the stack of `me`, when that runs again. */
inline switch_to(t)
{
#ifdef CLEARED_EARLY
	on_cpu[me] = false;
#endif
	d_step {
		leaving[hart] = me;
		assert(!freed[me]);
		saved[me] = true;
		assert(saved[t] && !freed[t] && state[t] == RUNNING && cpu[t] == hart);
		saved[t] = false;
		next = NONE
	}
	if
	:: atomic { !saved[me] -> switched() }
	:: freed[me] /* the end of this thread */
	fi
}

/* => in one step, for the lock of the hart's queue */
inline runq_take()
{
	if
	:: runq[hart] & bit(FIRST) -> next = FIRST
	:: runq[hart] & bit(SECOND) -> next = SECOND
	:: else
	fi;
	if
	:: next != NONE ->
		runq[hart] = runq[hart] & ~bit(next);
		assert(state[next] == READY && cpu[next] == hart);
		assert(next == me || !on_cpu[next]);
		state[next] = RUNNING;
		on_cpu[next] = true
	:: else
	fi
}

#ifdef STEAL_ANY
#define can_steal(t) (runq[1 - hart] & bit(t))
#else
#define can_steal(t) ((runq[1 - hart] & bit(t)) && !on_cpu[t])
#endif

/* => in one step, for the lock of the other hart's queue */
inline steal()
{
	if
	:: can_steal(FIRST) -> next = FIRST
	:: can_steal(SECOND) -> next = SECOND
	:: else
	fi;
	if
	:: next != NONE ->
		runq[1 - hart] = runq[1 - hart] & ~bit(next);
		state[next] = RUNNING;
		on_cpu[next] = true;
		cpu[next] = hart
	:: else -> next = hart /* its idle thread */
	fi
}

inline sched_switch()
{
	atomic {
		if
		:: state[me] == RUNNING && me >= HARTS -> state[me] = READY; runq[hart] = runq[hart] | bit(me)
		:: else
		fi;
		runq_take()
	}
	if
	:: next == NONE -> atomic { true -> steal() }
	:: else
	fi;
	if
	:: next == me -> next = NONE
	:: else -> switch_to(next)
	fi
}

/* sched_ready(), by somebody who is on neither hart. => the lock of t's bucket held */
inline ready(t)
{
	d_step {
		if
#ifdef READY_ANYWHERE
		:: idle_harts == 0 || (idle_harts & bit(cpu[t])) -> to = cpu[t]
#else
		:: on_cpu[t] || idle_harts == 0 || (idle_harts & bit(cpu[t])) -> to = cpu[t]
#endif
		:: else -> to = (idle_harts & bit(0) -> 0 : 1)
		fi
	}
	d_step {
		assert(state[t] == SLEEPING && wchan[t] == NONE);
		cpu[t] = to;
		state[t] = READY;
		runq[to] = runq[to] | bit(t)
	}
	d_step {
		ipi[to] = ipi[to] || idling[to];
		to = 0
	}
}

/* ---- sleepq.c ------------------------------------------------------------------------------ */

/* => the lock of t's bucket held */
inline wake(t, early)
{
	d_step { woken_early[t] = early; wintr[t] = false; wchan[t] = NONE }
	if
	:: state[t] == SLEEPING -> ready(t)
	:: else
	fi
}

/* What is done in one step needs the bucket's lock to be free. */
inline sleep_prepare(ch)
{
	d_step {
		!bucket[ch] ->
		assert(wchan[me] == NONE);
		wintr[me] = false;
		woken_early[me] = false;
		wchan[me] = ch
	}
}

/* The middle of commit: does the thread sleep? */
inline sleep_decide(intr)
{
	if
#ifdef HOOK_FIRST
	:: wchan[me] != NONE && asked -> woken_early[me] = true; wchan[me] = NONE
#else
	:: wchan[me] != NONE && intr && interrupted -> woken_early[me] = true; wchan[me] = NONE
#endif
	:: else
	fi;
	if
#ifdef NO_RECHECK
	:: true -> wintr[me] = intr; state[me] = SLEEPING
#else
	:: wchan[me] != NONE -> wintr[me] = intr; state[me] = SLEEPING
	:: else
#endif
	fi
}

inline sleep_commit(ch, intr)
{
#ifdef BARE_COMMIT
	atomic { !bucket[ch] || wchan[me] == NONE -> sleep_decide(intr) }
#else
	atomic { !bucket[ch] -> sleep_decide(intr) }
#endif
	if
	:: state[me] != RUNNING -> sched_switch()
	:: else
	fi
}

/* The timer, where interrupts are on. */
inline preempted()
{
	if
	:: sched_switch()
	:: true
	fi
}

/* ---- threads ------------------------------------------------------------------------------- */

inline say_idle() { d_step { ipi[hart] = false; idling[hart] = true; idle_harts = idle_harts | bit(hart) } }
inline look_for_work() { work = runq[0] != 0 || runq[1] != 0 }

/* A hart in sched_start(). Where it is not idle, its interrupts are on now and then: a call that came late is taken by the time it is idle again. */
proctype idle(byte me)
{
	byte hart = me, next = NONE;
	bool work;

	do
	::
#ifdef IDLE_LOOKS_FIRST
	   look_for_work();
	   say_idle();
#else
	   say_idle();
	   look_for_work();
#endif
	   if
	   :: !work ->
end_wfi:	ipi[hart]
	   :: else
	   fi;
	   d_step { idling[hart] = false; idle_harts = idle_harts & ~bit(hart); work = false }
	   sched_switch()
	od
}

/* Waits for one event after the other, as thread_sleep() in a loop does, then ends. */
proctype sleeper(byte me, ch; bool intr)
{
	byte hart, next = NONE;
#ifdef HOOK_FIRST
	bool asked;
#endif

	atomic { !saved[me] -> switched() }
	do
	:: ch < 2 ->
		if
		:: atomic { !event_lock && happened[ch] && !intr -> ch++ }
		:: atomic { !event_lock && !(happened[ch] && !intr) -> event_lock = true }
#ifdef HOOK_FIRST
			asked = intr && interrupted;
#endif
#ifdef CHECK_FIRST
			release(event_lock);
#endif
			sleep_prepare(ch);
#ifndef CHECK_FIRST
			release(event_lock);
#endif
			preempted();
			sleep_commit(ch, intr);
			if
			:: woken_early[me] -> assert(intr && interrupted); break
			:: else
			fi
		fi
	:: else -> break
	od;
	/* thread_exit_current(), with interrupts off from here to the last switch */
	atomic { exited[me] = true; state[me] = DEAD }
	sched_switch();
	assert(freed[me])
}

/* Each event, and the call that follows it. */
proctype waker(byte ch)
{
	byte to;

	do
	:: ch < 2 ->
		atomic { !event_lock -> happened[ch] = true }
		acquire(bucket[ch]);
		if
		:: wchan[FIRST] == ch -> wake(FIRST, false)
		:: else
		fi;
		if
		:: wchan[SECOND] == ch -> wake(SECOND, false)
		:: else
		fi;
		d_step { release(bucket[ch]); ch++ }
	:: else -> break
	od
}

/* thread_interrupt(SECOND) */
proctype interrupter()
{
	byte ch, to;
	bool same;

	interrupted = true;
	do
	:: ch = wchan[SECOND];
	   if
	   :: ch == NONE -> break
	   :: else
	   fi;
	   acquire(bucket[ch]);
	   same = wchan[SECOND] == ch;
	   if
	   :: same && wintr[SECOND] -> wake(SECOND, true)
	   :: else
	   fi;
	   release(bucket[ch]);
	   if
	   :: same -> break
	   :: else
	   fi
	od
}

/* Who joins a thread, and thread_free() */
proctype reaper(byte t)
{
	d_step {
#ifdef FREED_EARLY
		exited[t] ->
#else
		exited[t] && !on_cpu[t] ->
#endif
		assert(state[t] == DEAD && saved[t]);
		freed[t] = true
	}
}

init
{
	atomic {
		saved[0] = false; on_cpu[0] = true; state[0] = RUNNING; cpu[0] = 0;
		saved[1] = false; on_cpu[1] = true; state[1] = RUNNING; cpu[1] = 1;
#ifdef INTERRUPT
		runq[0] = bit(SECOND);
		freed[FIRST] = true;
		run sleeper(SECOND, 1, true);
		run waker(1);
		run interrupter();
#else
		runq[0] = bit(FIRST) | bit(SECOND);
		run sleeper(FIRST, 0, false);
		run sleeper(SECOND, 1, false);
		run waker(0);
		run reaper(FIRST);
#endif
		run idle(0);
		run idle(1);
		run reaper(SECOND)
	}
}

ltl ends { <> (freed[FIRST] && freed[SECOND]) }
