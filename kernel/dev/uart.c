/*
 * The serial port (NS16550). Floor: dev.
 *
 * Transmit: polled, a whole message under `transmit`, kernel messages and programs'
 * output alike. Receive: by interrupt, each byte to the function registered.
 */
#include "dev/uart.h"
#include "base/printf.h"
#include "kern/spinlock.h"
#include "riscv/layout.h"
#include "riscv/machine.h"
#include "riscv/plic.h"
#include "riscv/sbi.h"

/* Registers, one byte each. */
#define RBR 0 /* read: byte received */
#define THR 0 /* write: byte to send */
#define IER 1
#define IER_RECEIVE 1
#define FCR 2
#define FCR_ENABLE_CLEAR 7
#define LCR 3
#define LCR_8N1 3
#define LSR 5
#define LSR_RECEIVED 0x01
#define LSR_IDLE 0x20

static volatile uint8_t *port; /* NULL: the firmware's console stands in */
static struct spinlock transmit = SPINLOCK_INIT(RANK_PRINTF, "uart.transmit");
static struct spinlock receive = SPINLOCK_INIT(RANK_UART, "uart.receive");
static void (*input_hook)(uint8_t byte); /* fixed once set */

void uart_init(void)
{
	if (machine.uart) {
		port = phys_to_virt(machine.uart);
		port[IER] = 0;
		port[LCR] = LCR_8N1;
		port[FCR] = FCR_ENABLE_CLEAR;
	}
	kprintf_hook = uart_write;
}

static void send(const char *bytes, size_t count)
{
	if (!port) {
		sbi_console_write(bytes, count);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		while (!(port[LSR] & LSR_IDLE))
			; /* for the device, not for a hart */
		port[THR] = bytes[i];
	}
}

void uart_write(const char *bytes, size_t count)
{
	spinlock_acquire(&transmit);
	send(bytes, count);
	spinlock_release(&transmit);
}

void uart_write_emergency(const char *bytes, size_t count)
{
	send(bytes, count);
}

/* The byte goes on with no lock held: whoever takes it may signal processes. */
static bool receive_byte(uint8_t *byte)
{
	spinlock_acquire(&receive);
	bool any = port[LSR] & LSR_RECEIVED;
	*byte = any ? port[RBR] : 0;
	spinlock_release(&receive);
	return any;
}

static void uart_interrupt(void *arg __unused)
{
	uint8_t byte;
	while (receive_byte(&byte))
		input_hook(byte);
}

void uart_receive(void (*input)(uint8_t byte))
{
	input_hook = input;
	if (!port || !machine.uart_irq)
		return;
	plic_register(machine.uart_irq, uart_interrupt, NULL);
	port[IER] = IER_RECEIVE;
}
