/* SPDX-License-Identifier: BSD-2-Clause
 * init's process: a copy of the tree without the seeds, the archive, the ELF image of "init", a stack, start_info, and
 * the handles to all there is. From here on the kernel only answers.
 *
 * Its image lies up to 32 GiB above 2 MiB, all else up to 32 GiB above the addresses below, both as the seeds say.
 */
#include <string.h>
#include <core/core.h>
#include "boot.h"
#include <abi/start.h>
#include <archive.h>
#include <elf.h>
#include <libfdt.h>

/* Where things lie in init's space: user addresses, chosen here, told in start_info. */
enum { STACK_LEN = 16 * PAGE_SIZE };
#define SLIDE(n)   ((uint64_t)(uint32_t)(n) % (8ull << 32 >> PAGE_SHIFT) << PAGE_SHIFT)
#define IMAGE_VA   ((2ull << 20) + SLIDE(boot_seeds[1]))
#define SLID(va)   ((va) + SLIDE(boot_seeds[1] >> 32))
#define FREE_VA    SLID(16ull << 32)
#define FREE_END   (96ull << 32)
#define TREE_VA    SLID(104ull << 32)
#define ARCHIVE_VA SLID(105ull << 32)
#define START_VA   SLID(118ull << 32)
#define STACK_TOP  SLID(119ull << 32)
enum { INIT_PRIORITY = 30 };

/* The first `len` bytes; a contiguous memory may be longer than was asked. All memories here are one piece of RAM. */
static BOOT_CODE void map(struct process *p, struct memory *m, uint64_t len, uint64_t va,
                          uint32_t flags)
{
    uint64_t attributes = mmu_user_attributes(flags, false, false), pa = m->first << PAGE_SHIFT;

    for (uint64_t at = 0; at < len; at += PAGE_SIZE) {
        if (mmu_map_page(p, va + at, pa + at, attributes) != E_OK) {
            halt_with_reason("no memory to map init");
        }
        m->mapped++;
    }
    if (flags & MAP_EXEC) {
        cache_sync_code(pa, len);
    }
}

/* Contiguous, so that the kernel sees it as one piece. */
static BOOT_CODE struct memory *memory_new(struct process *p, uint64_t len, void **out_va)
{
    struct memory *m;
    status_t error;

    error = memory_create(p, pages_of(len), MEMORY_CONTIGUOUS, 0, &m);
    while (error == E_OK && (error = memory_fill_step(m)) == E_AGAIN) {
        error = E_OK;
    }
    if (error != E_OK) {
        halt_with_reason("no contiguous %lu KiB of memory for init", len >> 10);
    }
    *out_va = pa_to_va(m->first << PAGE_SHIFT);
    return m;
}

static BOOT_CODE void give(struct process *p, struct start_info *info, const char *name,
                           struct object *o, uint32_t rights)
{
    struct start_handle *h = &info->handles[info->handle_count++];

    uint64_t handle;

    memcpy(h->name, name, strlen(name));
    if (handle_install(p, o, rights, 0, p, &handle) != E_OK) {
        halt_with_reason("no memory for init's handles");
    }
    h->handle = (handle_t)handle;
}

/* Copies what the blob really uses (QEMU pads it to 1 MiB); the seeds go from the loader's as well. */
static BOOT_CODE struct memory *copy_tree(struct process *p, void *fdt, struct tree_range tree,
                                          uint64_t *out_len)
{
    uint64_t end = tree_used(fdt);
    void *copy;
    struct memory *m = memory_new(p, end, &copy);

    memcpy(copy, fdt, end);
    fdt_set_totalsize(copy, (uint32_t)end);
    tree_seeds_erase(copy);
    if (frame_at(tree.base >> PAGE_SHIFT) != NULL) { /* it may lie in a ROM */
        tree_seeds_erase(fdt);
    }
    *out_len = end;
    return m;
}

/* Finds init in the archive, maps its segments; its entry point. */
static BOOT_CODE uint64_t load_init(struct process *p, struct tree_range range)
{
    struct archive archive = { pa_to_va(range.base), range.len };
    struct archive_file file;
    struct elf_image elf;
    const char *why;
    size_t at = 0;
    status_t error = archive_find(&archive, "init", &at, &file);

    if (error == E_NOTFOUND) {
        halt_with_reason("the boot archive at %#lx, %lu bytes, holds no file \"init\"", range.base,
                         range.len);
    }
    if (error != E_OK) {
        halt_with_reason("the boot archive at %#lx, %lu bytes, is damaged at offset %lu, and no "
                         "file \"init\" comes before",
                         range.base, range.len, at);
    }
    if (elf_check(file.data, file.len, &elf, &why) != E_OK) {
        halt_with_reason("init in the boot archive cannot be used: %s", why);
    }
    for (unsigned i = 0; i < elf.segment_count; i++) {
        const struct elf_segment *s = &elf.segments[i];
        void *copy;
        struct memory *m = memory_new(p, s->len, &copy);

        memcpy((char *)copy + s->skip, s->data, s->data_len);
        map(p, m, s->len, IMAGE_VA + s->va, s->flags);
    }
    init_base = IMAGE_VA;
    return IMAGE_VA + elf.entry;
}

BOOT_CODE void start_init(void *fdt, struct tree_range tree, struct tree_range archive)
{
    const uint32_t all = RIGHT_READ | RIGHT_WRITE | RIGHT_MANAGE | RIGHT_TRANSFER;
    struct process *p = process_create(
        NULL, INIT_NAME, frame_pools[false].free + frame_pools[true].free, PRIORITY_COUNT - 1);
    struct memory *tree_memory, *archive_memory, *m;
    uint64_t skip = archive.base % PAGE_SIZE, entry, tree_len;
    struct start_info *info;
    void *va;

    if (p == NULL) {
        halt_with_reason("no memory for init");
    }
    archive_memory = memory_adopt(p, archive.base - skip, pages_of(skip + archive.len));
    if (archive_memory == NULL) {
        halt_with_reason("no memory for init's view of the boot archive");
    }
    kprintf("boot archive at %#lx, %lu KiB", archive.base, archive.len >> 10);
    entry = load_init(p, archive);
    map(p, memory_new(p, STACK_LEN, &va), STACK_LEN, STACK_TOP - STACK_LEN, MAP_READ | MAP_WRITE);
    tree_memory = copy_tree(p, fdt, tree, &tree_len);
    map(p, tree_memory, tree_len, TREE_VA, MAP_READ);
    map(p, archive_memory, skip + archive.len, ARCHIVE_VA, MAP_READ);
    m = memory_new(p, sizeof(*info), &va);
    info = va;
    *info = (struct start_info){
        .magic = START_MAGIC,
        .abi_version = ABI_VERSION,
        .size = (uint32_t)(pages_of(sizeof(*info)) << PAGE_SHIFT),
        .tree_va = TREE_VA,
        .tree_len = tree_len,
        .archive_va = ARCHIVE_VA + skip,
        .archive_len = archive.len,
        .image_va = IMAGE_VA,
        .free_va = FREE_VA,
        .free_end = FREE_END,
        .stack_top = STACK_TOP,
        .stack_len = STACK_LEN,
        .node = -1,
        .incarnation = 1,
        .priority = INIT_PRIORITY,
        .priority_ceiling = PRIORITY_COUNT - 1,
        .strings = sizeof(*info),
    };
    memcpy(info->seed, boot_seeds + 1, sizeof(info->seed));
    give(p, info, "self", &p->object, RIGHT_READ | RIGHT_MANAGE);
    give(p, info, "chosen", &device_create(p, DERIVE_CHOSEN)->object, all);
    give(p, info, "root", &device_create(p, DEVICE_ALL | DERIVE_IRQ_ROOT)->object, all);
    give(p, info, "power", &device_create(p, DERIVE_POWER)->object, RIGHT_MANAGE | RIGHT_TRANSFER);
    give(p, info, "tree", &tree_memory->object, RIGHT_READ | RIGHT_TRANSFER);
    give(p, info, "archive", &archive_memory->object, RIGHT_READ | RIGHT_TRANSFER);
    map(p, m, sizeof(*info), START_VA, MAP_READ);
    if (thread_create(p, entry, STACK_TOP, START_VA, INIT_PRIORITY, 0) == NULL) {
        halt_with_reason("no memory for init's thread");
    }
}
