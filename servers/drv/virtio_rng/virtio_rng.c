/* SPDX-License-Identifier: BSD-2-Clause
 * virtio_rng - driver server for the entropy device of virtual machines.
 *
 * Device:   Virtual I/O Device (VIRTIO) Version 1.2, 5.4; legacy devices too. No features, no configuration.
 * Binding:  README.md beside this file (one reg, one interrupt).
 * Protocol: <cambium/proto/entropy.h>. Requests are kept and answered in their order, one for each client.
 * Not here: judging the bytes, or mixing them with others.
 *
 * One buffer is with the device, as long as all who wait together want. What comes back is copied, wiped and given away at
 * once: there is no store, so no byte is given twice, nor one that was there before.
 */
#include <cambium/driver.h>
#include <cambium/entropy_server.h>
#include <cambium/virtio.h>
#include <string.h>

enum {
    BUFFER_LEN = ENTROPY_ALL_LEN,
    QUEUE_SIZE = 2, /* one buffer is out */
    BLOCK_LEN = 16  /* all zero by chance: once in 2^128 */
};

struct rng {
    struct entropy_server server;
    struct virtio virtio;
    struct virtqueue queue;
    struct dma buffer;         /* zero unless it is with the device */
    uint8_t bytes[BUFFER_LEN]; /* what came, while it is given away */
    bool is_out;               /* the device has it */
};

DEV_MATCH_TABLE struct dev_match rng_match[] = {
    DEV_MATCH("virtio,mmio 0=74726976 8=4", "entropy", "reg interrupts", 0),
    DEV_MATCH("virtio,mmio 0=74726976 8=0", "", "reg", MATCH_EMPTY),
    DEV_MATCH("pci1af4,1044", "entropy", "parent", 0),
    DEV_MATCH("pci1af4,1005", "entropy", "parent", 0), /* transitional */
};

/* ---- the device ---- */

/* Asks for what all want, if somebody waits and nothing is out. */
static status_t rng_ask(struct rng *r)
{
    struct virtqueue_piece piece = { .bus = r->buffer.bus, .is_written = true };

    if (r->is_out || !entropy_server_waits(&r->server)) {
        return E_OK;
    }
    piece.len = entropy_server_wanted(&r->server);
    status_t err = virtqueue_put(&r->queue, &piece, 1, r);
    if (!err) {
        r->is_out = true;
        virtqueue_kick(&r->queue);
    }
    return err;
}

/* Whether one of the blocks is as it was before the device got the buffer. */
static bool has_unwritten(const uint8_t *bytes, uint32_t len)
{
    static const uint8_t nothing[BLOCK_LEN];

    for (uint32_t at = 0; at + BLOCK_LEN <= len; at += BLOCK_LEN) {
        if (memcmp(bytes + at, nothing, BLOCK_LEN) == 0) {
            return true;
        }
    }
    return false;
}

/* Gives the bytes that came to those who wait, in order; the last one may get fewer than it wanted. */
static status_t rng_fill(struct rng *r, uint32_t len)
{
    uint32_t at = 0;

    memcpy(r->bytes, r->buffer.at, len); /* once: it could still change there */
    memset(r->buffer.at, 0, BUFFER_LEN);
    r->is_out = false;
    r->server.fill_count++;
    if (len == 0 || has_unwritten(r->bytes, len)) {
        return virtio_fail(&r->virtio, "%u bytes said to be written, and not all are",
                           (unsigned)len);
    }
    while (entropy_server_waits(&r->server) && at < len) {
        at += entropy_server_give(&r->server, r->bytes + at, len - at);
    }
    memset(r->bytes, 0, sizeof(r->bytes));
    return E_OK;
}

/* Takes what is there, for an interrupt. */
static status_t rng_pump(struct rng *r, unsigned irq)
{
    uint32_t causes, len;
    void *token;
    status_t err = virtio_interrupt(&r->virtio, irq, &causes);

    while (!err && r->is_out) { /* ends: is_out is false after the first */
        err = virtqueue_take(&r->queue, &token, &len);
        err = err ? err : rng_fill(r, len);
    }
    return err == E_AGAIN ? E_OK : err;
}

/* An event, finished; an error is the device's. */
static status_t rng_event(struct rng *r, struct event *ev)
{
    status_t answer, err = E_OK;
    bool is_kept = entropy_server_event(&r->server, ev, &answer);

    if (ev->kind == EV_IRQ) {
        err = rng_pump(r, ev->irq);
    }
    if (!is_kept) {
        event_done(ev, answer);
    }
    return err ? err : rng_ask(r);
}

static status_t rng_start(struct rng *r)
{
    status_t err = virtio_begin(&r->virtio, 0);

    err = err ? err : virtqueue_start(&r->queue);
    if (!err) {
        memset(r->buffer.at, 0, BUFFER_LEN); /* the device, now reset, writes there no more */
        err = virtio_ready(&r->virtio);
    }
    return err;
}

int main(void)
{
    static struct rng rng;
    struct rng *r = &rng;
    struct node node = driver_node();
    status_t err = virtio_open(node, VIRTIO_ID_ENTROPY, &r->virtio);

    err = err ? err : virtqueue_open(&r->queue, &r->virtio, node, 0, QUEUE_SIZE);
    err = err ? err : node_dma(node, 1, BUFFER_LEN, 0, 0, &r->buffer);
    err = err ? err : virtio_irq(&r->virtio, node);
    err = err ? err : rng_start(r);
    entropy_server_open(&r->server, 0);
    while (!err) {
        struct event ev = event_wait();
        err = rng_event(r, &ev);
    }
    return err; /* init reports it against the node's path, and starts the next incarnation */
}
