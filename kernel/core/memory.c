/* SPDX-License-Identifier: BSD-2-Clause
 * Memory objects and mapping. A memory is a chain of blocks (contiguous ones: one block, rounded up to a power of two
 * and charged as such). It lives while a handle or a page-table entry shows it. Long calls do a part, move their
 * progress into the object or the caller's argument registers, and are entered again.
 */
#include "core.h"
#include <arch/aarch64/mmu.h>

enum { FREE_BATCH = 8, CLEAR_BATCH = 8, LOOK_BATCH = 128, SEEK_BATCH = 128, BLOCK_ORDER_MAX = 10 };

/* memory_create's flag for its own further entries: x2 is the handle. Who says it himself goes on with, or waits for
 * the end of, his own. */
#define MEMORY_RESUME 0x80000000u

enum { MAP_ANY = MAP_READ | MAP_WRITE | MAP_EXEC };
_Static_assert(RIGHT_WRITE == MAP_WRITE * RIGHT_READ && RIGHT_EXEC == MAP_EXEC * RIGHT_READ,
               "flags name rights in their order");

/* ---- creation and end ---- */

static uint64_t block_pages(uint64_t number)
{
    return 1ull << frame_at(number)->order;
}

/* An empty memory that is charged already; memory_fill_step makes its pages. */
status_t memory_create(struct process *payer, uint64_t pages, uint32_t flags, uint64_t limit,
                       struct memory **out)
{
    bool contiguous = flags & (MEMORY_CONTIGUOUS | MEMORY_DMA);
    unsigned order = pages <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(pages - 1);
    uint64_t wanted = contiguous ? 1ull << order : pages;
    struct memory *m;

    if (contiguous && order >= FRAME_ORDERS) {
        return E_NOMEM;
    }
    m = object_create(payer, OBJECT_MEMORY, sizeof(*m), wanted);
    if (m == NULL) {
        return E_BUDGET;
    }
    m->wanted = wanted;
    m->limit = limit;
    m->contiguous = contiguous;
    m->dma = flags & MEMORY_DMA;
    *out = m;
    return E_OK;
}

/* The next block of the chain: as large as is left to make, and free. False: there is none. */
static bool memory_add_block(struct memory *m)
{
    unsigned order = 63 - (unsigned)__builtin_clzll(m->wanted - m->done);
    uint64_t number;

    if (order > BLOCK_ORDER_MAX && !m->contiguous) {
        order = BLOCK_ORDER_MAX; /* so that freeing goes in even steps */
    }
    while ((number = frames_alloc(order, m->dma, m->limit)) == 0 && order > 0 && !m->contiguous) {
        order--;
    }
    if (number != 0) {
        if (m->at != 0) {
            frame_at(m->at)->next = (uint32_t)number & FRAME_NUMBER;
        } else {
            m->first = number;
        }
        m->at = number;
        m->at_page = m->done;
    }
    return number != 0;
}

/* Makes a page, zeroed and named after its memory. E_OK: it is complete; E_AGAIN: call again; E_NOMEM: RAM is at its
 * end, or it is being freed. */
status_t memory_fill_step(struct memory *m)
{
    uint64_t number;

    if (m->done != m->wanted) {
        if ((m->at == 0 || m->done - m->at_page == block_pages(m->at)) && !memory_add_block(m)) {
            return E_NOMEM;
        }
        number = m->at + (m->done++ - m->at_page);
        frame_at(number)->owner = m;
        page_zero(number << PAGE_SHIFT, m->dma);
    }
    if (m->done != m->wanted) {
        return E_AGAIN;
    }
    m->pages = m->wanted;
    return m->wanted != 0 ? E_OK : E_NOMEM;
}

/* All of it lies in RAM. */
BOOT_CODE struct memory *memory_adopt(struct process *payer, uint64_t pa, uint64_t pages)
{
    struct memory *m = object_create(payer, OBJECT_MEMORY, sizeof(*m), 0);

    if (m != NULL) {
        m->foreign = true;
        m->first = pa >> PAGE_SHIFT;
        m->pages = m->wanted = m->done = pages;
        for (uint64_t i = 0; i < pages; i++) { /* blocks of one page: it need not be aligned */
            uint64_t next = i + 1 < pages ? m->first + i + 1 : 0;

            *frame_at(m->first + i) =
                (struct frame){ .owner = m, .next = (uint32_t)next & FRAME_NUMBER };
        }
    }
    return m;
}

bool memory_free_step(struct memory *m)
{
    struct process *payer = m->object.payer;

    if (m->pages != m->wanted) { /* it was never complete: what had no block yet */
        budget_return(payer, m->wanted - (m->at != 0 ? m->at_page + block_pages(m->at) : 0));
    }
    /* a handle still leads here between two steps: nothing is in range any more */
    m->pages = m->wanted = m->done = 0;
    for (unsigned i = 0; i < FREE_BATCH && m->first != 0; i++) {
        uint64_t number = m->first;
        unsigned order = frame_at(number)->order;

        m->first = frame_at(number)->next;
        if (!m->foreign) {
            frames_free(number, order, m->dma);
            budget_return(payer, 1ull << order);
        }
    }
    return m->first == 0;
}

/* The physical address of a page in range, and in *left how many pages follow in its block, itself included. Long
 * chains are searched in steps, on from where the last search ended. 0: call again. */
static uint64_t memory_seek_step(struct memory *m, uint64_t page, uint64_t *left)
{
    if (m->at == 0 || page < m->at_page) {
        m->at = m->first;
        m->at_page = 0;
    }
    for (unsigned i = 0; i < SEEK_BATCH; i++) {
        const struct frame *f = frame_at(m->at);
        uint64_t offset = page - m->at_page, pages = 1ull << f->order;

        if (offset < pages) {
            *left = pages - offset;
            return (m->at + offset) << PAGE_SHIFT;
        }
        m->at_page += pages;
        m->at = f->next;
        assert(m->at != 0);
    }
    return 0;
}

/* x0 len, x1 flags, x2 limit -> x1 */
SYSCALL(memory_create)
{
    uint64_t pages = x[0] >> PAGE_SHIFT;
    struct memory *m;
    status_t error = E_INVAL;

    if (x[1] & MEMORY_RESUME) {
        m = object_get(t->process, x[2], OBJECT_MEMORY, RIGHT_MANAGE, &error);
    } else {
        if (pages != 0 && pages <= UINT32_MAX && x[0] % PAGE_SIZE == 0 &&
            !(x[1] & ~(uint64_t)(MEMORY_CONTIGUOUS | MEMORY_DMA))) {
            error = memory_create(t->process, pages, (uint32_t)x[1], x[2], &m);
        }
        if (error == E_OK) {
            error = handle_install_new(
                t, &m->object, RIGHTS_ALL & ~(RIGHT_CALL | RIGHT_NOTIFY | RIGHT_RECEIVE), &x[2]);
        }
        x[1] = MEMORY_RESUME;
    }
    while (error == E_OK && (error = memory_fill_step(m)) != E_OK) {
        if (error == E_NOMEM && handle_close_step(t->process, handle_lookup(t->process, x[2]))) {
            return E_NOMEM;
        }
        if (preempt_pending()) {
            return CALL_RESTART;
        }
        error = E_OK;
    }
    x[1] = x[2];
    return error;
}

/* x0 memory, x1 offset -> x1 len, x2 pa */
SYSCALL(memory_info)
{
    struct memory *m = object;
    uint64_t pa, left;

    if (x[1] >> PAGE_SHIFT >= m->pages) {
        return E_RANGE;
    }
    pa = memory_seek_step(m, x[1] >> PAGE_SHIFT, &left);
    if (pa == 0) {
        return CALL_RESTART;
    }
    x[2] = meta & RIGHT_MANAGE ? pa + x[1] % PAGE_SIZE : 0;
    x[1] = m->pages << PAGE_SHIFT;
    return E_OK;
}

/* ---- mapping ---- */

static bool range_bad(uint64_t va, uint64_t len)
{
    return (va | len) % PAGE_SIZE != 0 || len == 0 || va < PAGE_SIZE || va >= USER_END ||
           len > USER_END - va;
}

/* Maps pages from `pa` on, `left` of which lie together, and moves the progress in x on. */
static int64_t map_pages(struct process *p, uint64_t *x, uint64_t pa, uint64_t left,
                         uint64_t attributes, uint64_t *count)
{
    for (uint64_t end = pa + (left << PAGE_SHIFT); pa != end && x[3] != 0; pa += PAGE_SIZE) {
        status_t error = mmu_map_page(p, x[4], pa, attributes);

        if (error != E_OK) {
            return error;
        }
        if (!(attributes & PTE_UXN)) {
            cache_sync_code(pa, PAGE_SIZE);
        }
        ++*count;
        x[2] += PAGE_SIZE;
        x[3] -= PAGE_SIZE;
        x[4] += PAGE_SIZE;
        x[7] += PAGE_SIZE;
        if (x[3] != 0 && preempt_pending()) {
            break;
        }
    }
    return x[3] != 0 ? CALL_RESTART : E_OK;
}

static int64_t map_memory(struct process *p, struct memory *m, uint64_t *x, uint32_t flags)
{
    uint64_t page = x[2] >> PAGE_SHIFT, left, pa;

    if (x[2] % PAGE_SIZE != 0 || page >= m->pages || x[3] >> PAGE_SHIFT > m->pages - page) {
        return E_RANGE;
    }
    pa = memory_seek_step(m, page, &left);
    return pa == 0
               ? CALL_RESTART
               : map_pages(p, x, pa, left, mmu_user_attributes(flags, false, m->dma), &m->mapped);
}

static int64_t map_device(struct process *p, struct device *d, uint64_t *x, uint32_t flags)
{
    struct window *w = &d->window[x[6] < d->count ? x[6] : 0];
    bool mapped = w->pages != 0;
    /* whole pages only: anything else goes through device_access; one mapping per window: derive another device for
     * a second one */
    int64_t result =
        d->object.dead ? E_REVOKED
        : x[6] >= d->count || x[2] % PAGE_SIZE != 0 || (w->pa | w->len) % PAGE_SIZE != 0 ||
                x[2] > w->len || x[3] > w->len - x[2]
            ? E_RANGE
        : mapped && (w->process != p || x[4] != w->va + (w->pages << PAGE_SHIFT)) ? E_BUSY
                                                                                  : E_OK;

    if (result == E_OK) {
        result = map_pages(p, x, w->pa + x[2], x[3] >> PAGE_SHIFT,
                           mmu_user_attributes(flags, true, flags & MAP_STRONG), &w->pages);
    }
    if (!mapped && w->pages != 0) {
        p->has_device = true;
        w->process = p;
        w->va = x[4] - (w->pages << PAGE_SHIFT);
        link_add(&p->windows, &w->process_link);
    }
    return result;
}

/* x0 process, x1 object, x2 offset, x3 len, x4 va, x5 flags, x6 window, x7 bytes done so far (0 at first) */
SYSCALL(map)
{
    uint32_t flags = (uint32_t)x[5], rights = (flags & MAP_ANY) * RIGHT_READ;
    status_t error = E_INVAL;
    int64_t result;
    void *m = NULL, *d = NULL;

    if (!range_bad(x[4], x[3]) && (flags & MAP_READ) &&
        !(flags & ~(uint32_t)(MAP_ANY | MAP_STRONG)) &&
        (flags & (MAP_WRITE | MAP_EXEC)) != (MAP_WRITE | MAP_EXEC)) {
        m = object_get(t->process, x[1], OBJECT_MEMORY, rights, &error);
        if (error == E_TYPE && !(flags & MAP_EXEC)) {
            d = object_get(t->process, x[1], OBJECT_DEVICE, rights, &error);
        }
    }
    result = m != NULL   ? map_memory(object, m, x, flags)
             : d != NULL ? map_device(object, d, x, flags)
                         : error;
    if (result != CALL_RESTART) {
        x[1] = x[7];
    }
    return result;
}

/* A window goes as a whole: a part is as good as nothing to a driver, and what stayed would outlive its revocation.
 * If that is interrupted it goes on at the window's first page, which is taken last. */
static void window_clear(struct process *p, uint64_t *va)
{
    struct link *l = p->windows;
    struct window *w;

    while (w = CONTAINER(l, struct window, process_link), *va - w->va >= w->pages << PAGE_SHIFT) {
        l = l->next; /* as many as devices mapped here; one of them has it */
    }
    *va = w->va;
    (void)window_unmap_step(w); /* the entry there tells if more is to be done */
}

/* Clears one entry; false: that was all for this step. A memory whose last trace this is, is freed first, in steps;
 * meanwhile the entry, invalid for the CPU, holds the way to it (PTE_DYING | physical address of struct memory), so
 * that a re-entry goes on. */
static bool entry_clear(struct process *p, uint64_t *entry, uint64_t *va)
{
    uint64_t pte = *entry;
    struct memory *m;

    if (pte & PTE_DEVICE) {
        window_clear(p, va);
        return false;
    }
    if (pte & PTE_DYING) {
        m = pa_to_va(pte & ~(PTE_DYING | 63));
    } else {
        *entry = 0;
        mmu_flush_page(p, *va);
        m = frame_at((pte & PTE_ADDRESS) >> PAGE_SHIFT)->owner;
        if (m->mapped > 1 || m->object.refs != 0) {
            m->mapped--;
            return true;
        }
        *entry = va_to_pa(m) | PTE_DYING;
    }
    if (memory_free_step(m)) {
        *entry = 0;
        object_delete(&m->object); /* and its slab, perhaps the dead process that paid */
    }
    return false;
}

/* A few pages, or some empty entries: these are only looked at, so that ending a process does not cost what its
 * address space could hold. */
bool space_unmap_step(struct process *p, uint64_t *va, uint64_t end)
{
    uint64_t skip, *entry = mmu_entry(p, *va, &skip);
    unsigned cleared = 0;

    if (entry == NULL) {
        *va += skip > end - *va ? end - *va : skip;
        return *va >= end;
    }
    do {
        if (*entry != 0 && (cleared++ == CLEAR_BATCH || !entry_clear(p, entry, va))) {
            return false;
        }
        entry++;
        *va += PAGE_SIZE;
    } while (*va < end && *va % (LOOK_BATCH * PAGE_SIZE) != 0);
    return *va >= end;
}

/* x0 process, x1 va, x2 len */
SYSCALL(unmap)
{
    uint64_t va = x[1];
    bool done;

    if (range_bad(x[1], x[2])) {
        return E_INVAL;
    }
    do {
        done = space_unmap_step(object, &va, x[1] + x[2]);
    } while (!done && !preempt_pending());
    x[2] -= va - x[1];
    x[1] = va;
    return done ? E_OK : CALL_RESTART;
}
