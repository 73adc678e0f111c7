/* SPDX-License-Identifier: BSD-2-Clause
 * Memory objects and mapping. A memory is a chain of blocks (contiguous ones: one block, rounded up to a power of two
 * and charged as such). It lives while a handle or a page-table entry shows it. Long calls do a part, move their
 * progress into the object or the caller's argument registers, and are entered again.
 */
#include "core.h"
#include <arch/aarch64/mmu.h>

enum { FREE_BATCH = 8, FILL_BATCH = 4, MAP_BATCH = 16, SEEK_BATCH = 256, BLOCK_ORDER_MAX = 10 };

/* memory_create's flag for its own further entries: x2 is the handle. Who says it himself goes on with, or waits for
 * the end of, his own. */
#define MEMORY_RESUME 0x80000000u

/* ---- creation and end ---- */

static unsigned order_for(uint64_t pages)
{
    return pages <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(pages - 1);
}

static uint64_t block_pages(uint64_t number)
{
    return 1ull << frame_at(number)->order;
}

/* An empty memory that is charged already; memory_fill_step makes its pages. */
status_t memory_create(struct process *payer, uint64_t pages, uint32_t flags, uint64_t limit,
                       struct memory **out)
{
    bool contiguous = flags & (MEMORY_CONTIGUOUS | MEMORY_DMA);
    uint64_t wanted = contiguous ? 1ull << order_for(pages) : pages;
    struct memory *m;

    if (contiguous && order_for(pages) >= FRAME_ORDERS) {
        return E_NOMEM;
    }
    if (budget_take(payer, wanted) != E_OK) {
        return E_BUDGET;
    }
    m = object_alloc(payer, sizeof(*m));
    if (m == NULL) {
        budget_return(payer, wanted);
        return E_BUDGET;
    }
    object_init(&m->object, OBJECT_MEMORY, payer);
    m->wanted = wanted;
    m->limit = limit;
    m->contiguous = contiguous;
    m->dma = flags & MEMORY_DMA;
    *out = m;
    return E_OK;
}

/* The next block of the chain: as large as is left to make, and free. */
static status_t memory_add_block(struct memory *m)
{
    uint64_t left = m->wanted - m->done, number;
    unsigned order = 63 - (unsigned)__builtin_clzll(left);

    if (order > BLOCK_ORDER_MAX && !m->contiguous) {
        order = BLOCK_ORDER_MAX; /* so that freeing goes in even steps */
    }
    while ((number = frames_alloc(order, m->dma, m->limit)) == 0 && order > 0 && !m->contiguous) {
        order--;
    }
    if (number == 0) {
        return E_NOMEM;
    }
    if (m->at != 0) {
        frame_at(m->at)->next = (uint32_t)number & FRAME_NUMBER;
    } else {
        m->first = number;
    }
    frame_at(number)->next = 0;
    m->at = number;
    m->at_page = m->done;
    return E_OK;
}

/* Makes a few pages, zeroed and named after their memory. E_OK: it is complete; E_AGAIN: call again; E_NOMEM: RAM is at
 * its end, or it is being freed. */
status_t memory_fill_step(struct memory *m)
{
    for (unsigned i = 0; i < FILL_BATCH && m->done != m->wanted; i++) {
        uint64_t number;

        if ((m->at == 0 || m->done - m->at_page == block_pages(m->at)) &&
            memory_add_block(m) != E_OK) {
            return E_NOMEM;
        }
        number = m->at + (m->done++ - m->at_page);
        frame_at(number)->owner = m;
        frame_at(number)->free = false;
        page_zero(number << PAGE_SHIFT, m->dma);
    }
    if (m->done != m->wanted) {
        return E_AGAIN;
    }
    m->pages = m->wanted;
    return m->wanted != 0 ? E_OK : E_NOMEM;
}

struct memory *memory_adopt(struct process *payer, uint64_t pa, uint64_t pages)
{
    struct memory *m = object_alloc(payer, sizeof(*m));

    if (m == NULL) {
        return NULL;
    }
    object_init(&m->object, OBJECT_MEMORY, payer);
    m->foreign = true;
    m->first = pa >> PAGE_SHIFT;
    for (uint64_t i = 0; i < pages; i++) { /* blocks of one page: it need not be aligned */
        struct frame *f = frame_at(m->first + i);

        if (f == NULL) {
            object_delete(&m->object);
            return NULL;
        }
        *f = (struct frame){ .owner = m };
        f->next = (i + 1 < pages ? (uint32_t)(m->first + i + 1) : 0) & FRAME_NUMBER;
    }
    m->pages = m->wanted = m->done = pages;
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
        struct frame *f = frame_at(m->first);
        uint64_t number = m->first;
        unsigned order = f->order;

        m->first = f->next;
        f->owner = NULL;
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
        uint64_t pages = block_pages(m->at);

        if (page - m->at_page < pages) {
            *left = pages - (page - m->at_page);
            return (m->at + (page - m->at_page)) << PAGE_SHIFT;
        }
        m->at_page += pages;
        m->at = frame_at(m->at)->next;
        assert(m->at != 0);
    }
    return 0;
}

/* x0 len, x1 flags, x2 limit -> x1 */
SYSCALL(memory_create)
{
    uint64_t pages = x[0] >> PAGE_SHIFT;
    struct memory *m;
    status_t error;

    if (x[1] & MEMORY_RESUME) {
        m = object_get(t->process, x[2], OBJECT_MEMORY, RIGHT_MANAGE, &error);
    } else {
        if (pages == 0 || pages > UINT32_MAX || x[0] % PAGE_SIZE != 0 ||
            (x[1] & ~(uint64_t)(MEMORY_CONTIGUOUS | MEMORY_DMA)) != 0) {
            return E_INVAL;
        }
        error = memory_create(t->process, pages, (uint32_t)x[1], x[2], &m);
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

/* Maps up to MAP_BATCH pages from `pa` on, `left` of which lie together, and moves the progress in x on. */
static int64_t map_pages(struct process *p, uint64_t *x, uint64_t pa, uint64_t left,
                         uint64_t attributes, uint64_t *count)
{
    for (unsigned i = 0; i < MAP_BATCH && i < left && x[3] != 0; i++) {
        status_t error = mmu_map_page(p, x[4], pa + i * PAGE_SIZE, attributes);

        if (error != E_OK) {
            return error;
        }
        if (!(attributes & PTE_UXN)) {
            cache_sync_code(pa + i * PAGE_SIZE, PAGE_SIZE);
        }
        ++*count;
        x[2] += PAGE_SIZE;
        x[3] -= PAGE_SIZE;
        x[4] += PAGE_SIZE;
        x[7] += PAGE_SIZE;
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
    if (pa == 0) {
        return CALL_RESTART;
    }
    return map_pages(p, x, pa, left, mmu_user_attributes(flags, false, m->dma), &m->mapped);
}

static int64_t map_device(struct process *p, struct device *d, uint64_t *x, uint32_t flags)
{
    struct window *w = &d->window[x[6] < d->count ? x[6] : 0];
    uint64_t pages = w->mapped_len >> PAGE_SHIFT;
    int64_t result;

    if (d->object.dead) {
        return E_REVOKED;
    }
    /* whole pages only: anything else goes through device_access */
    if (x[6] >= d->count || x[2] % PAGE_SIZE != 0 || (w->pa | w->len) % PAGE_SIZE != 0 ||
        x[2] > w->len || x[3] > w->len - x[2]) {
        return E_RANGE;
    }
    if (w->process == NULL) {
        w->process = p;
        w->va = x[4];
        link_add(&p->windows, &w->process_link);
    } else if (w->process != p || x[4] != w->va + w->mapped_len) {
        return E_BUSY; /* one mapping per window and incarnation: derive another device for a second one */
    }
    result = map_pages(p, x, w->pa + x[2], MAP_BATCH,
                       mmu_user_attributes(flags, true, flags & MAP_STRONG), &pages);
    w->mapped_len = pages << PAGE_SHIFT;
    if (pages == 0) {
        window_detach(w); /* not mapped here after all */
    }
    return result;
}

/* x0 process, x1 object, x2 offset, x3 len, x4 va, x5 flags, x6 window, x7 bytes done so far (0 at first) */
SYSCALL(map)
{
    struct handle_entry *e = handle_lookup(t->process, x[1]);
    struct object *o = e != NULL && (e->meta & RIGHTS_ALL) ? e->object : NULL;
    uint32_t flags = (uint32_t)x[5], rights = (flags & MAP_READ ? RIGHT_READ : 0) |
                                              (flags & MAP_WRITE ? RIGHT_WRITE : 0) |
                                              (flags & MAP_EXEC ? RIGHT_EXEC : 0);
    int64_t result;

    if (range_bad(x[4], x[3]) || !(flags & MAP_READ) ||
        (flags & ~(uint32_t)(MAP_READ | MAP_WRITE | MAP_EXEC | MAP_STRONG)) ||
        (flags & (MAP_WRITE | MAP_EXEC)) == (MAP_WRITE | MAP_EXEC)) {
        return E_INVAL;
    }
    if (e == NULL) {
        return E_HANDLE;
    }
    if (o == NULL ||
        (o->type != OBJECT_MEMORY && (o->type != OBJECT_DEVICE || (flags & MAP_EXEC)))) {
        return E_TYPE;
    }
    if ((e->meta & rights) != rights) {
        return E_RIGHTS;
    }
    result = o->type == OBJECT_MEMORY ? map_memory(object, (struct memory *)o, x, flags)
                                      : map_device(object, (struct device *)o, x, flags);
    if (result != CALL_RESTART) {
        x[1] = x[7];
    }
    return result;
}

/* A window goes as a whole: a part is as good as nothing to a driver, and what stayed would outlive its revocation. */
static bool device_entry_clear(struct process *p, const uint64_t *entry, uint64_t va)
{
    while (*entry & PTE_DEVICE) {
        struct link *l = p->windows;

        while (va - CONTAINER(l, struct window, process_link)->va >=
               CONTAINER(l, struct window, process_link)->mapped_len) {
            l = l->next; /* as many as devices mapped here; one of them has it */
        }
        if (!window_unmap_step(CONTAINER(l, struct window, process_link))) {
            return false;
        }
    }
    return true;
}

/* Clears one entry. A memory whose last trace this is, is freed first, in steps; meanwhile the entry, invalid for the
 * CPU, holds the way to it (PTE_DYING | physical address of struct memory), so that a re-entry goes on. */
static bool entry_clear(struct process *p, uint64_t *entry, uint64_t va)
{
    uint64_t pte = *entry;
    struct memory *m;

    if (pte & PTE_DEVICE) {
        return device_entry_clear(p, entry, va);
    }
    if (pte & PTE_DYING) {
        m = pa_to_va(pte & ~(PTE_DYING | 63));
    } else {
        *entry = 0;
        mmu_flush_page(p, va);
        m = frame_at((pte & PTE_ADDRESS) >> PAGE_SHIFT)->owner;
    }
    if (m->mapped == 1 && m->object.refs == 0) {
        if (!memory_free_step(m)) {
            *entry = va_to_pa(m) | PTE_DYING;
            return false;
        }
        object_delete(
            &m->object); /* and with its slab perhaps the process that paid, if that is dead */
    } else {
        m->mapped--;
    }
    *entry = 0;
    return true;
}

/* At most one table or MAP_BATCH pages per step. Empty entries are only looked at, so that ending a process does not cost
 * what its address space could hold. */
bool space_unmap_step(struct process *p, uint64_t *va, uint64_t end)
{
    const uint64_t table_span = PAGE_SIZE / sizeof(uint64_t) * PAGE_SIZE;
    uint64_t skip, *entry = mmu_entry(p, *va, &skip);
    unsigned cleared = 0;

    if (entry == NULL) {
        *va = skip > end - *va ? end : *va + skip;
        return *va >= end;
    }
    do {
        if (*entry != 0) {
            if (!entry_clear(p, entry, *va)) {
                return false;
            }
            cleared++;
        }
        entry++;
        *va += PAGE_SIZE;
    } while (cleared < MAP_BATCH && *va < end && *va % table_span != 0);
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
