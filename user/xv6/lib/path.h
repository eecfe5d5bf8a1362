/* Paths as xv6 takes them. */
#ifndef XV6_PATH_H
#define XV6_PATH_H

/*
 * Copies a program's path to `to`, MAXPATH bytes: each name in it cut to DIRSIZ
 * bytes, no slash at the end, no two in a row. -1: a bad address, or too long.
 */
int __path_take(char *to, const char *path);

#endif
