/* SPDX-License-Identifier: BSD-2-Clause
 * Address spaces: 39-bit halves, 4 KiB granule, three levels (DDI 0487, D8). Kernel half (TTBR1):
 *
 *   kernel_linear + pa   all RAM that the kernel may touch (KERNEL_LINEAR_LEN of it), cacheable; the DMA pool not
 *                        cacheable; the kernel image's own pages are left out, so nothing writable aliases its text
 *   _start               the image: text r-x, rodata r--, data rw-
 *   KERNEL_WINDOWS       behind it, 512 pages for device registers: the early console, checked access
 *
 * Linear map and image begin where the tree's seed says (early.c:early_slide), without one at the addresses below.
 *
 * Every kernel mapping is UXN, every user mapping PXN, none is writable and executable.
 */
#pragma once
#include <abi/status.h>
#include <stdbool.h>
#include <stdint.h>

#define KERNEL_HALF       0xffffff8000000000ull
#define KERNEL_LINEAR_LEN (256ull << 30)
#define KERNEL_IMAGE      0xffffffff80000000ull
#define KERNEL_WINDOWS    ((uint64_t)_start + (16ull << 20))
#define USER_END          (1ull << 39)

/* Page-table entry fields. */
#define PTE_VALID    (1ull << 0)
#define PTE_TABLE    (1ull << 1) /* at level 3: page */
#define PTE_ATTR(n)  ((uint64_t)(n) << 2)
#define PTE_USER     (1ull << 6)
#define PTE_READONLY (1ull << 7)
#define PTE_INNER    (3ull << 8)
#define PTE_AF       (1ull << 10)
#define PTE_NG       (1ull << 11)
#define PTE_PXN      (1ull << 53)
#define PTE_UXN      (1ull << 54)
#define PTE_DEVICE   (1ull << 55) /* software: a device window, no memory object behind it */
#define PTE_DYING    (1ull << 56) /* software, entry invalid: the memory behind it is being freed */
#define PTE_ADDRESS  0x0000fffffffff000ull

/* Indices into MAIR_EL1, and its value (head.S). */
#define MAIR_NORMAL    0
#define MAIR_NORMAL_NC 1
#define MAIR_NGNRE     2
#define MAIR_NGNRNE    3

#define PTE_NORMAL    (PTE_ATTR(MAIR_NORMAL) | PTE_INNER | PTE_AF)
#define PTE_KERNEL_RW (PTE_NORMAL | PTE_PXN | PTE_UXN)
#define PTE_KERNEL_RO (PTE_KERNEL_RW | PTE_READONLY)
#define PTE_KERNEL_RX (PTE_NORMAL | PTE_READONLY | PTE_UXN)
#define PTE_KERNEL_NC (PTE_ATTR(MAIR_NORMAL_NC) | PTE_AF | PTE_PXN | PTE_UXN)

/* For functions that only the boot calls: kernel.ld puts them together, early_leave unmaps them, and the link fails if
 * other code refers to them. */
#define BOOT_CODE __attribute__((section(".text.boot")))

extern char _start[], __boot_end[], __text_end[]; /* text_ */
extern uint64_t kernel_linear;

static inline unsigned index_at(uint64_t va, unsigned level) /* in the table of level 1..3 */
{
    return va >> (39 - 9 * level) & 511;
}

static inline void *pa_to_va(uint64_t pa)
{
    return (void *)(kernel_linear + pa);
}
static inline uint64_t va_to_pa(const void *va)
{
    return (uint64_t)va - kernel_linear;
}

struct process;
struct memory;

/* Boot only. First maps a block of free RAM from which tables then come, up to mmu_table_next; then the rest. */
#define MMU_TABLE_POOL (2ull << 20)
void mmu_table_pool(uint64_t pa);
void mmu_map_linear(uint64_t pa, uint64_t len, uint64_t attributes);
extern uint64_t mmu_table_next;

/* Maps the page of `pa` at KERNEL_WINDOWS slot `slot`; where `pa` is then. */
void *mmu_window(unsigned slot, uint64_t pa, uint64_t attributes);
enum { WINDOW_CONSOLE = 0, WINDOW_BOOT = 1, WINDOW_REGISTERS = 8, WINDOW_REGISTERS_COUNT = 64 };
/* A kernel address for the device register at `pa`, through a small cache of mapped pages, and the entry that maps it. */
uint64_t mmu_register(uint64_t pa, const uint64_t **out_entry);

/* User side. The table root is one page; tables are charged to `process`. False: no budget, no RAM or no ASID. */
bool mmu_space_create(struct process *process);
/* Installs one page; E_BUDGET for a missing table, E_BUSY if something is mapped there. */
status_t mmu_map_page(struct process *process, uint64_t va, uint64_t pa, uint64_t attributes);
/* The entry of `va`, or NULL where no table is; then none is in *skip bytes from there on. */
uint64_t *mmu_entry(struct process *process, uint64_t va, uint64_t *skip);
/* After entries were made invalid: forgets cached translations of one page, or of the whole space. */
void mmu_flush_page(struct process *process, uint64_t va);
void mmu_flush_space(struct process *process);
void mmu_flush_all(void);
/* Nothing below `end` is mapped: frees the tables whose last entry is for the page just below. USER_END: the root too, and
 * the ASID. */
void mmu_tables_free(struct process *process, uint64_t end);
uint64_t mmu_user_attributes(uint32_t map_flags, bool device, bool special);

/* Cleans the data cache to the point of unification and drops the instruction cache for a range of RAM. */
void cache_sync_code(uint64_t pa, uint64_t len);
