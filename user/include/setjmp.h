/* Jumps out of functions; the sig forms restore the signal mask too. */
#ifndef SETJMP_H
#define SETJMP_H

#include <stdint.h>

/* ra, sp, s0 to s11, fs0 to fs11, then: was the mask saved, the mask. */
typedef uint64_t jmp_buf[28];
typedef jmp_buf sigjmp_buf;

int setjmp(jmp_buf env) __attribute__((returns_twice));
void longjmp(jmp_buf env, int value) __attribute__((noreturn));
void __sigjmp_save(sigjmp_buf env, int save_mask);
#define sigsetjmp(env, save_mask) (__sigjmp_save(env, save_mask), setjmp(env))
void siglongjmp(sigjmp_buf env, int value) __attribute__((noreturn));

#endif
