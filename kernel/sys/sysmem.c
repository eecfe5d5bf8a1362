/*
 * System calls about memory: arguments checked in the order that docs/semantics
 * gives, then the map does the work. Floor: sys.
 */
#include "abi/errno.h"
#include "abi/mman.h"
#include "fs/file.h"
#include "riscv/layout.h"
#include "sys/proc.h"
#include "sys/syscall.h"

#define PROT_ALL (PROT_READ | PROT_WRITE | PROT_EXEC)
#define MAP_KNOWN (MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE | MAP_INHERIT | MAP_FIXED_NOREPLACE | \
		   MAP_WIRED | MAP_ANON | MAP_CONTIG)

static bool range_ok(vaddr_t start, uint64_t size);
static int check_file(int fd, uint64_t flags, unsigned prot);

/* The hardware has no write-only page. */
static unsigned rights(uint64_t prot)
{
	return prot & PROT_WRITE ? prot | PROT_READ : prot;
}

int sys_sbrk(const uint64_t *args, uint64_t *result)
{
	return vmspace_sbrk(curthread->vmspace, (int64_t)args[0], result);
}

int sys_brk(const uint64_t *args, uint64_t *result __unused)
{
	struct vmspace *vs = curthread->vmspace;
	vaddr_t old;

	if (args[0] > USER_MAX)
		return ENOMEM;
	map_lock_read(&vs->map);
	old = vs->brk;
	map_unlock_read(&vs->map);
	return vmspace_sbrk(vs, (int64_t)(args[0] - old), &old);
}

int sys_mmap(const uint64_t *args, uint64_t *result)
{
	vaddr_t address = args[0];
	uint64_t length = args[1], prot = args[2], flags = args[3], offset = args[5], size = page_round(length);
	bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE), shared = flags & MAP_SHARED;
	struct map_request rq;
	int fd = (int)args[4], error;

	if ((flags & ~(uint64_t)MAP_KNOWN) || (prot & ~(uint64_t)PROT_ALL) || (shared && (flags & MAP_PRIVATE)))
		return EINVAL;
	if (fixed && (address & PAGE_MASK))
		return EINVAL;
	if (flags & MAP_ANON) {
		if (fd != -1)
			return EINVAL;
	} else {
		error = check_file(fd, flags, prot);
		if (error && error != ENODEV)
			return error;
	}
	if (length == 0 || size < length || (offset & PAGE_MASK) || offset + size < offset)
		return EINVAL;
	if (!(flags & MAP_ANON))
		return ENODEV; /* files cannot be mapped yet */
	if (flags & (MAP_WIRED | MAP_CONTIG))
		return ENOTSUP; /* nor memory that is wired or contiguous */
	if (fixed && (address < USER_MIN || address > USER_MAX || size > USER_MAX - address))
		return EINVAL;
	if (size > USER_MAX)
		return ENOMEM;
	if (!fixed) {
		address = page_trunc(address);
		if (address < USER_MIN || address > USER_MAX || size > USER_MAX - address)
			address = 0; /* a hint that cannot be met is no hint */
	}
	rq = (struct map_request){
		.start = address, .size = size, .fixed = fixed,
		.noreplace = flags & MAP_FIXED_NOREPLACE, .prot = rights(prot), .maxprot = PROT_ALL,
		.inherit = shared ? MAP_INHERIT_SHARE : MAP_INHERIT_COPY, .advice = MADV_NORMAL,
		.copy_on_write = true, /* anonymous memory is shared by its amap: inheritance decides */
	};
	return map_enter(&curthread->vmspace->map, &rq, result);
}

/* The first reason why this descriptor cannot be mapped; ENODEV, since no file can be yet, when there is no other. */
static int check_file(int fd, uint64_t flags, unsigned prot)
{
	struct stat st;
	struct file *f;
	int error = fdtable_get(curproc->files, fd, &f);
	int mode;

	if (error)
		return error;
	mode = f->flags & O_ACCMODE;
	error = file_stat(f, &st);
	if (error == 0) {
		if ((st.st_mode & S_IFMT) != S_IFREG)
			error = ENODEV;
		else if (!(flags & (MAP_SHARED | MAP_PRIVATE)))
			error = EINVAL;
		else if (mode == O_WRONLY || ((flags & MAP_SHARED) && (prot & PROT_WRITE) && mode != O_RDWR))
			error = EACCES;
		else
			error = ENODEV;
	}
	file_put(f);
	return error;
}

int sys_munmap(const uint64_t *args, uint64_t *result __unused)
{
	if (args[1] == 0 || !range_ok(args[0], args[1]))
		return EINVAL;
	return map_remove(&curthread->vmspace->map, args[0], args[0] + page_round(args[1]));
}

int sys_mprotect(const uint64_t *args, uint64_t *result __unused)
{
	if ((args[0] & PAGE_MASK) || (args[2] & ~(uint64_t)PROT_ALL))
		return EINVAL;
	if (args[1] == 0)
		return 0;
	if (!range_ok(args[0], args[1]))
		return ENOMEM; /* no such memory */
	return map_protect(&curthread->vmspace->map, args[0], args[0] + page_round(args[1]), rights(args[2]));
}

/* Page aligned, within what a program can map, without wrapping. */
static bool range_ok(vaddr_t start, uint64_t size)
{
	return !(start & PAGE_MASK) && start >= USER_MIN && start <= USER_MAX && size <= USER_MAX - start;
}
