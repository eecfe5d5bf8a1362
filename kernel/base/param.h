/* Sizes that the whole kernel shares. The number of harts is the only limit fixed at compile time. */
#ifndef BASE_PARAM_H
#define BASE_PARAM_H

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096UL
#define PAGE_MASK (PAGE_SIZE - 1)
#define page_trunc(x) ((x) & ~PAGE_MASK)
#define page_round(x) (((x) + PAGE_MASK) & ~PAGE_MASK)

#define HART_MAX 8

#define KSTACK_PAGES 4 /* pages of a kernel stack; one guard page lies below */

#define ARG_MAX (256 * 1024) /* bytes of exec's arguments and environment */

#endif
