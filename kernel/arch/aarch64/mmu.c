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
uint64_t kernel_linear = KERNEL_HALF;

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
    if (!process->object.dead || process->threads != NULL) {
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
    uint64_t va = KERNEL_WINDOWS + slot * PAGE_SIZE,
             entry = (pa & PTE_ADDRESS) | attributes | PTE_TABLE | PTE_VALID;

    if (window_l3[slot] != entry) {
        window_l3[slot] = 0; /* break before make */
        TLBI("vaae1is, %[x]", TLBI_PAGE(va));
        window_l3[slot] = entry;
        dsb_ishst();
        isb();
    }
    return (void *)(va + pa % PAGE_SIZE);
}

/* Direct mapped by page number: a hit costs nothing, a miss one remapping. No one can use it up. */
uint64_t mmu_register(uint64_t pa, const uint64_t **out_entry)
{
    unsigned slot = WINDOW_REGISTERS + (pa >> PAGE_SHIFT) % WINDOW_REGISTERS_COUNT;

    *out_entry = &window_l3[slot];
    return (uint64_t)mmu_window(slot, pa, PTE_ATTR(MAIR_NGNRNE) | PTE_AF | PTE_PXN | PTE_UXN);
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
    l2[index_at(kernel_linear + pa, 2)] = pa | PTE_KERNEL_RW | PTE_VALID;
    dsb_ishst(); /* its entries, before a walker can find it */
    kernel_l1[index_at(kernel_linear + pa, 1)] = pa | PTE_TABLE | PTE_VALID;
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

BOOT_CODE void mmu_map_linear(uint64_t pa, uint64_t len, uint64_t attributes)
{
    for (uint64_t size, end = pa + len; pa < end; pa += size) {
        uint64_t *entry = &kernel_l1[index_at(kernel_linear + pa, 1)];
        unsigned level = 1;

        for (size = 1ull << 30; level < 3 && (*entry != 0 || pa % size != 0 || end - pa < size);
             size >>= 9) {
            uint64_t *table;

            if (*entry == 0) {
                *entry = table_new();
            }
            table = pa_to_va(*entry & PTE_ADDRESS);
            entry = &table[index_at(kernel_linear + pa, ++level)];
        }
        *entry = pa | attributes | (level == 3 ? PTE_TABLE : 0) | PTE_VALID;
    }
    dsb_ishst();
    isb();
}

/* ---- user spaces ---- */

/* ASIDs, one per process for its life; 0 is the empty space's. At most half of all, so that the search is short. */
static uint64_t asid_used[32768 / 64] = { 1 };

bool mmu_space_create(struct process *process)
{
    unsigned words = ((sysreg_read(id_aa64mmfr0_el1) >> 4) & 15) == 2 ? 32768 / 64 : 256 / 64,
             i = 0;
    uint64_t pa = page_alloc(process);

    while (i < words && ~asid_used[i] == 0) {
        i++;
    }
    if (pa != 0 && i == words) {
        page_free(process, pa);
    }
    if (pa == 0 || i == words) {
        return false;
    }
    process->table = pa_to_va(pa);
    process->ttbr0 = (i * 64ull + (unsigned)__builtin_ctzll(~asid_used[i])) << 48 | pa;
    asid_used[i] |= asid_used[i] + 1; /* the lowest that was clear */
    return true;
}

enum { L1_SHIFT = 30, L2_SHIFT = 21, L3_SHIFT = 12 }; /* of what an entry of that level spans */
enum { LOOK_LEN = PAGE_SIZE / 4 };                    /* of a table, looked at in one go */

/* The entry for `va` at *shift, or where the way there ends: *shift is then that one's. */
static inline __attribute__((always_inline)) uint64_t *walk(struct process *process, uint64_t va,
                                                            unsigned *shift)
{
    uint64_t *table = process->table, *entry;
    unsigned at = L1_SHIFT;

    while (entry = &table[va >> at & (ENTRIES - 1)], at != *shift && (*entry & PTE_VALID)) {
        table = pa_to_va(*entry & PTE_ADDRESS);
        at -= 9;
    }
    *shift = at;
    return entry;
}

uint64_t *mmu_entry(struct process *process, uint64_t va, uint64_t *skip)
{
    unsigned shift = L3_SHIFT;
    uint64_t *entry = walk(process, va, &shift), size = 1ull << shift;

    if (shift == L3_SHIFT) {
        return entry;
    }
    *skip = 0 - va % size;
    do {
        *skip += size;
        entry++;
    } while ((uintptr_t)entry % LOOK_LEN != 0 && !(*entry & PTE_VALID));
    return NULL;
}

status_t mmu_map_page(struct process *process, uint64_t va, uint64_t pa, uint64_t attributes)
{
    unsigned shift = L3_SHIFT;
    uint64_t *entry;

    while (entry = walk(process, va, &shift), shift != L3_SHIFT) {
        uint64_t table = page_alloc(process);

        if (table == 0) {
            return E_BUDGET;
        }
        dsb_ishst(); /* its zeroes, before a walker can find it */
        *entry = table | PTE_TABLE | PTE_VALID;
        shift = L3_SHIFT;
    }
    if (*entry != 0) {
        return E_BUSY;
    }
    *entry = pa | attributes | PTE_TABLE | PTE_VALID;
    dsb_ishst();
    return E_OK;
}

void mmu_tables_free(struct process *process, uint64_t end)
{
    for (unsigned to = L2_SHIFT; to <= L1_SHIFT && end % (1ull << to) == 0; to += 9) {
        unsigned shift = to;
        uint64_t *entry = walk(process, end - 1, &shift);

        if (shift == to && (*entry & PTE_VALID)) {
            page_free(process, *entry & PTE_ADDRESS);
            *entry = 0;
        }
    }
    if (end == USER_END) {
        page_free(process, va_to_pa(process->table));
        asid_used[process->ttbr0 >> 54] &= ~(1ull << (process->ttbr0 >> 48) % 64);
    }
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
    uint64_t line = 4ull << (sysreg_read(ctr_el0) >> 16 & 15);
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
    if (dma || (sysreg_read(dczid_el0) & DCZID_DZP)) {
        memset(p, 0, PAGE_SIZE);
        return;
    }
    for (unsigned i = PAGE_SIZE / 256; i > 0; i--) {
        __asm__ volatile(".rept 4\n\tdc zva, %[p]\n\tadd %[p], %[p], #64\n\t.endr"
                         : [p] "+r"(p)::"memory");
    }
}
