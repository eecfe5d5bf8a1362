// xv6's first process has this name. Pagoda's own stays: if this one were started, there would be no shell.
#include "kernel/types.h"
#include "kernel/stat.h"
#include "kernel/spinlock.h"
#include "kernel/sleeplock.h"
#include "kernel/fs.h"
#include "kernel/file.h"
#include "user/user.h"

int
main(void)
{
  printf("an init for xv6, process %d\n", getpid() > 1);
  exit(0);
}
