/* SPDX-License-Identifier: BSD-2-Clause
 * Pages of RAM: a buddy allocator over the ranges that the tree names, and a second one, in the same frame arrays, for
 * the DMA pool (contiguous, not cacheable). A page's frame number is its physical address / 4096.
 *
 * Invariant: a block of order n starts at a multiple of 2^n pages; no two free buddies of one order exist.
 */
#include "core.h"
#include <arch/aarch64/mmu.h>

enum { RANGES = 64 };

struct range {
    uint64_t first, count; /* frame numbers */
    struct frame *frames;
};

static struct range ranges[RANGES];
static unsigned range_count;
static uint64_t free_head[2][FRAME_ORDERS]; /* [dma][order], frame numbers, 0: empty */
uint64_t frames_total, frames_free_count, frames_dma_total, frames_dma_free;

/* pages in frames_free_count or frames_dma_free, up (or down, modulo 2^64) */
static void count_free(uint64_t pages, bool dma)
{
    *(dma ? &frames_dma_free : &frames_free_count) += pages;
}

BOOT_CODE void frames_add_range(uint64_t pa, uint64_t len, struct frame *frames)
{
    if (range_count == RANGES) {
        halt_with_reason("RAM lies in more than %u separate ranges", RANGES);
    }
    ranges[range_count++] = (struct range){ pa >> PAGE_SHIFT, len >> PAGE_SHIFT, frames };
}

static struct range *range_of(uint64_t number)
{
    for (unsigned i = 0; i < range_count; i++) {
        if (number - ranges[i].first < ranges[i].count) {
            return &ranges[i];
        }
    }
    return NULL;
}

struct frame *frame_at(uint64_t number)
{
    struct range *r = range_of(number);
    return r != NULL ? &r->frames[number - r->first] : NULL;
}

static void list_push(uint64_t number, struct frame *f, unsigned order, bool dma)
{
    uint64_t head = free_head[dma][order];

    f->owner = (struct memory *)(uintptr_t)dma; /* while free: which pool */
    f->free = true;
    f->order = order & 31;
    f->prev = 0;
    f->next = (uint32_t)head & FRAME_NUMBER;
    if (head != 0) {
        frame_at(head)->prev = (uint32_t)number & FRAME_NUMBER;
    }
    free_head[dma][order] = number;
}

static void list_remove(uint64_t number, struct frame *f, unsigned order, bool dma)
{
    if (f->prev != 0) {
        frame_at(f->prev)->next = f->next;
    } else {
        assert(free_head[dma][order] == number);
        free_head[dma][order] = f->next;
    }
    if (f->next != 0) {
        frame_at(f->next)->prev = f->prev;
    }
    f->free = false;
}

/* A free buddy is never of the other pool: the pool's borders are multiples of its largest block. */
void frames_free(uint64_t number, unsigned order, bool dma)
{
    struct range *r = range_of(number);
    uint64_t freed = 1ull << order;

    assert(r != NULL && number != 0);
    while (order + 1 < FRAME_ORDERS) {
        uint64_t buddy = number ^ (1ull << order);
        struct frame *b;

        if (buddy - r->first >= r->count) {
            break;
        }
        b = &r->frames[buddy - r->first];
        if (!b->free || b->order != order || b->owner != (struct memory *)(uintptr_t)dma) {
            break;
        }
        list_remove(buddy, b, order, dma);
        number &= ~(1ull << order);
        order++;
    }
    list_push(number, &r->frames[number - r->first], order, dma);
    count_free(freed, dma);
}

BOOT_CODE void frames_add_free(uint64_t pa, uint64_t len, bool dma)
{
    uint64_t number = pa >> PAGE_SHIFT, end = (pa + len) >> PAGE_SHIFT;

    *(dma ? &frames_dma_total : &frames_total) += end - number;
    while (number < end) {
        unsigned order = (unsigned)__builtin_ctzll(number);

        if (order >= FRAME_ORDERS) {
            order = FRAME_ORDERS - 1;
        }
        while (number + (1ull << order) > end) {
            order--;
        }
        frames_free(number, order, dma);
        number += 1ull << order;
    }
}

uint64_t frames_alloc(unsigned order, bool dma, uint64_t limit)
{
    uint64_t max = limit == 0 ? UINT64_MAX : limit >> PAGE_SHIFT;

    for (unsigned o = order; o < FRAME_ORDERS; o++) {
        uint64_t number = free_head[dma][o];

        /* with a limit the first fitting block of a list is taken; bounded, so that no list is walked for ever */
        for (unsigned i = 0; number != 0 && i < 64 && number + (1ull << order) > max; i++) {
            number = frame_at(number)->next;
        }
        if (number == 0 || number + (1ull << order) > max) {
            continue;
        }
        list_remove(number, frame_at(number), o, dma);
        while (o > order) { /* the upper halves go back */
            uint64_t half = number + (1ull << --o);

            list_push(half, frame_at(half), o, dma);
        }
        frame_at(number)->owner = NULL;
        frame_at(number)->order = order & 31;
        count_free(-(1ull << order), dma);
        return number;
    }
    return 0;
}
