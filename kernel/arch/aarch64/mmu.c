/* SPDX-License-Identifier: BSD-2-Clause
 * Page tables; see mmu.h for the layout. Order of a change: store, dsb ishst, (for what was valid) tlbi, dsb ish.
 * Making an invalid entry valid needs no tlbi, only the dsb before the exception return (DDI 0487 D8.17).
 */
#include "mmu.h"
#include <core/core.h>
#include "sysreg.h"

enum { ENTRIES = 512, REGISTER_FIRST = 8, REGISTER_SLOTS = 64 };

/* Set up by boot/early.c. */
extern uint64_t kernel_l1[ENTRIES], window_l3[ENTRIES];
uint64_t early_empty_ttbr0; /* a table of nothing, ASID 0 */

static unsigned index_at(uint64_t va, unsigned level) /* level 1..3 */
{
    return (va >> (39 - 9 * level)) & (ENTRIES - 1);
}

/* ---- TLB. One wrapper, since some cores need every broadcast completed twice (Cortex-A76: CVE-2025-10263). ---- */

static void tlbi_complete(void)
{
    dsb_ish();
    __asm__ volatile("tlbi vale1is, xzr" ::: "memory");
    dsb_ish();
}

static void tlbi_va(uint64_t va, uint64_t asid_bits)
{
    uint64_t operand = (va >> 12 & 0xfffffffffffull) | asid_bits;

    dsb_ishst();
    __asm__ volatile("tlbi vale1is, %[operand]" ::[operand] "r"(operand) : "memory");
    tlbi_complete();
}

void mmu_flush_page(struct process *process, uint64_t va)
{
    /* a dying one is flushed as a whole, once none of its threads is left to run */
    if (process->state == PROCESS_LIVE || process->threads != NULL) {
        tlbi_va(va, process->ttbr0 & 0xffff000000000000ull);
    }
}

void mmu_flush_space(struct process *process)
{
    uint64_t operand = process->ttbr0 & 0xffff000000000000ull;

    dsb_ishst();
    __asm__ volatile("tlbi aside1is, %[operand]" ::[operand] "r"(operand) : "memory");
    tlbi_complete();
}

/* ---- kernel windows ---- */

void *mmu_window(unsigned slot, uint64_t pa, uint64_t attributes)
{
    uint64_t va = KERNEL_WINDOWS + slot * PAGE_SIZE;

    if (window_l3[slot] & PTE_VALID) { /* break before make */
        window_l3[slot] = 0;
        dsb_ishst();
        __asm__ volatile("tlbi vaae1is, %[va]" ::[va] "r"(va >> 12 & 0xfffffffffffull) : "memory");
        tlbi_complete();
    }
    window_l3[slot] = (pa & PTE_ADDRESS) | attributes | PTE_TABLE | PTE_VALID;
    dsb_ishst();
    isb();
    return (void *)(va + pa % PAGE_SIZE);
}

/* Direct mapped by page number: a hit costs nothing, a miss one remapping. No one can use it up. */
void *mmu_register(uint64_t pa)
{
    static uint64_t held[REGISTER_SLOTS]; /* page | 1 */
    unsigned slot = (pa >> PAGE_SHIFT) % REGISTER_SLOTS;

    if (held[slot] != ((pa & PTE_ADDRESS) | 1)) {
        held[slot] = (pa & PTE_ADDRESS) | 1;
        return mmu_window(REGISTER_FIRST + slot, pa,
                          PTE_ATTR(MAIR_NGNRNE) | PTE_AF | PTE_PXN | PTE_UXN);
    }
    return (void *)(KERNEL_WINDOWS + (REGISTER_FIRST + slot) * PAGE_SIZE + pa % PAGE_SIZE);
}

/* ---- linear map of RAM (boot) ---- */

static uint64_t *table_below(uint64_t *entry)
{
    if (!(*entry & PTE_VALID)) {
        *entry = boot_table_alloc() | PTE_TABLE | PTE_VALID;
    }
    return boot_table_va(*entry & PTE_ADDRESS);
}

void mmu_map_linear(uint64_t pa, uint64_t len, uint64_t attributes)
{
    uint64_t end = pa + len;

    while (pa < end) {
        uint64_t va = KERNEL_LINEAR + pa, left = end - pa;
        uint64_t *l1 = &kernel_l1[index_at(va, 1)], *l2, *l3;

        if (pa % (1ull << 30) == 0 && left >= 1ull << 30 && *l1 == 0) {
            *l1 = pa | attributes | PTE_VALID;
            pa += 1ull << 30;
            continue;
        }
        l2 = &table_below(l1)[index_at(va, 2)];
        if (pa % (2ull << 20) == 0 && left >= 2ull << 20 && *l2 == 0) {
            *l2 = pa | attributes | PTE_VALID;
            pa += 2ull << 20;
            continue;
        }
        l3 = &table_below(l2)[index_at(va, 3)];
        *l3 = pa | attributes | PTE_TABLE | PTE_VALID;
        pa += PAGE_SIZE;
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
    uint64_t a = PTE_USER | PTE_AF | PTE_NG | PTE_PXN;

    if (!(map_flags & MAP_EXEC)) {
        a |= PTE_UXN;
    }
    if (!(map_flags & MAP_WRITE)) {
        a |= PTE_READONLY;
    }
    if (device) {
        return a | PTE_DEVICE | PTE_ATTR(special ? MAIR_NGNRNE : MAIR_NGNRE);
    }
    return a | PTE_INNER | PTE_ATTR(special ? MAIR_NORMAL_NC : MAIR_NORMAL);
}

/* ---- caches ---- */

/* DC CIVAC where CVAU would do: Cortex-A53 errata 819472 ff. */
void cache_sync_code(uint64_t pa, uint64_t len)
{
    uint64_t ctr = ctr_el0_read(), dline = 4ull << ((ctr >> 16) & 15);
    char *va = pa_to_va(pa);

    for (uint64_t i = 0; i < len; i += dline) {
        __asm__ volatile("dc civac, %[p]" ::[p] "r"(va + i) : "memory");
    }
    dsb_ish();
    /* by address does not reach other aliases in a VIPT instruction cache: all of it */
    __asm__ volatile("ic ialluis" ::: "memory");
    dsb_ish();
    isb();
}

void cache_flush(uint64_t pa, uint64_t len)
{
    uint64_t dline = 4ull << ((ctr_el0_read() >> 16) & 15);
    char *va = pa_to_va(pa);

    for (uint64_t i = 0; i < len; i += dline) {
        __asm__ volatile("dc civac, %[p]" ::[p] "r"(va + i) : "memory");
    }
    dsb_sy();
}

/* DC ZVA only where the kernel's mapping is cacheable; the DMA pool's is not; and where it is not prohibited. Block size:
 * DCZID_EL0 says 64 on all supported cores; 64 is also right where it is larger and the page a multiple of it. */
void page_zero(uint64_t pa, bool dma)
{
    char *p = pa_to_va(pa);

    if (dma || (dczid_el0_read() & DCZID_DZP)) {
        memset(p, 0, PAGE_SIZE);
        return;
    }
    for (unsigned i = 0; i < PAGE_SIZE; i += 64) {
        __asm__ volatile("dc zva, %[p]" ::[p] "r"(p + i) : "memory");
    }
}
