/*
 * wait_on(2) and wake(2): threads of one address space wait for a 32-bit word to change.
 */
#ifndef SYS_FUTEX_H
#define SYS_FUTEX_H

#include "base/types.h"

void futex_boot(void);
/* timeout in ns, 0: none. EAGAIN: the word is not `value`; ETIMEDOUT; EINTR; EFAULT; EINVAL: address not a multiple of 4. */
int futex_wait(vaddr_t address, uint32_t value, uint64_t timeout);
size_t futex_wake(vaddr_t address, uint64_t count); /* how many were woken */

#endif
