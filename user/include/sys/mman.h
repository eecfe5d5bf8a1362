/* Mapping memory. */
#ifndef SYS_MMAN_H
#define SYS_MMAN_H

#include <sys/types.h>

#include <abi/mman.h>

void *mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset);
int munmap(void *addr, size_t size);
int mprotect(void *addr, size_t size, int prot);

#endif
