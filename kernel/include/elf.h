/* SPDX-License-Identifier: BSD-2-Clause
 * The part of ELF that loading init needs. System V ABI, chapter 4 and 5; AArch64 supplement for EM_AARCH64.
 */
#pragma once
#include <stdint.h>

#define ELFMAG "\177ELF"
enum {
    SELFMAG = 4,
    EI_CLASS = 4,
    ELFCLASS64 = 2,
    ET_DYN = 3,
    EM_AARCH64 = 183,
    PT_LOAD = 1,
    PF_X = 1,
    PF_W = 2
};

typedef struct {
    unsigned char e_ident[16];
    uint16_t e_type, e_machine;
    uint32_t e_version;
    uint64_t e_entry, e_phoff, e_shoff;
    uint32_t e_flags;
    uint16_t e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx;
} Elf64_Ehdr;

typedef struct {
    uint32_t p_type, p_flags;
    uint64_t p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align;
} Elf64_Phdr;
