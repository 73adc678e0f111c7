/* SPDX-License-Identifier: BSD-2-Clause
 * Kernel objects out of a process's page budget: pages cut into slots of one size, each page charged to the process
 * that asked. A page goes back as soon as its last slot is free, so budgets and counts return to where they were.
 * A process's struct stays (state PROCESS_GONE) as long as pages are charged to it.
 */
#include "core.h"
#include <arch/aarch64/mmu.h>

enum { SLAB_HEADER = 64, SLAB_MAGIC = 0x51ab51ab };
static const uint16_t class_size[SLAB_CLASSES] = { 64, 128, 256, 512, 1024 };

uint64_t object_counts[OBJECT_TYPES], badge_count, reply_count;

status_t budget_take(struct process *p, uint64_t pages)
{
    if (pages > p->pages_limit - p->pages_used) {
        return E_BUDGET;
    }
    p->pages_used += pages;
    return E_OK;
}

/* What a dead process still used goes back to its parent, page by page. */
void budget_return(struct process *p, uint64_t pages)
{
    assert(p->pages_used >= pages);
    p->pages_used -= pages;
    for (unsigned depth = 0; p->state == PROCESS_GONE && depth <= PROCESS_DEPTH; depth++) {
        struct process *parent = p->object.payer;

        p->pages_limit -= pages;
        parent->pages_used -= pages;
        p = parent;
    }
}

uint64_t page_alloc(struct process *payer)
{
    uint64_t number;

    if (budget_take(payer, 1) != E_OK) {
        return 0;
    }
    number = frames_alloc(0, false, 0);
    if (number == 0) {
        budget_return(payer, 1);
        return 0;
    }
    page_zero(number << PAGE_SHIFT, false);
    return number << PAGE_SHIFT;
}

void page_free(struct process *payer, uint64_t pa)
{
    frames_free(pa >> PAGE_SHIFT, 0, false);
    budget_return(payer, 1);
}

static void slab_link(struct slab *s)
{
    struct slab **head = &s->payer->slabs[s->size_class];

    s->prev = NULL;
    s->next = *head;
    if (s->next != NULL) {
        s->next->prev = s;
    }
    *head = s;
}

static void slab_unlink(struct slab *s)
{
    if (s->prev != NULL) {
        s->prev->next = s->next;
    } else {
        s->payer->slabs[s->size_class] = s->next;
    }
    if (s->next != NULL) {
        s->next->prev = s->prev;
    }
}

void *object_alloc(struct process *payer, uint64_t size)
{
    unsigned c = 0;
    struct slab *s;
    void **slot;

    while (class_size[c] < size) {
        c++;
        assert(c < SLAB_CLASSES);
    }
    s = payer->slabs[c];
    if (s == NULL) {
        uint64_t pa = page_alloc(payer);

        if (pa == 0) {
            return NULL;
        }
        s = pa_to_va(pa);
        s->payer = payer;
        s->size_class = (uint16_t)c;
        s->magic = SLAB_MAGIC;
        /* slots are aligned to their size up to 64: struct thread's lines are cache lines */
        for (unsigned at = SLAB_HEADER; at + class_size[c] <= PAGE_SIZE; at += class_size[c]) {
            slot = (void **)((char *)s + at);
            *slot = s->free;
            s->free = slot;
        }
        slab_link(s);
    }
    slot = s->free;
    s->free = *slot;
    s->used++;
    if (s->free == NULL) {
        slab_unlink(s);
    }
    memset(slot, 0, class_size[c]);
    return slot;
}

void object_free(void *p)
{
    struct slab *s = (struct slab *)((uintptr_t)p & ~(uintptr_t)(PAGE_SIZE - 1));
    bool full = s->free == NULL;

    assert(s->magic == SLAB_MAGIC && s->used > 0);
    *(void **)p = s->free;
    s->free = p;
    s->used--;
    if (full) {
        slab_link(s);
    }
    if (s->used == 0) {
        struct process *payer = s->payer;

        slab_unlink(s);
        s->magic = 0;
        page_free(payer, va_to_pa(s));
        process_try_free(payer); /* a dead process may have waited for this page only */
    }
}
