/*
 * Busy, wanted and released: one page of an object, over input and output that nobody holds a lock for.
 *
 * Models of kernel/vm: page.c (page_alloc, page_busy, page_unbusy, page_wait_busy, page_free, page_hold, page_unhold), object.c
 * (object_page_alloc, object_page_free), vnode.c (vnode_page_get, page_in, vnode_page_put, vnode_write_begin, vnode_write_end,
 * dirty_find, cluster_write, vnode_set_size, drop_from, vnode_reclaim), fault.c (fault_io, fault_relock, fault_page_done).
 * Every change of a page's state is looked up in kernel/vm/page_state.h, the table that the kernel's own check is made from.
 *
 * One place in the object, two frames. Without RELEASE the object is a file: two readers, of whom one maps the page, a
 * writer, a flush, a truncation that gives the page's block to another file, and the pagedaemon. With it: readers, one that maps the page, one
 * that wants the page gone and does not wait, one that holds the frame through the mapping, and the kernel, which takes free frames.
 *
 * What must hold:
 *	each step of a frame is legal; a page freed twice would not be                     assertion in page_step
 *	nobody frees a page that another is at work on, or that is mapped                  assertion in page_end
 *	a block is read and written only while it is the file's                            assertions `ours`
 *	a released page is gone when its object's lock is let go                           assertion in unlock
 *	a frame that is taken is nobody else's                                             assertion in page_begin
 *	no waiter is left behind: every run ends                                           no invalid end
 *
 * check: safety
 * check: safety (RELEASE)
 * mutation JOINED_LATE: page_wait_busy lets the lock go before it joins the queue -> invalid end
 * mutation NOT_WANTED: page_wait_busy does not say that somebody waits -> invalid end
 * mutation SILENT_FREE: a busy page is freed before the busy state has ended -> assertion
 * mutation BELIEVED: who has waited goes on with the page it knew, without looking it up -> assertion
 * mutation CUT_BUSY: a truncation frees pages though others are at work on them -> assertion
 * mutation CUT_LATE: a truncation gives the blocks away, then waits for the pages -> assertion
 * mutation IMAP_EARLY: page_in lets imap go before the busy page holds the block -> assertion
 * mutation RECLAIM_BUSY: the pagedaemon takes a page without asking whether it is busy -> assertion
 * mutation FORGOTTEN (RELEASE): who ends the busy state of a released page leaves it there -> assertion
 * mutation HELD_FREED (RELEASE): page_free does not look whether the frame is held -> assertion
 * mutation UNHELD_TWICE (RELEASE): the last page_unhold frees the frame though its owner has not let it go -> assertion
 */

#include "../kernel/vm/page_state.h"

#define FRAMES 2
#define NONE 9
#define bit(n) (1 << (n))

#define NAME(state) , PS_##state
mtype = { PS_NOWHERE PAGE_STATES(NAME) };

/* Frames. */
mtype ps[FRAMES] = PS_FREE;
byte sleepers[FRAMES];        /* on the queue of the page: processes by their number */
byte working[FRAMES];         /* who believes the frame to be the page while he holds no lock */
byte holds[FRAMES];
bool mapped[FRAMES];
bool dirty[FRAMES];

/* The object: a lock and one place; the file: its lock, size and block. */
bool o_lock;
byte place = NONE;
bool imap_writer;
byte imap_readers;
bool inside = true;           /* the place is before the end of the file */
bool ours = true;             /* the block is the file's */

inline lock() { atomic { !o_lock -> o_lock = true } }
inline unlock() { d_step { assert(ps[0] != PS_LEAVING && ps[1] != PS_LEAVING); o_lock = false } }

#define is_busy(f) (ps[f] == PS_BUSY || ps[f] == PS_WANTED || ps[f] == PS_RELEASED || ps[f] == PS_RELEASED_WANTED)
#define is_released(f) (ps[f] == PS_RELEASED || ps[f] == PS_RELEASED_WANTED)

/* ---- page.c ---------------------------------------------------------------------------------- */

#define LEGAL(from, to) || (ps[f] == PS_##from && next == PS_##to)

inline page_step(f, next)
{
	assert(false PAGE_STEPS(LEGAL));
	ps[f] = next
}

/* Takes a free frame, if there is one. In one step, as the claim to it. */
inline page_alloc(f, next)
{
	atomic {
		if
		:: ps[0] == PS_FREE -> f = 0
		:: ps[1] == PS_FREE -> f = 1
		:: else -> f = NONE
		fi;
		if
		:: f != NONE ->
			assert(working[f] == 0 && holds[f] == 0 && !mapped[f] && place != f && sleepers[f] == 0);
			page_step(f, next)
		:: else
		fi
	}
}

inline page_busy(f) { d_step { page_step(f, PS_BUSY); working[f]++ } }

inline page_unbusy(f)
{
	d_step {
		working[f]--;
		if
		:: ps[f] == PS_WANTED || ps[f] == PS_RELEASED_WANTED -> sleepers[f] = 0
		:: else
		fi;
		if
		:: is_released(f) -> page_step(f, PS_LEAVING)
		:: else -> page_step(f, PS_IDLE)
		fi
	}
}

/* => the object locked; not locked on return */
inline page_wait_busy(f)
{
	atomic {
#ifndef NOT_WANTED
		if
		:: is_released(f) -> page_step(f, PS_RELEASED_WANTED)
		:: else -> page_step(f, PS_WANTED)
		fi;
#endif
#ifndef JOINED_LATE
		sleepers[f] = sleepers[f] | bit(me)
#endif
	}
	unlock();
#ifdef JOINED_LATE
	sleepers[f] = sleepers[f] | bit(me);
#endif
	!(sleepers[f] & bit(me))
}

inline page_free(f)
{
	d_step {
		assert(working[f] == 0 && !mapped[f]);
		page_step(f, PS_ENDED);
#ifdef HELD_FREED
		page_step(f, PS_FREE)
#else
		if
		:: holds[f] == 0 -> page_step(f, PS_FREE)
		:: else
		fi
#endif
	}
}

inline page_unhold(f)
{
	d_step {
		holds[f]--;
		if
#ifdef UNHELD_TWICE
		:: holds[f] == 0 -> page_step(f, PS_FREE)
#else
		:: holds[f] == 0 && ps[f] == PS_ENDED -> page_step(f, PS_FREE)
#endif
		:: else
		fi
	}
}

/* ---- object.c -------------------------------------------------------------------------------- */

/* A frame for the place, busy, or NONE. => locked */
inline object_page_alloc(f)
{
	page_alloc(f, PS_IDLE);
	if
	:: f != NONE -> place = f; page_busy(f)
	:: else
	fi
}

/* => locked; not busy, or busy by the caller */
inline object_page_free(f)
{
	d_step { mapped[f] = false; dirty[f] = false; place = NONE }
	if
#ifdef SILENT_FREE
	:: is_busy(f) -> working[f]--
#else
	:: is_busy(f) -> page_unbusy(f)
#endif
	:: else
	fi;
	page_free(f)
}

/* vnode_page_put(), fault_page_done() */
inline page_done(f)
{
	if
#ifndef FORGOTTEN
	:: is_released(f) -> object_page_free(f)
#endif
	:: else -> page_unbusy(f)
	fi
}

/* ---- who takes part -------------------------------------------------------------------------- */

inline imap_read() { atomic { !imap_writer -> imap_readers++ } }
inline imap_write() { atomic { !imap_writer && imap_readers == 0 -> imap_writer = true } }

/* Waits until the page of the place is not busy, if there is one. => locked, as on return; frame: the page, or NONE */
inline page_settled(frame)
{
	frame = place;
	do
	:: frame != NONE && is_busy(frame) ->
		page_wait_busy(frame);
		lock();
#ifndef BELIEVED
		frame = place
#endif
	:: else -> break
	od
}

/* Gets the page, valid and busy, uses it, lets it go. maps: as a fault does. */
proctype reader(byte me; bool maps)
{
	byte f;

again:	lock();
	f = place;
	if
	:: !inside -> unlock(); goto end
	:: inside && f != NONE && is_busy(f) -> page_wait_busy(f); goto again
	:: inside && f != NONE && !is_busy(f) -> page_busy(f); unlock()
	:: inside && f == NONE ->
		unlock();
		/* page_in() */
		imap_read();
#ifdef IMAP_EARLY
		if
		:: !ours -> imap_readers--; goto end /* bmap() finds no block */
		:: else -> imap_readers--
		fi;
#endif
		lock();
		if
#ifndef IMAP_EARLY
		:: !inside -> unlock(); imap_readers--; goto end
#endif
		:: place != NONE -> unlock();
#ifndef IMAP_EARLY
			imap_readers--;
#endif
			goto again
		:: else -> object_page_alloc(f)
		fi;
		unlock();
#ifndef IMAP_EARLY
		imap_readers--;
#endif
		if
		:: f == NONE -> goto end
		:: else
		fi;
		assert(ours); /* the block is read, from here ... */
		assert(ours); /* ... to here */
		lock();
		if
		:: is_released(f) -> object_page_free(f); unlock(); goto again
		:: !is_released(f) -> object_page_free(f); unlock(); goto end /* the disk failed */
		:: !is_released(f) -> unlock()
		fi
	fi;
	/* the caller's, with no lock */
	lock();
	if
	:: is_released(f) -> page_done(f); unlock(); goto again
	:: else
	fi;
	mapped[f] = maps;
	page_done(f);
	unlock();
end:	skip
}

/* Makes the page dirty, if it is resident: vnode_write_begin(), vnode_write_end() */
proctype writer(byte me)
{
	byte f;

	imap_write();
	lock();
	page_settled(f);
	if
	:: f != NONE ->
		page_busy(f);
		unlock();
		/* bytes are copied in */
		lock();
		dirty[f] = true;
		page_unbusy(f)
	:: else
	fi;
	unlock();
	imap_writer = false
}

/* vnode_flush() */
proctype flusher(byte me)
{
	byte f;
	bool mine;

	imap_read();
	lock();
	page_settled(f);
	if
	:: f != NONE && dirty[f] -> page_busy(f); mine = true
	:: else
	fi;
	unlock();
	imap_readers--;
	if
	:: mine ->
		assert(ours); /* the block is written, from here ... */
		assert(ours); /* ... to here */
		lock();
		dirty[f] = false;
		page_done(f);
		unlock()
	:: else
	fi
}

/* vnode_set_size() to before the place; then the block belongs to another file. */
proctype truncater(byte me)
{
	byte f;

	imap_write();
	lock();
	inside = false;
#ifdef CUT_LATE
	ours = false;
#endif
#ifdef CUT_BUSY
	f = place;
#else
	page_settled(f);
#endif
	if
	:: f != NONE -> object_page_free(f)
	:: else
	fi;
	unlock();
	ours = false;
	imap_writer = false
}

/* The pagedaemon meets the page: vnode_reclaim(), of a clean one */
proctype reclaimer(byte me)
{
	byte f;

	atomic {
		if
		:: !o_lock -> o_lock = true /* it tries, and waits for nobody */
		:: else -> goto end
		fi
	}
	f = place;
	if
#ifdef RECLAIM_BUSY
	:: f != NONE && !dirty[f] -> object_page_free(f)
#else
	:: f != NONE && !dirty[f] && !is_busy(f) -> object_page_free(f)
#endif
	:: else
	fi;
	unlock();
end:	skip
}

/* Wants the page gone. One that is busy is left to who is at work on it. */
proctype releaser(byte me)
{
	byte f;

	lock();
	f = place;
	if
	:: f != NONE && ps[f] == PS_BUSY -> d_step { page_step(f, PS_RELEASED) }
	:: f != NONE && ps[f] == PS_WANTED -> d_step { page_step(f, PS_RELEASED_WANTED) }
	:: f != NONE && !is_busy(f) -> object_page_free(f)
	:: else
	fi;
	unlock()
}

/* pmap_extract_and_hold(), a copy, page_unhold() */
proctype holder(byte me)
{
	byte f;

	if
	:: atomic { mapped[0] -> f = 0; holds[0]++ }
	:: atomic { mapped[1] -> f = 1; holds[1]++ }
	:: goto end
	fi;
	assert(ps[f] != PS_FREE && ps[f] != PS_FIXED);
	assert(ps[f] != PS_FREE && ps[f] != PS_FIXED);
	page_unhold(f);
end:	skip
}

/* A frame for the kernel, for a while. */
proctype kernel()
{
	byte f;

	page_alloc(f, PS_FIXED);
	if
	:: f != NONE -> page_free(f)
	:: else
	fi
}

init
{
	atomic {
#ifdef RELEASE
		run reader(0, true);
		run reader(1, true);
		run reader(2, false);
		run releaser(3);
		run holder(4);
		run kernel()
#else
		run reader(0, true);
		run reader(1, false);
		run writer(2);
		run flusher(3);
		run truncater(4);
		run reclaimer(5)
#endif
	}
}
