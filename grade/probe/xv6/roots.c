// roots: xv6's programs look for each other, the README and the console in the root.
#include "kernel/types.h"
#include "kernel/stat.h"
#include "user/user.h"

int count_files(char *names[]);

int
main(void)
{
  char *names[] = { "README", "/echo", "cat", "init", "console", "roots", "usertests", 0 };
  char *echo[] = { "echo", "by", "echo", 0 };
  struct stat st;
  int status = -1;

  if(stat("echo", &st) < 0 || st.type != T_FILE || st.ino > 200)
    printf("roots: echo is no file, or its number is high\n");
  if(fork() == 0){
    exec("tmp/../echo", echo);
    exit(1);
  }
  wait(&status);
  printf("rooted %d, echo %d\n", count_files(names), status);
  exit(0);
}
