// relay: written as one writes for xv6-riscv, and compiled unmodified with API=xv6.
// A number goes through a chain of processes, each of which adds one.
#include "kernel/types.h"
#include "kernel/stat.h"
#include "kernel/fcntl.h"
#include "user/user.h"

#define LINKS 5

int
main(int argc, char *argv[])
{
  int links = argc > 1 ? atoi(argv[1]) : LINKS;
  int in[2], number = 0, status, fd;
  struct stat st;

  pipe(in);
  write(in[1], &number, sizeof(number));
  close(in[1]);
  for(int i = 0; i < links; i++){
    int out[2];
    pipe(out);
    if(fork() == 0){
      if(read(in[0], &number, sizeof(number)) != sizeof(number))
        exit(1);
      number++;
      write(out[1], &number, sizeof(number));
      exit(0);
    }
    close(in[0]);
    close(out[1]);
    in[0] = out[0];
    wait(&status);
    if(status != 0)
      printf("link %d: status %d\n", i, status);
  }
  read(in[0], &number, sizeof(number));

  fd = open("relay.out", O_CREATE | O_RDWR);
  fprintf(fd, "%d\n", number);
  close(fd);
  if(stat("relay.out", &st) < 0 || st.type != T_FILE || st.size != 2)
    printf("stat is wrong\n");
  unlink("relay.out");
  printf("relayed %d\n", number);
  exit(0);
}
