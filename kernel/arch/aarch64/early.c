/* SPDX-License-Identifier: BSD-2-Clause
 * Before the MMU is on: the first page tables, built by code that runs wherever the loader put it. Nothing here may use
 * a pointer that needs relocation, and nothing may be unaligned: with the MMU off memory is Device-nGnRnE.
 *
 * Afterwards, in the upper half: early_slide() chooses other addresses, relocate(); early_drop() and early_leave() take
 * away what the boot alone needed.
 */
#include "mmu.h"
#include "sysreg.h"
#include <abi/abi.h>
#include <boot/boot.h>
#include <string.h>

enum { ENTRIES = 512 };
/* From the image's address on, a table for each 2 MiB: 16 MiB of image, boot archive included; KERNEL_WINDOWS; the device
 * tree, 2 MiB at any page. */
enum { IMAGE_TABLES = 8, TREE_TABLE = IMAGE_TABLES + 1, PLACES = TREE_TABLE + 2 };

#define TABLE __attribute__((aligned(4096)))
uint64_t kernel_l1[ENTRIES] TABLE;
uint64_t early_identity_l1[ENTRIES] TABLE;
static uint64_t identity_l2[ENTRIES] TABLE, identity_l3[ENTRIES] TABLE;
static uint64_t image_l2[ENTRIES] TABLE, image_l3[IMAGE_TABLES][ENTRIES] TABLE;
uint64_t window_l3[ENTRIES] TABLE;
uint64_t early_tree_l3[(PLACES - TREE_TABLE) * ENTRIES] TABLE;

extern char __rodata_end[], __archive_end[];
extern char __bss_end[], __boot_stack[], __image_end[];

static BOOT_CODE void map_image(uint64_t pa, const char *from, const char *to, uint64_t attributes)
{
    uint64_t end = (uint64_t)(to - _start);

    for (uint64_t at = (uint64_t)(from - _start); at < end; at += PAGE_SIZE) {
        image_l3[at >> 21][(at >> 12) % ENTRIES] = (pa + at) | attributes | PTE_TABLE | PTE_VALID;
    }
}

static BOOT_CODE uint64_t table(const void *t)
{
    return (uint64_t)t | PTE_TABLE | PTE_VALID;
}

/* x0, x1 of head.S: where the image lies, and the loader's DTB pointer, which is not trusted: without a header that
 * looks right nothing of it is mapped, and boot_main says so. */
BOOT_CODE void early_map(uint64_t image_pa, uint64_t tree_pa)
{
    const uint32_t *header = (const uint32_t *)tree_pa;

    while (image_pa >= USER_END) { /* not to be mapped one to one, and too early to say so */
        wfi();
    }
    kernel_l1[index_at(KERNEL_IMAGE, 1)] = table(image_l2);
    for (unsigned i = 0; i < IMAGE_TABLES; i++) {
        image_l2[i] = table(image_l3[i]);
    }
    map_image(image_pa, _start, __text_end, PTE_KERNEL_RX);
    map_image(image_pa, __text_end, __rodata_end, PTE_KERNEL_RO);
    /* the archive between them is not the kernel's to see here */
    map_image(image_pa, __archive_end, __bss_end, PTE_KERNEL_RW);
    /* nothing just below the stack: it cannot grow unseen */
    map_image(image_pa, __boot_stack, __image_end, PTE_KERNEL_RW);

    early_identity_l1[image_pa >> 30] = table(identity_l2);
    identity_l2[(image_pa >> 21) % ENTRIES] = table(identity_l3);
    identity_l3[(image_pa >> 12) % ENTRIES] = image_pa | PTE_KERNEL_RX | PTE_TABLE | PTE_VALID;

    image_l2[IMAGE_TABLES] = table(window_l3);
    image_l2[TREE_TABLE] = table(early_tree_l3);
    image_l2[TREE_TABLE + 1] = table(early_tree_l3 + ENTRIES);
    if (tree_pa != 0 && tree_pa % 8 == 0 && header[0] == __builtin_bswap32(0xd00dfeed)) {
        uint64_t len = __builtin_bswap32(header[1]), page = tree_pa & ~4095ull;

        len = len > 2 * 1024 * 1024 ? 2 * 1024 * 1024 : len;
        for (unsigned i = 0; page + i * 4096ull < tree_pa + len; i++) {
            early_tree_l3[i] = (page + i * 4096ull) | PTE_KERNEL_RW | PTE_TABLE | PTE_VALID;
        }
    }
}

struct rela {
    uint64_t offset, info, addend;
};
extern const struct rela __rela_start[], __rela_end[];

/* The linear map in one of 256 places, in whole GiB; the image in one of the 256 GiB that it leaves, in whole 2 MiB, clear
 * of those that it has now: 8 + 16.9 bits. The tables stay, so that both addresses hold until early_drop. */
BOOT_CODE uint64_t early_slide(uint64_t seed)
{
    uint64_t linear = seed % 256, l1 = (linear + 256 + seed / 256 % 256) % ENTRIES;
    uint64_t l2 = PLACES + (seed >> 16) % (ENTRIES - 2 * PLACES);

    kernel_linear = KERNEL_HALF + (linear << 30);
    for (unsigned i = 0; i < PLACES; i++) {
        image_l2[l2 + i] = image_l2[i];
    }
    kernel_l1[l1] = kernel_l1[index_at(KERNEL_IMAGE, 1)];
    dsb_ishst();
    isb();
    return KERNEL_HALF + (l1 << 30) + (l2 << 21) - KERNEL_IMAGE;
}

/* R_AARCH64_RELATIVE only (kernel.ld asserts it): the image is linked at 0. */
BOOT_CODE void relocate(void)
{
    for (const struct rela *r = __rela_start; r < __rela_end; r++) {
        *(uint64_t *)(_start + r->offset) = (uint64_t)_start + r->addend;
    }
}

BOOT_CODE void early_drop(void)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        early_identity_l1[i] = 0; /* from here on it is the empty space that idle uses */
    }
    if ((uint64_t)_start != KERNEL_IMAGE) {
        memset(image_l2, 0, PLACES * sizeof(*image_l2));
    }
    if (index_at((uint64_t)_start, 1) != index_at(KERNEL_IMAGE, 1)) {
        kernel_l1[index_at(KERNEL_IMAGE, 1)] = 0;
    }
    mmu_flush_all();
}

/* Not boot code itself, of which nothing is mapped when it leaves. */
_Noreturn void early_leave(uint64_t stack_top)
{
    for (uint64_t at = 0; at < (uint64_t)(__boot_end - _start); at += PAGE_SIZE) {
        image_l3[at >> 21][(at >> 12) % ENTRIES] = 0;
    }
    memset(&image_l2[index_at((uint64_t)_start, 2) + TREE_TABLE], 0, sizeof(*image_l2) * 2);
    window_l3[WINDOW_BOOT] = 0;
    mmu_flush_all();
    boot_leave(stack_top);
}
