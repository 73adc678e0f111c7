/* SPDX-License-Identifier: BSD-2-Clause
 * Before the MMU is on: the first page tables, built by code that runs wherever the loader put it. Nothing here may use
 * a pointer that needs relocation, and nothing may be unaligned: with the MMU off memory is Device-nGnRnE.
 *
 * Afterwards, in the upper half: relocate().
 */
#include "mmu.h"
#include <boot/boot.h>

enum { ENTRIES = 512, IMAGE_TABLES = 8 /* 16 MiB of image, boot archive included */ };

#define TABLE __attribute__((aligned(4096)))
uint64_t kernel_l1[ENTRIES] TABLE;
uint64_t early_identity_l1[ENTRIES] TABLE;
static uint64_t identity_l2[ENTRIES] TABLE, identity_l3[ENTRIES] TABLE;
static uint64_t image_l2[ENTRIES] TABLE, image_l3[IMAGE_TABLES][ENTRIES] TABLE;
static uint64_t window_l2[ENTRIES] TABLE;
uint64_t window_l3[ENTRIES] TABLE;
static uint64_t tree_l3[2][ENTRIES] TABLE; /* the device tree: 2 MiB at any page */

extern char _start[], __text_end[], __rodata_end[], __archive_end[], __image_end[];

static void map_image(uint64_t pa, uint64_t from, uint64_t to, uint64_t attributes)
{
    for (uint64_t at = from; at < to; at += 4096) {
        image_l3[at >> 21][(at >> 12) % ENTRIES] = (pa + at) | attributes | PTE_TABLE | PTE_VALID;
    }
}

static uint64_t table(const void *t)
{
    return (uint64_t)t | PTE_TABLE | PTE_VALID;
}

/* x0, x1 of head.S: where the image lies, and the loader's DTB pointer, which is not trusted: without a header that
 * looks right nothing of it is mapped, and boot_main says so. */
void early_map(uint64_t image_pa, uint64_t tree_pa)
{
    uint64_t text = (uint64_t)(__text_end - _start), ro = (uint64_t)(__rodata_end - _start);
    uint64_t archive = (uint64_t)(__archive_end - _start), end = (uint64_t)(__image_end - _start);

    kernel_l1[(KERNEL_IMAGE >> 30) % ENTRIES] = table(image_l2);
    for (unsigned i = 0; i < IMAGE_TABLES; i++) {
        image_l2[i] = table(image_l3[i]);
    }
    map_image(image_pa, 0, text, PTE_KERNEL_RX);
    map_image(image_pa, text, ro, PTE_KERNEL_RO);
    map_image(image_pa, archive, end,
              PTE_KERNEL_RW); /* the archive itself is not the kernel's to see here */

    early_identity_l1[image_pa >> 30] = table(identity_l2);
    identity_l2[(image_pa >> 21) % ENTRIES] = table(identity_l3);
    identity_l3[(image_pa >> 12) % ENTRIES] = image_pa | PTE_KERNEL_RX | PTE_TABLE | PTE_VALID;

    kernel_l1[(KERNEL_WINDOWS >> 30) % ENTRIES] = table(window_l2);
    window_l2[0] = table(window_l3);
    window_l2[1] = table(tree_l3[0]);
    window_l2[2] = table(tree_l3[1]);
    if (tree_pa != 0 && tree_pa % 8 == 0 &&
        *(const uint32_t *)tree_pa == __builtin_bswap32(0xd00dfeed)) {
        uint64_t len = __builtin_bswap32(((const uint32_t *)tree_pa)[1]), page = tree_pa & ~4095ull;

        len = len > 2 * 1024 * 1024 ? 2 * 1024 * 1024 : len;
        for (unsigned i = 0; page + i * 4096ull < tree_pa + len; i++) {
            tree_l3[i / ENTRIES][i % ENTRIES] =
                (page + i * 4096ull) | PTE_KERNEL_RO | PTE_TABLE | PTE_VALID;
        }
    }
}

bool early_tree_mapped(void)
{
    return tree_l3[0][0] != 0;
}

void early_tree_unmap(void)
{
    for (unsigned i = 0; i < 2 * ENTRIES; i++) {
        tree_l3[i / ENTRIES][i % ENTRIES] = 0;
    }
    __asm__ volatile("dsb ishst; tlbi vmalle1; dsb nsh; isb" ::: "memory");
}

struct rela {
    uint64_t offset, info, addend;
};
extern const struct rela __rela_start[], __rela_end[];

/* R_AARCH64_RELATIVE only (kernel.ld asserts it): the image is linked at 0 and runs at KERNEL_IMAGE. */
void relocate(void)
{
    for (const struct rela *r = __rela_start; r < __rela_end; r++) {
        *(uint64_t *)(KERNEL_IMAGE + r->offset) = KERNEL_IMAGE + r->addend;
    }
}

void mmu_drop_identity(void)
{
    identity_l2[0] = 0;
    for (unsigned i = 0; i < ENTRIES; i++) {
        early_identity_l1[i] = 0; /* from here on it is the empty space that idle uses */
    }
    __asm__ volatile("dsb ishst; tlbi vmalle1; dsb nsh; isb" ::: "memory");
}
