/* SPDX-License-Identifier: BSD-2-Clause
 * Kernel objects out of a process's page budget: pages cut into slots of one size, each page charged to the process
 * that asked. A page goes back as soon as its last slot is free, so budgets and counts return to where they were.
 * A process's struct stays (`gone`) as long as pages are charged to it.
 */
#include <string.h>
#include "core.h"
#include <arch/aarch64/mmu.h>

/* At the start of the page; slots follow it, aligned to 64: struct thread's lines are cache lines. */
struct slab {
    struct link link; /* of the payer's slabs of this size with free slots */
    struct process *payer;
    void *free;
    uint16_t used, size_class;
    uint32_t magic;
};
enum { SLAB_HEADER = 64, SLAB_MAGIC = 0x51ab51ab, SLOT_MIN = 64 };
_Static_assert(sizeof(struct slab) <= SLAB_HEADER, "the first slot follows");

uint64_t object_counts[COUNTS];

/* What a dead process still used goes back to its parent, page by page. */
void budget_return(struct process *p, uint64_t pages)
{
    assert(p->pages_used >= pages);
    p->pages_used -= pages;
    for (unsigned depth = 0; p->gone && depth <= PROCESS_DEPTH; depth++) {
        struct process *parent = p->object.payer;

        p->pages_limit -= pages;
        parent->pages_used -= pages;
        p = parent;
    }
}

uint64_t page_alloc(struct process *payer)
{
    uint64_t pa = 0;

    if (payer->pages_used < payer->pages_limit) {
        pa = frames_alloc(0, false, 0) << PAGE_SHIFT;
    }
    if (pa != 0) {
        payer->pages_used++;
        page_zero(pa, false);
    }
    return pa;
}

void page_free(struct process *payer, uint64_t pa)
{
    frames_free(pa >> PAGE_SHIFT, 0, false);
    budget_return(payer, 1);
}

static struct slab *slab_create(struct process *payer, unsigned size_class)
{
    uint64_t pa = page_alloc(payer);
    struct slab *s = pa_to_va(pa);
    unsigned size = SLOT_MIN << size_class;

    if (pa == 0) {
        return NULL;
    }
    s->payer = payer;
    s->size_class = (uint16_t)size_class;
    s->magic = SLAB_MAGIC;
    for (unsigned at = SLAB_HEADER; at + size <= PAGE_SIZE; at += size) {
        void **slot = (void **)((char *)s + at);

        *slot = s->free;
        s->free = slot;
    }
    link_add(&payer->slabs[size_class], &s->link);
    return s;
}

void *object_alloc(struct process *payer, uint64_t size)
{
    unsigned c = size <= SLOT_MIN ? 0 : 58 - (unsigned)__builtin_clzll(size - 1);
    struct slab *s;
    void **slot;

    assert(c < SLAB_CLASSES);
    s = payer->slabs[c] != NULL ? CONTAINER(payer->slabs[c], struct slab, link)
                                : slab_create(payer, c);
    if (s == NULL) {
        return NULL;
    }
    slot = s->free;
    s->free = *slot;
    s->used++;
    if (s->free == NULL) {
        link_remove(&s->link);
    }
    memset(slot, 0, SLOT_MIN << c);
    return slot;
}

void *object_create(struct process *payer, enum object_type type, uint64_t size, uint64_t pages)
{
    struct object *o = NULL;

    if (pages <= payer->pages_limit - payer->pages_used) {
        payer->pages_used += pages;
        o = object_alloc(payer, size);
        if (o == NULL) {
            payer->pages_used -= pages;
        } else {
            object_init(o, type, payer);
        }
    }
    return o;
}

void object_free(void *p)
{
    uint64_t at = (uintptr_t)p % PAGE_SIZE - SLAB_HEADER;
    struct slab *s = (struct slab *)((uintptr_t)p - (uintptr_t)p % PAGE_SIZE);
    struct process *payer = s->payer;
    void **slot;

    assert(s->magic == SLAB_MAGIC && s->used > 0);
    slot = (void **)((char *)s + SLAB_HEADER + at - at % (SLOT_MIN << s->size_class));
    if (s->free == NULL) {
        link_add(&payer->slabs[s->size_class], &s->link);
    }
    *slot = s->free;
    s->free = slot;
    if (--s->used == 0) {
        link_remove(&s->link);
        s->magic = 0;
        page_free(payer, va_to_pa(s));
        process_try_free(payer); /* a dead process may have waited for this page only */
    }
}
