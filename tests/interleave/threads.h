/* What threads.c tells of: for main.c, which prints it when one schedule is replayed. */
#ifndef TESTS_INTERLEAVE_THREADS_H
#define TESTS_INTERLEAVE_THREADS_H

/* The thread is about to do this. name, object: of what, or NULL. */
void report_step(unsigned thread, const char *what, const char *name, const void *object);

#endif
