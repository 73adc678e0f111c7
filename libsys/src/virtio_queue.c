/* SPDX-License-Identifier: BSD-2-Clause
 * Split virtqueues (virtio.h): VIRTIO 1.2, 2.7. One memory: the descriptors, what is available behind them, what is used
 * behind that at a page of its own.
 *
 * Which descriptors are free, which chain begins where and how long it is stands in the driver's own memory (slots). The
 * device's memory is written, and of it only the used ring is read, each word once: so nothing that a device writes anywhere
 * leads out of the arrays, or round in a loop.
 */
#include "virtio_transport.h"
#include <assert.h>
#include <string.h>

struct descriptor {
    uint64_t address;
    uint32_t len;
    uint16_t flags; /* DESC_* */
    uint16_t next;
};
enum { DESC_NEXT = 1, DESC_WRITE = 2 };
struct available {
    uint16_t flags; /* 0: interrupt for each buffer */
    uint16_t index;
    uint16_t ring[];
};
struct used {
    uint16_t flags;
    uint16_t index;
    struct {
        uint32_t id;
        uint32_t len;
    } ring[];
};
static_assert(sizeof(struct descriptor) == 16 && sizeof(struct available) == 4 &&
                  sizeof(struct used) == 4 && sizeof(((struct used *)0)->ring[0]) == 8,
              "VIRTIO 1.2, 2.7.5, 2.7.6, 2.7.8");

static struct descriptor *queue_descriptors(const struct virtqueue *q)
{
    return q->dma.at;
}
static struct available *queue_available(const struct virtqueue *q)
{
    return (struct available *)((uintptr_t)q->dma.at + q->avail_at);
}
static struct used *queue_used(const struct virtqueue *q)
{
    return (struct used *)((uintptr_t)q->dma.at + q->used_at);
}

/* Where the parts are; returns the length of all. Behind each ring stands a word that is not used here. */
static uint32_t queue_lay_out(struct virtqueue *q, uint32_t size)
{
    uint32_t end;

    q->avail_at = size * (uint32_t)sizeof(struct descriptor);
    end = q->avail_at + (uint32_t)(sizeof(struct available) + size * sizeof(uint16_t) + 2);
    q->used_at = (end + VIRTQUEUE_USED_ALIGN - 1) / VIRTQUEUE_USED_ALIGN * VIRTQUEUE_USED_ALIGN;
    return q->used_at +
           (uint32_t)(sizeof(struct used) + size * sizeof(((struct used *)0)->ring[0]) + 2);
}

status_t virtqueue_open(struct virtqueue *q, struct virtio *v, struct node node, unsigned index,
                        unsigned size)
{
    if (size == 0 || size > VIRTQUEUE_SIZE_MAX || (size & (size - 1)) != 0) {
        return E_INVAL;
    }
    *q = (struct virtqueue){ .virtio = v, .index = index, .size_wanted = (uint16_t)size };
    return node_dma(node, index, queue_lay_out(q, size), v->dma_limit, 0, &q->dma);
}

status_t virtqueue_start(struct virtqueue *q)
{
    struct virtio *v = q->virtio;
    uint32_t most = v->is_broken ? 0 : v->transport->queue_max(v, q->index);

    if (most == 0) {
        return virtio_fail(v, "the device has no queue %u", q->index);
    }
    q->size = q->size_wanted;
    while (q->size > most) { /* ends: most is not 0 */
        q->size /= 2;
    }
    memset(q->dma.at, 0, queue_lay_out(q, q->size)); /* at most what was asked for */
    q->avail_next = q->used_next = q->in_flight = 0;
    q->free = 0;
    q->free_count = q->size;
    for (uint16_t i = 0; i < q->size; i++) {
        q->slots[i] = (struct virtqueue_slot){ .next = (uint16_t)(i + 1) };
    }
    mmio_wmb(); /* it is empty before the device looks */
    return v->transport->queue_set(v, q);
}

/* E_OK: the device can take such a buffer; *out_len is how much it may write. */
static status_t pieces_check(const struct virtqueue_piece *pieces, unsigned count,
                             uint32_t *out_len)
{
    uint64_t all = 0, written = 0;

    for (unsigned i = 0; i < count && i < VIRTQUEUE_PIECES_MAX; i++) {
        if (pieces[i].len == 0 || (written != 0 && !pieces[i].is_written)) {
            return E_INVAL;
        }
        all += pieces[i].len;
        written += pieces[i].is_written ? pieces[i].len : 0;
    }
    if (count == 0 || count > VIRTQUEUE_PIECES_MAX || all > UINT32_MAX) {
        return E_INVAL;
    }
    *out_len = (uint32_t)written;
    return E_OK;
}

status_t virtqueue_put(struct virtqueue *q, const struct virtqueue_piece *pieces, unsigned count,
                       void *token)
{
    uint32_t write_len;
    uint16_t head = q->free, at = head;
    status_t err = pieces_check(pieces, count, &write_len);

    if (err || q->virtio->is_broken) {
        return err ? err : E_IO;
    }
    if (count > q->free_count) {
        return E_FULL;
    }
    for (unsigned i = 0; i < count; i++) {
        bool is_last = i + 1 == count;
        uint16_t next = q->slots[at].next;

        queue_descriptors(q)[at] = (struct descriptor){
            .address = pieces[i].bus,
            .len = pieces[i].len,
            .flags =
                (uint16_t)((is_last ? 0 : DESC_NEXT) | (pieces[i].is_written ? DESC_WRITE : 0)),
            .next = is_last ? 0 : next,
        };
        at = next;
    }
    q->free = at;
    q->free_count = (uint16_t)(q->free_count - count);
    q->slots[head].count = (uint16_t)count;
    q->slots[head].write_len = write_len;
    q->slots[head].token = token;
    queue_available(q)->ring[q->avail_next++ % q->size] = head;
    q->in_flight++;
    return E_OK;
}

void virtqueue_kick(struct virtqueue *q)
{
    struct virtio *v = q->virtio;

    if (v->is_broken) {
        return;
    }
    mmio_wmb(); /* buffers, descriptors and ring before the index that shows them (2.7.13) */
    __atomic_store_n(&queue_available(q)->index, q->avail_next, __ATOMIC_RELAXED);
    mmio_wmb(); /* the index before the doorbell */
    v->transport->notify(v, q);
}

/* Gives the chain's descriptors back. Its links are those that put followed. */
static void queue_release(struct virtqueue *q, uint16_t head)
{
    uint16_t last = head;

    for (unsigned i = 1; i < q->slots[head].count; i++) {
        last = q->slots[last].next;
    }
    q->free_count = (uint16_t)(q->free_count + q->slots[head].count);
    q->slots[head].count = 0;
    q->slots[last].next = q->free;
    q->free = head;
    q->in_flight--;
}

status_t virtqueue_take(struct virtqueue *q, void **out_token, uint32_t *out_len)
{
    struct virtio *v = q->virtio;
    struct used *used = queue_used(q);

    if (v->is_broken) {
        return E_IO;
    }
    uint16_t fresh = (uint16_t)(__atomic_load_n(&used->index, __ATOMIC_RELAXED) - q->used_next);
    if (fresh == 0) {
        return E_AGAIN;
    }
    if (fresh > q->in_flight) {
        return virtio_fail(v, "queue %u: %u buffers used, and it has %u", q->index, fresh,
                           q->in_flight);
    }
    mmio_rmb(); /* the index before what it shows, the buffer's bytes included */
    uint32_t id = __atomic_load_n(&used->ring[q->used_next % q->size].id, __ATOMIC_RELAXED);
    uint32_t len = __atomic_load_n(&used->ring[q->used_next % q->size].len, __ATOMIC_RELAXED);
    if (id >= q->size || q->slots[id].count == 0) {
        return virtio_fail(v, "queue %u: buffer %u used, which it has not got", q->index,
                           (unsigned)id);
    }
    if (len > q->slots[id].write_len) {
        return virtio_fail(v, "queue %u: %u bytes written into a buffer of %u", q->index,
                           (unsigned)len, (unsigned)q->slots[id].write_len);
    }
    q->used_next++;
    *out_token = q->slots[id].token;
    *out_len = len;
    queue_release(q, (uint16_t)id);
    return E_OK;
}
