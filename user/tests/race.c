/*
 * Races of two threads that share a map, staged often enough for a seed's yields to hit them. They fault on pages of the
 * program file that nobody has touched: those are read in, with nothing locked meanwhile. tests/interleave tries every order of the same.
 */
#include "test.h"

#define ROUNDS 60

FILE_CONST file[(ROUNDS + 1) * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE))) = { 1 };

static volatile uint32_t begun, done; /* rounds */
static volatile char *volatile spot;

static void *read_rounds(void *arg)
{
	(void)arg;
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		while (begun < round)
			sched_yield();
		(void)*spot;
		done = round;
	}
	return NULL;
}

static void begin_round(uint32_t round, char *where)
{
	spot = where;
	begun = round;
	for (uint32_t i = 0; i < round % 4; i++)
		sched_yield();
}

static void end_round(uint32_t round)
{
	while (done < round)
		sched_yield();
}

/* test: seeds=1,2,3,4 limit=400M */
TEST(remap, "A29 A24", "memory that takes a file's place while another thread has the page read in stays what is there")
{
	thread_t t;

	CHECK_EQ(thread_start(&t, read_rounds, NULL), 0);
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		char *page = (char *)file + PAGES(round);

		begin_round(round, page);
		CHECK(mmap(page, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page);
		*(volatile char *)page = 0x33;
		end_round(round);
		CHECK_EQ(*(volatile char *)page, 0x33);
	}
	CHECK_EQ(thread_wait(t, NULL), 0);
}

/* test: seeds=1,2,3,4 */
TEST(slot, "A29", "a page that one thread has promoted is not hidden by the file's, which another thread was waiting for")
{
	char *pages = (char *)file;
	thread_t t;

	CHECK_OK(mprotect(pages, sizeof(file), PROT_READ | PROT_WRITE));
	*(volatile char *)pages = 2; /* the amap is there: no later fault changes the map */
	CHECK_EQ(thread_start(&t, read_rounds, NULL), 0);
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		char *page = pages + PAGES(round);

		begin_round(round, page);
		*(volatile char *)page = 0x44;
		end_round(round);
		CHECK_EQ(*(volatile char *)page, 0x44);
	}
	CHECK_EQ(thread_wait(t, NULL), 0);
}
