/* Error numbers, and the calling thread's last one. */
#ifndef ERRNO_H
#define ERRNO_H

#include <abi/errno.h>

int *__errno(void);
#define errno (*__errno())

#endif
