/*
 * What the kernel tells the address sanitizer, and asks of it. In a kernel built without it
 * (make SAN=address) all of this is nothing.
 *
 * The compiler has every load and store of the kernel ask first whether its bytes may be touched; the
 * answer is in the shadow (san/shadow.h). The compiler itself fences what lies on stacks and between globals; of all
 * other memory those who hand it out say here what may be touched.
 */
#ifndef SAN_SAN_H
#define SAN_SAN_H

#include "base/types.h"

/* Why bytes may not be touched: the values that their shadow has. The compiler writes those of the stack itself. */
enum san_why {
	SAN_STACK_BEFORE = 0xf1,  /* before the first variable of a frame */
	SAN_STACK_BETWEEN = 0xf2, /* behind a variable */
	SAN_STACK_BEHIND = 0xf3,  /* behind the last one */
	SAN_GLOBAL = 0xf9,        /* behind a global */
	SAN_SHADOW = 0xfb,        /* the shadow's own memory */
	SAN_OLD_STACK = 0xfc,     /* a kernel stack that is in nobody's use */
	SAN_REDZONE = 0xfd,       /* behind an object of a pool */
	SAN_FREED = 0xfe,         /* an object that was freed, or never handed out */
	SAN_FRAME = 0xff,         /* a free frame */
};

#ifdef SAN_ADDRESS

#define SAN_REDZONE_SIZE 16UL  /* bytes behind each object of a pool */
#define SAN_RESTING 64         /* freed objects of a pool that wait before they are used again */
#define SAN_STACK_PAGES 1UL    /* more than its own that a kernel stack needs: its shadow */
#define SAN_IMAGE_SIZE (6UL << 20) /* at least as large as the image: kernel.ld looks */
#define SAN_IMAGE_SHADOW_SIZE (SAN_IMAGE_SIZE >> 3)

/* n bytes from p on, both multiples of 8, may not be touched. */
void san_poison(const void *p, size_t n, enum san_why why);
/* They may be. p is a multiple of 8; of the last 8 bytes only n % 8 may be touched. */
void san_unpoison(const void *p, size_t n);
/* An object of `size` bytes is handed out, in a place of `stride` bytes; taken back. who: the address that asked for that. */
void san_object_begin(void *o, size_t size, size_t stride, const void *who);
void san_object_end(void *o, size_t stride, const void *who);
/* A frame is about to be free: its first word keeps who said so. */
void san_freed_by(void *frame, const void *who);
/* What code that is not instrumented is about to read or write. */
void san_reads(const void *p, size_t n);
void san_writes(const void *p, size_t n);

/* Boot: the bytes that the shadow of so much RAM takes; where they lie, and of what they are the shadow. */
static inline size_t san_ram_shadow_size(size_t ram) { return ram >> 3; }
void san_ram_begin(paddr_t shadow, paddr_t ram, size_t size);
/* The shadow of the image, which pmap_boot maps. */
extern char san_image_shadow[SAN_IMAGE_SHADOW_SIZE];
/* A kernel stack's shadow has been mapped, and is about to be unmapped. */
void san_stack_begin(vaddr_t base);
void san_stack_end(vaddr_t base);

/* After a report nothing is looked at any more: the panic looks at much. A test that wanted it says that it is over. */
void san_again(void);

#else

#define SAN_REDZONE_SIZE 0UL
#define SAN_STACK_PAGES 0UL
#define SAN_IMAGE_SHADOW_SIZE 0UL

static inline void san_poison(const void *p __unused, size_t n __unused, enum san_why why __unused) {}
static inline void san_unpoison(const void *p __unused, size_t n __unused) {}
static inline void san_object_begin(void *o __unused, size_t size __unused, size_t stride __unused, const void *who __unused) {}
static inline void san_object_end(void *o __unused, size_t stride __unused, const void *who __unused) {}
static inline void san_freed_by(void *frame __unused, const void *who __unused) {}
static inline void san_reads(const void *p __unused, size_t n __unused) {}
static inline void san_writes(const void *p __unused, size_t n __unused) {}
static inline size_t san_ram_shadow_size(size_t ram __unused) { return 0; }
static inline void san_ram_begin(paddr_t shadow __unused, paddr_t ram __unused, size_t size __unused) {}
extern char san_image_shadow[];
static inline void san_stack_begin(vaddr_t base __unused) {}
static inline void san_stack_end(vaddr_t base __unused) {}
static inline void san_again(void) {}

#endif

#endif
