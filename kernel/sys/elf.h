/* ELF64 executables for RISC-V, as far as exec reads them (System V ABI, chapters 4 and 5; RISC-V psABI). */
#ifndef SYS_ELF_H
#define SYS_ELF_H

#include "vm/vmspace.h"

struct inode;

struct elf_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

/*
 * Maps the program into an empty address space, which the running thread works
 * in (proc_attach): segments privately from the file's pages, what lies beyond
 * the file's part zeroed. Sets *entry and the heap's start. ENOEXEC: not a
 * program that can run; ENOMEM, EIO. => no lock held
 */
int elf_load(struct inode *ip, struct vmspace *vs, vaddr_t *entry);

#endif
