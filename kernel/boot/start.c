/* SPDX-License-Identifier: BSD-2-Clause
 * init's process: a copy of the tree without the seeds, the archive, the ELF image of "init", a stack, start_info, and
 * the handles to all there is. From here on the kernel only answers.
 */
#include <arch/aarch64/mmu.h>
#include <core/core.h>
#include "boot.h"
#include <abi/start.h>
#include <elf.h>
#include <libfdt.h>
#include <tree.h>

/* Where things lie in init's space: user addresses, chosen here, told in start_info. */
enum { STACK_PAGES = 16 };
#define IMAGE_VA   (2ull << 20)
#define FREE_VA    (1ull << 30)
#define FREE_END   (96ull << 32)
#define TREE_VA    (112ull << 32)
#define ARCHIVE_VA (113ull << 32)
#define START_VA   (126ull << 32)
#define STACK_TOP  (127ull << 32)
enum { INIT_PRIORITY = 30 };

static uint64_t pages_of(uint64_t len)
{
    return (len + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

static uint64_t page_pa(const struct memory *m, uint64_t page)
{
    return (m->first + page) << PAGE_SHIFT; /* contiguous, or adopted from one piece of RAM */
}

/* The first `len` bytes; a contiguous memory may be longer than was asked. */
static void map(struct process *p, struct memory *m, uint64_t len, uint64_t va, uint32_t flags)
{
    uint64_t attributes = mmu_user_attributes(flags, false, false);

    for (uint64_t i = 0; i < pages_of(len); i++) {
        uint64_t pa = page_pa(m, i);

        if (mmu_map_page(p, va + i * PAGE_SIZE, pa, attributes) != E_OK) {
            halt_with_reason("no memory to map init");
        }
        if (flags & MAP_EXEC) {
            cache_sync_code(pa, PAGE_SIZE);
        }
        m->mapped++;
    }
}

/* Contiguous, so that the kernel sees it as one piece. */
static struct memory *memory_new(struct process *p, uint64_t len, void **out_va)
{
    struct memory *m;
    status_t error;

    error = memory_create(p, pages_of(len), MEMORY_CONTIGUOUS, 0, &m);
    while (error == E_OK && (error = memory_fill_step(m)) == E_AGAIN) {
        error = E_OK;
    }
    if (error != E_OK) {
        halt_with_reason("no contiguous %llu KiB of memory for init",
                         (unsigned long long)(len >> 10));
    }
    *out_va = pa_to_va(m->first << PAGE_SHIFT);
    return m;
}

static void give(struct process *p, struct start_info *info, const char *name, struct object *o,
                 uint32_t rights)
{
    struct start_handle *h = &info->handles[info->handle_count++];

    uint64_t handle;

    memcpy(h->name, name, strlen(name));
    if (handle_install(p, o, rights, 0, p, &handle) != E_OK) {
        halt_with_reason("no memory for init's handles");
    }
    h->handle = (handle_t)handle;
}

/* ---- the tree ---- */

static void wipe(void *fdt, const char *property)
{
    int chosen = fdt_path_offset(fdt, "/chosen"), len = 0;
    char *value = chosen < 0 ? NULL : fdt_getprop_w(fdt, chosen, property, &len);

    for (int i = 0; value != NULL && i < len; i++) {
        value[i] = 0;
    }
}

/* Copies what the blob really uses (QEMU pads it to 1 MiB), then erases the seeds in the loader's as well. */
static struct memory *copy_tree(struct process *p, const void *fdt, uint64_t tree_pa,
                                uint64_t *out_len)
{
    uint64_t end = fdt_off_dt_struct(fdt) + fdt_size_dt_struct(fdt),
             strings = fdt_off_dt_strings(fdt) + fdt_size_dt_strings(fdt),
             rsv = fdt_off_mem_rsvmap(fdt) + 16ull * ((unsigned)fdt_num_mem_rsv(fdt) + 1);
    struct memory *m;
    void *copy;

    end = strings > end ? strings : end;
    end = rsv > end ? rsv : end;
    m = memory_new(p, end, &copy);
    memcpy(copy, fdt, end);
    fdt_set_totalsize(copy, (uint32_t)end);
    wipe(copy, "kaslr-seed");
    wipe(copy, "rng-seed");
    if (frame_at(tree_pa >> PAGE_SHIFT) != NULL) {
        wipe(pa_to_va(tree_pa), "kaslr-seed");
        wipe(pa_to_va(tree_pa), "rng-seed");
    }
    early_tree_unmap();
    *out_len = end;
    return m;
}

/* ---- the archive: newc, magic 070701, thirteen fields of eight hexadecimal digits ---- */

static bool hex(const char *s, uint64_t *out)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < 8; i++) {
        char c = s[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                                : 16;
        if (digit == 16) {
            return false;
        }
        value = value << 4 | digit;
    }
    *out = value;
    return true;
}

static const char *archive_find(const char *a, uint64_t len, const char *name, uint64_t *out_len)
{
    enum { HEADER = 110, FILESIZE = 54, NAMESIZE = 94 };

    for (uint64_t at = 0; at < len && len - at >= HEADER;) {
        const char *h = a + at;
        uint64_t size, name_len, data;

        if (memcmp(h, "070701", 6) != 0 || !hex(h + FILESIZE, &size) ||
            !hex(h + NAMESIZE, &name_len)) {
            halt_with_reason("the boot archive is damaged at offset %llu (no newc header)",
                             (unsigned long long)at);
        }
        data = (at + HEADER + name_len + 3) & ~3ull;
        if (name_len == 0 || data > len || size > len - data) {
            halt_with_reason("the boot archive is damaged at offset %llu (an entry leaves it)",
                             (unsigned long long)at);
        }
        if (name_len == strlen(name) + 1 && memcmp(h + HEADER, name, name_len) == 0) {
            *out_len = size;
            return a + data;
        }
        if (name_len == 11 && memcmp(h + HEADER, "TRAILER!!!", 11) == 0) {
            break;
        }
        at = (data + size + 3) & ~3ull;
    }
    return NULL;
}

/* ---- ELF ---- */

static void load_segment(struct process *p, const char *image, uint64_t len, const Elf64_Phdr *ph)
{
    uint64_t first = ph->p_vaddr & ~(uint64_t)(PAGE_SIZE - 1), skip = ph->p_vaddr - first;
    uint32_t flags = MAP_READ | (ph->p_flags & PF_W ? (unsigned)MAP_WRITE : 0) |
                     (ph->p_flags & PF_X ? (unsigned)MAP_EXEC : 0);
    struct memory *m;
    void *copy;

    if (ph->p_filesz > ph->p_memsz || ph->p_offset > len || ph->p_filesz > len - ph->p_offset ||
        ph->p_memsz == 0 || ph->p_vaddr >= FREE_VA - IMAGE_VA ||
        ph->p_memsz > FREE_VA - IMAGE_VA - ph->p_vaddr ||
        (flags & (MAP_WRITE | MAP_EXEC)) == (MAP_WRITE | MAP_EXEC)) {
        halt_with_reason("init in the boot archive is damaged: a segment is out of bounds, or "
                         "writable and executable");
    }
    m = memory_new(p, skip + ph->p_memsz, &copy);
    memcpy((char *)copy + skip, image + ph->p_offset, ph->p_filesz);
    map(p, m, skip + ph->p_memsz, IMAGE_VA + first, flags);
}

static uint64_t load(struct process *p, const char *image, uint64_t len)
{
    const Elf64_Ehdr *eh =
        (const Elf64_Ehdr *)image; /* cpio aligns to 4; the kernel copies what it reads */
    Elf64_Ehdr header;

    if (len < sizeof(header)) {
        halt_with_reason("init in the boot archive is damaged: too short for an ELF header");
    }
    memcpy(&header, eh, sizeof(header));
    if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
        header.e_machine != EM_AARCH64 || header.e_type != ET_DYN ||
        header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phoff > len ||
        header.e_phnum > (len - header.e_phoff) / sizeof(Elf64_Phdr)) {
        halt_with_reason(
            "init in the boot archive is damaged: not a position-independent AArch64 ELF file");
    }
    for (unsigned i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr ph;

        memcpy(&ph, image + header.e_phoff + i * sizeof(ph), sizeof(ph));
        if (ph.p_type == PT_LOAD) {
            load_segment(p, image, len, &ph);
        }
    }
    return IMAGE_VA + header.e_entry;
}

/* ---- all together ---- */

void start_init(const void *fdt, uint64_t tree_pa, struct boot_range archive)
{
    uint64_t first = archive.base & ~(uint64_t)(PAGE_SIZE - 1), skip = archive.base - first,
             image_len, tree_len_;
    struct process *p =
        process_create(NULL, "init", frames_free_count + frames_dma_free, PRIORITY_COUNT - 1);
    struct memory *m, *tree, *archive_memory;
    struct start_info *info;
    const char *image;
    uint64_t entry;
    void *va;

    if (p == NULL) {
        halt_with_reason("no memory for init");
    }
    archive_memory = memory_adopt(p, first, pages_of(skip + archive.len));
    if (archive_memory == NULL) {
        halt_with_reason("the boot archive at %#llx, %llu bytes, does not lie in RAM",
                         (unsigned long long)archive.base, (unsigned long long)archive.len);
    }
    image = archive_find(pa_to_va(archive.base), archive.len, "init", &image_len);
    if (image == NULL) {
        halt_with_reason("the boot archive at %#llx, %llu bytes, holds no file \"init\"",
                         (unsigned long long)archive.base, (unsigned long long)archive.len);
    }
    kprintf("boot archive at %#llx, %llu KiB", (unsigned long long)archive.base,
            (unsigned long long)(archive.len >> 10));
    entry = load(p, image, image_len);
    m = memory_new(p, STACK_PAGES * PAGE_SIZE, &va);
    map(p, m, STACK_PAGES * PAGE_SIZE, STACK_TOP - STACK_PAGES * PAGE_SIZE, MAP_READ | MAP_WRITE);
    tree = copy_tree(p, fdt, tree_pa, &tree_len_);
    map(p, tree, tree_len_, TREE_VA, MAP_READ);
    map(p, archive_memory, skip + archive.len, ARCHIVE_VA, MAP_READ);
    m = memory_new(p, sizeof(*info), &va);
    info = va;
    info->magic = START_MAGIC;
    info->abi_version = ABI_VERSION;
    info->size = (uint32_t)(pages_of(sizeof(*info)) << PAGE_SHIFT);
    info->tree_va = TREE_VA;
    info->tree_len = tree_len_;
    info->archive_va = ARCHIVE_VA + skip;
    info->archive_len = archive.len;
    info->image_va = IMAGE_VA;
    info->free_va = FREE_VA;
    info->free_end = FREE_END;
    info->stack_top = STACK_TOP;
    info->stack_len = STACK_PAGES * PAGE_SIZE;
    info->node = -1;
    info->incarnation = 1;
    info->priority = INIT_PRIORITY;
    info->priority_ceiling = PRIORITY_COUNT - 1;
    info->strings = sizeof(*info);
    give(p, info, "self", &p->object, RIGHT_READ | RIGHT_MANAGE);
    give(p, info, "chosen", &device_create(p, DERIVE_CHOSEN)->object,
         RIGHT_READ | RIGHT_WRITE | RIGHT_MANAGE | RIGHT_TRANSFER);
    give(p, info, "root", &device_create(p, DEVICE_ALL | DERIVE_IRQ_ROOT)->object,
         RIGHT_READ | RIGHT_WRITE | RIGHT_MANAGE | RIGHT_TRANSFER);
    give(p, info, "power", &device_create(p, DERIVE_POWER)->object, RIGHT_MANAGE | RIGHT_TRANSFER);
    give(p, info, "tree", &tree->object, RIGHT_READ | RIGHT_TRANSFER);
    give(p, info, "archive", &archive_memory->object, RIGHT_READ | RIGHT_TRANSFER);
    map(p, m, sizeof(*info), START_VA, MAP_READ);
    if (thread_create(p, entry, STACK_TOP, START_VA, INIT_PRIORITY, 0) == NULL) {
        halt_with_reason("no memory for init's thread");
    }
}
