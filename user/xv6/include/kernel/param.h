/* Limits that programs written for xv6 count on; the library keeps to those of them that can be seen. */
#ifndef XV6_PARAM_H
#define XV6_PARAM_H

#define NPROC 64
#define NCPU 8
#define NOFILE 16
#define NFILE 100
#define NINODE 50
#define NDEV 10
#define ROOTDEV 1
#define MAXARG 32
#define MAXOPBLOCKS 10
#define LOGBLOCKS (MAXOPBLOCKS * 3)
#define NBUF (MAXOPBLOCKS * 3)
#define FSSIZE 2000
#define MAXPATH 128
#define USERSTACK 1

#endif
