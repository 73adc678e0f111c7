/* SPDX-License-Identifier: BSD-2-Clause
 * Between the files of boot/; gone from memory's point of view once init runs.
 */
#pragma once
#include <abi/abi.h>
#include <arch/aarch64/mmu.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tree.h>

void early_map(uint64_t image_pa, uint64_t tree_pa);
extern uint64_t early_tree_l3[]; /* 0: the loader's pointer led to nothing with the right magic */
/* Maps the image a second time, where `seed` says; how far away that is. Nothing may be relocated yet. */
uint64_t early_slide(uint64_t seed);
void relocate(void);
void early_drop(void); /* the mappings that head.S needed */
/* main.c, before relocate(): checks the tree and keeps its seeds; the distance that early_slide made, or 0. */
uint64_t boot_slide(uint64_t tree_pa);
void boot_main(uint64_t tree_pa, uint64_t entry_level, uint64_t image_pa) __attribute__((noreturn));

/* early.c: unmaps all that was for the boot only, then boot_leave of vectors.S: to the first thread; this stack becomes
 * the core's. */
_Noreturn void early_leave(uint64_t stack_top);
_Noreturn void boot_leave(uint64_t stack_top);

/* ram.c: finds RAM and reservations, maps it, feeds the allocators. Halts unless all of the archive is mapped then. */
void ram_init(const void *fdt, uint64_t image_pa, struct tree_range tree,
              struct tree_range archive);

/* start.c: init's process out of the archive. */
extern uint64_t boot_seeds[TREE_SEEDS]; /* the tree's */
void start_init(void *fdt, struct tree_range tree, struct tree_range archive);

static inline uint64_t pages_of(uint64_t len)
{
    return (len + PAGE_SIZE - 1) >> PAGE_SHIFT;
}
