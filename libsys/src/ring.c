/* SPDX-License-Identifier: BSD-2-Clause
 * Byte ring: the copying parts (ring.h). At most two copies, before and after the wrap.
 */
#include <cambium/ring.h>
#include <string.h>

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

uint32_t ring_write(struct ring *r, const void *data, uint32_t len)
{
    uint32_t at = r->tail % RING_LEN;

    len = least(len, RING_LEN - ring_count(r));
    uint32_t first = least(len, RING_LEN - at);
    memcpy(r->data + at, data, first);
    memcpy(r->data, (const uint8_t *)data + first, len - first);
    r->tail += len;
    return len;
}

uint32_t ring_read(struct ring *r, void *data, uint32_t len)
{
    uint32_t at = r->head % RING_LEN;

    len = least(len, ring_count(r));
    uint32_t first = least(len, RING_LEN - at);
    memcpy(data, r->data + at, first);
    memcpy((uint8_t *)data + first, r->data, len - first);
    r->head += len;
    return len;
}
