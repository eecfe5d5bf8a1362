/*
 * The platform-level interrupt controller (RISC-V PLIC specification 1.0.0). Floor: riscv.
 *
 * Sources go to the boot hart alone: which hart serves a device is then the same
 * in every run. Handlers are registered at boot and never change.
 */
#include "riscv/plic.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "riscv/cpu.h"
#include "riscv/layout.h"
#include "riscv/machine.h"

/* Registers, as offsets in the block. */
#define PRIORITY(irq) (4UL * (irq))
#define ENABLE(context, irq) (0x2000UL + 0x80UL * (context) + 4UL * ((irq) / 32))
#define THRESHOLD(context) (0x200000UL + 0x1000UL * (context))
#define CLAIM(context) (0x200004UL + 0x1000UL * (context))

static struct {
	void (*handler)(void *arg);
	void *arg;
} sources[PLIC_IRQ_MAX];

static volatile uint32_t *plic_register_at(uint64_t offset)
{
	return phys_to_virt(machine.plic + offset);
}

void plic_register(uint32_t irq, void (*handler)(void *arg), void *arg)
{
	KASSERT(irq > 0 && irq < PLIC_IRQ_MAX);
	KASSERT(!sources[irq].handler);
	sources[irq].arg = arg;
	sources[irq].handler = handler;
	if (!machine.plic)
		return;
	*plic_register_at(PRIORITY(irq)) = 1;
	*plic_register_at(ENABLE(machine.plic_context[0], irq)) |= 1u << (irq % 32);
}

void plic_init_hart(void)
{
	if (!machine.plic && mycpu()->index == 0)
		kprintf("no PLIC, or several: no device can interrupt; start QEMU without aia= and -numa\n");
	if (machine.plic)
		*plic_register_at(THRESHOLD(machine.plic_context[mycpu()->index])) = 0;
}

void plic_interrupt(void)
{
	if (!machine.plic)
		return;
	volatile uint32_t *claim = plic_register_at(CLAIM(machine.plic_context[mycpu()->index]));
	for (uint32_t irq = *claim; irq; irq = *claim) {
		if (irq < PLIC_IRQ_MAX && sources[irq].handler)
			sources[irq].handler(sources[irq].arg);
		*claim = irq;
	}
}
