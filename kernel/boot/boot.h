/* SPDX-License-Identifier: BSD-2-Clause
 * Between the files of boot/; gone from memory's point of view once init runs.
 */
#pragma once
#include <abi/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void early_map(uint64_t image_pa, uint64_t tree_pa);
bool early_tree_mapped(void); /* the loader's pointer led to something with the right magic */
void early_tree_unmap(void);
void relocate(void);
void boot_main(uint64_t tree_pa, uint64_t entry_level, uint64_t image_pa) __attribute__((noreturn));

_Noreturn void
boot_leave(uint64_t stack_top); /* vectors.S: to the first thread; this stack becomes the core's */

/* ram.c: finds RAM and reservations, maps it, feeds the allocators. */
struct boot_range {
    uint64_t base, len;
};
void ram_init(const void *fdt, uint64_t image_pa, uint64_t image_len, struct boot_range tree,
              struct boot_range initrd);
uint64_t ram_total(void);
unsigned ram_range_count(void);

/* start.c: init's process out of the archive. */
void start_init(const void *fdt, uint64_t tree_pa, struct boot_range archive);
