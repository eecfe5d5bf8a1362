/* Control and status registers of supervisor mode: access and bits (RISC-V privileged specification, chapter 4). */
#ifndef RISCV_CSR_H
#define RISCV_CSR_H

#define SSTATUS_SIE 0x2
#define SSTATUS_SPIE 0x20
#define SSTATUS_SPP 0x100
#define SSTATUS_FS 0x6000
#define SSTATUS_FS_INITIAL 0x2000
#define SSTATUS_FS_CLEAN 0x4000
#define SSTATUS_FS_DIRTY 0x6000
#define SSTATUS_SUM 0x40000
#define SSTATUS_UXL_64 0x200000000

/* Bits of sie and sip. */
#define SIE_SSIE 0x2
#define SIE_STIE 0x20
#define SIE_SEIE 0x200

/* scause */
#define SCAUSE_INTERRUPT (1UL << 63)
#define SCAUSE_SOFTWARE 1 /* interrupts */
#define SCAUSE_TIMER 5
#define SCAUSE_EXTERNAL 9
#define SCAUSE_INSN_MISALIGNED 0 /* exceptions */
#define SCAUSE_INSN_ACCESS 1
#define SCAUSE_ILLEGAL 2
#define SCAUSE_BREAKPOINT 3
#define SCAUSE_LOAD_MISALIGNED 4
#define SCAUSE_LOAD_ACCESS 5
#define SCAUSE_STORE_MISALIGNED 6
#define SCAUSE_STORE_ACCESS 7
#define SCAUSE_ECALL_USER 8
#define SCAUSE_INSN_PAGE 12
#define SCAUSE_LOAD_PAGE 13
#define SCAUSE_STORE_PAGE 15

#define SATP_SV39 (8UL << 60)

#ifndef __ASSEMBLER__
#include "base/types.h"

#define csr_read(reg) ({ uint64_t v_; __asm__ volatile("csrr %0, " #reg : "=r"(v_) : : "memory"); v_; })
#define csr_write(reg, v) __asm__ volatile("csrw " #reg ", %0" : : "rK"((uint64_t)(v)) : "memory")
#define csr_set(reg, v) __asm__ volatile("csrs " #reg ", %0" : : "rK"((uint64_t)(v)) : "memory")
#define csr_clear(reg, v) __asm__ volatile("csrc " #reg ", %0" : : "rK"((uint64_t)(v)) : "memory")

/* The register as it was, and then without these bits. */
#define csr_read_clear(reg, v) ({ uint64_t v_; __asm__ volatile("csrrc %0, " #reg ", %1" : "=r"(v_) : "rK"((uint64_t)(v)) : "memory"); v_; })

static inline void irq_enable(void) { csr_set(sstatus, SSTATUS_SIE); }
static inline void irq_disable(void) { csr_clear(sstatus, SSTATUS_SIE); }
#endif

#endif
