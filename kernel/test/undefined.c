/* What -fsanitize=undefined finds, and how it names it. */
#include "test/test.h"

static volatile int number, other;
static volatile uint64_t pointer;
static char *volatile walker;
static int table[7];

static void add(void) { number += other; }
static void multiply(void) { number *= other; }
static void negate(void) { number = -number; }
static void divide(void) { number /= other; }
static void shift(void) { number = 1 << other; }
static void load(void) { number = *(volatile int *)pointer; }
static void store(void) { *(volatile uint64_t *)pointer = 1; }
static void index(void) { number = table[other]; }
static void truth(void) { number = *(volatile bool *)pointer; }
static void move(void) { walker += other; }

static void told(void (*fn)(void), const char *what)
{
	const struct ktest_panic *panic = ktest_panic(fn);

	CHECK(ktest_said(panic, "panic: undefined: kernel/test/undefined.c:"));
	CHECK(ktest_said(panic, what));
}

/* test: sanitize=undefined */
KTEST(overflow, "", "sums, products and negations that do not fit, with their values") {
	number = 2147483647;
	other = 1;
	told(add, "2147483647 + 1 does not fit 'int'");
	number = -2147483647;
	other = -3;
	told(multiply, "-2147483647 * -3 does not fit 'int'");
	number = -2147483647 - 1;
	told(negate, "-(-2147483648) does not fit 'int'");
}

/* test: sanitize=undefined */
KTEST(division, "", "a division by zero, and the one quotient that does not fit") {
	number = 5;
	other = 0;
	told(divide, "5 divided by 0, as 'int'");
	number = -2147483647 - 1;
	other = -1;
	told(divide, "-2147483648 divided by -1, as 'int'");
}

/* test: sanitize=undefined */
KTEST(shift, "", "a shift by more than the type has bits, and by less than none") {
	other = 40;
	told(shift, "1 of 'int' shifted by 40");
	other = -1;
	told(shift, "1 of 'int' shifted by -1");
}

/* test: sanitize=undefined */
KTEST(null, "", "a load through NULL") {
	pointer = 0;
	told(load, "a load of 'volatile int' through NULL");
}

/* test: sanitize=undefined */
KTEST(misaligned, "", "a store of a word to an address that is no multiple of its size") {
	pointer = (uint64_t)table + 4 - (uint64_t)table % 8;
	told(store, "which is no multiple of 8");
}

/* test: sanitize=undefined */
KTEST(bound, "", "an index that an array does not have") {
	other = 7;
	told(index, "index 7 of 'int [7]'");
	other = -1;
	told(index, "index -1 of 'int [7]'");
}

/* test: sanitize=undefined */
KTEST(truth, "", "a bool that is neither 0 nor 1") {
	static unsigned char two = 2;

	pointer = (uint64_t)&two;
	told(truth, "2 is no value of '_Bool'");
}

/* test: sanitize=undefined */
KTEST(pointer, "", "a pointer that is moved around the end of memory") {
	walker = (char *)-8UL;
	other = 16;
	told(move, "a pointer goes from fffffffffffffff8 to 8");
}
