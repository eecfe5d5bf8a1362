/*
 * The strings that exec hands to a program, in kernel memory while the old
 * image goes and the new one comes.
 */
#ifndef SYS_ARGS_H
#define SYS_ARGS_H

#include "base/param.h"
#include "base/types.h"

struct args {
	char *page[ARG_MAX / PAGE_SIZE]; /* strings one after another, each with its NUL */
	size_t used;                     /* bytes */
	size_t argc, envc;
};

int args_new(struct args **out);
void args_free(struct args *a);      /* NULL is allowed */
/* E2BIG: more than ARG_MAX with the pointers; ENOMEM; EFAULT. The caller counts argc and envc. */
int args_add(struct args *a, const char *string);
int args_add_user(struct args *a, vaddr_t string);
/* Each string of a NULL-terminated array of user pointers from index `from` on; *count goes up with each. 0: no array. */
int args_add_user_array(struct args *a, vaddr_t array, size_t from, size_t *count);

/* How much of the stack they take, pointers and alignment included. */
size_t args_stack_size(const struct args *a);
/*
 * Puts them below `top` in the running thread's address space:
 *	sp -> argc, argv[0] .. argv[argc-1], NULL, envp[0] .. NULL, (16-byte gap), strings
 * EFAULT, or ENOMEM noted in copy_error.
 */
int args_put(const struct args *a, vaddr_t top, vaddr_t *sp);

#endif
