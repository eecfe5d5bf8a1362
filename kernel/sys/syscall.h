/*
 * System calls: sys_NAME(args, result) for each NAME of abi/syscall.h.
 *
 * args are a0 to a5 as the program left them. 0: the program gets *result
 * (0 unless set); otherwise an errno, which it gets negated.
 */
#ifndef SYS_SYSCALL_H
#define SYS_SYSCALL_H

#include "abi/syscall.h"
#include "base/types.h"

typedef int syscall_fn(const uint64_t *args, uint64_t *result);

#define SYSCALL_DECLARE(number, name, args) syscall_fn sys_##name;
SYSCALLS(SYSCALL_DECLARE)
#undef SYSCALL_DECLARE

/* A path from the program, in kernel memory: PATH_MAX bytes, freed by path_free. EFAULT, ENAMETOOLONG, ENOMEM. */
int path_get(vaddr_t user, char **path);
void path_free(char *path);

void console_device_boot(void); /* sys/sysfile.c: /dev/console */

#endif
