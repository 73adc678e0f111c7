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
#include <cambium/proto/entropy.h>
#include <cambium/start.h>
#include <cambium/thread.h>
#include <cambium/virtio.h>
#include <string.h>

enum {
    WAITING_MAX = 16,
    BUFFER_LEN = WAITING_MAX * ENTROPY_READ_LEN,
    QUEUE_SIZE = 2, /* one buffer is out */
    BLOCK_LEN = 16  /* all zero by chance: once in 2^128 */
};
#define TIMEOUT_NS 1000000000ull
#define BIT_TIME   (1ull << 16)

struct request {
    handle_t reply;
    uint32_t client, len;
    uint64_t deadline_ns;
};

struct rng {
    struct virtio virtio;
    struct virtqueue queue;
    struct dma buffer;         /* zero unless it is with the device */
    uint8_t bytes[BUFFER_LEN]; /* what came, while it is given away */
    bool is_out;               /* the device has it */
    bool is_silent;            /* said in the log, until something comes */
    handle_t port;
    struct request waiting[WAITING_MAX]; /* in order, deadlines too */
    unsigned waiting_count;
    uint64_t answer_count, byte_count, fail_count, fill_count;
};

DEV_MATCH_TABLE struct dev_match rng_match[] = {
    DEV_MATCH("virtio,mmio 0=74726976 8=4", "entropy", "reg interrupts", 0),
    DEV_MATCH("virtio,mmio 0=74726976 8=0", "", "reg", MATCH_EMPTY),
    DEV_MATCH("pci1af4,1044", "entropy", "parent", 0),
    DEV_MATCH("pci1af4,1005", "entropy", "parent", 0), /* transitional */
};

/* ---- those who wait ---- */

static void waiting_remove(struct rng *r, unsigned index)
{
    r->waiting_count--;
    memmove(&r->waiting[index], &r->waiting[index + 1],
            (r->waiting_count - index) * sizeof(r->waiting[0]));
}

/* Answers the first. */
static void rng_answer(struct rng *r, status_t status, const uint8_t *bytes, uint32_t len)
{
    struct msg m = { .w = { len } };

    memcpy(&m.w[1], bytes, len);
    r->answer_count += status == E_OK;
    r->fail_count += status != E_OK;
    r->byte_count += len;
    event_answer(r->waiting[0].reply, status, &m);
    waiting_remove(r, 0);
}

/* ---- the device ---- */

/* Asks for what all want, if somebody waits and nothing is out. */
static status_t rng_ask(struct rng *r)
{
    struct virtqueue_piece piece = { .bus = r->buffer.bus, .is_written = true };

    if (r->is_out || r->waiting_count == 0) {
        return E_OK;
    }
    for (unsigned i = 0; i < r->waiting_count; i++) {
        piece.len += r->waiting[i].len;
    }
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
    r->is_silent = false;
    r->fill_count++;
    if (len == 0 || has_unwritten(r->bytes, len)) {
        return virtio_fail(&r->virtio, "%u bytes said to be written, and not all are",
                           (unsigned)len);
    }
    while (r->waiting_count != 0 && at < len) {
        uint32_t wanted = r->waiting[0].len;
        uint32_t count = wanted < len - at ? wanted : len - at;
        rng_answer(r, E_OK, r->bytes + at, count);
        at += count;
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

/* Fails those whose time is over, and sets the timer for the next. */
static status_t rng_expire(struct rng *r)
{
    uint64_t now = time_now_ns();

    while (r->waiting_count != 0 && r->waiting[0].deadline_ns <= now) {
        if (!r->is_silent) {
            log_warn("the device gives no bytes; who asks gets E_TIMEOUT until it does");
            r->is_silent = true;
        }
        rng_answer(r, E_TIMEOUT, r->bytes, 0);
    }
    return r->waiting_count == 0
               ? E_OK
               : sys_timer_set(r->port, time_deadline(r->waiting[0].deadline_ns - now), BIT_TIME);
}

/* ---- requests ---- */

/* E_OK: it is kept. */
static status_t rng_keep(struct rng *r, struct event *ev)
{
    struct request *last = &r->waiting[r->waiting_count];
    uint64_t len = ev->msg.w[0];

    if (len == 0 || len > ENTROPY_READ_LEN) {
        return E_RANGE;
    }
    for (unsigned i = 0; i < r->waiting_count; i++) {
        if (r->waiting[i].client == ev->badge) {
            return E_BUSY;
        }
    }
    if (r->waiting_count == WAITING_MAX) {
        return E_BUSY;
    }
    if (r->waiting_count == 0) { /* else it is set for those before */
        status_t err = sys_timer_set(r->port, time_deadline(TIMEOUT_NS), BIT_TIME);
        if (err) {
            return err;
        }
    }
    *last = (struct request){ 0, ev->badge, (uint32_t)len, time_now_ns() + TIMEOUT_NS };
    status_t err = event_keep(ev, &last->reply);
    r->waiting_count += err == E_OK;
    return err;
}

static void rng_forget(struct rng *r, uint32_t client)
{
    for (unsigned i = 0; i < r->waiting_count; i++) {
        if (r->waiting[i].client == client) {
            (void)sys_handle_close(r->waiting[i].reply); /* nobody is left to be answered */
            waiting_remove(r, i);
            return;
        }
    }
}

/* Serves a call; true: it is kept. */
static bool rng_serve(struct rng *r, struct event *ev, status_t *out)
{
    struct msg *m = &ev->msg;

    *out = info_handles(m->info) != 0 ? E_INVAL : E_OK; /* the frame closes what came */
    if (*out) {
        return false;
    }
    switch (info_op(m->info)) {
    case ENTROPY_OP_READ:
        *out = rng_keep(r, ev);
        return *out == E_OK;
    case ENTROPY_OP_STAT:
        m->w[0] = r->answer_count, m->w[1] = r->byte_count;
        m->w[2] = r->fail_count, m->w[3] = r->fill_count;
        return false;
    default:
        *out = E_NOSYS;
        return false;
    }
}

/* An event, finished; an error is the device's. */
static status_t rng_event(struct rng *r, struct event *ev)
{
    status_t answer = E_OK, err = E_OK;
    bool is_kept = false;

    if (ev->kind == EV_CALL) {
        is_kept = rng_serve(r, ev, &answer);
    } else if (ev->kind == EV_IRQ) {
        err = rng_pump(r, ev->irq);
    } else if (ev->kind == EV_NOTIFY && (ev->bits & BIT_TIME) != 0) {
        err = rng_expire(r);
    } else if (ev->kind == EV_CLOSED) {
        rng_forget(r, ev->badge);
    } else if (ev->kind == EV_COMMAND) {
        answer = E_NOSYS;
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
    r->port = start_handle("port");
    event_accept(0);
    while (!err) {
        struct event ev = event_wait();
        err = rng_event(r, &ev);
    }
    return err; /* init reports it against the node's path, and starts the next incarnation */
}
