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
bool early_tree_mapped(void); /* the loader's pointer led to something with the right magic */
void relocate(void);
void early_drop_identity(void); /* which head.S needed */
void boot_main(uint64_t tree_pa, uint64_t entry_level, uint64_t image_pa) __attribute__((noreturn));

/* early.c: unmaps all that was for the boot only, then boot_leave of vectors.S: to the first thread; this stack becomes
 * the core's. */
_Noreturn void early_leave(uint64_t stack_top);
_Noreturn void boot_leave(uint64_t stack_top);

/* ram.c: finds RAM and reservations, maps it, feeds the allocators. Halts unless all of the archive is mapped then. */
void ram_init(const void *fdt, uint64_t image_pa, struct tree_range tree, struct tree_range archive);

/* start.c: init's process out of the archive. */
void start_init(void *fdt, struct tree_range tree, struct tree_range archive);

static inline uint64_t pages_of(uint64_t len)
{
    return (len + PAGE_SIZE - 1) >> PAGE_SHIFT;
}
