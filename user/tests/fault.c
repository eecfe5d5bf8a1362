/* Faults of one process: outcomes, cases and the steps they take. */
#include "test.h"

#define KK "K1 K2 K3 K4 K5 K6 "
#define COPIED "K1 K2 K3 K4 RESTART " /* needs_copy was settled by copying the amap */

/* Pages of the program file: of its read-only and of its writable segment. */
FILE_CONST constants[4 * PAGE_SIZE] __attribute__((aligned(4096))) = { [0] = 'a', [PAGE_SIZE] = 'b', [2 * PAGE_SIZE] = 'c' };
static volatile char variables[4 * PAGE_SIZE] __attribute__((aligned(4096))) = { [0] = 'd', [PAGE_SIZE] = 'e', [2 * PAGE_SIZE] = 'f' };

TEST(hole, "A1", "an address with no entry is SIGSEGV/MAPERR, at that address; the process and the kernel go on")
{
	char *p = map_pages(4);

	CHECK_OK(munmap(p + PAGES(1), PAGES(2)));
	CHECK_TOUCH(try_write(p));
	CHECK_OUTCOME(try_read(p + PAGES(1)), SIGSEGV, SEGV_MAPERR, p + PAGES(1));
	CHECK_OUTCOME(try_write(p + PAGES(2) + 5), SIGSEGV, SEGV_MAPERR, p + PAGES(2) + 5);
	CHECK_OUTCOME(try_call(p + PAGES(1)), SIGSEGV, SEGV_MAPERR, p + PAGES(1));
	CHECK_TOUCH(try_write(p + PAGES(3)));
	count_start();
	try_read(p + PAGES(1));
	CHECK_COUNT(STAT_fault_maperr, 1);
	CHECK_COUNT(STAT_fault_accerr, 0);
}

TEST(hole_steps, "A1 A23", "case 0-hole takes K1 and fails with MAPERR")
{
	char *p = map_pages(3);

	CHECK_OK(munmap(p + PAGES(1), PAGES(1)));
	trace_start();
	try_read(p + PAGES(1));
	CHECK_TEXT(trace_steps(p + PAGES(1)), "K1");
}

static void read_byte(void *p) { (void)*(volatile char *)p; }
static void write_byte(void *p) { *(volatile char *)p = 1; }

TEST(hole_ends, "A1", "without a handler a fault ends its process, whose parent sees SIGSEGV")
{
	int status = run_child(read_byte, (void *)8);

	CHECK_SIGNAL(status, SIGSEGV);
	status = run_child(write_byte, (void *)&constants[0]);
	CHECK_SIGNAL(status, SIGSEGV);
}

TEST(kernel_hidden, "A1 C13", "no kernel address can be read, written or run, nor page 0, nor any non-canonical one")
{
	static const uintptr_t addresses[] = {
		0, 8, 0xfff, 0x3ffffff000, 0x4000000000, 0x7fffffffff, 0x80000000, 0x80200000, 0x8000000000000000,
		0xffffffc000000000, 0xffffffc080200000, 0xffffffff80000000, 0xffffffff80200000, 0xffffffffc0000000, 0xfffffffffffffff8,
	};

	for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
		char *p = (char *)addresses[i];

		CHECK_OUTCOME(try_read(p), SIGSEGV, SEGV_MAPERR, p);
		CHECK_OUTCOME(try_write(p), SIGSEGV, SEGV_MAPERR, p);
	}
	CHECK_OUTCOME(try_call((void *)0xffffffff80200000), SIGSEGV, SEGV_MAPERR, 0xffffffff80200000);
	CHECK_OUTCOME(try_call((void *)0xffffffc080200000), SIGSEGV, SEGV_MAPERR, 0xffffffc080200000);
}

TEST(page_zero, "C13", "page 0 cannot be mapped, by address or by hint")
{
	char *p;

	CHECK_ERROR((intptr_t)mmap(NULL, PAGES(1), PROT_READ, MAP_PRIVATE | MAP_ANON | MAP_FIXED, -1, 0), EINVAL);
	p = mmap((void *)1, PAGES(1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
	CHECK(p != MAP_FAILED && (uintptr_t)p >= PAGE_SIZE);
	CHECK_OUTCOME(try_read(NULL), SIGSEGV, SEGV_MAPERR, 0);
}

TEST(accerr, "A6", "an access that the entry forbids is SIGSEGV/ACCERR, whatever is mapped there")
{
	char *p = map_pages(3);

	memset(p, 'x', PAGES(2));
	CHECK_OK(mprotect(p, PAGES(1), PROT_READ));
	CHECK_OK(mprotect(p + PAGES(2), PAGES(1), PROT_NONE));
	CHECK_TOUCH(try_read(p));
	CHECK_OUTCOME(try_write(p), SIGSEGV, SEGV_ACCERR, p);
	CHECK_OUTCOME(try_call(p), SIGSEGV, SEGV_ACCERR, p);
	CHECK_OUTCOME(try_read(p + PAGES(2)), SIGSEGV, SEGV_ACCERR, p + PAGES(2));
	CHECK_OUTCOME(try_write(p + PAGES(2)), SIGSEGV, SEGV_ACCERR, p + PAGES(2));
	CHECK_OUTCOME(try_write((char *)(uintptr_t)&constants[1]), SIGSEGV, SEGV_ACCERR, &constants[1]);
	CHECK_OUTCOME(try_write((char *)(uintptr_t)try_read), SIGSEGV, SEGV_ACCERR, try_read);
	CHECK_TOUCH(try_write(p + PAGES(1)));
	CHECK_OK(mprotect(p, PAGES(1), PROT_READ | PROT_WRITE));
	CHECK_TOUCH(try_write(p));
	CHECK_EQ(p[1], 'x');
}

TEST(accerr_steps, "A6 A23", "case prot takes K1 K2 and fails with ACCERR")
{
	char *p = map_pages(1);

	*p = 1;
	CHECK_OK(mprotect(p, PAGES(1), PROT_READ));
	trace_start();
	try_write(p);
	CHECK_TEXT(trace_steps(p), "K1 K2");
}

TEST(zero_fill, "A5 C10", "a first touch gives one zeroed page by one fault, after which it can be written without another")
{
	volatile char *p = map_pages(8);

	p[PAGES(7)] = 1; /* page tables are there */
	count_start();
	for (size_t i = 0; i < PAGE_SIZE; i++)
		CHECK_EQ(p[i], 0);
	CHECK_COUNT(STAT_fault_2b_zero, 1);
	p[100] = 1;
	CHECK_COUNT(STAT_faults, 1);
	CHECK_COUNT(STAT_anons, 1);
	p[PAGES(1)] = 1;
	CHECK_COUNT(STAT_fault_2b_zero, 2);
	CHECK_COUNT(STAT_faults, 2);
	CHECK_COUNT(STAT_fault_2b_copy, 0);
}

TEST(zero_fill_steps, "A5 A23", "case zfod: the amap is made, then UL LP LE with a zeroed page")
{
	char *p = mmap(NULL, PAGES(2), PROT_READ, MAP_PRIVATE | MAP_ANON, -1, 0);

	CHECK_OK(mprotect(p, PAGES(2), PROT_READ | PROT_WRITE));
	trace_start();
	p[0] = 1;
	CHECK_TEXT(trace_steps(p), COPIED KK "UL LP LE");
	CHECK(trace_find(TRACE_LP) != NULL);
	CHECK_EQ(trace_find(TRACE_LP)->a, 0);
	trace_start();
	p[PAGES(1)] = 1;
	CHECK_TEXT(trace_steps(p + PAGES(1)), KK "UL LP LE");
}

static void zero_after_dirt(void *arg)
{
	(void)arg;
	for (int i = 0; i < 200; i++) {
		char *p = map_pages(1);

		for (size_t j = 0; j < PAGE_SIZE; j += 8)
			CHECK_EQ(*(uint64_t *)(p + j), 0);
		memset(p, 0xa5, PAGE_SIZE);
		CHECK_OK(munmap(p, PAGES(1)));
	}
}

TEST(zero_again, "A5", "pages that others have dirtied come zeroed, in the same process and the next")
{
	for (int i = 0; i < 3; i++)
		CHECK_EXIT(run_child(zero_after_dirt, NULL), 0);
}

TEST(object_read, "A4", "a read of a file page maps the object's own page: case 2A, without a copy; a second process finds it in the cache")
{
	pid_t pid;

	count_start();
	CHECK_EQ(constants[PAGE_SIZE], 'b');
	CHECK_COUNT(STAT_fault_2a, 1);
	CHECK_COUNT(STAT_page_copied, 0);
	CHECK_COUNT(STAT_anons, 0);
	pid = check_fork();
	if (pid == 0) {
		stat_now(0);
		count_start();
		CHECK_EQ(constants[PAGE_SIZE], 'b');
		CHECK_COUNT(STAT_disk_reads, 0);
		CHECK_COUNT(STAT_fault_object_io, 0);
		CHECK_COUNT(STAT_fault_2b_copy, 0);
		exit(0);
	}
	check_child(pid);
}

TEST(object_read_steps, "A4 A7 A23", "case 2A-lazy: a read of a private file mapping is clamped to read-only and maps the object's page")
{
	pid_t pid;

	CHECK_EQ(constants[2 * PAGE_SIZE], 'c');
	pid = check_fork();
	if (pid == 0) { /* the page is resident now, but not in this process's page table */
		trace_start();
		(void)constants[2 * PAGE_SIZE];
		CHECK_TEXT(trace_steps(&constants[2 * PAGE_SIZE]), KK "UL LL LD LE");
		CHECK(trace_find(TRACE_LD) != NULL && trace_find(TRACE_K4) != NULL);
		CHECK_EQ(trace_find(TRACE_LD)->b & PROT_WRITE, 0);
		CHECK_EQ(trace_find(TRACE_K4)->a, 2);
		exit(0);
	}
	check_child(pid);
}

TEST(object_copy, "A5", "a write to a private file page copies it: the writer sees its bytes, the next reader the file's")
{
	pid_t pid;

	CHECK_EQ(variables[PAGE_SIZE], 'e');
	CHECK_EQ(variables[PAGE_SIZE + 1], 0);
	pid = check_fork();
	if (pid == 0) {
		CHECK_EQ(variables[PAGE_SIZE], 'e');
		variables[2 * PAGE_SIZE + 1] = 'x'; /* the amap is ours now */
		count_start();
		variables[PAGE_SIZE + 1] = 'y';
		CHECK_COUNT(STAT_fault_2b_copy, 1);
		CHECK_COUNT(STAT_page_copied, 1);
		CHECK_COUNT(STAT_anons, 1);
		CHECK_EQ(variables[PAGE_SIZE], 'e');
		CHECK_EQ(variables[PAGE_SIZE + 1], 'y');
		variables[PAGE_SIZE + 2] = 'z';
		CHECK_COUNT(STAT_fault_2b_copy, 1);
		exit(0);
	}
	check_child(pid);
	CHECK_EQ(variables[PAGE_SIZE + 1], 0);
	CHECK_EQ(variables[2 * PAGE_SIZE + 1], 0);
}

TEST(object_copy_steps, "A5 A7 A23", "case 2B: a write to a private file page promotes a copy: LL LP LE, after the amap was copied")
{
	pid_t pid;

	CHECK_EQ(variables[PAGE_SIZE], 'e');
	variables[3 * PAGE_SIZE] = 'g';
	pid = check_fork();
	if (pid == 0) {
		CHECK_EQ(variables[PAGE_SIZE], 'e');
		trace_start();
		variables[PAGE_SIZE] = 'h';
		CHECK_TEXT(trace_steps(&variables[PAGE_SIZE]), KK "UL LL LP LE");
		CHECK(trace_find(TRACE_LP) != NULL);
		CHECK_EQ(trace_find(TRACE_LP)->a, 1);
		exit(0);
	}
	check_child(pid);
}

/* What proclist says of this process. */
static struct procinfo self(void)
{
	static struct procinfo procs[32];
	int n = proclist(procs, 32);

	for (int i = 0; i < n; i++)
		if (procs[i].pid == getpid())
			return procs[i];
	FAIL("proclist does not list this process among %d", n);
}

TEST(per_process, "A22", "faults and resident pages are counted for the process that has them")
{
	struct procinfo before, after;
	char *p = map_pages(64);

	self();
	p[0] = 1;
	before = self();
	for (int i = 1; i < 41; i++)
		p[PAGES(i)] = 1;
	after = self();
	CHECK_EQ(after.minor - before.minor, 40);
	CHECK_EQ(after.major - before.major, 0);
	CHECK_EQ(after.rss - before.rss, 40);
	CHECK(after.rss_peak >= after.rss);
	CHECK_OK(munmap(p, PAGES(64)));
	before = self();
	CHECK_EQ(after.rss - before.rss, 41);
	CHECK_EQ(after.vsize - before.vsize, PAGES(64));
	CHECK_EQ(before.rss_peak, after.rss_peak);
}

TEST(counters, "A22", "each path of the fault counts itself once and nothing else")
{
	char *p = map_pages(4);

	p[0] = 1;
	count_start();
	p[PAGES(1)] = 1;
	try_read(NULL);
	try_write((char *)(uintptr_t)&constants[1]);
	CHECK_COUNT(STAT_faults, 3);
	CHECK_COUNT(STAT_fault_2b_zero, 1);
	CHECK_COUNT(STAT_fault_maperr, 1);
	CHECK_COUNT(STAT_fault_accerr, 1);
	CHECK_COUNT(STAT_fault_1a, 0);
	CHECK_COUNT(STAT_fault_1b, 0);
	CHECK_COUNT(STAT_fault_restarts, 0);
	CHECK_COUNT(STAT_fault_nomem, 0);
}

static void *mark_on(void *arg)
{
	(void)arg;
	for (uint64_t i = 0; i < 5; i++) {
		CHECK_OK(vmtrace(TRACE_OP_MARK, (void *)(300 + i), 0));
		sched_yield();
	}
	return NULL;
}

TEST(history_of_all, "A23", "events of threads on all harts are read in the order in which they happened")
{
	static struct trace_event events[64];
	uint64_t seq = 0, time = 0;
	int marks = 0, n;
	thread_t t[4];

	trace_start();
	for (int i = 0; i < 4; i++)
		CHECK_EQ(thread_start(&t[i], mark_on, NULL), 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(thread_wait(t[i], NULL), 0);
	CHECK_OK(vmtrace(TRACE_OP_OFF, NULL, 0));
	while ((n = vmtrace(TRACE_OP_READ, events, 64)) > 0)
		for (int i = 0; i < n; i++) {
			CHECK(events[i].seq > seq || seq == 0);
			CHECK(events[i].time >= time);
			seq = events[i].seq;
			time = events[i].time;
			marks += events[i].step == TRACE_USER;
		}
	CHECK_EQ(n, 0);
	CHECK_EQ(marks, 20);
}

TEST(history, "A23", "events come out in the order in which they happened, with their arguments, once")
{
	static struct trace_event events[64];
	uint64_t seq = 0, time = 0;
	int marks = 0, n;

	trace_start();
	for (uint64_t i = 0; i < 5; i++)
		CHECK_OK(vmtrace(TRACE_OP_MARK, (void *)(100 + i), 200 + i));
	CHECK_OK(vmtrace(TRACE_OP_OFF, NULL, 0));
	CHECK_OK(vmtrace(TRACE_OP_MARK, (void *)1, 2));
	while ((n = vmtrace(TRACE_OP_READ, events, 64)) > 0)
		for (int i = 0; i < n; i++) {
			CHECK(events[i].seq > seq || (seq == 0 && marks == 0));
			CHECK(events[i].time >= time);
			CHECK_EQ(events[i].lost, 0);
			seq = events[i].seq;
			time = events[i].time;
			if (events[i].step != TRACE_USER)
				continue;
			CHECK_EQ(events[i].a, 100 + marks);
			CHECK_EQ(events[i].b, 200 + marks);
			CHECK_EQ(events[i].pid, getpid());
			marks++;
		}
	CHECK_EQ(n, 0);
	CHECK_EQ(marks, 5);
}

/* Uses `depth` pages of stack. */
static int descend(int depth)
{
	volatile char frame[PAGE_SIZE];

	frame[0] = (char)depth;
	if (depth == 0)
		return 0;
	return descend(depth - 1) + (frame[0] == (char)depth);
}

static void too_deep(void *arg)
{
	(void)arg;
	descend(1 << 20);
}

/* test: audit=no */
TEST(stack_grows, "", "the stack grows as it is used, to its limit, beyond which it is SIGSEGV")
{
	count_start();
	CHECK_EQ(descend(200), 200);
	CHECK(count_since(STAT_fault_stack_grow) >= 1);
	CHECK_SIGNAL(run_child(too_deep, NULL), SIGSEGV);
}

TEST(stack_below, "A1", "an access far below the stack pointer is a fault, not growth")
{
	char *sp;

	__asm__ volatile("mv %0, sp" : "=r"(sp));
	CHECK_OUTCOME(try_read(sp - (1 << 20)), SIGSEGV, SEGV_MAPERR, sp - (1 << 20));
	CHECK_OUTCOME(try_write(sp - (4 << 20)), SIGSEGV, SEGV_MAPERR, sp - (4 << 20));
}

TEST(illegal, "", "an illegal instruction is SIGILL, a breakpoint SIGTRAP")
{
	static const uint32_t nothing __attribute__((section(".text.nothing"))) = 0;
	int status;
	pid_t pid;

	CHECK_OUTCOME(try_call(&nothing), SIGILL, ILL_ILLOPC, &nothing);
	pid = check_fork();
	if (pid == 0) {
		__asm__ volatile("ebreak");
		exit(0);
	}
	waitpid(pid, &status, 0);
	CHECK_SIGNAL(status, SIGTRAP);
}
