/*
 * The firmware's calls, and which of them this firmware has. Floor: riscv.
 *
 * Invariant: after sbi_init() the flags say what the firmware answered to a probe;
 * nothing is called that it does not have.
 */
#include "riscv/sbi.h"
#include "abi/errno.h"

/* Extension ids: four letters as a number; below 0x10 the legacy calls. */
#define EXT_LEGACY_TIMER 0x00
#define EXT_LEGACY_PUTCHAR 0x01
#define EXT_LEGACY_IPI 0x04
#define EXT_LEGACY_SHUTDOWN 0x08
#define EXT_BASE 0x10
#define EXT_TIME 0x54494d45
#define EXT_IPI 0x735049
#define EXT_HSM 0x48534d
#define EXT_RESET 0x53525354
#define EXT_CONSOLE 0x4442434e

static bool has_time, has_ipi, has_hsm, has_reset, has_console;

struct sbi_result {
	long error, value;
};

static struct sbi_result sbi_call(uint64_t extension, uint64_t function, uint64_t arg0, uint64_t arg1, uint64_t arg2)
{
	register uint64_t a0 __asm__("a0") = arg0;
	register uint64_t a1 __asm__("a1") = arg1;
	register uint64_t a2 __asm__("a2") = arg2;
	register uint64_t a6 __asm__("a6") = function;
	register uint64_t a7 __asm__("a7") = extension;
	__asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
	return (struct sbi_result){ a0, a1 };
}

static bool probe(uint64_t extension)
{
	struct sbi_result r = sbi_call(EXT_BASE, 3, extension, 0, 0);
	return r.error == 0 && r.value != 0;
}

void sbi_init(void)
{
	has_time = probe(EXT_TIME);
	has_ipi = probe(EXT_IPI);
	has_hsm = probe(EXT_HSM);
	has_reset = probe(EXT_RESET);
	has_console = probe(EXT_CONSOLE);
}

void sbi_timer_set(uint64_t deadline)
{
	sbi_call(has_time ? EXT_TIME : EXT_LEGACY_TIMER, 0, deadline, 0, 0);
}

void sbi_ipi_send(uint64_t hartid)
{
	if (has_ipi) {
		sbi_call(EXT_IPI, 0, 1, hartid, 0);
	} else {
		/* The legacy call takes the address of a mask; such firmware reads it through our page table. */
		uint64_t mask = 1UL << hartid;
		sbi_call(EXT_LEGACY_IPI, 0, (uint64_t)&mask, 0, 0);
	}
}

int sbi_hart_start(uint64_t hartid, paddr_t entry, uint64_t opaque)
{
	if (!has_hsm)
		return EIO;
	return sbi_call(EXT_HSM, 0, hartid, entry, opaque).error ? EIO : 0;
}

void sbi_console_write(const char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (has_console)
			sbi_call(EXT_CONSOLE, 2, (uint8_t)bytes[i], 0, 0);
		else
			sbi_call(EXT_LEGACY_PUTCHAR, 0, (uint8_t)bytes[i], 0, 0);
	}
}

void sbi_shutdown(bool failed)
{
	if (has_reset)
		sbi_call(EXT_RESET, 0, 0, failed, 0);
	else
		sbi_call(EXT_LEGACY_SHUTDOWN, 0, 0, 0, 0);
}

void sbi_reboot(void)
{
	if (has_reset)
		sbi_call(EXT_RESET, 0, 1, 0, 0);
}
