/* The table of character devices, for fs/file.c; fs/file.h has what others register. */
#ifndef FS_DEVICE_H
#define FS_DEVICE_H

#include "fs/file.h"

void device_boot(void);
const struct device_ops *device_find(uint32_t number); /* NULL: no such device */

#endif
