/* SPDX-License-Identifier: BSD-2-Clause
 * elf - checks an image before anything of it is mapped.
 *
 * Specification: System V ABI, Edition 4.1, chapters 4 and 5 (the names are its); ELF for the Arm 64-bit Architecture,
 * 2023Q3. A process relocates itself, so relocations are not looked at. Every offset and length is compared with the
 * file once, here, and trusted afterwards. Headers are copied out: cpio aligns files to four bytes only.
 */
#include "elf.h"
#include <string.h>
#include "elf64.h"

struct elf64_shdr {
    uint32_t sh_name, sh_type;
    uint64_t sh_flags, sh_addr, sh_offset, sh_size;
    uint32_t sh_link, sh_info;
    uint64_t sh_addralign, sh_entsize;
};
_Static_assert(sizeof(struct elf64_shdr) == 64, "System V ABI, figure 4-8");
_Static_assert(sizeof(struct dev_match) == 136, "the layout of .cambium.match is part of the ABI");

enum { ET_DYN = 3, EM_AARCH64 = 183, EV_CURRENT = 1, PF_X = 1, PF_W = 2, PF_R = 4, SHT_NOBITS = 8 };
enum { PT_LOAD = 1, PT_DYNAMIC = 2, PT_INTERP = 3 };
enum { DT_NULL = 0, DT_NEEDED = 1 };
enum { ELF_HEADERS_MAX = 64, ELF_MATCH_MAX = 64, ELF_NEEDS_MAX = 256 };

struct elf_file {
    const uint8_t *data;
    size_t len;
    struct elf64_ehdr head;
    const char *why;
};

static status_t elf_refuse(struct elf_file *f, status_t status, const char *why)
{
    f->why = why;
    return status;
}

/* Copies out `len` bytes at `offset`, if the file has them. */
static bool elf_copy(const struct elf_file *f, uint64_t offset, void *out, size_t len)
{
    if (offset > f->len || len > f->len - offset) {
        return false;
    }
    memcpy(out, f->data + offset, len);
    return true;
}

static status_t elf_check_head(struct elf_file *f)
{
    /* class 64, little endian, version 1 */
    static const uint8_t ident[7] = { 0x7f, 'E', 'L', 'F', 2, 1, EV_CURRENT };

    if (!elf_copy(f, 0, &f->head, sizeof(f->head)) || memcmp(f->head.e_ident, ident, 4) != 0) {
        return elf_refuse(f, E_FORMAT, "not an ELF file, or cut off in its header");
    }
    if (memcmp(f->head.e_ident, ident, sizeof(ident)) != 0) {
        return elf_refuse(f, E_FORMAT, "not a 64-bit little-endian ELF file");
    }
    if (f->head.e_machine != EM_AARCH64) {
        return elf_refuse(f, E_FORMAT, "built for another machine than AArch64");
    }
    if (f->head.e_type != ET_DYN) {
        return elf_refuse(f, E_FORMAT, "not linked as position-independent program");
    }
    if (f->head.e_phentsize != sizeof(struct elf64_phdr) || f->head.e_phnum == 0 ||
        f->head.e_phnum > ELF_HEADERS_MAX) {
        return elf_refuse(f, E_FORMAT, "damaged program header table");
    }
    return E_OK;
}

static status_t elf_add_segment(struct elf_file *f, struct elf_image *image,
                                const struct elf64_phdr *p)
{
    const uint64_t page_mask = PAGE_SIZE - 1;

    if (p->p_memsz == 0) {
        return E_OK;
    }
    if (p->p_filesz > p->p_memsz || p->p_offset > f->len || p->p_filesz > f->len - p->p_offset) {
        return elf_refuse(f, E_FORMAT, "a segment lies outside the file (cut off?)");
    }
    if (p->p_vaddr > ELF_SPAN_MAX || p->p_memsz > ELF_SPAN_MAX - p->p_vaddr) {
        return elf_refuse(f, E_LIMIT, "larger than what is loaded");
    }
    if (image->segment_count == ELF_SEGMENTS_MAX) {
        return elf_refuse(f, E_LIMIT, "more segments than are loaded");
    }
    if ((p->p_flags & PF_W) && (p->p_flags & PF_X)) {
        return elf_refuse(f, E_FORMAT, "a segment is writable and executable");
    }
    uint64_t va = p->p_vaddr & ~page_mask;
    if (image->segment_count == 0 ? va != 0 || p->p_offset != 0 : va < image->span) {
        return elf_refuse(f, E_FORMAT,
                          "segments overlap, share a page, or do not begin with the ELF header");
    }
    struct elf_segment *s = &image->segments[image->segment_count++];
    s->va = va;
    s->skip = p->p_vaddr & page_mask;
    s->len = (s->skip + p->p_memsz + page_mask) & ~page_mask;
    s->data = f->data + p->p_offset;
    s->data_len = p->p_filesz;
    s->flags = MAP_READ | (p->p_flags & PF_W ? MAP_WRITE : 0) | (p->p_flags & PF_X ? MAP_EXEC : 0);
    image->span = va + s->len;
    if ((s->flags & MAP_EXEC) && f->head.e_entry >= p->p_vaddr &&
        f->head.e_entry - p->p_vaddr < p->p_filesz) {
        image->entry = f->head.e_entry;
    }
    return E_OK;
}

static status_t elf_check_dynamic(struct elf_file *f, const struct elf64_phdr *p)
{
    struct elf64_dyn d;

    for (uint64_t at = 0; at + sizeof(d) <= p->p_filesz; at += sizeof(d)) {
        if (!elf_copy(f, p->p_offset + at, &d, sizeof(d))) {
            return elf_refuse(f, E_FORMAT, "the dynamic section lies outside the file");
        }
        if (d.d_tag == DT_NEEDED) {
            return elf_refuse(f, E_FORMAT, "needs a shared library");
        }
        if (d.d_tag == DT_NULL) {
            break;
        }
    }
    return E_OK;
}

static status_t elf_check_segments(struct elf_file *f, struct elf_image *image)
{
    for (unsigned i = 0; i < f->head.e_phnum; i++) {
        struct elf64_phdr p;
        status_t err = E_OK;
        if (f->head.e_phoff > f->len ||
            !elf_copy(f, f->head.e_phoff + i * sizeof(p), &p, sizeof(p))) {
            return elf_refuse(f, E_FORMAT, "the program header table lies outside the file");
        }
        if (p.p_type == PT_LOAD) {
            err = elf_add_segment(f, image, &p);
        } else if (p.p_type == PT_INTERP) {
            err = elf_refuse(f, E_FORMAT, "needs a dynamic linker");
        } else if (p.p_type == PT_DYNAMIC) {
            err = elf_check_dynamic(f, &p);
        }
        if (err) {
            return err;
        }
    }
    if (image->entry == 0 || image->entry % 4 != 0) {
        return elf_refuse(f, E_FORMAT, "the entry point is not in an executable segment");
    }
    return E_OK;
}

/* The match table: entries whose strings end, of this ABI. */
static status_t elf_check_match(struct elf_file *f, struct elf_image *image,
                                const struct elf64_shdr *s)
{
    if (s->sh_type == SHT_NOBITS || s->sh_offset > f->len || s->sh_size > f->len - s->sh_offset ||
        s->sh_size % sizeof(struct dev_match) != 0 ||
        s->sh_size / sizeof(struct dev_match) > ELF_MATCH_MAX ||
        (uintptr_t)(f->data + s->sh_offset) % _Alignof(struct dev_match) != 0) {
        return elf_refuse(f, E_FORMAT, "damaged match table");
    }
    image->match = (const struct dev_match *)(const void *)(f->data + s->sh_offset);
    image->match_count = s->sh_size / sizeof(struct dev_match);
    for (unsigned i = 0; i < image->match_count; i++) {
        const struct dev_match *m = &image->match[i];
        if (m->abi != ABI_VERSION) {
            return elf_refuse(f, E_ABI, "built for another version of the kernel's ABI");
        }
        if (m->compatible[sizeof(m->compatible) - 1] != '\0' ||
            m->provides[sizeof(m->provides) - 1] != '\0' ||
            m->requires[sizeof(m->requires) - 1] != '\0' || m->compatible[0] == '\0') {
            return elf_refuse(f, E_FORMAT, "damaged match table");
        }
    }
    return E_OK;
}

/* PROGRAM_NEEDS: one string. */
static status_t elf_check_needs(struct elf_file *f, struct elf_image *image,
                                const struct elf64_shdr *s)
{
    if (s->sh_type == SHT_NOBITS || s->sh_offset > f->len || s->sh_size > f->len - s->sh_offset ||
        s->sh_size == 0 || s->sh_size > ELF_NEEDS_MAX ||
        memchr(f->data + s->sh_offset, '\0', s->sh_size) !=
            f->data + s->sh_offset + s->sh_size - 1) {
        return elf_refuse(f, E_FORMAT, "damaged list of what it needs");
    }
    image->needs = (const char *)f->data + s->sh_offset;
    return E_OK;
}

/* What crt.c left in the file. */
static status_t elf_check_abi(struct elf_file *f, const struct elf64_shdr *s)
{
    uint32_t abi;

    if (s->sh_type == SHT_NOBITS || s->sh_size != sizeof(abi) ||
        !elf_copy(f, s->sh_offset, &abi, sizeof(abi))) {
        return elf_refuse(f, E_FORMAT, "damaged ABI version");
    }
    return abi == ABI_VERSION
               ? E_OK
               : elf_refuse(f, E_ABI, "built for another version of the kernel's ABI");
}

static bool elf_name_is(const struct elf_file *f, const struct elf64_shdr *names,
                        const struct elf64_shdr *s, const char *name)
{
    size_t len = strlen(name) + 1;

    return s->sh_name < names->sh_size && names->sh_size - s->sh_name >= len &&
           memcmp(f->data + names->sh_offset + s->sh_name, name, len) == 0;
}

/* Section headers carry what init wants to know early: the ABI, and what a server serves. */
static status_t elf_check_sections(struct elf_file *f, struct elf_image *image)
{
    struct elf64_shdr names;
    bool has_abi = false;

    if (f->head.e_shnum == 0) {
        return elf_refuse(f, E_ABI, "it does not tell its ABI version (no sections)");
    }
    if (f->head.e_shoff > f->len) {
        return elf_refuse(f, E_FORMAT, "the section header table lies outside the file (cut off?)");
    }
    if (f->head.e_shentsize != sizeof(struct elf64_shdr) || f->head.e_shnum > ELF_HEADERS_MAX ||
        f->head.e_shstrndx >= f->head.e_shnum ||
        !elf_copy(f, f->head.e_shoff + f->head.e_shstrndx * sizeof(names), &names, sizeof(names)) ||
        names.sh_offset > f->len || names.sh_size > f->len - names.sh_offset) {
        return elf_refuse(f, E_FORMAT, "damaged section header table");
    }
    for (unsigned i = 1; i < f->head.e_shnum; i++) {
        struct elf64_shdr s;
        status_t err = E_OK;
        if (!elf_copy(f, f->head.e_shoff + i * sizeof(s), &s, sizeof(s))) {
            return elf_refuse(f, E_FORMAT,
                              "the section header table lies outside the file (cut off?)");
        }
        if (elf_name_is(f, &names, &s, ".cambium.abi")) {
            has_abi = true;
            err = elf_check_abi(f, &s);
        } else if (elf_name_is(f, &names, &s, ".cambium.match")) {
            err = elf_check_match(f, image, &s);
        } else if (elf_name_is(f, &names, &s, ".cambium.needs")) {
            err = elf_check_needs(f, image, &s);
        }
        if (err) {
            return err;
        }
    }
    return has_abi
               ? E_OK
               : elf_refuse(f, E_ABI, "it does not tell its ABI version (no section .cambium.abi)");
}

status_t elf_check(const uint8_t *data, size_t len, struct elf_image *out, const char **out_why)
{
    struct elf_file file = { .data = data, .len = len };
    struct elf_image image = { 0 };
    status_t err = elf_check_head(&file);

    err = err ? err : elf_check_segments(&file, &image);
    err = err ? err : elf_check_sections(&file, &image);
    if (err) {
        *out_why = file.why;
        return err;
    }
    *out = image;
    return E_OK;
}
