/*
 * The shootdown: no hart uses a translation, or a page table, that has been freed.
 *
 * Models of kernel/riscv: pmap-tlb.c (pmap_activate, pmap_deactivate, hart_leave, tlb_leave, round_run, round_apply, round_answer,
 * pmap_flush, pmap_update), cpu.c (ipi_send, ipi_interrupt, cpu_relax), pmap.c (leaf_remove, pmap_destroy, reference_alive),
 * pmap-page.c (pmap_page_mapped, removable, remove_one, page_settle); and of kernel/vm/anon.c (anon_page_free).
 *
 * Three harts, one address space, one page. Harts 0 and 1 run threads of the address space. Each may be preempted, so
 * that its hart goes on lazily or with another address space, and come back; then it unmaps the page, calls
 * pmap_update(), and exits, the last of them taking the tables down. On hart 2 the page's owner frees the frame meanwhile. The memory
 * management unit of a hart may take up an entry at any time while satp holds the tables.
 *
 * What must hold:
 *	a frame is freed, and pmap_update() returns, when no hart has a translation to it   assertions `unused`
 *	tables that hang on nothing any more are freed when no hart remembers them          assertion in pmap_flush
 *	satp is never on freed tables                                                       assertions in pmap_destroy, mmu
 *	nobody waits for ever, though harts spin with interrupts off: every run ends        no invalid end
 *
 * Each process takes a bounded number of steps, so that a run which does not reach its end has come to a standstill.
 *
 * check: safety
 * mutation ACTIVE_LATE: a hart says that it uses the tables after satp holds them -> assertion
 * mutation LOOKED_EARLY: who uses the tables is looked up before the entry is cleared -> assertion
 * mutation DONE_EARLY: a hart clears its bit in `waiting` before it has done what was asked -> assertion
 * mutation LAZY_SILENT: a lazy hart keeps its translations, since nobody runs on them -> assertion
 * mutation LEFT_EARLY: a hart that leaves clears its active bit before satp has other tables -> assertion
 * mutation NEVER_LEFT: the tables are freed without a round that has lazy harts leave -> assertion
 * mutation NAMED_LATE: the page leaves its PTE list before the pending invalidation names it -> assertion
 * mutation ASKED_BACKWARDS: pmap_page_mapped looks for a pending invalidation first, for a mapping after -> assertion
 * mutation FORGOT_EARLY: pmap_flush forgets what is pending before the round, and pmap_update() believes it -> assertion
 * mutation DROPPED_EARLY: pmap_destroy drops its reference, then does what is pending -> assertion
 * mutation IPI_LOST: the handler takes the pending bits, then clears the interrupt -> invalid end
 * mutation DEAF_SPIN: who spins for a lock does not answer -> invalid end
 */

#define HARTS 3
#define bit(n) (1 << (n))

mtype = { FLUSH, LEAVE };

/* Harts. */
bool here[HARTS];             /* satp holds our tables; otherwise the kernel's, or another process's */
bool lazy[HARTS];
bool tlb[HARTS];              /* has the translation */
bool pending[HARTS];          /* ipi_pending has IPI_SHOOTDOWN */
bool interrupt[HARTS];        /* sip.SSIP */

/* The round. */
bool round_lock;
mtype round = FLUSH;
byte waiting;

/* The address space. */
bool pm_lock;
byte refs = 2;
byte active_on;               /* pm->active */
bool pending_any;             /* pending.end; `batch` is set only while it is */
bool tables = true;           /* not freed */

/* The page. */
bool pte = true;
bool listed = true;           /* on its PTE list */
bool batch;                   /* an open batch names the frame */
bool owned = true;            /* not freed */

#define unused (!tlb[0] && !tlb[1] && !tlb[2])

/* ---- cpu.c ----------------------------------------------------------------------------------- */

inline ipi_send(h)
{
	if
	:: (mask & bit(h)) ->
		atomic {
			if
			:: pending[h]
			:: !pending[h] -> pending[h] = true; raise = true
			fi
		}
		if
		:: raise -> d_step { interrupt[h] = true; raise = false }
		:: else
		fi
	:: else
	fi
}

/* A point at which interrupts are on. */
inline irqs_on()
{
	do
	:: interrupt[me] -> ipi_interrupt()
	:: break
	od
}

inline ipi_interrupt()
{
#ifdef IPI_LOST
	atomic { raise = pending[me]; pending[me] = false }
	interrupt[me] = false;
#else
	interrupt[me] = false;
	atomic { raise = pending[me]; pending[me] = false }
#endif
	if
	:: raise -> raise = false; round_answer()
	:: else
	fi
}

/* Waits for it in cpu_relax(). => interrupts off */
inline wait_for(event)
{
	do
	:: atomic { event -> break }
	:: atomic { pending[me] -> pending[me] = false; interrupt[me] = false }
	   round_answer()
	od
}

inline spin_acquire(lock)
{
#ifdef DEAF_SPIN
	atomic { !lock -> lock = true }
#else
	do
	:: atomic { !lock -> lock = true; break }
	:: atomic { pending[me] -> pending[me] = false; interrupt[me] = false }
	   round_answer()
	od
#endif
}

/* ---- pmap-tlb.c ------------------------------------------------------------------------------ */

inline hart_leave()
{
#ifdef LEFT_EARLY
	active_on = active_on & ~bit(me);
	d_step { here[me] = false; tlb[me] = false; lazy[me] = false }
#else
	d_step { here[me] = false; tlb[me] = false; lazy[me] = false }
	active_on = active_on & ~bit(me)
#endif
}

inline round_apply(op)
{
	if
	:: !here[me] /* it moved on, and flushed then */
#ifdef LAZY_SILENT
	:: here[me] && lazy[me] && op == FLUSH
	:: here[me] && lazy[me] && op == LEAVE -> hart_leave()
#else
	:: here[me] && lazy[me] -> hart_leave()
#endif
	:: here[me] && !lazy[me] -> assert(op == FLUSH); tlb[me] = false
	fi
}

inline round_answer()
{
	if
	:: (waiting & bit(me)) ->
#ifdef DONE_EARLY
		waiting = waiting & ~bit(me);
		round_apply(round)
#else
		round_apply(round);
		waiting = waiting & ~bit(me)
#endif
	:: else
	fi
}

/* All harts of mask do it. => interrupts off */
inline round_run(op)
{
	if
	:: (mask & bit(me)) -> round_apply(op)
	:: else
	fi;
	mask = mask & ~bit(me);
	if
	:: mask != 0 ->
		spin_acquire(round_lock);
		atomic { round = op; waiting = mask }
		ipi_send(0);
		ipi_send(1);
		ipi_send(2);
		wait_for(waiting == 0);
		atomic { round_lock = false; round = FLUSH; mask = 0 }
	:: else
	fi
}

inline pmap_activate()
{
	if
	:: here[me] -> lazy[me] = false
	:: else ->
#ifdef ACTIVE_LATE
		here[me] = true;
		active_on = active_on | bit(me)
#else
		active_on = active_on | bit(me);
		here[me] = true
#endif
	fi
}

/* => pm_lock held */
inline pmap_flush()
{
	if
	:: pending_any ->
#ifdef FORGOT_EARLY
		pending_any = false;
#endif
#ifndef LOOKED_EARLY
		mask = active_on;
#endif
		round_run(FLUSH);
		batch = false;
		assert(unused); /* the dead tables are freed */
		pending_any = false
	:: else
	fi
}

inline pmap_update()
{
	if
	:: pending_any ->
		spin_acquire(pm_lock);
		pmap_flush();
		pm_lock = false
	:: else
	fi
}

/* ---- pmap.c, pmap-page.c --------------------------------------------------------------------- */

/* Removes the mapping, if it is there. => pm_lock held */
inline leaf_remove()
{
	if
	:: pte ->
#ifdef LOOKED_EARLY
		mask = active_on;
#endif
		pte = false;
#ifdef NAMED_LATE
		listed = false;
		pending_any = true;
		batch = true
#else
		pending_any = true;
		batch = true;
		listed = false
#endif
	:: else
	fi
}

inline pmap_destroy()
{
#ifdef DROPPED_EARLY
	atomic { refs--; last = refs == 0 }
#endif
	spin_acquire(pm_lock);
	pmap_flush();
	pm_lock = false;
#ifndef DROPPED_EARLY
	atomic { refs--; last = refs == 0 }
#endif
	if
	:: last ->
		assert(!pte && !pending_any);
#ifndef NEVER_LEFT
		mask = active_on;
		round_run(LEAVE);
		assert(active_on == 0);
#endif
		assert(!here[0] && !here[1] && !here[2]);
		tables = false
	:: else
	fi
}

/* ---- who takes part -------------------------------------------------------------------------- */

/* A thread of the address space, on a hart of its own. */
proctype thread(byte me)
{
	byte mask;
	bool raise, last;

	irqs_on();
	if
	:: true
	:: lazy[me] = true; /* preempted: pmap_deactivate() */
	   irqs_on();
	   if
	   :: true
	   :: here[me] -> hart_leave() /* the hart runs another address space meanwhile */
	   :: else
	   fi;
	   irqs_on();
	   pmap_activate()
	fi;
	irqs_on();

	spin_acquire(pm_lock);
	leaf_remove();
	pm_lock = false;
	irqs_on();
	if
	:: pmap_update();
	   assert(unused)
	:: true /* an exit leaves that to pmap_destroy() */
	fi;
	irqs_on();

	lazy[me] = true;
	irqs_on();
	pmap_destroy();
end:	do
	:: interrupt[me] -> ipi_interrupt()
	od
}

/* anon_page_free() and page_free() on hart 2, which runs something else. */
proctype owner(byte me)
{
	byte mask;
	bool raise, last, mapped;

#ifdef ASKED_BACKWARDS
	mapped = batch;
	mapped = mapped || listed;
#else
	mapped = listed;
	mapped = mapped || batch;
#endif
	if
	:: mapped ->
		if
		:: atomic { listed -> refs++ } /* removable() */
			spin_acquire(pm_lock);
			leaf_remove();
			pmap_flush();
			pm_lock = false;
			pmap_destroy()
		:: atomic { !listed }
		fi;
		if
		:: batch -> /* page_settle() */
			if
			:: atomic { refs > 0 -> refs++ }
				spin_acquire(pm_lock);
				pmap_flush();
				pm_lock = false;
				pmap_destroy()
			:: refs == 0
			fi
		:: else
		fi
	:: else
	fi;
	d_step {
		assert(!pte && !listed && !batch && unused);
		owned = false
	}
end:	do
	:: interrupt[me] -> ipi_interrupt()
	od
}

proctype mmu()
{
end:	do
	:: d_step { (here[0] || here[1]) && !tables -> assert(false) }
	:: d_step { here[0] && pte && !tlb[0] -> tlb[0] = true }
	:: d_step { here[1] && pte && !tlb[1] -> tlb[1] = true }
	od
}

init
{
	atomic {
		here[0] = true; here[1] = true;
		active_on = bit(0) | bit(1);
		run thread(0);
		run thread(1);
		run owner(2);
		run mmu()
	}
}
