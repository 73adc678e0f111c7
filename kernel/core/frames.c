/* SPDX-License-Identifier: BSD-2-Clause
 * Pages of RAM: a buddy allocator over the ranges that the tree names, and a second one, in the same frame arrays, for
 * the DMA pool (contiguous, not cacheable). A page's frame number is its physical address / 4096.
 *
 * Invariant: a block of order n starts at a multiple of 2^n pages; no two free buddies of one order exist.
 */
#include "core.h"
#include <arch/aarch64/mmu.h>

enum { RANGES = 64, SEARCH_MAX = 16 };

static struct range {
    uint64_t first, count; /* frame numbers */
    struct frame *frames;
} ranges[RANGES];
static unsigned range_count;
struct frame_pool frame_pools[2];

BOOT_CODE void frames_add_range(uint64_t pa, uint64_t len, struct frame *frames)
{
    if (range_count == RANGES) {
        halt_with_reason("RAM lies in more than %u separate ranges", RANGES);
    }
    ranges[range_count++] = (struct range){ pa >> PAGE_SHIFT, len >> PAGE_SHIFT, frames };
}

struct frame *frame_at(uint64_t number)
{
    for (unsigned i = 0; i < range_count; i++) {
        if (number - ranges[i].first < ranges[i].count) {
            return &ranges[i].frames[number - ranges[i].first];
        }
    }
    return NULL;
}

static void list_push(struct frame_pool *pool, uint64_t number, unsigned order)
{
    uint32_t *head = &pool->head[order];

    *frame_at(number) = (struct frame){
        .owner = (struct memory *)pool, .next = *head & FRAME_NUMBER, .order = order & 31, .free = 1
    };
    if (*head != 0) {
        frame_at(*head)->prev = (uint32_t)number & FRAME_NUMBER;
    }
    *head = (uint32_t)number;
}

static void list_remove(struct frame_pool *pool, struct frame *f)
{
    if (f->prev != 0) {
        frame_at(f->prev)->next = f->next;
    } else {
        assert(frame_at(pool->head[f->order]) == f);
        pool->head[f->order] = f->next;
    }
    if (f->next != 0) {
        frame_at(f->next)->prev = f->prev;
    }
    f->free = 0;
}

/* Ranges do not touch, so a buddy in another one is none that is free and whole. */
void frames_free(uint64_t number, unsigned order, bool dma)
{
    struct frame_pool *pool = &frame_pools[dma];
    struct frame *buddy;

    assert(number != 0);
    pool->free += 1ull << order;
    while (order + 1 < FRAME_ORDERS && (buddy = frame_at(number ^ (1ull << order))) != NULL &&
           buddy->free && buddy->order == order && buddy->owner == (struct memory *)pool) {
        list_remove(pool, buddy);
        number &= ~(1ull << order);
        order++;
    }
    list_push(pool, number, order);
}

BOOT_CODE void frames_add_free(uint64_t pa, uint64_t len, bool dma)
{
    uint64_t number = pa >> PAGE_SHIFT, end = (pa + len) >> PAGE_SHIFT;

    frame_pools[dma].total += end - number;
    while (number < end) {
        unsigned order = (unsigned)__builtin_ctzll(number | 1ull << (FRAME_ORDERS - 1));

        while (number + (1ull << order) > end) {
            order--;
        }
        frames_free(number, order, dma);
        number += 1ull << order;
    }
}

/* With a limit the first fitting block of a list is taken; only its beginning is searched, so that none is walked
 * for ever. */
uint64_t frames_alloc(unsigned order, bool dma, uint64_t limit)
{
    struct frame_pool *pool = &frame_pools[dma];
    uint64_t max = limit == 0 ? UINT64_MAX : limit >> PAGE_SHIFT;

    for (unsigned o = order; o < FRAME_ORDERS; o++) {
        uint64_t number = pool->head[o];

        for (unsigned i = 0; number != 0 && number + (1ull << order) > max; i++) {
            number = i < SEARCH_MAX ? frame_at(number)->next : 0;
        }
        if (number != 0) {
            list_remove(pool, frame_at(number));
            while (o > order) { /* the upper halves go back */
                o--;
                list_push(pool, number + (1ull << o), o);
            }
            *frame_at(number) = (struct frame){ .order = order & 31 };
            pool->free -= 1ull << order;
            return number;
        }
    }
    return 0;
}
