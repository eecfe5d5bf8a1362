/* The start and the end of a program. */
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <unistd.h>

#include "internal.h"

#define ATEXIT_MAX 32

int main(int argc, char **argv, char **envp);

char **environ;
static struct thread main_thread;
static void (*at_exit[ATEXIT_MAX])(void);
static int at_exit_count;

void __start(int argc, char **argv, char **envp)
{
	__asm__ volatile("mv tp, %0" : : "r"(&main_thread));
	environ = envp;
	exit(main(argc, argv, envp));
}

int *__errno(void)
{
	struct thread *self;

	__asm__("mv %0, tp" : "=r"(self));
	return &self->error;
}

long __set_errno(long negated)
{
	*__errno() = (int)-negated;
	return -1;
}

int atexit(void (*fn)(void))
{
	if (at_exit_count == ATEXIT_MAX)
		return -1;
	at_exit[at_exit_count++] = fn;
	return 0;
}

/* Replaced by stdio's when the program uses that. */
__attribute__((weak)) void __stdio_flush(void) { }

void exit(int status)
{
	while (at_exit_count > 0)
		at_exit[--at_exit_count]();
	__stdio_flush();
	_exit(status);
}
