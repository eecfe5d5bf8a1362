/*
 * ASIDE1(f, a), ASIDE2(f, a, b) and so on: f(a, b), for what is seldom called out of code that runs often.
 *
 * For a call in its middle a function saves registers of its caller's at its beginning and loads them again at its end, whether
 * the call is made or not: ten of them, that is as much as allocating a frame takes. A call aside leaves all registers but t0
 * and t1 as they are, and finds its arguments on the stack, not in certain registers that would have to be kept free for them:
 * nothing is done for it but when it is made. Debug builds just call.
 */
#ifndef RISCV_ASIDE_H
#define RISCV_ASIDE_H

#include "base/types.h"

#if defined(__riscv) && !defined(DEBUG)
/*
 * The arguments are on the stack, call_aside takes them off; the function is in t1, and then the result. An argument may be in
 * t1, too: all are stored before. None is relative to sp: what a function has on its stack it finds by s0.
 */
#define ASIDE_CALL(f, result, store, ...)                                                                        \
	({                                                                                                       \
		register uint64_t t1_ __asm__("t1");                                                             \
		__asm__ volatile("addi sp, sp, -32\n" store                                                      \
				 "lla t1, %1\n"                                                                  \
				 "call t0, call_aside"                                                           \
				 : "=r"(t1_) : "S"(f), ##__VA_ARGS__ : "t0", "memory");                             \
		(result)t1_;                                                                                     \
	})
/* In a register as the calling convention has it: what is of 32 bits is sign-extended, unsigned or not. */
#define ASIDE_ARG(x) "rJ"(sizeof(x) <= 4 ? (int64_t)(int32_t)(int64_t)(x) : (int64_t)(x))
#define ASIDE_STORE1 "sd %z2, 0(sp)\n"
#define ASIDE_STORE2 ASIDE_STORE1 "sd %z3, 8(sp)\n"
#define ASIDE_STORE3 ASIDE_STORE2 "sd %z4, 16(sp)\n"
#define ASIDE_STORE4 ASIDE_STORE3 "sd %z5, 24(sp)\n"
#define ASIDE1(f, a) ASIDE_CALL(f, __typeof__(f(a)), ASIDE_STORE1, ASIDE_ARG(a))
#define ASIDE2(f, a, b) ASIDE_CALL(f, __typeof__(f(a, b)), ASIDE_STORE2, ASIDE_ARG(a), ASIDE_ARG(b))
#define ASIDE3(f, a, b, c) ASIDE_CALL(f, __typeof__(f(a, b, c)), ASIDE_STORE3, ASIDE_ARG(a), ASIDE_ARG(b), ASIDE_ARG(c))
#define ASIDE4(f, a, b, c, d)                                                                                    \
	ASIDE_CALL(f, __typeof__(f(a, b, c, d)), ASIDE_STORE4, ASIDE_ARG(a), ASIDE_ARG(b), ASIDE_ARG(c), ASIDE_ARG(d))
#else
#define ASIDE1(f, ...) f(__VA_ARGS__)
#define ASIDE2(f, ...) f(__VA_ARGS__)
#define ASIDE3(f, ...) f(__VA_ARGS__)
#define ASIDE4(f, ...) f(__VA_ARGS__)
#endif

#endif
