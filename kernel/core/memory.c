/* SPDX-License-Identifier: BSD-2-Clause
 * Memory objects and mapping. A memory is a chain of blocks (contiguous ones: one block, rounded up to a power of two
 * and charged as such). It lives while a handle or a page-table entry shows it. Long calls do a part, move their
 * progress into the caller's argument registers, and are entered again.
 */
#include "core.h"
#include <arch/aarch64/mmu.h>

enum { FREE_BATCH = 8, ZERO_BATCH = 16, MAP_BATCH = 16 };

/* ---- creation and end ---- */

static unsigned order_for(uint64_t pages)
{
    return pages <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(pages - 1);
}

/* Takes one block of at most `pages`; the pages' frames then name the memory. */
static uint64_t memory_add_block(struct memory *m, uint64_t number, unsigned order, uint64_t last)
{
    if (last != 0) {
        frame_at(last)->next = (uint32_t)number & ((1u << 27) - 1);
    } else {
        m->first = number;
    }
    frame_at(number)->next = 0;
    for (uint64_t i = 0; i < 1ull << order; i++) {
        struct frame *f = frame_at(number + i);

        f->owner = m;
        f->free = false;
    }
    frame_at(number)->order = order & 31;
    return number;
}

status_t memory_create(struct process *payer, uint64_t pages, uint32_t flags, uint64_t limit,
                       struct memory **out)
{
    bool contiguous = flags & (MEMORY_CONTIGUOUS | MEMORY_DMA);
    uint64_t charged = contiguous ? 1ull << order_for(pages) : pages;
    uint64_t last = 0, left = pages;
    struct memory *m;

    if (contiguous && order_for(pages) >= FRAME_ORDERS) {
        return E_NOMEM;
    }
    if (budget_take(payer, charged) != E_OK) {
        return E_BUDGET;
    }
    m = object_alloc(payer, sizeof(*m));
    if (m == NULL) {
        budget_return(payer, charged);
        return E_BUDGET;
    }
    m->object.type = OBJECT_MEMORY;
    m->object.payer = payer;
    object_counts[OBJECT_MEMORY]++;
    m->contiguous = contiguous;
    m->dma = flags & MEMORY_DMA;
    m->pages = contiguous ? charged : pages;
    while (left != 0) {
        unsigned order = contiguous ? order_for(pages) : 63 - (unsigned)__builtin_clzll(left);
        uint64_t number;

        if (order > 10 && !contiguous) {
            order = 10; /* 4 MiB at most, so that freeing goes in even steps */
        }
        while ((number = frames_alloc(order, m->dma, limit)) == 0 && order > 0 && !contiguous) {
            order--;
        }
        if (number == 0) {
            budget_return(payer, contiguous ? charged : left);
            m->pages -= left;
            m->object.refs = 1;
            while (!object_release_step(
                &m->object)) { /* what was taken so far; rare, and RAM is at its end anyway */
            }
            return E_NOMEM;
        }
        last = memory_add_block(m, number, order, last);
        left = contiguous ? 0 : left - (1ull << order);
    }
    *out = m;
    return E_OK;
}

struct memory *memory_adopt(struct process *payer, uint64_t pa, uint64_t pages)
{
    struct memory *m = object_alloc(payer, sizeof(*m));
    uint64_t last = 0;

    if (m == NULL) {
        return NULL;
    }
    m->object.type = OBJECT_MEMORY;
    m->object.payer = payer;
    object_counts[OBJECT_MEMORY]++;
    m->pages = pages;
    m->foreign = true;
    for (uint64_t i = 0; i < pages; i++) {
        if (frame_at((pa >> PAGE_SHIFT) + i) == NULL) {
            object_counts[OBJECT_MEMORY]--;
            object_free(m);
            return NULL;
        }
        last = memory_add_block(m, (pa >> PAGE_SHIFT) + i, 0, last);
    }
    return m;
}

bool memory_free_step(struct memory *m)
{
    m->pages = 0; /* a handle still leads here between two steps: nothing is in range any more */
    for (unsigned i = 0; i < FREE_BATCH && m->first != 0; i++) {
        struct frame *f = frame_at(m->first);
        uint64_t number = m->first;
        unsigned order = f->order;

        m->first = f->next;
        f->owner = NULL;
        if (!m->foreign) {
            frames_free(number, order, m->dma);
            budget_return(m->object.payer, 1ull << order);
        }
    }
    return m->first == 0;
}

/* Zeroes from page *progress on, a batch; true when all is zero. */
bool memory_zero_step(struct memory *m, uint64_t *progress)
{
    uint64_t skip = *progress, number = m->first;

    while (number != 0 && skip >= 1ull << frame_at(number)->order) {
        skip -= 1ull << frame_at(number)->order;
        number = frame_at(number)->next;
    }
    for (unsigned done = 0; done < ZERO_BATCH && number != 0; done++) {
        page_zero((number + skip) << PAGE_SHIFT, m->dma);
        ++*progress;
        if (++skip == 1ull << frame_at(number)->order) {
            number = frame_at(number)->next;
            skip = 0;
        }
    }
    return number == 0;
}

uint64_t memory_page_pa(struct memory *m, uint64_t page)
{
    uint64_t number = m->first;

    while (page >= 1ull << frame_at(number)->order) {
        page -= 1ull << frame_at(number)->order;
        number = frame_at(number)->next;
        assert(number != 0);
    }
    return (number + page) << PAGE_SHIFT;
}

/* ---- mapping ---- */

static uint32_t map_rights(uint32_t flags)
{
    return ((flags & MAP_READ) ? RIGHT_READ : 0) | ((flags & MAP_WRITE) ? RIGHT_WRITE : 0) |
           ((flags & MAP_EXEC) ? RIGHT_EXEC : 0);
}

static bool range_bad(uint64_t va, uint64_t len)
{
    return (va | len) % PAGE_SIZE != 0 || len == 0 || va < PAGE_SIZE || va >= USER_END ||
           len > USER_END - va;
}

static int64_t map_memory(struct process *p, struct memory *m, uint64_t *x, uint32_t flags)
{
    uint64_t attributes = mmu_user_attributes(flags, false, m->dma);
    uint64_t page = x[2] >> PAGE_SHIFT, number, skip;

    if (x[2] % PAGE_SIZE != 0 || x[2] >> PAGE_SHIFT >= m->pages ||
        x[3] >> PAGE_SHIFT > m->pages - page) {
        return E_RANGE;
    }
    for (number = m->first, skip = page; skip >= 1ull << frame_at(number)->order;
         number = frame_at(number)->next) {
        skip -= 1ull << frame_at(number)->order;
    }
    for (unsigned i = 0; i < MAP_BATCH && x[3] != 0; i++) {
        uint64_t pa = (number + skip) << PAGE_SHIFT;
        status_t error = mmu_map_page(p, x[4], pa, attributes);

        if (error != E_OK) {
            return error;
        }
        if (flags & MAP_EXEC) {
            cache_sync_code(pa, PAGE_SIZE);
        }
        m->mapped++;
        x[2] += PAGE_SIZE;
        x[3] -= PAGE_SIZE;
        x[4] += PAGE_SIZE;
        if (++skip == 1ull << frame_at(number)->order) {
            number = frame_at(number)->next;
            skip = 0;
        }
    }
    return x[3] != 0 ? CALL_RESTART : E_OK;
}

static int64_t map_device(struct process *p, struct device *d, uint64_t *x, uint32_t flags)
{
    uint64_t attributes = mmu_user_attributes(flags, true, flags & MAP_STRONG);
    struct window *w;

    if (d->object.dead) {
        return E_REVOKED;
    }
    if (x[6] >= d->count || x[2] % PAGE_SIZE != 0) {
        return E_RANGE;
    }
    w = &d->window[x[6]];
    if ((w->pa | w->len) % PAGE_SIZE != 0 || x[2] > w->len || x[3] > w->len - x[2]) {
        return E_RANGE; /* whole pages only: anything else goes through device_access */
    }
    if (w->process == NULL) {
        w->process = p;
        w->va = x[4];
        w->mapped_len = 0;
        w->next = p->windows;
        p->windows = w;
    } else if (w->process != p || x[4] != w->va + w->mapped_len) {
        return E_BUSY; /* one mapping per window and incarnation: derive another device for a second one */
    }
    for (unsigned i = 0; i < MAP_BATCH && x[3] != 0; i++) {
        status_t error = mmu_map_page(p, x[4], w->pa + x[2], attributes);

        if (error != E_OK) {
            if (w->mapped_len == 0) {
                window_detach(w); /* not mapped here after all */
            }
            return error;
        }
        w->mapped_len += PAGE_SIZE;
        x[2] += PAGE_SIZE;
        x[3] -= PAGE_SIZE;
        x[4] += PAGE_SIZE;
    }
    return x[3] != 0 ? CALL_RESTART : E_OK;
}

/* x0 process, x1 object, x2 offset, x3 len, x4 va, x5 flags, x6 window, x7 bytes done so far (0 at first) */
int64_t sys_map(struct thread *t, uint64_t *x)
{
    uint32_t flags = (uint32_t)x[5];
    struct process *p;
    struct handle_entry *e;
    struct object *o;
    uint64_t before = x[3];
    int64_t result;
    status_t error = process_get(t, x[0], &p);

    if (error != E_OK) {
        return error;
    }
    if (range_bad(x[4], x[3]) || !(flags & MAP_READ) || (flags & ~15u) ||
        (flags & (MAP_WRITE | MAP_EXEC)) == (MAP_WRITE | MAP_EXEC)) {
        return E_INVAL;
    }
    e = handle_lookup(t->process, (handle_t)x[1]);
    if (e == NULL) {
        return E_HANDLE;
    }
    o = (e->meta & 0xff) ? e->object : NULL;
    if (o == NULL ||
        (o->type != OBJECT_MEMORY && (o->type != OBJECT_DEVICE || (flags & MAP_EXEC)))) {
        return E_TYPE;
    }
    if ((e->meta & map_rights(flags)) != map_rights(flags)) {
        return E_RIGHTS;
    }
    result = o->type == OBJECT_MEMORY ? map_memory(p, (struct memory *)o, x, flags)
                                      : map_device(p, (struct device *)o, x, flags);
    x[7] += before - x[3];
    if (result != CALL_RESTART) {
        x[1] = x[7];
    }
    return result;
}

/* A window goes as a whole: a part is as good as nothing to a driver, and what stayed would outlive its revocation. */
static bool device_entry_clear(struct process *p, uint64_t *entry, uint64_t va)
{
    while (*entry & PTE_DEVICE) {
        struct window *w = p->windows;

        while (w != NULL && va - w->va >= w->mapped_len) { /* as many as devices mapped here */
            w = w->next;
        }
        assert(w != NULL);
        if (!window_unmap_step(w)) {
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
        object_counts[OBJECT_MEMORY]--;
        object_free(m); /* and with its slab perhaps the process that paid, if that is dead */
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
    uint64_t skip;
    uint64_t *entry = mmu_entry(p, *va, &skip);
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
int64_t sys_unmap(struct thread *t, uint64_t *x)
{
    struct process *p;
    status_t error = process_get(t, x[0], &p);
    uint64_t va = x[1];
    bool done;

    if (error != E_OK) {
        return error;
    }
    if (range_bad(x[1], x[2])) {
        return E_INVAL;
    }
    do {
        done = space_unmap_step(p, &va, x[1] + x[2]);
    } while (!done && !preempt_pending());
    if (!done) {
        x[2] -= va - x[1];
        x[1] = va;
        return CALL_RESTART;
    }
    return E_OK;
}
