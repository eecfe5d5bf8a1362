/* Opening files. */
#ifndef FCNTL_H
#define FCNTL_H

#include <abi/fcntl.h>

int open(const char *path, int flags, ...);

#endif
