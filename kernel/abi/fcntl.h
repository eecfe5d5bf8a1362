/* open(2) flags, lseek(2) origins, file types and what fstat(2) and getdents(2) answer. */
#ifndef ABI_FCNTL_H
#define ABI_FCNTL_H

#include <stdint.h>

#define O_RDONLY 0x000
#define O_WRONLY 0x001
#define O_RDWR 0x002
#define O_ACCMODE 0x003
#define O_APPEND 0x008
#define O_NONBLOCK 0x010
#define O_CREAT 0x200
#define O_TRUNC 0x400
#define O_EXCL 0x800
#define O_DIRECTORY 0x1000
#define O_CLOEXEC 0x2000

#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2

#define NAME_MAX 251 /* bytes in one path component */
#define PATH_MAX 1024 /* bytes in a path, with its NUL */

/* Types of inode. */
#define S_IFIFO 0010000
#define S_IFCHR 0020000
#define S_IFDIR 0040000
#define S_IFREG 0100000
#define S_IFMT 0170000

struct stat {
	uint64_t st_ino;
	uint32_t st_mode;  /* S_IF* */
	uint32_t st_nlink;
	uint32_t st_rdev;  /* device number of a device node */
	uint32_t st_blksize;
	uint64_t st_size;  /* bytes */
	uint64_t st_blocks; /* 4 KiB blocks that the file holds */
};

/* One entry as getdents(2) hands it out; records follow each other at d_reclen. */
struct dirent {
	uint64_t d_ino;
	uint16_t d_reclen; /* multiple of 8 */
	uint16_t d_namlen; /* without the NUL */
	uint32_t d_type;   /* S_IF* */
	char d_name[];     /* NUL-terminated */
};

#endif
