/* SPDX-License-Identifier: BSD-2-Clause
 * RAM as the tree tells it (libsys/tree/tree_ranges.h), minus what the boot itself needs; the linear map; the frame
 * arrays; the allocators' first blocks. Everything dropped is said.
 */
#include <core/core.h>
#include "boot.h"
#include <tree_ranges.h>

static struct tree_ram ram;
static struct tree_ranges unused;

/* Halts where one of these lists has no room for more. */
static BOOT_CODE void fits(status_t error, const char *what)
{
    if (error == E_FULL) {
        halt_with_reason("more than %u ranges of %s", TREE_RANGES_MAX, what);
    }
}

static BOOT_CODE void unmap(struct tree_range r)
{
    fits(tree_ranges_subtract(&ram.mapped, r), "mapped memory");
}

static BOOT_CODE void reserve(struct tree_range r)
{
    fits(tree_ranges_add(&ram.reserved, tree_pages_touched(r, KERNEL_LINEAR_LEN)), "reservations");
}

/* The lowest aligned block of unused memory; an empty range: there is none. */
static BOOT_CODE struct tree_range carve(uint64_t len, uint64_t align)
{
    struct tree_range r = { 0, 0 };

    fits(tree_ranges_take(&unused, len, align, &r), "free memory");
    return r;
}

static BOOT_CODE void read_tree(const void *fdt)
{
    status_t error;

    while ((error = tree_ram_read(fdt, KERNEL_LINEAR_LEN, &ram)) != E_OK) {
        fits(error, ram.what);
        if (error == E_LIMIT) {
            halt_with_reason("the tree has more than %u %s", TREE_ENTRIES_MAX,
                             ram.memory_done ? "reservations" : "ranges of memory");
        }
        if (error == E_RANGE) {
            kprintf("RAM above %llu GiB is not used", KERNEL_LINEAR_LEN >> 30);
        } else {
            kprintf("%s %u of the tree is malformed or wraps: ignored",
                    ram.memory_done ? "reservation" : "memory range", ram.index - 1);
        }
    }
    if (ram.memory.count == 0) {
        halt_with_reason("the tree names no usable memory (no enabled node with device_type "
                         "\"memory\" and a size)");
    }
}

bool ram_overlaps(uint64_t pa, uint64_t len)
{
    struct tree_range r = { pa, len };

    return tree_ranges_meet(&ram.memory, r) || tree_ranges_meet(&ram.reserved, r);
}

/* ---- all together ---- */

/* The kernel's own pages are left out: nothing writable aliases them. The archive in the image is seen here only. */
static BOOT_CODE void map_ram(struct tree_range inside, struct tree_range tables,
                              struct tree_range dma)
{
    mmu_table_pool(tables.base);
    unmap(tables);
    unmap(inside);
    unmap(dma);
    for (unsigned i = 0; i < ram.mapped.count; i++) {
        mmu_map_linear(ram.mapped.r[i].base, ram.mapped.r[i].len, PTE_KERNEL_RW);
    }
    mmu_map_linear(inside.base, inside.len, PTE_KERNEL_RO);
    mmu_map_linear(dma.base, dma.len, PTE_KERNEL_NC);
}

/* A tree may name memory that is not there; it is found now rather than when somebody gets it. */
static BOOT_CODE void probe(void)
{
    for (unsigned i = 0; i < ram.mapped.count; i++) {
        struct tree_range r = ram.mapped.r[i];
        const uint64_t ends[] = { r.base, r.base + r.len - sizeof(uint64_t) };
        uint64_t word = 0;

        for (unsigned k = 0; k < 2; k++) {
            if (device_access_at((uint64_t)pa_to_va(ends[k]), sizeof(word), &word) != 0) {
                halt_with_reason(
                    "the memory at %#lx does not answer, but the tree names %#lx to %#lx", ends[k],
                    r.base, r.base + r.len);
            }
        }
    }
}

static BOOT_CODE void add_frames(void)
{
    for (unsigned i = 0; i < ram.memory.count; i++) {
        struct tree_range of = ram.memory.r[i];
        uint64_t len = pages_of((of.len >> PAGE_SHIFT) * sizeof(struct frame)) << PAGE_SHIFT;
        struct tree_range r = carve(len, PAGE_SIZE);

        if (r.len == 0) {
            halt_with_reason("no room for the frame array of the RAM at %#lx", of.base);
        }
        for (uint64_t at = 0; at < len; at += PAGE_SIZE) {
            page_zero(r.base + at, false);
        }
        frames_add_range(of.base, of.len, pa_to_va(r.base));
    }
}

BOOT_CODE void ram_init(const void *fdt, uint64_t image_pa, struct tree_range tree,
                        struct tree_range archive)
{
    extern char __archive_start[], __archive_end[], __image_end[];
    struct tree_range image = { image_pa, (uint64_t)(__image_end - _start) };
    struct tree_range inside = { image_pa + (uint64_t)(__archive_start - _start),
                                 (uint64_t)(__archive_end - __archive_start) };
    uint64_t total, dma_len;
    struct tree_range dma, tables;

    read_tree(fdt);
    unmap((struct tree_range){ image.base, inside.base - image.base });
    unmap((struct tree_range){ image_pa + (uint64_t)(__archive_end - _start),
                               (uint64_t)(__image_end - __archive_end) });
    if (!tree_ranges_contain(&ram.mapped, archive)) {
        halt_with_reason("the boot archive at %#lx, %lu bytes, does not lie in RAM that is free "
                         "for it",
                         archive.base, archive.len);
    }
    reserve(image);
    reserve(tree);
    reserve(archive);
    fits(tree_ranges_difference(&ram.memory, &ram.reserved, &unused), "free memory");
    /* frame number 0 means none */
    fits(tree_ranges_subtract(&unused, (struct tree_range){ 0, PAGE_SIZE }), "free memory");
    total = tree_ranges_total(&ram.memory);
    dma_len = total >= 256ull << 20 ? 4ull << 20 : 1ull << 20;
    dma = carve(dma_len, dma_len);
    tables = carve(MMU_TABLE_POOL, MMU_TABLE_POOL);
    if (tables.len == 0) {
        halt_with_reason("no free 2 MiB block for page tables in %lu MiB of memory: it is "
                         "reserved, or in smaller pieces",
                         total >> 20);
    }
    map_ram(inside, tables, dma);
    probe();
    add_frames();
    tables.len -= mmu_table_next - tables.base;
    tables.base = mmu_table_next;
    fits(tree_ranges_add(&unused, tables), "free memory");
    for (unsigned i = 0; i < unused.count; i++) {
        frames_add_free(unused.r[i].base, unused.r[i].len, false);
    }
    frames_add_free(dma.base, dma.len, true);
    kprintf("RAM %lu MiB in %u range%s, %lu MiB free, DMA %lu KiB", total >> 20, ram.memory.count,
            ram.memory.count == 1 ? "" : "s", frame_pools[false].free >> 8,
            frame_pools[true].free * 4);
}
