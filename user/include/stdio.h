/*
 * Buffered files and formatted output. A stream is used by one thread at a
 * time; printf to stdout from several threads is serialised.
 */
#ifndef STDIO_H
#define STDIO_H

#include <stdarg.h>
#include <stddef.h>

#include <abi/fcntl.h>

#define EOF (-1)
#define BUFSIZ 1024

typedef struct stdio_file FILE;
extern FILE *const stdin, *const stdout, *const stderr;

#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

int printf(const char *format, ...) PRINTF_LIKE(1, 2);
int fprintf(FILE *f, const char *format, ...) PRINTF_LIKE(2, 3);
int dprintf(int fd, const char *format, ...) PRINTF_LIKE(2, 3); /* unbuffered */
int snprintf(char *to, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);
int vprintf(const char *format, va_list args);
int vfprintf(FILE *f, const char *format, va_list args);
int vsnprintf(char *to, size_t size, const char *format, va_list args);
int puts(const char *s);
int putchar(int c);
int fputs(const char *s, FILE *f);
int fputc(int c, FILE *f);
#define putc fputc
size_t fwrite(const void *from, size_t size, size_t count, FILE *f);

FILE *fopen(const char *path, const char *mode);
FILE *fdopen(int fd, const char *mode);
int fclose(FILE *f);
int fflush(FILE *f);
int fileno(FILE *f);
int feof(FILE *f);
int ferror(FILE *f);
int fgetc(FILE *f);
#define getc fgetc
int getchar(void);
char *fgets(char *to, int size, FILE *f);
size_t fread(void *to, size_t size, size_t count, FILE *f);
void perror(const char *what);
int rename(const char *old, const char *new);
int remove(const char *path);

#endif
