/*
 * Copies to and from user memory: which ranges may be touched at all. Floor: riscv.
 *
 * A user range lies below USER_MAX and does not wrap; that it is mapped, and with
 * which rights, the access itself finds out.
 */
#include "riscv/copyuser.h"
#include "abi/errno.h"
#include "riscv/layout.h"
#include "san/san.h"

long copyuser_move(void *dst, const void *src, size_t n);
long copyuser_clear(void *dst, size_t n);
long copyuser_string(char *dst, const char *src, size_t size);
extern const char copyuser_start[], copyuser_end[], copyuser_failed[];

static bool user_range(vaddr_t start, size_t n)
{
	return start <= USER_MAX && n <= USER_MAX - start;
}

int copyin(void *dst, vaddr_t src, size_t n)
{
	san_writes(dst, n);
	return user_range(src, n) && copyuser_move(dst, (const void *)src, n) == 0 ? 0 : EFAULT;
}

int copyout(vaddr_t dst, const void *src, size_t n)
{
	san_reads(src, n);
	return user_range(dst, n) && copyuser_move((void *)dst, src, n) == 0 ? 0 : EFAULT;
}

int copyuser_zero(vaddr_t dst, size_t n)
{
	return user_range(dst, n) && copyuser_clear((void *)dst, n) == 0 ? 0 : EFAULT;
}

int copyinstr(char *dst, vaddr_t src, size_t size, size_t *length)
{
	san_writes(dst, size);
	if (src >= USER_MAX)
		return EFAULT;

	/* A string without an end before USER_MAX is a bad address, not a long name. */
	size_t room = MIN(size, USER_MAX - src);
	long n = copyuser_string(dst, (const char *)src, room);
	if (n < 0)
		return EFAULT;
	if (n == 0)
		return room < size ? EFAULT : ENAMETOOLONG;
	if (length)
		*length = n;
	return 0;
}

uint64_t copyuser_recovery(uint64_t pc)
{
	bool inside = pc >= (uint64_t)copyuser_start && pc < (uint64_t)copyuser_end;
	return inside ? (uint64_t)copyuser_failed : 0;
}
