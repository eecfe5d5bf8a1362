/*
 * Loading an ELF file. Nothing of it is believed before it is checked: a file
 * may hold anything. Floor: sys.
 *
 *	file     |....text....|..data..|
 *	memory   |....text....|..data..0|00000000|      bss: the rest of data's last page, then fresh pages
 *	         private, from the page cache    anonymous
 */
#include "sys/elf.h"

#include "abi/errno.h"
#include "abi/mman.h"
#include "base/string.h"
#include "fs/inode.h"
#include "kern/thread.h"
#include "riscv/copyuser.h"
#include "riscv/layout.h"
#include "vm/pool.h"

#define TYPE_EXEC 2
#define MACHINE_RISCV 243
#define SEGMENT_LOAD 1
#define SEGMENT_DYNAMIC 2
#define SEGMENT_INTERP 3
#define FLAG_X 1
#define FLAG_W 2
#define FLAG_R 4
#define SEGMENT_MAX 64
#define IMAGE_MAX (USER_MAX - USER_STACK_MAX) /* the stack lies above */

struct loading {
	struct inode *ip;
	struct vmspace *vs;
	uint64_t file_size;
	struct elf_header header;
	struct elf_segment *segments;
	vaddr_t end;          /* of the highest segment so far */
	bool entry_found;     /* lies in an executable segment */
};

static int header_read(struct loading *l);
static int segment_check(const struct loading *l, const struct elf_segment *s);
static int segment_map(struct loading *l, const struct elf_segment *s);
static int map_file(struct loading *l, const struct elf_segment *s, prot_t prot);
static int map_zero(struct loading *l, vaddr_t start, vaddr_t end, prot_t prot);
static int read_exact(struct inode *ip, void *to, uint64_t offset, size_t n);

int elf_load(struct inode *ip, struct vmspace *vs, vaddr_t *entry)
{
	struct loading l = { .ip = ip, .vs = vs };
	size_t size = 0;
	int error;

	error = header_read(&l);
	if (error)
		return error;
	size = l.header.phnum * sizeof(struct elf_segment);
	l.segments = kmalloc(size, 0);
	if (l.segments == NULL)
		return ENOMEM;
	error = read_exact(ip, l.segments, l.header.phoff, size);
	for (unsigned i = 0; error == 0 && i < l.header.phnum; i++) {
		const struct elf_segment *s = &l.segments[i];
		if (s->type == SEGMENT_INTERP || s->type == SEGMENT_DYNAMIC)
			error = ENOEXEC; /* wants a dynamic linker */
		if (error || s->type != SEGMENT_LOAD || s->memsz == 0)
			continue;
		error = segment_check(&l, s);
		if (error == 0)
			error = segment_map(&l, s);
	}
	if (error == 0 && !l.entry_found)
		error = ENOEXEC;
	kfree(l.segments, size);
	if (error)
		return error;
	vs->brk_start = vs->brk = page_round(l.end);
	*entry = l.header.entry;
	return 0;
}

static int header_read(struct loading *l)
{
	static const uint8_t magic[7] = { 0x7f, 'E', 'L', 'F', 2 /* 64 bits */, 1 /* little endian */, 1 /* version */ };
	const struct elf_header *h = &l->header;
	struct stat st;
	int error = inode_stat(l->ip, &st);

	if (error)
		return error;
	l->file_size = st.st_size;
	error = read_exact(l->ip, &l->header, 0, sizeof(l->header));
	if (error)
		return error;
	if (memcmp(h->ident, magic, sizeof(magic)) != 0 || h->type != TYPE_EXEC || h->machine != MACHINE_RISCV ||
	    h->version != 1 || h->phentsize != sizeof(struct elf_segment) || h->phnum == 0 || h->phnum > SEGMENT_MAX)
		return ENOEXEC;
	if (h->phoff > l->file_size || h->phnum * sizeof(struct elf_segment) > l->file_size - h->phoff)
		return ENOEXEC;
	return 0;
}

/* Each sum is checked not to wrap before it is formed. */
static int segment_check(const struct loading *l, const struct elf_segment *s)
{
	if (s->filesz > s->memsz || s->offset > l->file_size || s->filesz > l->file_size - s->offset)
		return ENOEXEC;
	if (s->vaddr < USER_MIN || s->vaddr > IMAGE_MAX || s->memsz > IMAGE_MAX - s->vaddr)
		return ENOEXEC;
	if ((s->vaddr ^ s->offset) & PAGE_MASK)
		return ENOEXEC; /* a page of the file could not be a page of memory */
	if (s->flags & ~(FLAG_R | FLAG_W | FLAG_X))
		return ENOEXEC;
	return 0;
}

static int segment_map(struct loading *l, const struct elf_segment *s)
{
	prot_t prot = (s->flags & FLAG_R ? PROT_READ : 0) | (s->flags & FLAG_W ? PROT_READ | PROT_WRITE : 0) |
		      (s->flags & FLAG_X ? PROT_EXEC : 0);
	vaddr_t file_end = s->vaddr + s->filesz, end = s->vaddr + s->memsz;
	vaddr_t tail_end = MIN(page_round(file_end), end);
	bool tail = s->filesz > 0 && tail_end > file_end;
	int error = 0;

	if (s->filesz > 0)
		error = map_file(l, s, tail ? prot | PROT_READ | PROT_WRITE : prot);
	if (error == 0 && tail) {
		/* A write to a private page: this image's own copy of it, from a fault like any other. */
		error = copyuser_zero(file_end, page_round(file_end) - file_end);
		if (error)
			error = curthread->copy_error == ENOMEM ? ENOMEM : EIO;
		else if (!(prot & PROT_WRITE))
			error = map_protect(&l->vs->map, page_trunc(s->vaddr), page_round(file_end), prot);
	}
	if (error == 0)
		error = map_zero(l, s->filesz ? page_round(file_end) : page_trunc(s->vaddr), page_round(end), prot);
	if (error)
		return error == EEXIST ? ENOEXEC : error; /* two segments share a page */
	l->end = MAX(l->end, end);
	if ((prot & PROT_EXEC) && l->header.entry >= s->vaddr && l->header.entry < end)
		l->entry_found = true;
	return 0;
}

static int map_file(struct loading *l, const struct elf_segment *s, prot_t prot)
{
	struct vm_object *o = &l->ip->vnode.object;
	struct map_request rq = {
		.start = page_trunc(s->vaddr), .size = page_round(s->vaddr + s->filesz) - page_trunc(s->vaddr),
		.fixed = true, .noreplace = true, .object = o, .offset = page_trunc(s->offset),
		.prot = prot, .maxprot = PROT_READ | PROT_WRITE | PROT_EXEC,
		.inherit = MAP_INHERIT_COPY, .advice = MADV_NORMAL, .copy_on_write = true,
	};
	vaddr_t start;
	int error;

	o->ops->reference(o);
	error = map_enter(&l->vs->map, &rq, &start);
	if (error)
		o->ops->detach(o);
	return error;
}

static int map_zero(struct loading *l, vaddr_t start, vaddr_t end, prot_t prot)
{
	struct map_request rq = {
		.start = start, .size = end - start, .fixed = true, .noreplace = true,
		.prot = prot, .maxprot = PROT_READ | PROT_WRITE | PROT_EXEC,
		.inherit = MAP_INHERIT_COPY, .advice = MADV_NORMAL, .copy_on_write = true,
	};

	return start < end ? map_enter(&l->vs->map, &rq, &start) : 0;
}

/* ENOEXEC: the file is shorter. */
static int read_exact(struct inode *ip, void *to, uint64_t offset, size_t n)
{
	struct io_target target = { .user = false, .address = (vaddr_t)to };
	size_t done = 0;
	int error = inode_read(ip, target, offset, n, &done);

	if (error)
		return error;
	return done == n ? 0 : ENOEXEC;
}
