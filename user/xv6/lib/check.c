/* raw.h says what abi/ says: compiled, never linked into anything. */
#include <stddef.h>

#include <abi/errno.h>
#include <abi/mman.h>
#include <abi/signal.h>
#include <abi/stats.h>
#include <abi/wait.h>

#define stat abi_stat
#define dirent abi_dirent
#include <abi/fcntl.h>
#undef stat
#undef dirent

#include "raw.h"

#define SAME(type, field, other, other_field)                                               \
	_Static_assert(offsetof(struct type, field) == offsetof(struct other, other_field), \
		#type "." #field " differs from abi")

SAME(raw_stat, ino, abi_stat, st_ino);
SAME(raw_stat, mode, abi_stat, st_mode);
SAME(raw_stat, nlink, abi_stat, st_nlink);
SAME(raw_stat, rdev, abi_stat, st_rdev);
SAME(raw_stat, size, abi_stat, st_size);
_Static_assert(sizeof(struct raw_stat) == sizeof(struct abi_stat), "raw_stat");
SAME(raw_dirent, reclen, abi_dirent, d_reclen);
SAME(raw_dirent, name, abi_dirent, d_name);
SAME(raw_sigaction, mask, sigaction, sa_mask);
SAME(raw_sigaction, flags, sigaction, sa_flags);
SAME(raw_sigaction, restorer, sigaction, sa_restorer);
_Static_assert(RAW_O_CREAT == O_CREAT && RAW_O_TRUNC == O_TRUNC, "open flags");
_Static_assert(RAW_SEEK_SET == SEEK_SET && RAW_SEEK_CUR == SEEK_CUR, "origins");
_Static_assert(RAW_S_IFCHR == S_IFCHR && RAW_S_IFDIR == S_IFDIR && RAW_S_IFREG == S_IFREG && RAW_S_IFIFO == S_IFIFO &&
	       RAW_S_IFMT == S_IFMT, "types");
_Static_assert(RAW_SIGKILL == SIGKILL && RAW_SIGSEGV == SIGSEGV && RAW_SIGPIPE == SIGPIPE &&
	       RAW_SA_NODEFER == SA_NODEFER, "signals");
_Static_assert(RAW_WWHOLE == WWHOLE, "wait options");
_Static_assert(RAW_PROT_RW == (PROT_READ | PROT_WRITE) &&
	       RAW_MAP_HEAP == (MAP_PRIVATE | MAP_ANON | MAP_FIXED_NOREPLACE | MAP_NORESERVE), "mmap");
_Static_assert(RAW_EINTR == EINTR && RAW_EFAULT == EFAULT && RAW_EISDIR == EISDIR && RAW_EPERM == EPERM && RAW_EPIPE == EPIPE, "errors");
