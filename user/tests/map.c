/* mmap, munmap, mprotect and the heap: what they answer, and what memory they leave. */
#include "test.h"

#define ANON (MAP_PRIVATE | MAP_ANON)
#define RW (PROT_READ | PROT_WRITE)
#define MAP_AT(addr, size, prot, flags, fd, offset) ((intptr_t)mmap((void *)(addr), size, prot, flags, fd, offset))

TEST(mmap_errors, "", "mmap refuses what it must, with the right errno in the right order")
{
	char *p = map_pages(1);
	int fd;

	CHECK_ERROR(MAP_AT(0, 0, RW, ANON, -1, 0), EINVAL);
	CHECK_ERROR(MAP_AT(0, PAGE_SIZE, RW, MAP_SHARED | ANON, -1, 0), EINVAL);
	CHECK_ERROR(MAP_AT(0, PAGE_SIZE, RW, ANON, 0, 0), EINVAL);
	CHECK_ERROR(MAP_AT(p + 1, PAGE_SIZE, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
	CHECK_ERROR(MAP_AT(p + 1, PAGE_SIZE, RW, MAP_PRIVATE | MAP_FIXED, 99, 0), EINVAL);
	CHECK_ERROR(MAP_AT(0, PAGE_SIZE, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
	CHECK_ERROR(MAP_AT(0x3ffffff000, PAGE_SIZE, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
	CHECK_ERROR(MAP_AT(0x3fffffe000, PAGES(2), RW, ANON | MAP_FIXED, -1, 0), EINVAL);
	CHECK_ERROR(MAP_AT(-4096L, PAGES(1), RW, ANON | MAP_FIXED, -1, 0), EINVAL);
	CHECK_ERROR(MAP_AT(0, PAGE_SIZE, RW, MAP_PRIVATE, 99, 0), EBADF);
	CHECK_ERROR(MAP_AT(0, 1UL << 39, RW, ANON, -1, 0), ENOMEM);
	CHECK_ERROR(MAP_AT(0, -1UL, RW, ANON, -1, 0), EINVAL);
	CHECK_ERROR(MAP_AT(0, PAGE_SIZE, 0x80, ANON, -1, 0), EINVAL);
	fd = (int)CHECK_OK(open("/dev/console", O_RDONLY));
	CHECK_ERROR(MAP_AT(0, PAGE_SIZE, PROT_READ, MAP_PRIVATE, fd, 0), ENODEV);
	CHECK_OK(close(fd));
	CHECK_TOUCH(try_write(p));
}

TEST(mmap_hint, "", "a hint never fails for its value and is followed where there is room; without one places do not overlap")
{
	char *p = (char *)0x10000000, *q, *r;

	q = mmap(p, PAGES(2), RW, ANON, -1, 0);
	CHECK(q == p);
	r = mmap(p, PAGES(2), RW, ANON, -1, 0);
	CHECK(r != MAP_FAILED && (r + PAGES(2) <= p || r >= p + PAGES(2)));
	q = mmap((void *)-1L, PAGES(2), RW, ANON, -1, 0);
	CHECK(q != MAP_FAILED);
	CHECK(((uintptr_t)q & (PAGE_SIZE - 1)) == 0);
	CHECK_TOUCH(try_write(q + PAGES(1)));
	q = mmap((void *)0x20000123, PAGES(1), RW, ANON, -1, 0);
	CHECK(q != MAP_FAILED && ((uintptr_t)q & (PAGE_SIZE - 1)) == 0);
}

TEST(mmap_fixed, "B12", "MAP_FIXED replaces what is there and frees it; NOREPLACE refuses with EEXIST and changes nothing")
{
	char *p = map_pages(6);

	memset(p, 'x', PAGES(6));
	count_start();
	CHECK_EQ(MAP_AT(p + PAGES(2), PAGES(2), RW, ANON | MAP_FIXED, -1, 0), (intptr_t)p + (intptr_t)PAGES(2));
	CHECK_COUNT(STAT_anons, -2);
	CHECK_EQ(p[PAGES(2) - 1], 'x');
	CHECK_EQ(p[PAGES(2)], 0);
	CHECK_EQ(p[PAGES(4) - 1], 0);
	CHECK_EQ(p[PAGES(4)], 'x');
	CHECK_ERROR(MAP_AT(p + PAGES(5), PAGES(2), RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	CHECK_EQ(p[PAGES(5)], 'x');
	CHECK_OK(munmap(p, PAGES(6)));
	CHECK_EQ(MAP_AT(p, PAGES(6), RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), (intptr_t)p);
	CHECK_EQ(p[0], 0);
}

TEST(munmap_errors, "", "munmap: unaligned, empty or outside is EINVAL, a range with nothing in it succeeds")
{
	char *p = map_pages(3);

	CHECK_ERROR(munmap(p + 1, PAGE_SIZE), EINVAL);
	CHECK_ERROR(munmap(p, 0), EINVAL);
	CHECK_ERROR(munmap((void *)0x4000000000, PAGE_SIZE), EINVAL);
	CHECK_ERROR(munmap(p, -PAGE_SIZE), EINVAL);
	CHECK_ERROR(munmap((void *)-4096L, PAGES(2)), EINVAL);
	CHECK_OK(munmap(p, PAGES(3)));
	CHECK_OK(munmap(p, PAGES(3)));
	CHECK_OK(munmap(p, 1));
}

TEST(munmap_parts, "C9 B12", "start, end and middle of a mapping go alone; what is left keeps its bytes")
{
	char *p = map_pages(9);

	for (int i = 0; i < 9; i++)
		p[PAGES(i)] = (char)('0' + i);
	count_start();
	CHECK_OK(munmap(p, PAGES(1)));
	CHECK_OK(munmap(p + PAGES(8), PAGES(1)));
	CHECK_OK(munmap(p + PAGES(4), 10)); /* a part of a page is the page */
	CHECK_COUNT(STAT_anons, -3);
	CHECK_COUNT(STAT_map_entries, 1);
	for (int i = 0; i < 9; i++) {
		if (i == 0 || i == 4 || i == 8)
			CHECK_OUTCOME(try_read(p + PAGES(i)), SIGSEGV, SEGV_MAPERR, p + PAGES(i));
		else
			CHECK_EQ(p[PAGES(i)], '0' + i);
	}
}

TEST(mprotect_errors, "", "mprotect: unaligned is EINVAL, a hole ENOMEM and nothing changed")
{
	char *p = map_pages(4);

	CHECK_ERROR(mprotect(p + 1, PAGE_SIZE, PROT_READ), EINVAL);
	CHECK_ERROR(mprotect(p, PAGE_SIZE, 0x80), EINVAL);
	CHECK_OK(munmap(p + PAGES(2), PAGES(1)));
	CHECK_ERROR(mprotect(p, PAGES(4), PROT_READ), ENOMEM);
	CHECK_TOUCH(try_write(p));
	CHECK_TOUCH(try_write(p + PAGES(3)));
	CHECK_ERROR(mprotect(p + PAGES(2), PAGES(1), PROT_READ), ENOMEM);
}

TEST(mprotect_rights, "A6", "rights follow mprotect at once, both ways; pages keep their bytes; PROT_WRITE implies reading")
{
	char *p = map_pages(4);

	memset(p, 'x', PAGES(4));
	CHECK_OK(mprotect(p + PAGES(1), PAGES(2), PROT_NONE));
	CHECK_OUTCOME(try_read(p + PAGES(1)), SIGSEGV, SEGV_ACCERR, p + PAGES(1));
	CHECK_OK(mprotect(p + PAGES(1), PAGES(1), PROT_READ));
	CHECK_EQ(p[PAGES(1)], 'x');
	CHECK_OUTCOME(try_write(p + PAGES(1)), SIGSEGV, SEGV_ACCERR, p + PAGES(1));
	CHECK_OK(mprotect(p + PAGES(1), PAGES(2), PROT_WRITE));
	CHECK_EQ(p[PAGES(2) + 5], 'x');
	CHECK_TOUCH(try_write(p + PAGES(2)));
	CHECK_TOUCH(try_read(p + PAGES(2)));
}

TEST(mprotect_merges, "", "entries that become equal again become one")
{
	char *p = map_pages(6);

	p[0] = 1;
	count_start();
	CHECK_OK(mprotect(p + PAGES(2), PAGES(2), PROT_READ));
	CHECK_COUNT(STAT_map_entries, 2);
	CHECK_OK(mprotect(p + PAGES(2), PAGES(2), RW));
	CHECK_COUNT(STAT_map_entries, 0);
}

TEST(exec_memory, "A6", "memory can be run once it has PROT_EXEC, with the bytes written last")
{
	uint32_t *code = (uint32_t *)map_pages(1);
	int (*run)(void) = (int (*)(void))(uintptr_t)code;

	for (int i = 1; i <= 3; i++) {
		CHECK_OK(mprotect(code, PAGES(1), RW));
		code[0] = 0x00000513u | (uint32_t)i << 20; /* li a0, i */
		code[1] = 0x00008067;                      /* ret */
		CHECK_OUTCOME(try_call(code), SIGSEGV, SEGV_ACCERR, code);
		CHECK_OK(mprotect(code, PAGES(1), PROT_READ | PROT_EXEC));
		CHECK_EQ(run(), i);
	}
}

TEST(exec_only, "A6", "memory with nothing but PROT_EXEC cannot be read, not even what could be a moment ago, nor by the kernel")
{
	uint32_t *code = (uint32_t *)map_pages(2), *data = code + PAGE_SIZE / sizeof *code;
	struct gate g;

	gate_init(&g);
	code[0] = 0x00008067; /* ret */
	data[0] = 1;
	CHECK_OK(mprotect(code, PAGES(1), PROT_READ | PROT_EXEC));
	CHECK_TOUCH(try_call(code));
	CHECK_OK(mprotect(data, PAGES(1), PROT_READ));
	CHECK_OK(mprotect(code, PAGES(2), PROT_EXEC));
	CHECK_TOUCH(try_call(code));
	CHECK_OUTCOME(try_read(code), SIGSEGV, SEGV_ACCERR, code);
	CHECK_OUTCOME(try_read(data), SIGSEGV, SEGV_ACCERR, data);
	CHECK_ERROR(write(g.fds[1], data, 1), EFAULT);
	CHECK_EQ(audit(AUDIT_CHECK), 0);
	gate_done(&g);
}

TEST(shared_anon, "B1", "anonymous memory mapped MAP_SHARED is the same for parent and child, also where it is first touched after fork")
{
	volatile char *p = mmap(NULL, PAGES(4), RW, MAP_SHARED | MAP_ANON, -1, 0);
	pid_t pid;

	CHECK(p != MAP_FAILED);
	p[0] = 'a';
	pid = check_fork();
	if (pid == 0) {
		CHECK_EQ(p[0], 'a');
		p[0] = 'b';
		p[PAGES(2)] = 'c';
		exit(0);
	}
	check_child(pid);
	CHECK_EQ(p[0], 'b');
	CHECK_EQ(p[PAGES(2)], 'c');
}

/* On a machine whose last half megabyte has no other half to make a larger block of frames with. */
/* test: ram=130560K */
TEST(sbrk_zero, "A5", "the heap grows and shrinks by odd sizes; memory that comes back is zero")
{
	char *start = sbrk(0), *p;

	CHECK_EQ(sbrk(1) == start, 1);
	CHECK_EQ((char *)sbrk(0) - start, 1);
	CHECK_OK((intptr_t)sbrk(4999));
	CHECK_EQ((char *)sbrk(0) - start, 5000);
	memset(start, 'x', 5000);
	CHECK_OK((intptr_t)sbrk(-4990));
	CHECK_EQ(start[9], 'x');
	CHECK_OK((intptr_t)sbrk(20000));
	CHECK_EQ(start[9], 'x');
	for (int i = 5000; i < 20010; i++)
		CHECK_EQ(start[i], 0);
	p = (char *)(((uintptr_t)start + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1)) + PAGES(1);
	p[0] = 'y';
	CHECK_OK(brk(start));
	CHECK((char *)sbrk(0) == start);
	CHECK_OUTCOME(try_read(p), SIGSEGV, SEGV_MAPERR, p);
	CHECK_OK(brk(start + 20000));
	CHECK_EQ(p[0], 0);
	CHECK_OK(brk(start));
}

TEST(sbrk_readonly, "A5", "heap that the program made read-only and that fork shares is not handed out with old bytes: it cannot be cleared, so the heap does not grow")
{
	char *page = (char *)(((uintptr_t)sbrk(0) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1));
	pid_t pid;

	CHECK_OK(brk(page + 100));
	memset(page, 'x', 100);
	CHECK_OK(brk(page + 50));
	CHECK_OK(mprotect(page, PAGES(1), PROT_READ));
	pid = check_fork();
	if (pid == 0) {
		CHECK_ERROR((intptr_t)sbrk(50), ENOMEM);
		CHECK((char *)sbrk(0) == page + 50);
		CHECK_OK(mprotect(page, PAGES(1), RW));
		CHECK_OK((intptr_t)sbrk(50));
		for (int i = 0; i < 100; i++)
			CHECK_EQ(page[i], i < 50 ? 'x' : 0);
		exit(0);
	}
	check_child(pid);
	CHECK_EQ(page[49], 'x');
}

TEST(sbrk_errors, "", "the heap refuses to go below its start, or to a size that cannot be; then nothing has changed")
{
	char *start = sbrk(0);

	CHECK_ERROR((intptr_t)sbrk(1L << 40), ENOMEM);
	CHECK_ERROR((intptr_t)sbrk(INT64_MAX), ENOMEM);
	CHECK((intptr_t)sbrk(-(1L << 40)) == -1 && (errno == EINVAL || errno == ENOMEM));
	CHECK((intptr_t)sbrk(INT64_MIN) == -1);
	CHECK((char *)sbrk(0) == start);
	CHECK_OK((intptr_t)sbrk(PAGES(3)));
	CHECK_TOUCH(try_write(start + PAGES(2)));
}

TEST(sbrk_lazy, "", "heap that is not touched costs no page")
{
	char *start = sbrk(0);

	count_start();
	CHECK_OK((intptr_t)sbrk(PAGES(1000)));
	CHECK_COUNT(STAT_anons, 0);
	start[PAGES(500)] = 1;
	CHECK_COUNT(STAT_anons, 1);
	CHECK_OK((intptr_t)sbrk(-(intptr_t)PAGES(1000)));
	CHECK_COUNT(STAT_anons, 0);
}

TEST(many_entries, "C9", "hundreds of mappings, cut and removed in a scattered order, leave nothing")
{
	static char *at[300];

	sbrk(0);
	for (int i = 0; i < 300; i++) {
		at[i] = map_pages((size_t)(i % 5 + 1));
		*at[i] = (char)i;
		if (i % 2)
			CHECK_OK(mprotect(at[i], PAGE_SIZE, PROT_READ));
	}
	for (int i = 0; i < 300; i++)
		CHECK_EQ(*at[i], (char)i);
	CHECK_OK(audit(AUDIT_CHECK));
	for (int i = 0, j = 0; i < 300; i++, j = (j + 77) % 300)
		CHECK_OK(munmap(at[j], PAGES(j % 5 + 1)));
	for (int i = 0; i < 300; i++)
		CHECK_OUTCOME(try_read(at[i]), SIGSEGV, SEGV_MAPERR, at[i]);
	CHECK_OK(audit(AUDIT_CHECK));
}

TEST(map_without_memory, "", "mmap, munmap and mprotect with any one allocation failing succeed or are ENOMEM and change nothing")
{
	for (int n = 1; n <= 12; n++) {
		char *p = map_pages(8), *q;

		memset(p, 'x', PAGES(8));
		CHECK_OK(inject("*", n, 0));
		q = mmap(NULL, PAGES(2), PROT_READ, ANON, -1, 0);
		if (q == MAP_FAILED)
			CHECK_EQ(errno, ENOMEM);
		if (mprotect(p + PAGES(2), PAGES(2), PROT_READ) < 0) {
			CHECK_EQ(errno, ENOMEM);
			CHECK_TOUCH(try_write(p + PAGES(2)));
			p[PAGES(2)] = 'x';
		}
		if (munmap(p + PAGES(5), PAGES(1)) < 0) {
			CHECK_EQ(errno, ENOMEM);
			CHECK_EQ(p[PAGES(5)], 'x');
		}
		CHECK_OK(inject("*", 0, 0));
		for (int i = 0; i < 8; i++)
			if (i != 5)
				CHECK_EQ(p[PAGES(i)], 'x');
		CHECK_OK(munmap(p, PAGES(8)));
		if (q != MAP_FAILED)
			CHECK_OK(munmap(q, PAGES(2)));
	}
	CHECK_OK(audit(AUDIT_CHECK));
}
