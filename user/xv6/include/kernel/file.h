/* Device numbers as xv6's init gives them to mknod(). */
#ifndef XV6_FILE_H
#define XV6_FILE_H

#include "kernel/types.h"

#define CONSOLE 1

#define major(device) ((device) >> 16 & 0xffff)
#define minor(device) ((device) & 0xffff)
#define mkdev(major, minor) ((uint)((major) << 16 | (minor)))

#endif
