/* SPDX-License-Identifier: BSD-2-Clause
 * Page tables; see mmu.h for the layout. Order of a change: store, dsb ishst, (for what was valid) tlbi, dsb ish.
 * Making an invalid entry valid needs no tlbi, only the dsb before the exception return (DDI 0487 D8.17).
 */
#include <string.h>
#include "mmu.h"
#include <core/core.h>
#include "sysreg.h"

enum { ENTRIES = 512 };

/* Set up by boot/early.c. */
extern uint64_t kernel_l1[ENTRIES], window_l3[ENTRIES];
uint64_t early_empty_ttbr0; /* a table of nothing, ASID 0 */

static unsigned index_at(uint64_t va, unsigned level) /* level 1..3 */
{
    return (va >> (39 - 9 * level)) & (ENTRIES - 1);
}

/* ---- TLB. One wrapper, since some cores need every broadcast completed twice (Cortex-A76: CVE-2025-10263). ---- */

#define TLBI(operation, operand)                                                                   \
    __asm__ volatile("dsb ishst\n\ttlbi " operation "\n\tdsb ish\n\t"                              \
                     "tlbi vale1is, xzr\n\tdsb ish" ::[x] "r"(operand)                             \
                     : "memory")
#define TLBI_PAGE(va) ((va) >> 12 & 0xfffffffffffull)
#define TTBR_ASID     0xffff000000000000ull

void mmu_flush_page(struct process *process, uint64_t va)
{
    /* a dying one is flushed as a whole, once none of its threads is left to run */
    if (process->state == PROCESS_LIVE || process->threads != NULL) {
        TLBI("vale1is, %[x]", TLBI_PAGE(va) | (process->ttbr0 & TTBR_ASID));
    }
}

void mmu_flush_space(struct process *process)
{
    TLBI("aside1is, %[x]", process->ttbr0 & TTBR_ASID);
}

void mmu_flush_all(void)
{
    TLBI("vmalle1is", 0);
    isb();
}

/* ---- kernel windows ---- */

void *mmu_window(unsigned slot, uint64_t pa, uint64_t attributes)
{
    uint64_t va = KERNEL_WINDOWS + slot * PAGE_SIZE;

    if (window_l3[slot] & PTE_VALID) { /* break before make */
        window_l3[slot] = 0;
        TLBI("vaae1is, %[x]", TLBI_PAGE(va));
    }
    window_l3[slot] = (pa & PTE_ADDRESS) | attributes | PTE_TABLE | PTE_VALID;
    dsb_ishst();
    isb();
    return (void *)(va + pa % PAGE_SIZE);
}

/* Direct mapped by page number: a hit costs nothing, a miss one remapping. No one can use it up. */
void *mmu_register(uint64_t pa)
{
    unsigned slot = WINDOW_REGISTERS + (pa >> PAGE_SHIFT) % WINDOW_REGISTERS_COUNT;

    if ((window_l3[slot] & (PTE_ADDRESS | PTE_VALID)) != ((pa & PTE_ADDRESS) | PTE_VALID)) {
        return mmu_window(slot, pa, PTE_ATTR(MAIR_NGNRNE) | PTE_AF | PTE_PXN | PTE_UXN);
    }
    return (void *)(KERNEL_WINDOWS + slot * PAGE_SIZE + pa % PAGE_SIZE);
}

/* ---- linear map of RAM (boot) ---- */

uint64_t mmu_table_next;
static uint64_t table_end;

/* The block's first page becomes the table that maps the block. It is written through a window: nothing of the linear
 * map is there yet. */
BOOT_CODE void mmu_table_pool(uint64_t pa)
{
    uint64_t *l2 = mmu_window(WINDOW_BOOT, pa, PTE_KERNEL_RW);

    memset(l2, 0, PAGE_SIZE);
    l2[index_at(KERNEL_LINEAR + pa, 2)] = pa | PTE_KERNEL_RW | PTE_VALID;
    dsb_ishst(); /* its entries, before a walker can find it */
    kernel_l1[index_at(KERNEL_LINEAR + pa, 1)] = pa | PTE_TABLE | PTE_VALID;
    dsb_ishst();
    isb();
    mmu_table_next = pa + PAGE_SIZE;
    table_end = pa + MMU_TABLE_POOL;
}

static BOOT_CODE uint64_t table_new(void)
{
    uint64_t pa = mmu_table_next;

    if (pa == table_end) {
        halt_with_reason("memory is too fragmented: its page tables need more than 2 MiB");
    }
    page_zero(pa, false);
    dsb_ishst(); /* its zeroes, before a walker can find it */
    mmu_table_next += PAGE_SIZE;
    return pa | PTE_TABLE | PTE_VALID;
}

BOOT_CODE void mmu_map_linear(uint64_t pa, uint64_t end, uint64_t attributes)
{
    for (uint64_t size; pa < end; pa += size) {
        uint64_t *entry = &kernel_l1[index_at(KERNEL_LINEAR + pa, 1)];
        unsigned level = 1;

        for (size = 1ull << 30; level < 3 && (*entry != 0 || pa % size != 0 || end - pa < size);
             size >>= 9) {
            uint64_t *table;

            if (*entry == 0) {
                *entry = table_new();
            }
            table = pa_to_va(*entry & PTE_ADDRESS);
            entry = &table[index_at(KERNEL_LINEAR + pa, ++level)];
        }
        *entry = pa | attributes | (level == 3 ? PTE_TABLE : 0) | PTE_VALID;
    }
    dsb_ishst();
    isb();
}

/* ---- ASIDs: one per process for its life ---- */

static uint64_t asid_used[65536 / 64];
static unsigned asid_next = 1;

unsigned asid_alloc(void)
{
    unsigned count = ((id_aa64mmfr0_el1_read() >> 4) & 15) == 2 ? 65536 : 256;

    for (unsigned i = 0; i < count; i++) {
        unsigned asid = asid_next;

        asid_next = asid_next + 1 < count ? asid_next + 1 : 1; /* 0 is the empty space's */
        if (!(asid_used[asid / 64] & 1ull << asid % 64)) {
            asid_used[asid / 64] |= 1ull << asid % 64;
            return asid;
        }
    }
    return 0;
}

void asid_free(unsigned asid)
{
    asid_used[asid / 64] &= ~(1ull << asid % 64);
}

/* ---- user spaces ---- */

status_t mmu_space_create(struct process *process)
{
    unsigned asid = asid_alloc();
    uint64_t pa;

    if (asid == 0) {
        return E_NOMEM;
    }
    pa = page_alloc(process);
    if (pa == 0) {
        asid_free(asid);
        return E_BUDGET;
    }
    process->table = pa_to_va(pa);
    process->ttbr0 = (uint64_t)asid << 48 | pa;
    return E_OK;
}

uint64_t *mmu_entry(struct process *process, uint64_t va, uint64_t *skip)
{
    uint64_t *table = process->table;

    for (unsigned level = 1; level < 3; level++) {
        uint64_t entry = table[index_at(va, level)];

        if (!(entry & PTE_VALID)) {
            uint64_t size = 1ull << (39 - 9 * level);

            *skip = size - va % size;
            for (unsigned i = index_at(va, level) + 1; i < ENTRIES && !(table[i] & PTE_VALID);
                 i++) {
                *skip += size;
            }
            return NULL;
        }
        table = pa_to_va(entry & PTE_ADDRESS);
    }
    return &table[index_at(va, 3)];
}

status_t mmu_map_page(struct process *process, uint64_t va, uint64_t pa, uint64_t attributes)
{
    uint64_t *table = process->table, *entry;

    for (unsigned level = 1; level < 3; level++) {
        entry = &table[index_at(va, level)];
        if (!(*entry & PTE_VALID)) {
            uint64_t new = page_alloc(process);

            if (new == 0) {
                return E_BUDGET;
            }
            dsb_ishst(); /* its zeroes, before a walker can find it */
            *entry = new | PTE_TABLE | PTE_VALID;
        }
        table = pa_to_va(*entry & PTE_ADDRESS);
    }
    entry = &table[index_at(va, 3)];
    if (*entry != 0) {
        return E_BUSY;
    }
    *entry = pa | attributes | PTE_TABLE | PTE_VALID;
    dsb_ishst();
    return E_OK;
}

/* Level 3 tables first, some per step; entries are all invalid by now. */
bool mmu_space_free_step(struct process *process)
{
    unsigned done = 0;

    if (process->table == NULL) {
        return true;
    }
    for (unsigned i = 0; i < ENTRIES; i++) {
        uint64_t *l2;

        if (!(process->table[i] & PTE_VALID)) {
            continue;
        }
        l2 = pa_to_va(process->table[i] & PTE_ADDRESS);
        for (unsigned j = 0; j < ENTRIES; j++) {
            if (l2[j] & PTE_VALID) {
                page_free(process, l2[j] & PTE_ADDRESS);
                l2[j] = 0;
                if (++done == 8) {
                    return false;
                }
            }
        }
        page_free(process, process->table[i] & PTE_ADDRESS);
        process->table[i] = 0;
        return false;
    }
    page_free(process, va_to_pa(process->table));
    process->table = NULL;
    asid_free((unsigned)(process->ttbr0 >> 48));
    return true;
}

uint64_t mmu_user_attributes(uint32_t map_flags, bool device, bool special)
{
    uint64_t kind = device ? PTE_DEVICE | PTE_ATTR(special ? MAIR_NGNRNE : MAIR_NGNRE)
                           : PTE_INNER | PTE_ATTR(special ? MAIR_NORMAL_NC : MAIR_NORMAL);

    return kind | PTE_USER | PTE_AF | PTE_NG | PTE_PXN | (map_flags & MAP_EXEC ? 0 : PTE_UXN) |
           (map_flags & MAP_WRITE ? 0 : PTE_READONLY);
}

/* ---- caches ---- */

/* DC CIVAC where CVAU would do: Cortex-A53 errata 819472 ff. */
static void cache_flush(uint64_t pa, uint64_t len)
{
    uint64_t line = 4ull << (ctr_el0_read() >> 16 & 15);
    char *va = pa_to_va(pa);

    for (uint64_t i = 0; i < len; i += line) {
        __asm__ volatile("dc civac, %[p]" ::[p] "r"(va + i) : "memory");
    }
    dsb_sy();
}

void cache_sync_code(uint64_t pa, uint64_t len)
{
    cache_flush(pa, len);
    /* by address does not reach other aliases in a VIPT instruction cache: all of it */
    __asm__ volatile("ic ialluis" ::: "memory");
    dsb_ish();
    isb();
}

/* DC ZVA only where the kernel's mapping is cacheable, and where it is not prohibited. The DMA pool's is not: there the
 * firmware may have left dirty lines, whose eviction would overwrite what a device wrote: they go first. Block size:
 * DCZID_EL0 says 64 on all supported cores; 64 is also right where it is larger and the page a multiple of it. */
void page_zero(uint64_t pa, bool dma)
{
    char *p = pa_to_va(pa);

    if (dma) {
        cache_flush(pa, PAGE_SIZE);
    }
    if (dma || (dczid_el0_read() & DCZID_DZP)) {
        memset(p, 0, PAGE_SIZE);
        return;
    }
    for (unsigned i = PAGE_SIZE / 256; i > 0; i--) {
        __asm__ volatile(".rept 4\n\tdc zva, %[p]\n\tadd %[p], %[p], #64\n\t.endr"
                         : [p] "+r"(p)::"memory");
    }
}
