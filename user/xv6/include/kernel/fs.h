/* Sizes and directory entries as programs written for xv6 know them. */
#ifndef XV6_FS_H
#define XV6_FS_H

#include "kernel/types.h"

#define ROOTINO 1
#define BSIZE 1024
#define NDIRECT 12
#define NINDIRECT (BSIZE / sizeof(uint))
#define MAXFILE (NDIRECT + NINDIRECT)
#define DIRSIZ 14

/* What read() gives of a directory. */
struct dirent {
	ushort inum;
	char name[DIRSIZ] __attribute__((nonstring));
};

#endif
