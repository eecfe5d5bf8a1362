/* Reading directories. */
#ifndef DIRENT_H
#define DIRENT_H

#include <abi/fcntl.h>

typedef struct dir DIR;

DIR *opendir(const char *path);
struct dirent *readdir(DIR *d); /* good until the next call; NULL at the end (errno unchanged) or on failure */
int closedir(DIR *d);

#endif
