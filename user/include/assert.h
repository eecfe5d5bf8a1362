/* What must hold. */
#ifndef ASSERT_H
#define ASSERT_H

void __assert_failed(const char *file, int line, const char *what) __attribute__((noreturn));
#define assert(what) ((what) ? (void)0 : __assert_failed(__FILE__, __LINE__, #what))

#endif
