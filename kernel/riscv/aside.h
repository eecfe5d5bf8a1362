/*
 * ASIDE1(f, a), ASIDE2(f, a, b) and so on: f(a, b), for what is seldom called out of code that runs often.
 *
 * For a call in its middle a function saves registers of its caller's at its beginning and loads them again at its end, whether
 * the call is made or not: ten of them, that is as much as allocating a frame takes. A call aside leaves all registers as they
 * are but its result's, so nothing is saved for it but when it is made. Debug builds just call.
 * => no argument is itself a call, which would take the registers of those before it
 */
#ifndef RISCV_ASIDE_H
#define RISCV_ASIDE_H

#include "base/types.h"

#if defined(__riscv) && !defined(DEBUG)
#define ASIDE_ARG(n, x) register uint64_t a##n##_ __asm__("a" #n) = (uint64_t)(x)
#define ASIDE_CALL(result, ...)                                                                                  \
	register uint64_t t1_ __asm__("t1") = (uint64_t)function_;                                               \
	__asm__ volatile("call t0, call_aside" : "+r"(a0_) : "r"(t1_), ##__VA_ARGS__ : "t0", "memory");          \
	(result)a0_
#define ASIDE1(f, a) ({ __typeof__(&(f)) function_ = (f); ASIDE_ARG(0, a); ASIDE_CALL(__typeof__(f(a))); })
#define ASIDE2(f, a, b) ({ __typeof__(&(f)) function_ = (f); ASIDE_ARG(0, a); ASIDE_ARG(1, b); ASIDE_CALL(__typeof__(f(a, b)), "r"(a1_)); })
#define ASIDE3(f, a, b, c)                                                                                       \
	({ __typeof__(&(f)) function_ = (f); ASIDE_ARG(0, a); ASIDE_ARG(1, b); ASIDE_ARG(2, c);                  \
	   ASIDE_CALL(__typeof__(f(a, b, c)), "r"(a1_), "r"(a2_)); })
#define ASIDE4(f, a, b, c, d)                                                                                    \
	({ __typeof__(&(f)) function_ = (f); ASIDE_ARG(0, a); ASIDE_ARG(1, b); ASIDE_ARG(2, c); ASIDE_ARG(3, d); \
	   ASIDE_CALL(__typeof__(f(a, b, c, d)), "r"(a1_), "r"(a2_), "r"(a3_)); })
#else
#define ASIDE1(f, ...) f(__VA_ARGS__)
#define ASIDE2(f, ...) f(__VA_ARGS__)
#define ASIDE3(f, ...) f(__VA_ARGS__)
#define ASIDE4(f, ...) f(__VA_ARGS__)
#endif

#endif
