/* SPDX-License-Identifier: BSD-2-Clause
 * A byte ring for one thread (a driver's event loop): no lock, no barrier. Holds RING_LEN bytes.
 * Invariant: tail - head <= RING_LEN; both count bytes for ever and wrap with uint32_t.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { RING_LEN = 4096 }; /* a power of two */

struct ring {
    uint32_t head, tail;
    uint8_t data[RING_LEN];
};

static inline uint32_t ring_count(const struct ring *r)
{
    return r->tail - r->head;
}
static inline bool ring_empty(const struct ring *r)
{
    return r->tail == r->head;
}
static inline bool ring_full(const struct ring *r)
{
    return r->tail - r->head == RING_LEN;
}
/* The ring must not be full. */
static inline void ring_put(struct ring *r, uint8_t byte)
{
    r->data[r->tail++ % RING_LEN] = byte;
}
/* The ring must not be empty. */
static inline uint8_t ring_get(struct ring *r)
{
    return r->data[r->head++ % RING_LEN];
}
/* Moves as many bytes as fit, or as there are; returns how many. */
uint32_t ring_write(struct ring *r, const void *data, uint32_t len);
uint32_t ring_read(struct ring *r, void *data, uint32_t len);
