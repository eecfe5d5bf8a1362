/* Waiting for children. */
#ifndef SYS_WAIT_H
#define SYS_WAIT_H

#include <sys/types.h>

#include <abi/wait.h>

pid_t waitpid(pid_t pid, int *status, int options);
pid_t wait(int *status);

#endif
