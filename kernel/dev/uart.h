/* The serial port, an NS16550: bytes out by polling, bytes in by interrupt. */
#ifndef DEV_UART_H
#define DEV_UART_H

#include "base/types.h"

/* Finds the port in `machine`; from then on kprintf goes there. Before the PLIC is used. */
void uart_init(void);
/* Bytes received go to this function, called in the interrupt. */
void uart_receive(void (*input)(uint8_t byte));

void uart_write(const char *bytes, size_t count);           /* one message at a time */
void uart_write_emergency(const char *bytes, size_t count); /* takes no lock: the panic's */

#endif
