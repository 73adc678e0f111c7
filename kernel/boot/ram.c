/* SPDX-License-Identifier: BSD-2-Clause
 * RAM as the tree tells it: ranges, minus reservations; the linear map; the frame arrays; the allocators' first blocks.
 * RAM is rounded inward to pages, reservations outward. Everything dropped is said.
 */
#include <core/core.h>
#include "boot.h"
#include <string.h>

enum { RANGES_MAX = 256, ENTRIES_MAX = 512 /* of the tree, before they are merged */ };

struct range {
    uint64_t base, end;
};
/* Sorted, page aligned; no two overlap or touch. */
struct list {
    const char *what;
    unsigned count;
    struct range r[RANGES_MAX];
};

static struct list ram = { .what = "memory" }, reserved = { .what = "reservations" },
                   unused = { .what = "free memory" }, mapped = { .what = "mapped memory" };

/* Cut off where the linear map ends: so no sum wraps. */
static BOOT_CODE struct range whole_pages(struct tree_range r)
{
    uint64_t base = r.base < KERNEL_LINEAR_LEN ? r.base : KERNEL_LINEAR_LEN;
    uint64_t len = r.len < KERNEL_LINEAR_LEN - base ? r.len : KERNEL_LINEAR_LEN - base;

    return (struct range){ base & ~(PAGE_SIZE - 1ull),
                           (base + len + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1ull) };
}

/* Puts `r` in the place of the ranges number `from` .. `to` - 1; an empty one vanishes. */
static BOOT_CODE void list_replace(struct list *l, unsigned from, unsigned to, struct range r)
{
    unsigned fresh = r.base < r.end, count = l->count - (to - from) + fresh;

    if (count > RANGES_MAX) {
        halt_with_reason("more than %u ranges of %s", RANGES_MAX, l->what);
    }
    memmove(&l->r[from + fresh], &l->r[to], (l->count - to) * sizeof(r));
    if (fresh) {
        l->r[from] = r;
    }
    l->count = count;
}

static BOOT_CODE void list_add(struct list *l, struct range r)
{
    unsigned from = 0, to;

    if (r.base >= r.end) {
        return;
    }
    while (from < l->count && l->r[from].end < r.base) {
        from++;
    }
    for (to = from; to < l->count && l->r[to].base <= r.end; to++) {
        r.base = l->r[to].base < r.base ? l->r[to].base : r.base;
        r.end = l->r[to].end > r.end ? l->r[to].end : r.end;
    }
    list_replace(l, from, to, r);
}

static BOOT_CODE void list_subtract(struct list *l, struct range r)
{
    for (unsigned i = l->count; i-- > 0;) {
        struct range old = l->r[i];

        if (r.base < old.end && old.base < r.end) {
            list_replace(l, i, i + 1, (struct range){ r.end, old.end });
            list_replace(l, i, i, (struct range){ old.base, r.base });
        }
    }
}

/* Takes the lowest aligned block of unused memory; an empty range: there is none. */
static BOOT_CODE struct range carve(uint64_t len, uint64_t align)
{
    for (unsigned i = 0; i < unused.count; i++) {
        uint64_t base = (unused.r[i].base + align - 1) & ~(align - 1);

        if (base < unused.r[i].end && len <= unused.r[i].end - base) {
            list_subtract(&unused, (struct range){ base, base + len });
            return (struct range){ base, base + len };
        }
    }
    return (struct range){ 0, 0 };
}

/* ---- what the tree says ---- */

static BOOT_CODE void read_memory(const void *fdt)
{
    struct tree_range r;
    status_t error;

    for (unsigned i = 0; (error = tree_memory(fdt, i, &r)) != E_NOTFOUND; i++) {
        uint64_t page = PAGE_SIZE - 1, end = r.base + r.len;

        if (i == ENTRIES_MAX) {
            halt_with_reason("the tree names more than %u ranges of memory", ENTRIES_MAX);
        }
        if (error != E_OK) {
            kprintf("memory range %u of the tree is malformed or wraps: ignored", i);
            continue;
        }
        if (end > KERNEL_LINEAR_LEN) {
            kprintf("RAM above %llu GiB is not used", KERNEL_LINEAR_LEN >> 30);
            end = KERNEL_LINEAR_LEN;
        }
        if (r.base < end) {
            list_add(&ram, (struct range){ (r.base + page) & ~page, end & ~page });
        }
    }
    if (ram.count == 0) {
        halt_with_reason("the tree names no usable memory (no enabled node with device_type "
                         "\"memory\" and a size)");
    }
}

static BOOT_CODE void read_reservations(const void *fdt)
{
    bool no_map = false;
    struct tree_range r;
    status_t error;

    for (unsigned i = 0; (error = tree_reservation(fdt, i, &r, &no_map)) != E_NOTFOUND; i++) {
        if (i == ENTRIES_MAX) {
            halt_with_reason("the tree makes more than %u reservations", ENTRIES_MAX);
        }
        if (error != E_OK) {
            kprintf("reservation %u of the tree is malformed or wraps: ignored", i);
            continue;
        }
        list_add(&reserved, whole_pages(r));
        if (no_map) {
            list_subtract(&mapped, whole_pages(r));
        }
    }
}

static bool list_meets(const struct list *l, uint64_t pa, uint64_t len)
{
    unsigned i = 0;

    while (i < l->count && (pa >= l->r[i].end || l->r[i].base >= pa + len)) {
        i++;
    }
    return i < l->count;
}

bool ram_overlaps(uint64_t pa, uint64_t len)
{
    return list_meets(&ram, pa, len) || list_meets(&reserved, pa, len);
}

/* ---- all together ---- */

/* The kernel's own pages are left out: nothing writable aliases them. The archive in the image is seen here only. */
static BOOT_CODE void map_ram(struct range inside, struct range tables, struct range dma)
{
    mmu_table_pool(tables.base);
    list_subtract(&mapped, tables);
    list_subtract(&mapped, inside);
    list_subtract(&mapped, dma);
    for (unsigned i = 0; i < mapped.count; i++) {
        mmu_map_linear(mapped.r[i].base, mapped.r[i].end, PTE_KERNEL_RW);
    }
    mmu_map_linear(inside.base, inside.end, PTE_KERNEL_RO);
    mmu_map_linear(dma.base, dma.end, PTE_KERNEL_NC);
}

/* A tree may name memory that is not there; it is found now rather than when somebody gets it. */
static BOOT_CODE void probe(void)
{
    for (unsigned i = 0; i < mapped.count; i++) {
        const uint64_t ends[] = { mapped.r[i].base, mapped.r[i].end - sizeof(uint64_t) };
        uint64_t word = 0;

        for (unsigned k = 0; k < 2; k++) {
            if (device_access_at((uint64_t)pa_to_va(ends[k]), sizeof(word), false, &word) != 0) {
                halt_with_reason(
                    "the memory at %#lx does not answer, but the tree names %#lx to %#lx", ends[k],
                    mapped.r[i].base, mapped.r[i].end);
            }
        }
    }
}

static BOOT_CODE void add_frames(void)
{
    for (unsigned i = 0; i < ram.count; i++) {
        uint64_t pages = (ram.r[i].end - ram.r[i].base) >> PAGE_SHIFT;
        struct range r =
            carve((pages * sizeof(struct frame) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1ull), PAGE_SIZE);

        if (r.base == r.end) {
            halt_with_reason("no room for the frame array of the RAM at %#lx", ram.r[i].base);
        }
        for (uint64_t pa = r.base; pa < r.end; pa += PAGE_SIZE) {
            page_zero(pa, false);
        }
        frames_add_range(ram.r[i].base, ram.r[i].end - ram.r[i].base, pa_to_va(r.base));
    }
}

static BOOT_CODE bool is_mapped(struct tree_range r)
{
    for (unsigned i = 0; i < mapped.count; i++) {
        if (r.base >= mapped.r[i].base && r.base < mapped.r[i].end) {
            return r.len <= mapped.r[i].end - r.base;
        }
    }
    return false;
}

BOOT_CODE void ram_init(const void *fdt, uint64_t image_pa, struct tree_range tree,
                        struct tree_range archive)
{
    extern char _start[], __archive_start[], __archive_end[], __image_end[];
    struct range inside = { image_pa + (uint64_t)(__archive_start - _start),
                            image_pa + (uint64_t)(__archive_end - _start) };
    struct range image = { image_pa, image_pa + (uint64_t)(__image_end - _start) };
    uint64_t total = 0, dma_len;
    struct range dma, tables;

    read_memory(fdt);
    memcpy(mapped.r, ram.r, sizeof(ram.r));
    mapped.count = ram.count;
    read_reservations(fdt);
    list_subtract(&mapped, (struct range){ image.base, inside.base });
    list_subtract(&mapped, (struct range){ inside.end, image.end });
    if (!is_mapped(archive)) {
        halt_with_reason("the boot archive at %#lx, %lu bytes, does not lie in RAM that is free "
                         "for it",
                         archive.base, archive.len);
    }
    list_add(&reserved, image);
    list_add(&reserved, whole_pages(tree));
    list_add(&reserved, whole_pages(archive));
    memcpy(unused.r, ram.r, sizeof(ram.r));
    unused.count = ram.count;
    for (unsigned i = 0; i < reserved.count; i++) {
        list_subtract(&unused, reserved.r[i]);
    }
    list_subtract(&unused, (struct range){ 0, PAGE_SIZE }); /* frame number 0 means none */
    for (unsigned i = 0; i < ram.count; i++) {
        total += ram.r[i].end - ram.r[i].base;
    }
    dma_len = total >= 256ull << 20 ? 4ull << 20 : 1ull << 20;
    dma = carve(dma_len, dma_len);
    tables = carve(MMU_TABLE_POOL, MMU_TABLE_POOL);
    if (tables.base == tables.end) {
        halt_with_reason("no free 2 MiB block for page tables in %lu MiB of memory: it is "
                         "reserved, or in smaller pieces",
                         total >> 20);
    }
    map_ram(inside, tables, dma);
    probe();
    add_frames();
    list_add(&unused, (struct range){ mmu_table_next, tables.end });
    for (unsigned i = 0; i < unused.count; i++) {
        frames_add_free(unused.r[i].base, unused.r[i].end - unused.r[i].base, false);
    }
    frames_add_free(dma.base, dma.end - dma.base, true);
    kprintf("RAM %lu MiB in %u range%s, %lu MiB free, DMA pool %lu KiB", total >> 20, ram.count,
            ram.count == 1 ? "" : "s", frame_pools[false].free >> 8, frame_pools[true].free * 4);
}
