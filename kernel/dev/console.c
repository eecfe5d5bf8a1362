/*
 * The console: a line being edited, and lines that wait for a reader. Floor: dev.
 *
 * One ring of bytes; the three positions only grow, and are taken modulo its size:
 *
 *	      taken           complete        end
 *	  ------|=== lines =====|--- being edited ---|------
 *
 * A line ends in \n or in ^D, which the reader takes off. Bytes from complete to
 * end can still be erased. Invariant: taken <= complete <= end <= taken + SIZE.
 */
#include "dev/console.h"
#include "abi/errno.h"
#include "dev/uart.h"
#include "kern/spinlock.h"
#include "kern/thread.h"

#define SIZE 1024u /* a power of 2, so that positions may wrap */
#define CONTROL(c) ((c) & 0x1f)
#define DELETE 0x7f
#define BELL 0x07

static struct {
	struct spinlock lock;
	uint8_t bytes[SIZE];               /* lock */
	uint32_t taken, complete, end;     /* lock */
	int32_t foreground;                /* atomic */
} console = { .lock = SPINLOCK_INIT(RANK_CONSOLE, "console") };

void (*console_interrupt_hook)(int32_t pgid);
void (*console_list_hook)(void);

static void console_input(uint8_t byte);
static void edit(uint8_t byte);
static void echo(uint8_t byte);
static void erase_character(void);
static void erase_word(void);
static void erase_line(void);

void console_init(void)
{
	uart_receive(console_input);
}

void console_set_foreground(int32_t pgid)
{
	__atomic_store_n(&console.foreground, pgid, __ATOMIC_RELAXED);
}

int32_t console_foreground(void)
{
	return __atomic_load_n(&console.foreground, __ATOMIC_RELAXED);
}

#define CHUNK 128u /* bytes sent with interrupts off */

void console_write(const void *buf, size_t n)
{
	const char *p = buf;
	while (n) {
		size_t now = MIN(n, (size_t)CHUNK);
		uart_write(p, now);
		p += now;
		n -= now;
	}
}

/* Takes one line, or its first n bytes. => lock held, a line is there. */
static size_t line_take(uint8_t *to, size_t n)
{
	size_t count = 0;
	bool ended = false;
	while (count < n && !ended && console.taken != console.complete) {
		uint8_t byte = console.bytes[console.taken++ % SIZE];
		ended = byte == '\n' || byte == CONTROL('D');
		if (byte != CONTROL('D'))
			to[count++] = byte;
	}
	/* "abc^D" read 3 bytes at a time is no end of file afterwards. */
	if (count && !ended && console.taken != console.complete && console.bytes[console.taken % SIZE] == CONTROL('D'))
		console.taken++;
	return count;
}

int console_read(void *buf, size_t n, size_t *done)
{
	int error = 0;
	*done = 0;
	if (n == 0)
		return 0;
	spinlock_acquire(&console.lock);
	while (console.taken == console.complete && !error)
		error = thread_sleep(&console.complete, &console.lock, "console", SLEEP_INTR);
	if (!error)
		*done = line_take(buf, n);
	spinlock_release(&console.lock);
	return error;
}

/* From the interrupt. The hooks are called with no lock held: they signal and print. */
static void console_input(uint8_t byte)
{
	int32_t interrupt = 0;
	bool list = false;

	spinlock_acquire(&console.lock);
	switch (byte) {
	case CONTROL('C'):
		echo(byte);
		echo('\n');
		console.end = console.complete;
		interrupt = console_foreground();
		break;
	case CONTROL('P'):
		list = true;
		break;
	default:
		edit(byte == '\r' ? '\n' : byte);
	}
	spinlock_release(&console.lock);

	if (interrupt && console_interrupt_hook)
		console_interrupt_hook(interrupt);
	if (list && console_list_hook)
		console_list_hook();
}

static void edit(uint8_t byte)
{
	switch (byte) {
	case CONTROL('H'):
	case DELETE:
		erase_character();
		return;
	case CONTROL('W'):
		erase_word();
		return;
	case CONTROL('U'):
		erase_line();
		return;
	}

	/* The last place is kept for the end of the line. */
	bool ends = byte == '\n' || byte == CONTROL('D');
	uint32_t used = console.end - console.taken;
	if (used == SIZE || (used == SIZE - 1 && !ends)) {
		echo(BELL);
		return;
	}
	console.bytes[console.end++ % SIZE] = byte;
	if (byte != CONTROL('D'))
		echo(byte);
	if (ends) {
		console.complete = console.end;
		thread_wakeup(&console.complete);
	}
}

/* Columns that the echo of a byte takes; the later bytes of a UTF-8 character take none. */
static int columns(uint8_t byte)
{
	if ((byte & 0xc0) == 0x80)
		return 0;
	return (byte < ' ' && byte != '\t') || byte == DELETE ? 2 : 1;
}

static void echo(uint8_t byte)
{
	char text[2] = { byte, 0 };
	size_t n = 1;
	if (byte == '\t') {
		text[0] = ' '; /* one column, so that it can be erased */
	} else if (byte < ' ' && byte != '\n' && byte != BELL) {
		text[0] = '^';
		text[1] = byte + '@';
		n = 2;
	}
	uart_write(text, n);
}

static uint8_t last_byte(void)
{
	return console.bytes[(console.end - 1) % SIZE];
}

static void erase_character(void)
{
	int width = 0;
	bool whole = false;
	while (console.end != console.complete && !whole) {
		whole = (last_byte() & 0xc0) != 0x80;
		width += columns(last_byte());
		console.end--;
	}
	while (width--)
		uart_write("\b \b", 3);
}

static void erase_word(void)
{
	while (console.end != console.complete && last_byte() == ' ')
		erase_character();
	while (console.end != console.complete && last_byte() != ' ')
		erase_character();
}

static void erase_line(void)
{
	while (console.end != console.complete)
		erase_character();
}
