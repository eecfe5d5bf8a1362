/*
 * What an open hole of the fault answers: it says which one, and the fault fails.
 */
#include "abi/errno.h"
#include "base/printf.h"

int fault_todo(const char *what);

int fault_todo(const char *what)
{
	kprintf("not written yet: %s\n", what);
	return ENOSYS;
}
