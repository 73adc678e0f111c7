/* SPDX-License-Identifier: BSD-2-Clause
 * The structures of an ELF file that both its reader (elf.c) and a program's own start (src/crt.c) look at. Names and
 * layout: System V ABI, Edition 4.1, figures 4-3, 5-1 and 5-9.
 */
#pragma once
#include <stdint.h>

struct elf64_ehdr {
    uint8_t e_ident[16];
    uint16_t e_type, e_machine;
    uint32_t e_version;
    uint64_t e_entry, e_phoff, e_shoff;
    uint32_t e_flags;
    uint16_t e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx;
};
struct elf64_phdr {
    uint32_t p_type, p_flags;
    uint64_t p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align;
};
struct elf64_dyn {
    uint64_t d_tag, d_val;
};
_Static_assert(sizeof(struct elf64_ehdr) == 64, "System V ABI, figure 4-3");
_Static_assert(sizeof(struct elf64_phdr) == 56, "System V ABI, figure 5-1");
