/* The library: memory, text, sorting, jumps. */
#include <limits.h>

#include "test.h"

TEST(format, "", "printf's conversions, flags, widths and precisions")
{
	char s[100], *volatile none = NULL;

	snprintf(s, sizeof s, "%d|%5d|%-5d|%05d|%+d|% d", -12, 34, 56, -7, 8, 9);
	CHECK_TEXT(s, "-12|   34|56   |-0007|+8| 9");
	snprintf(s, sizeof s, "%x|%#X|%o|%u|%08lx|%#lx", 0xabcu, 0xdefu, 8u, UINT_MAX, 0x1234UL, 0xfUL);
	CHECK_TEXT(s, "abc|0XDEF|10|4294967295|00001234|0xf");
	snprintf(s, sizeof s, "%s|%6s|%-6s|%.2s|%c|%%|%p", "abc", "de", "fg", "hij", 'k', (void *)16);
	CHECK_TEXT(s, "abc|    de|fg    |hi|k|%|0x10");
	snprintf(s, sizeof s, "%ld|%hhd|%hd|%lld|%zu", LONG_MIN, 300, 70000, LLONG_MAX, (size_t)5);
	CHECK_TEXT(s, "-9223372036854775808|44|4464|9223372036854775807|5");
	snprintf(s, sizeof s, "%*d|%-*d|%.*s|%.3d|%.0d|%s", 4, 1, 4, 2, 1, "xy", 5, 0, none);
	CHECK_TEXT(s, "   1|2   |x|005||(null)");
	CHECK_EQ(snprintf(s, 5, "%s", "123456"), 6);
	CHECK_TEXT(s, "1234");
	CHECK_EQ(snprintf(NULL, 0, "abc"), 3);
}

TEST(numbers, "", "strtol and its family: bases, ends, limits")
{
	char *end;

	CHECK_EQ(strtol(" -12x", &end, 10), -12);
	CHECK_EQ(*end, 'x');
	CHECK_EQ(strtol("0x1f", NULL, 0), 31);
	CHECK_EQ(strtol("017", NULL, 0), 15);
	CHECK_EQ(strtol("0x", &end, 16), 0);
	CHECK_EQ(*end, 'x');
	CHECK_EQ(strtol("zz", NULL, 36), 35 * 36 + 35);
	strtol("abc", &end, 10);
	CHECK_EQ(*end, 'a');
	errno = 0;
	CHECK_EQ(strtol("99999999999999999999", NULL, 10), LONG_MAX);
	CHECK_EQ(errno, ERANGE);
	CHECK_EQ(strtol("-9223372036854775808", NULL, 10), LONG_MIN);
	CHECK(strtoul("18446744073709551615", NULL, 10) == ULONG_MAX);
	CHECK_EQ(atoi("  42 "), 42);
}

TEST(strings, "", "strings and memory, overlapping copies too")
{
	char s[64] = "0123456789abcdef", *state;

	memmove(s + 3, s, 10);
	CHECK_TEXT(s, "0120123456789def");
	memmove(s, s + 3, 10);
	CHECK(memcmp(s, "0123456789", 10) == 0);
	for (size_t from = 0; from < 9; from++)
		for (size_t to = 20; to < 29; to++) {
			memset(s + 20, 0, 30);
			memcpy(s + to, s + from, 11);
			CHECK(memcmp(s + to, s + from, 11) == 0 && s[to + 11] == 0);
		}
	CHECK_EQ(strcmp("abc", "abd") < 0, 1);
	CHECK_EQ(strncmp("abc", "abd", 2), 0);
	CHECK(strchr("abc", 'c')[0] == 'c' && strchr("abc", 'd') == NULL && *strchr("abc", 0) == 0);
	CHECK_TEXT(strrchr("a/b/c", '/'), "/c");
	CHECK_TEXT(strstr("hello world", "o w"), "o world");
	CHECK(strstr("hello", "lol") == NULL);
	strcpy(s, ",a,,b c");
	CHECK_TEXT(strtok_r(s, ", ", &state), "a");
	CHECK_TEXT(strtok_r(NULL, ", ", &state), "b");
	CHECK_TEXT(strtok_r(NULL, ", ", &state), "c");
	CHECK(strtok_r(NULL, ", ", &state) == NULL);
	CHECK_EQ(strlcpy(s, "123456", 4), 6);
	CHECK_TEXT(s, "123");
}

static int by_value(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

TEST(sorting, "", "qsort and bsearch")
{
	static int v[500];
	int key;

	for (int n = 0; n < 500; n = n * 2 + 1) {
		for (int i = 0; i < n; i++)
			v[i] = rand() % 100;
		qsort(v, (size_t)n, sizeof *v, by_value);
		for (int i = 1; i < n; i++)
			CHECK(v[i - 1] <= v[i]);
	}
	for (int i = 0; i < 100; i++)
		v[i] = 2 * i;
	key = 84;
	CHECK(bsearch(&key, v, 100, sizeof *v, by_value) == &v[42]);
	key = 85;
	CHECK(bsearch(&key, v, 100, sizeof *v, by_value) == NULL);
}

/* test: limit=1000M */
TEST(memory, "", "malloc and free at random: blocks are aligned, do not overlap, keep their bytes, and the heap does not grow for ever")
{
	static unsigned char *at[100];
	static size_t size[100];
	char *high = NULL;

	for (int i = 0; i < 6000; i++) {
		int k = rand() % 100;

		if (at[k]) {
			for (size_t j = 0; j < size[k]; j += 97)
				CHECK_EQ(at[k][j], (unsigned char)k);
			if (i % 5 == 0) {
				size_t n = (size_t)rand() % 2000 + 1;

				at[k] = realloc(at[k], n);
				CHECK(at[k] != NULL);
				for (size_t j = 0; j < (n < size[k] ? n : size[k]); j += 97)
					CHECK_EQ(at[k][j], (unsigned char)k);
				size[k] = n;
				memset(at[k], k, n);
				continue;
			}
			free(at[k]);
			at[k] = NULL;
		} else {
			size[k] = (size_t)rand() % (i % 50 ? 1000 : 300000) + 1;
			at[k] = malloc(size[k]);
			CHECK(at[k] != NULL && ((uintptr_t)at[k] & 15) == 0);
			memset(at[k], k, size[k]);
		}
		if (i == 3000)
			high = sbrk(0);
	}
	CHECK((char *)sbrk(0) < high + (1 << 20));
	for (int k = 0; k < 100; k++)
		free(at[k]);
	CHECK(malloc(-1UL) == NULL && errno == ENOMEM);
	CHECK(calloc(1UL << 33, 1UL << 33) == NULL);
}

static void free_twice(void *p)
{
	free(p);
	free(p);
}

TEST(double_free, "", "freeing a block twice ends the program")
{
	CHECK_SIGNAL(run_child(free_twice, malloc(100)), SIGABRT);
}

TEST(jumps, "", "setjmp and longjmp, values and registers")
{
	static int times;
	jmp_buf env;
	volatile int local = 5;
	int got = setjmp(env);

	if (times++ < 3) {
		local++;
		longjmp(env, times - 1);
	}
	CHECK_EQ(got, 2);
	CHECK_EQ(local, 8);
}

TEST(streams, "", "buffered files: what is written is read; lines; the end")
{
	char line[80];
	FILE *f = fopen("/tmp/s", "w");

	CHECK(f != NULL);
	for (int i = 0; i < 300; i++)
		CHECK(fprintf(f, "line %d of the file\n", i) > 0);
	CHECK_EQ(fclose(f), 0);
	f = fopen("/tmp/s", "r");
	for (int i = 0; i < 300; i++) {
		char want[80];

		snprintf(want, sizeof want, "line %d of the file\n", i);
		CHECK(fgets(line, sizeof line, f) != NULL);
		CHECK_TEXT(line, want);
	}
	CHECK(fgets(line, sizeof line, f) == NULL && feof(f));
	CHECK_EQ(fclose(f), 0);
	CHECK(fopen("/tmp/none", "r") == NULL && errno == ENOENT);
	CHECK_OK(unlink("/tmp/s"));
}

TEST(environment, "", "getenv, setenv, unsetenv")
{
	CHECK_OK(setenv("PAGODA", "one", 1));
	CHECK_TEXT(getenv("PAGODA"), "one");
	CHECK_OK(setenv("PAGODA", "two", 0));
	CHECK_TEXT(getenv("PAGODA"), "one");
	CHECK_OK(setenv("PAGODA", "two", 1));
	CHECK_TEXT(getenv("PAGODA"), "two");
	CHECK_OK(unsetenv("PAGODA"));
	CHECK(getenv("PAGODA") == NULL);
}
