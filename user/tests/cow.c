/* fork: what is shared, who copies, when the last owner gets its pages back. */
#include "test.h"

#define KK "K1 K2 K3 K4 K5 K6 "
#define COPIED "K1 K2 K3 K4 RESTART "

static char *fill(size_t pages)
{
	char *p = map_pages(pages);

	for (size_t i = 0; i < pages; i++)
		memset(p + PAGES(i), 'a' + (int)(i % 26), PAGE_SIZE);
	return p;
}

static void check_filled(const char *p, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		for (size_t j = 0; j < PAGE_SIZE; j += 512)
			CHECK_EQ(p[PAGES(i) + j], 'a' + (int)(i % 26));
}

TEST(isolated, "B1 A3", "parent and child see the same bytes at fork, and neither sees what the other writes later")
{
	char *p = fill(30);
	struct gate child_done, parent_done;
	pid_t pid;

	gate_init(&child_done);
	gate_init(&parent_done);
	pid = check_fork();
	if (pid == 0) {
		check_filled(p, 0, 30);
		memset(p, '1', PAGES(10));
		gate_open(&child_done);
		gate_wait(&parent_done);
		for (size_t i = 0; i < PAGES(10); i++)
			CHECK_EQ(p[i], '1');
		check_filled(p, 10, 30);
		exit(0);
	}
	gate_wait(&child_done);
	check_filled(p, 0, 30);
	memset(p + PAGES(5), '2', PAGES(10));
	gate_open(&parent_done);
	check_child(pid);
	check_filled(p, 0, 5);
	check_filled(p, 15, 30);
	for (size_t i = PAGES(5); i < PAGES(15); i++)
		CHECK_EQ(p[i], '2');
}

TEST(lazy, "B1 A7", "fork copies no page and no anon, however much the parent holds; the child's exit leaves the parent's as they were")
{
	char *p = fill(500);
	pid_t pid;

	count_start();
	pid = fork();
	if (pid == 0)
		_exit(0);
	CHECK_OK(pid);
	check_child(pid);
	CHECK_COUNT_MOST(STAT_page_copied, 19);
	CHECK_COUNT_MOST(STAT_page_allocs, 199);
	CHECK_COUNT(STAT_anons, 0);
	check_filled(p, 0, 500);
}

TEST(promote, "A3", "a write to a shared page copies just it: one new anon, which dies with its process; the other owner keeps the old bytes")
{
	char *p = fill(8);
	struct gate go;
	pid_t pid;

	gate_init(&go);
	count_start();
	pid = check_fork();
	if (pid == 0) {
		gate_wait(&go);
		p[0] = '1';
		count_start();
		p[PAGES(3)] = '1';
		CHECK_COUNT(STAT_fault_1b, 1);
		CHECK_COUNT(STAT_fault_1a, 0);
		CHECK_COUNT(STAT_page_copied, 1);
		CHECK_COUNT(STAT_anons, 1);
		CHECK_EQ(p[PAGES(3)], '1');
		CHECK_EQ(p[PAGES(3) + 1], 'd');
		p[PAGES(3) + 2] = '1';
		CHECK_COUNT(STAT_fault_1b, 1);
		exit(0);
	}
	gate_open(&go);
	check_child(pid);
	check_filled(p, 0, 8);
	CHECK_COUNT(STAT_anons, 0);
}

TEST(last_owner, "A2 A3", "after the other owner has copied or gone, the last one writes to the same page, without a copy")
{
	char *p = fill(4);
	struct gate copied, end;
	pid_t pid;

	gate_init(&copied);
	gate_init(&end);
	pid = check_fork();
	if (pid == 0) {
		p[0] = '1'; /* a copy: the parent is the last owner of the old page */
		gate_open(&copied);
		gate_wait(&end);
		exit(0);
	}
	gate_wait(&copied);
	p[PAGES(1)] = 'b'; /* settles needs_copy; the child still has this one */
	count_start();
	p[0] = '2';
	CHECK_COUNT(STAT_fault_1a, 1);
	CHECK_COUNT(STAT_fault_1b, 0);
	CHECK_COUNT(STAT_page_copied, 0);
	CHECK_COUNT(STAT_anons, 0);
	gate_open(&end);
	check_child(pid);

	count_start();
	p[PAGES(2)] = '2'; /* the child has gone: the same */
	CHECK_COUNT(STAT_fault_1a, 1);
	CHECK_COUNT(STAT_page_copied, 0);
	p[PAGES(2) + 1] = '3';
	CHECK_COUNT(STAT_faults, 1);
	CHECK_EQ(p[1], 'a');
	CHECK_EQ(p[PAGES(2) + 2], 'c');
}

TEST(read_shared, "A2", "a read of a shared page maps it read-only, without a copy; a write to it then copies")
{
	char *p = fill(4);
	pid_t pid = check_fork();

	if (pid == 0) {
		(void)*(volatile char *)p;
		count_start();
		CHECK_EQ(*(volatile char *)(p + PAGES(1)), 'b');
		CHECK_COUNT(STAT_fault_1a, 1);
		CHECK_COUNT(STAT_page_copied, 0);
		CHECK_COUNT(STAT_anons, 0);
		p[PAGES(1)] = '1';
		CHECK_COUNT(STAT_fault_1b, 1);
		CHECK_COUNT(STAT_page_copied, 1);
		exit(0);
	}
	check_child(pid);
	check_filled(p, 0, 4);
}

TEST(steps, "A2 A3 A23", "cases 1A-read, 1B and 1A-last take the steps of the catalogue")
{
	char *p = fill(4);
	struct gate copied, end;
	pid_t pid;

	gate_init(&copied);
	gate_init(&end);
	pid = check_fork();
	if (pid == 0) {
		trace_start();
		(void)*(volatile char *)p;
		CHECK_TEXT(trace_steps(p), COPIED KK "UL AG UD UE");
		CHECK_EQ(trace_find(TRACE_UD)->b & PROT_WRITE, 0);
		trace_start();
		*(volatile char *)p = '1';
		CHECK_TEXT(trace_steps(p), KK "UL AG UP UE");
		CHECK(trace_find(TRACE_UE)->b & PROT_WRITE);
		gate_open(&copied);
		gate_wait(&end);
		exit(0);
	}
	gate_wait(&copied);
	p[PAGES(1)] = 'b';
	trace_start();
	*(volatile char *)p = '2';
	CHECK_TEXT(trace_steps(p), KK "UL AG UD UE");
	CHECK(trace_find(TRACE_UD)->b & PROT_WRITE);
	gate_open(&end);
	check_child(pid);
}

/* How many entries lie in [p, p + size), and how many of them say needs_copy. */
static int entries(const char *p, size_t size, int *needing)
{
	static struct mapinfo map[128];
	int n = procmap(getpid(), map, 128), count = 0;

	CHECK(n > 0 && n <= 128);
	*needing = 0;
	for (int i = 0; i < n; i++)
		if (map[i].start < (uintptr_t)p + size && map[i].end > (uintptr_t)p) {
			count++;
			*needing += (map[i].flags & MAPINFO_NEEDS_COPY) != 0;
		}
	return count;
}

TEST(copy_part, "A7", "after fork a write settles needs_copy only for the part of a large entry around it")
{
	size_t pages = 12288; /* 48 MiB, three parts of which the middle one is written */
	char *p = map_pages(pages);
	int needing;
	pid_t pid;

	for (size_t i = 0; i < pages; i += 1024)
		p[PAGES(i)] = 'x';
	entries(p, PAGES(pages), &needing);
	pid = check_fork();
	if (pid == 0) {
		CHECK_EQ(entries(p, PAGES(pages), &needing), 1);
		CHECK_EQ(needing, 1);
		count_start();
		p[PAGES(pages / 2)] = 'y';
		CHECK_COUNT(STAT_fault_amap_copy, 1);
		CHECK(entries(p, PAGES(pages), &needing) > 1);
		CHECK(needing >= 1);
		for (size_t i = 0; i < pages; i += 1024)
			CHECK_EQ(p[PAGES(i)], i == pages / 2 ? 'y' : 'x');
		exit(0);
	}
	check_child(pid);
	for (size_t i = 0; i < pages; i += 1024)
		CHECK_EQ(p[PAGES(i)], 'x');
}

FILE_CONST constants[2 * PAGE_SIZE] __attribute__((aligned(4096))) = { 'k' };

TEST(clamp, "A7", "a read of a file under needs_copy copies no amap and makes no anon")
{
	count_start();
	CHECK_EQ(constants[0], 'k');
	CHECK_COUNT(STAT_fault_amap_clamp, 1);
	CHECK_COUNT(STAT_fault_amap_copy, 0);
	CHECK_COUNT(STAT_amaps, 0);
	CHECK_COUNT(STAT_anons, 0);
}

TEST(unmap_shared, "B12", "unmapping part of what a fork shares frees exactly what nobody else can reach")
{
	char *p = fill(20);
	struct gate ready, go, done, end;
	pid_t pid;

	gate_init(&ready);
	gate_init(&go);
	gate_init(&done);
	gate_init(&end);
	pid = check_fork();
	if (pid == 0) {
		gate_open(&ready);
		gate_wait(&go);
		CHECK_OK(munmap(p + PAGES(2), PAGES(6))); /* 2 to 7 */
		gate_open(&done);
		gate_wait(&end);
		check_filled(p, 0, 2);
		check_filled(p, 8, 20);
		exit(0);
	}
	gate_wait(&ready);
	count_start();
	CHECK_OK(munmap(p + PAGES(4), PAGES(8))); /* 4 to 11: the child has them still */
	CHECK_COUNT(STAT_anons, 0);
	gate_open(&go);
	gate_wait(&done); /* 4 to 7 are nobody's now; 2 and 3 ours, 8 to 11 the child's */
	CHECK_COUNT(STAT_anons, -4);
	CHECK_OK(munmap(p + PAGES(2), PAGES(2)));
	CHECK_COUNT(STAT_anons, -6);
	check_filled(p, 0, 2);
	check_filled(p, 12, 20);
	gate_open(&end);
	check_child(pid); /* 8 to 11, and the child's own stack and data */
	CHECK_COUNT_MOST(STAT_anons, -10);
	check_filled(p, 0, 2);
	check_filled(p, 12, 20);
}

TEST(split_counts, "B12", "an amap cut into pieces by unmaps gives each page back once")
{
	char *p;

	count_start();
	p = fill(64);
	CHECK_COUNT(STAT_anons, 64);
	for (int i = 1; i < 64; i += 2)
		CHECK_OK(munmap(p + PAGES(i), PAGES(1)));
	CHECK_COUNT(STAT_anons, 32);
	for (int i = 0; i < 64; i += 2)
		check_filled(p, (size_t)i, (size_t)i + 1);
	CHECK_OK(munmap(p + PAGES(16), PAGES(32)));
	CHECK_COUNT(STAT_anons, 16);
	CHECK_OK(munmap(p, PAGES(64)));
	CHECK_COUNT(STAT_anons, 0);
}

/* A tree of processes that all write to the same pages; each checks its own view. */
static void tree(char *p, int depth, int mark)
{
	pid_t left, right;

	memset(p + PAGES(depth), mark, PAGE_SIZE);
	if (depth == 4)
		goto check;
	left = check_fork();
	if (left == 0) {
		tree(p, depth + 1, mark * 2);
		exit(0);
	}
	right = check_fork();
	if (right == 0) {
		tree(p, depth + 1, mark * 2 + 1);
		exit(0);
	}
	memset(p + PAGES(depth + 1), 'p', PAGE_SIZE);
	check_child(left);
	check_child(right);
	CHECK_EQ(p[PAGES(depth + 1) + 9], 'p');
check:
	for (int d = depth; d >= 0; d--, mark /= 2)
		for (size_t i = 0; i < PAGE_SIZE; i += 256)
			CHECK_EQ(p[PAGES(d) + i], mark);
	check_filled(p, 6, 10);
}

TEST(fork_tree, "B1 A3", "in a tree of forks each process has its own bytes and its ancestors' of the time of its fork; nothing is left over")
{
	char *p = fill(10);

	count_start();
	tree(p, 0, 1);
	CHECK_COUNT(STAT_procs, 0);
	CHECK_COUNT(STAT_pmaps, 0);
	CHECK_OK(audit(AUDIT_CHECK));
}

TEST(copyout, "A3", "a read() into a shared page breaks the sharing: the kernel's own fault copies it")
{
	char *p = fill(2);
	int fds[2];
	pid_t pid;

	CHECK_OK(pipe(fds));
	pid = check_fork();
	if (pid == 0) {
		p[PAGES(1)] = '1';
		CHECK_EQ(write(fds[1], "hello", 5), 5);
		count_start();
		CHECK_EQ(read(fds[0], p, 5), 5);
		CHECK_COUNT(STAT_fault_1b, 1);
		CHECK(memcmp(p, "helloaaa", 8) == 0);
		exit(0);
	}
	check_child(pid);
	check_filled(p, 0, 2);
}

/* test: mem=24M limit=4000M audit=no */
TEST(two_thirds, "B1 A7", "a process that holds two thirds of memory forks twice in a row, since fork copies nothing")
{
	size_t pages = (size_t)stat_now(STAT_pages_free) * 2 / 3;
	char *p = map_pages(pages);

	for (size_t i = 0; i < pages; i++)
		p[PAGES(i)] = (char)i;
	for (int round = 0; round < 2; round++) {
		pid_t pid = check_fork();

		if (pid == 0) {
			for (size_t i = 0; i < pages; i += 7)
				CHECK_EQ(p[PAGES(i)], (char)i);
			p[0] = 'c';
			p[PAGES(pages - 1)] = 'c';
			exit(0);
		}
		check_child(pid);
	}
	for (size_t i = 1; i < pages; i++)
		CHECK_EQ(p[PAGES(i)], (char)i);
}

TEST(copy_without_memory, "A34", "allocations that fail while an amap is copied are waited out: the write goes through, nobody's bytes change")
{
	for (int n = 1; n <= 12; n++) {
		char *p = fill(4);
		pid_t pid = check_fork();

		if (pid == 0) {
			volatile char *q = p;

			CHECK_OK(inject("*", n, 0));
			q[PAGES(1)] = '1';
			q[PAGES(2) + 1] = '2';
			CHECK_OK(inject("*", 0, 0));
			CHECK_EQ(q[PAGES(1)], '1');
			CHECK_EQ(q[PAGES(1) + 1], 'b');
			CHECK_EQ(q[PAGES(2) + 1], '2');
			check_filled(p, 0, 1);
			check_filled(p, 3, 4);
			exit(0);
		}
		check_child(pid);
		check_filled(p, 0, 4);
		CHECK_OK(munmap(p, PAGES(4)));
	}
	CHECK_OK(audit(AUDIT_CHECK));
}

TEST(fork_fails, "B1", "fork with any one allocation failing is ENOMEM or succeeds, and leaves the parent as it was")
{
	char *p = fill(8);
	int failed = 0;

	for (int n = 1; n <= 60; n++) {
		pid_t pid;

		CHECK_OK(inject("*", n, 0));
		pid = fork();
		if (pid == 0) {
			inject("*", 0, 0);
			check_filled(p, 0, 8);
			p[0] = 'x';
			_exit(0);
		}
		if (pid < 0) {
			CHECK_EQ(errno, ENOMEM);
			failed++;
		}
		CHECK_OK(inject("*", 0, 0));
		if (pid > 0)
			check_child(pid);
		check_filled(p, 0, 8);
	}
	CHECK(failed >= 3);
	CHECK_OK(audit(AUDIT_CHECK));
}
