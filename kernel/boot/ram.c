/* SPDX-License-Identifier: BSD-2-Clause
 * RAM as the tree tells it: ranges, minus reservations; the linear map; the frame arrays; the allocators' first blocks.
 * RAM is rounded inward to pages, reservations outward. Everything dropped is said.
 */
#include <arch/aarch64/mmu.h>
#include <core/core.h>
#include "boot.h"
#include <tree.h>

enum { RAM_MAX = 64, RESERVED_MAX = 128, FREE_MAX = 256, STATIC_TABLES = 24 };
#define CHUNK (2ull << 20)

struct list {
    struct boot_range *r;
    unsigned count, max;
};

static struct boot_range ram_r[RAM_MAX], reserved_r[RESERVED_MAX], no_map_r[RESERVED_MAX],
    free_r[FREE_MAX], map_r[FREE_MAX];
static struct list ram = { ram_r, 0, RAM_MAX }, reserved = { reserved_r, 0, RESERVED_MAX },
                   no_map = { no_map_r, 0, RESERVED_MAX }, free_list = { free_r, 0, FREE_MAX },
                   map_list = { map_r, 0, FREE_MAX };

static uint64_t static_tables[STATIC_TABLES][512] __attribute__((aligned(4096)));
static unsigned static_used;
static uint64_t static_pa, chunk_next,
    chunk_end; /* tables come from a mapped chunk of RAM as soon as there is one */

uint64_t boot_table_alloc(void)
{
    if (chunk_next < chunk_end) {
        uint64_t pa = chunk_next;

        chunk_next += PAGE_SIZE;
        page_zero(pa, false);
        return pa;
    }
    if (static_used == STATIC_TABLES) {
        halt_with_reason("memory is too fragmented: no free 2 MiB block for page tables");
    }
    return static_pa + PAGE_SIZE * static_used++;
}

uint64_t *boot_table_va(uint64_t pa)
{
    return pa - static_pa < sizeof(static_tables) ? static_tables[(pa - static_pa) / PAGE_SIZE]
                                                  : pa_to_va(pa);
}

static void list_insert(struct list *l, unsigned at, uint64_t base, uint64_t len, const char *what)
{
    if (l->count == l->max) {
        halt_with_reason("more than %u ranges of %s", l->max, what);
    }
    for (unsigned i = l->count; i > at; i--) {
        l->r[i] = l->r[i - 1];
    }
    l->r[at] = (struct boot_range){ base, len };
    l->count++;
}

/* Sorted; overlapping and touching ranges become one. */
static void list_add(struct list *l, uint64_t base, uint64_t len, const char *what)
{
    unsigned at = 0;

    while (at < l->count && l->r[at].base + l->r[at].len < base) {
        at++;
    }
    while (at < l->count && l->r[at].base <= base + len) { /* swallow */
        uint64_t end =
            base + len > l->r[at].base + l->r[at].len ? base + len : l->r[at].base + l->r[at].len;

        base = base < l->r[at].base ? base : l->r[at].base;
        len = end - base;
        l->count--;
        for (unsigned i = at; i < l->count; i++) {
            l->r[i] = l->r[i + 1];
        }
    }
    list_insert(l, at, base, len, what);
}

static void list_subtract(struct list *l, uint64_t base, uint64_t len)
{
    for (unsigned i = 0; i < l->count;) {
        uint64_t b = l->r[i].base, e = b + l->r[i].len;

        if (base >= e || base + len <= b) {
            i++;
            continue;
        }
        l->count--;
        for (unsigned j = i; j < l->count; j++) {
            l->r[j] = l->r[j + 1];
        }
        if (b < base) {
            list_insert(l, i++, b, base - b, "free memory");
        }
        if (base + len < e) {
            list_insert(l, i++, base + len, e - (base + len), "free memory");
        }
    }
}

static void list_copy(struct list *to, const struct list *from)
{
    to->count = 0;
    for (unsigned i = 0; i < from->count; i++) {
        to->r[to->count++] = from->r[i];
    }
}

/* Takes the lowest aligned block of free memory; 0: none. */
static uint64_t carve(uint64_t len, uint64_t align)
{
    for (unsigned i = 0; i < free_list.count; i++) {
        uint64_t base = (free_list.r[i].base + align - 1) & ~(align - 1);

        if (base >= free_list.r[i].base && base - free_list.r[i].base < free_list.r[i].len &&
            len <= free_list.r[i].len - (base - free_list.r[i].base) && base != 0) {
            list_subtract(&free_list, base, len);
            return base;
        }
    }
    return 0;
}

/* ---- what the tree says ---- */

static void read_memory(const void *fdt)
{
    struct tree_range r;
    status_t error;

    for (unsigned i = 0; (error = tree_memory(fdt, i, &r)) != E_NOTFOUND && i < RAM_MAX * 4; i++) {
        uint64_t base = (r.base + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
        uint64_t end = (r.base + r.len) & ~(uint64_t)(PAGE_SIZE - 1);

        if (error != E_OK) {
            kprintf("memory range %u of the tree is malformed or wraps: ignored", i);
            continue;
        }
        if (end > KERNEL_LINEAR_LEN) {
            kprintf("RAM above %llu GiB is not used",
                    (unsigned long long)(KERNEL_LINEAR_LEN >> 30));
            end = KERNEL_LINEAR_LEN;
        }
        if (base < end) {
            list_add(&ram, base, end - base, "memory");
        }
    }
    if (ram.count == 0) {
        halt_with_reason("the tree names no usable memory (no enabled node with device_type "
                         "\"memory\" and a size)");
    }
}

static void reserve(uint64_t base, uint64_t len)
{
    uint64_t end = (base + len + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);

    base &= ~(uint64_t)(PAGE_SIZE - 1);
    if (end > base) {
        list_add(&reserved, base, end - base, "reservations");
    }
}

static void read_reservations(const void *fdt)
{
    struct tree_range r;
    bool unmapped = false;
    status_t error;

    for (unsigned i = 0;
         (error = tree_reservation(fdt, i, &r, &unmapped)) != E_NOTFOUND && i < RESERVED_MAX * 4;
         i++) {
        if (error != E_OK) {
            kprintf("reservation %u of the tree is malformed or wraps: ignored", i);
            continue;
        }
        reserve(r.base, r.len);
        if (unmapped) {
            uint64_t base = r.base & ~(uint64_t)(PAGE_SIZE - 1);

            list_add(&no_map, base,
                     ((r.base + r.len + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1)) - base,
                     "reservations");
        }
    }
}

bool ram_overlaps(uint64_t pa, uint64_t len)
{
    const struct list *lists[] = { &ram, &reserved };

    for (unsigned l = 0; l < 2; l++) {
        for (unsigned i = 0; i < lists[l]->count; i++) {
            const struct boot_range *r = &lists[l]->r[i];

            if (pa < r->base + r->len && r->base < pa + len) {
                return true;
            }
        }
    }
    return false;
}

/* ---- all together ---- */

static void map_ram(uint64_t image_pa, uint64_t dma, uint64_t dma_len)
{
    extern char _start[], __archive_start[], __archive_end[], __image_end[];
    uint64_t archive = (uint64_t)(__archive_start - _start) & ~(uint64_t)(PAGE_SIZE - 1);
    uint64_t after = (uint64_t)(__archive_end - _start), end = (uint64_t)(__image_end - _start);
    uint64_t chunk = carve(CHUNK, CHUNK);

    if (chunk != 0) {
        mmu_map_linear(chunk, CHUNK, PTE_KERNEL_RW);
        chunk_next = chunk;
        chunk_end = chunk + CHUNK;
    }
    list_copy(&map_list, &ram);
    for (unsigned i = 0; i < no_map.count; i++) {
        list_subtract(&map_list, no_map.r[i].base, no_map.r[i].len);
    }
    list_subtract(&map_list, image_pa, archive); /* no writable alias of the kernel's own pages */
    list_subtract(&map_list, image_pa + after, end - after);
    list_subtract(&map_list, image_pa + archive, after - archive);
    if (after > archive) {
        mmu_map_linear(image_pa + archive, after - archive, PTE_KERNEL_RO);
    }
    if (chunk != 0) {
        list_subtract(&map_list, chunk, CHUNK);
    }
    if (dma_len != 0) {
        list_subtract(&map_list, dma, dma_len);
        mmu_map_linear(dma, dma_len, PTE_ATTR(MAIR_NORMAL_NC) | PTE_AF | PTE_PXN | PTE_UXN);
    }
    for (unsigned i = 0; i < map_list.count; i++) {
        mmu_map_linear(map_list.r[i].base, map_list.r[i].len, PTE_KERNEL_RW);
    }
}

void ram_init(const void *fdt, uint64_t image_pa, uint64_t image_len, struct boot_range tree,
              struct boot_range initrd)
{
    uint64_t dma, dma_len;

    static_pa = (uint64_t)static_tables - KERNEL_IMAGE + image_pa;
    read_memory(fdt);
    read_reservations(fdt);
    reserve(image_pa, image_len);
    reserve(tree.base, tree.len);
    reserve(initrd.base, initrd.len);
    list_copy(&free_list, &ram);
    for (unsigned i = 0; i < reserved.count; i++) {
        list_subtract(&free_list, reserved.r[i].base, reserved.r[i].len);
    }
    dma_len = ram_total() >= 256ull << 20 ? 4ull << 20 : 1ull << 20;
    dma = carve(dma_len, dma_len);
    dma_len = dma != 0 ? dma_len : 0;
    map_ram(image_pa, dma, dma_len);

    for (unsigned i = 0; i < ram.count; i++) {
        uint64_t len = ((ram.r[i].len >> PAGE_SHIFT) * sizeof(struct frame) + PAGE_SIZE - 1) &
                       ~(uint64_t)(PAGE_SIZE - 1);
        uint64_t pa = carve(len, PAGE_SIZE);

        if (pa == 0) {
            halt_with_reason("no room for the frame array of the RAM at %#llx",
                             (unsigned long long)ram.r[i].base);
        }
        for (uint64_t at = 0; at < len; at += PAGE_SIZE) {
            page_zero(pa + at, false);
        }
        frames_add_range(ram.r[i].base, ram.r[i].len, pa_to_va(pa));
    }
    if (chunk_next < chunk_end) {
        list_add(&free_list, chunk_next, chunk_end - chunk_next, "free memory");
    }
    for (unsigned i = 0; i < free_list.count; i++) {
        frames_add_free(free_list.r[i].base, free_list.r[i].len, false);
    }
    if (dma_len != 0) {
        frames_add_free(dma, dma_len, true);
    }
}

uint64_t ram_total(void)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < ram.count; i++) {
        total += ram.r[i].len;
    }
    return total;
}

unsigned ram_range_count(void)
{
    return ram.count;
}
