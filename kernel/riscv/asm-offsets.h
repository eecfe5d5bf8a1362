/* Where assembly finds what C declared; asm-check.c has the compiler check each. */
#ifndef RISCV_ASM_OFFSETS_H
#define RISCV_ASM_OFFSETS_H

/* struct thread (kern/thread.h), beginning with its struct context (riscv/cpu.h) */
#define CONTEXT_RA 0
#define CONTEXT_SP 8
#define CONTEXT_S(n) (16 + 8 * (n))
#define THREAD_KSTACK 112
#define THREAD_CPU 120
#define THREAD_TRAPFRAME 128

/* struct cpu (riscv/cpu.h) */
#define CPU_EMERGENCY_TOP 16
#define CPU_SCRATCH 24

/* struct hart_call (riscv/boot.h) */
#define HART_CALL_ID 0
#define HART_CALL_THREAD 8

/* struct trapframe (riscv/trap.h): register xN */
#define TF_X(n) (8 * ((n) - 1))
#define TF_EPC 248
#define TF_SSTATUS 256
#define TF_SCAUSE 264
#define TF_STVAL 272
#define TF_SIZE 288

#define KSTACK_SHIFT 14 /* log2 of a kernel stack's size */

#endif
