/*
 * What lines of a script do with memory. Owns the table of regions.
 *
 * Bytes come from streams: byte P of the stream with key K is a function of both,
 * known to the host as well; the stream with key 0 is zeroes. A line names a part
 * of a region and the place in the stream of its first byte.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int data_file;

void memory_boot(void)
{
	data_file = open("/data", O_RDONLY);
	if (data_file < 0)
		fail((uint64_t)errno, "no /data: %s", strerror(errno));
}

/* ---- streams ---- */

static uint64_t stream_word(uint64_t key, uint64_t index)
{
	uint64_t x = key + index * 0x9e3779b97f4a7c15UL;

	x ^= x >> 29;
	x *= 0xd6e8feb86659fd93UL;
	return key ? x ^ x >> 32 : 0;
}

static uint8_t stream_byte(uint64_t key, uint64_t position)
{
	return (uint8_t)(stream_word(key, position / 8) >> position % 8 * 8);
}

static void stream_write(uint8_t *to, uint64_t size, uint64_t key, uint64_t position)
{
	for (; size > 0 && (((uint64_t)to | position) & 7); size--)
		*to++ = stream_byte(key, position++);
	for (; size >= 8; size -= 8, to += 8, position += 8)
		*(volatile uint64_t *)(void *)to = stream_word(key, position / 8);
	for (; size > 0; size--)
		*to++ = stream_byte(key, position++);
}

/* The number of bytes that are right. */
static uint64_t stream_compare(const uint8_t *from, uint64_t size, uint64_t key, uint64_t position)
{
	uint64_t done = 0;

	while (done < size) {
		if ((((uint64_t)(from + done) | position) & 7) == 0 && size - done >= 8 &&
		    *(const volatile uint64_t *)(const void *)(from + done) == stream_word(key, position / 8)) {
			done += 8;
			position += 8;
		} else {
			if (((const volatile uint8_t *)from)[done] != stream_byte(key, position))
				break;
			done++;
			position++;
		}
	}
	return done;
}

/* ---- regions ---- */

static uint64_t next_slot(void)
{
	uint64_t slot = next_number();

	if (slot >= REGIONS)
		fail(slot, "no region has the number %lu", slot);
	return slot;
}

struct part {
	uint64_t slot;
	uint64_t offset; /* in the region, bytes */
	uint64_t size;
	uint8_t *bytes;
};

/* SLOT OFFSET SIZE */
static struct part next_part(void)
{
	struct part p = { .slot = next_slot() };
	const struct region *r = &own.now.regions[p.slot];

	p.offset = next_number();
	p.size = next_number();
	if (p.offset > r->pages * PAGE || p.size > r->pages * PAGE - p.offset)
		fail(p.offset, "region %lu has no bytes %lu to %lu", p.slot, p.offset, p.offset + p.size);
	p.bytes = (uint8_t *)r->address + p.offset;
	return p;
}

static int rights_of(uint64_t rights)
{
	return (rights & 1 ? PROT_READ : 0) | (rights & 2 ? PROT_WRITE : 0) | (rights & 4 ? PROT_EXEC : 0);
}

/* map SLOT PAGES RIGHTS SHARED: anonymous memory. */
static void do_map(void)
{
	uint64_t slot = next_slot(), pages = next_number();
	int rights = rights_of(next_number()), flags = next_number() ? MAP_SHARED : MAP_PRIVATE;
	void *start = mmap(NULL, pages * PAGE, rights, flags | MAP_ANON, -1, 0);

	if (start == MAP_FAILED)
		fail((uint64_t)errno, "mmap of %lu pages: %s", pages, strerror(errno));
	own.now.regions[slot] = (struct region){ (uint64_t)start, pages };
}

/* heap SLOT PAGES */
static void do_heap(void)
{
	uint64_t slot = next_slot(), pages = next_number();
	void *start = sbrk((intptr_t)(pages * PAGE));

	if (start == (void *)-1)
		fail((uint64_t)errno, "sbrk of %lu pages: %s", pages, strerror(errno));
	if ((uint64_t)start % PAGE)
		fail((uint64_t)start, "the break is not on a page: %lx", (uint64_t)start);
	own.now.regions[slot] = (struct region){ (uint64_t)start, pages };
}

/* stack SLOT PAGES: of the stack that exec made, the next ones below. Its end is the program's first page of stack, which is left alone. */
static void do_stack(void)
{
	uint64_t slot = next_slot(), pages = next_number();

	own.now.stack_end -= pages * PAGE;
	own.now.regions[slot] = (struct region){ own.now.stack_end, pages };
}

/* image SLOT ARRAY: one of the probe's own arrays. */
static void do_image(void)
{
	static const struct { const volatile uint8_t *start, *end; } arrays[] = {
		{ image_data, image_data + IMAGE_SIZE }, { image_bss, image_bss + IMAGE_SIZE }, { image_const, image_const + IMAGE_SIZE },
	};
	uint64_t slot = next_slot(), array = next_number();

	if (array >= sizeof arrays / sizeof arrays[0])
		fail(array, "no array of the probe has the number %lu", array);
	own.now.regions[slot] = (struct region){ (uint64_t)arrays[array].start, IMAGE_SIZE / PAGE };
}

/* unmap SLOT OFFSET SIZE */
static void do_unmap(void)
{
	struct part p = next_part();

	if (munmap(p.bytes, p.size) != 0)
		fail((uint64_t)errno, "munmap: %s", strerror(errno));
}

/* unmap_all SLOT: nothing is left of the region, and it is none any more. */
static void do_unmap_all(void)
{
	struct region *r = &own.now.regions[next_slot()];

	if (munmap((void *)r->address, r->pages * PAGE) != 0)
		fail((uint64_t)errno, "munmap: %s", strerror(errno));
	*r = (struct region){ 0, 0 };
}

/* protect SLOT OFFSET SIZE RIGHTS */
static void do_protect(void)
{
	struct part p = next_part();

	if (mprotect(p.bytes, p.size, rights_of(next_number())) != 0)
		fail((uint64_t)errno, "mprotect: %s", strerror(errno));
}

/* fill SLOT OFFSET SIZE KEY POSITION */
static void do_fill(void)
{
	struct part p = next_part();
	uint64_t key = next_number();

	stream_write(p.bytes, p.size, key, next_number());
}

/* check SLOT OFFSET SIZE KEY POSITION */
static void do_check(void)
{
	struct part p = next_part();
	uint64_t key = next_number(), position = next_number();
	uint64_t right = stream_compare(p.bytes, p.size, key, position), at = p.offset + right;

	if (right < p.size) {
		uint8_t seen = p.bytes[right], expected = stream_byte(key, position + right);
		fail(at | (uint64_t)seen << 32 | (uint64_t)expected << 40,
		     "region %lu page %lu byte %lu: expected %x, seen %x", p.slot, at / PAGE, at % PAGE, expected, seen);
	}
}

/* poke SLOT OFFSET SIZE VALUE */
static void do_poke(void)
{
	struct part p = next_part();
	uint8_t value = (uint8_t)next_number();

	for (uint64_t i = 0; i < p.size; i++)
		((volatile uint8_t *)p.bytes)[i] = value;
}

/* peek SLOT OFFSET SIZE VALUE */
static void do_peek(void)
{
	struct part p = next_part();
	uint8_t value = (uint8_t)next_number();

	for (uint64_t i = 0; i < p.size; i++) {
		uint8_t seen = ((volatile uint8_t *)p.bytes)[i];
		uint64_t at = p.offset + i;
		if (seen != value)
			fail(at | (uint64_t)seen << 32 | (uint64_t)value << 40,
			     "region %lu page %lu byte %lu: expected %x, seen %x", p.slot, at / PAGE, at % PAGE, value, seen);
	}
}

/* touch SLOT OFFSET SIZE WRITE: an access to each page that changes nothing. */
static void do_touch(void)
{
	struct part p = next_part();
	bool write = next_number() != 0;

	for (uint64_t i = 0; i < p.size; i += PAGE) {
		volatile uint8_t *byte = &p.bytes[i];
		if (write)
			*byte = *byte;
		else
			(void)*byte;
	}
}

/* read SLOT OFFSET SIZE FROM: bytes of /data, put there by the kernel. */
static void do_read(void)
{
	struct part p = next_part();
	ssize_t n = pread(data_file, p.bytes, p.size, (off_t)next_number());

	if (n < 0)
		fail((uint64_t)errno, "pread: %s", strerror(errno));
	if ((uint64_t)n != p.size)
		fail((uint64_t)n, "pread: expected %lu bytes, seen %lu", p.size, (uint64_t)n);
}

/* refuse SLOT OFFSET SIZE: a read into it answers EFAULT. */
static void do_refuse(void)
{
	struct part p = next_part();
	ssize_t n = pread(data_file, p.bytes, p.size, 0);

	if (n >= 0 || errno != EFAULT)
		fail(n < 0 ? (uint64_t)errno : 0, "pread: expected the error EFAULT, seen %s", n < 0 ? strerror(errno) : "none");
}

/* run SLOT OFFSET: a call of what is there, which returns at once. */
static void do_run(void)
{
	uint64_t slot = next_slot();

	((void (*)(void))(uintptr_t)(own.now.regions[slot].address + next_number()))();
}

/* fault SLOT OFFSET HOW: the last thing that this process does. HOW: 0 read, 1 write, 2 execute. */
static void do_fault(void)
{
	uint64_t slot = next_slot();
	volatile uint8_t *byte = (uint8_t *)own.now.regions[slot].address + next_number();
	uint64_t how = next_number();

	if (how == 0)
		(void)*byte;
	else if (how == 1)
		*byte = 1;
	else
		((void (*)(void))(uintptr_t)byte)();
	fail(how, "the process should have died of this access");
}

operation_fn *memory_operation(const char *operation)
{
	static const struct { const char *name; operation_fn *fn; } table[] = {
		{ "map", do_map }, { "heap", do_heap }, { "stack", do_stack }, { "unmap", do_unmap },
		{ "unmap_all", do_unmap_all }, { "image", do_image }, { "protect", do_protect }, { "fill", do_fill },
		{ "check", do_check }, { "poke", do_poke }, { "peek", do_peek },
		{ "touch", do_touch }, { "read", do_read }, { "refuse", do_refuse }, { "run", do_run }, { "fault", do_fault },
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (strcmp(operation, table[i].name) == 0)
			return table[i].fn;
	return NULL;
}
