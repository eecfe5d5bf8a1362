/* Boot arguments: words of the device tree's /chosen bootargs, NAME=VALUE or NAME. */
#ifndef KERN_BOOTARGS_H
#define KERN_BOOTARGS_H

#include "base/types.h"

void bootargs_init(const char *line);
/* The value of NAME ("" when it stands alone), or NULL. A string that lives as long as the kernel. */
const char *bootarg(const char *name);
bool bootarg_copy(const char *name, char *buf, size_t size); /* false: not given */
uint64_t bootarg_number(const char *name, uint64_t otherwise);
const char *bootarg_wrong(const char *word); /* why it means nothing, or NULL */
void bootargs_check(void); /* tells the console of each that means nothing */

#endif
