// What the programs of this folder share: a file without main belongs to each of them.
#include "kernel/types.h"
#include "kernel/fcntl.h"
#include "user/user.h"

// How many of these files can be opened.
int
count_files(char *names[])
{
  int n = 0, fd;

  for(; *names; names++)
    if((fd = open(*names, O_RDONLY)) >= 0){
      n++;
      close(fd);
    }
  return n;
}
