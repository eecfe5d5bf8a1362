/*
 * The console: lines in, with editing; bytes out.
 *
 *	^H DEL  erase a character	^C  interrupt the foreground group
 *	^W      erase a word		^P  list the processes
 *	^U      erase the line		^D  end of file (at the start of a line), or send what is there
 */
#ifndef DEV_CONSOLE_H
#define DEV_CONSOLE_H

#include "base/types.h"

void console_init(void); /* after uart_init() and sched_init() */

/*
 * Waits for a line, takes at most n bytes of it into kernel memory. *done 0:
 * end of file. Errors: EINTR. Sleeps.
 */
int console_read(void *buf, size_t n, size_t *done);
void console_write(const void *buf, size_t n); /* kernel memory */

void console_set_foreground(int32_t pgid); /* whom ^C interrupts; 0: nobody */
int32_t console_foreground(void);

/* Registered by the process code; called in the interrupt with no lock held. */
extern void (*console_interrupt_hook)(int32_t pgid);
extern void (*console_list_hook)(void);

#endif
