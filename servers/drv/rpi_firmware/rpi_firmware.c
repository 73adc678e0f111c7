/* SPDX-License-Identifier: BSD-2-Clause
 * rpi_firmware - driver server for the property interface of Raspberry Pi's firmware.
 *
 * Device:   the firmware behind a mailbox; raspberrypi/firmware wiki, "Mailbox property interface".
 * Binding:  README.md beside this file (one mailbox, no registers).
 * Protocol: <cambium/proto/firmware.h>, whose table is all that is known about tags. Requests are kept and answered later:
 *           one is with the firmware, the others wait in order.
 * Not here: the framebuffer, what the values mean.
 *
 * The firmware's answers go into memory that belongs to the node for ever. One page, in buffers; whose buffer came back
 * says the word in the mailbox. A buffer without an answer is the firmware's: it is not used again before its word comes,
 * by the next incarnation neither, since a buffer tells by itself that it is out (property.c:buffer_is_out).
 */
#include <cambium/command.h>
#include <cambium/driver.h>
#include <cambium/proto/init.h>
#include <cambium/proto/mbox.h>
#include <cambium/start.h>
#include <cambium/thread.h>
#include <string.h>
#include "property.h"

enum {
    QUEUE_LEN = 8,
    CHANNEL = 8, /* of a word: property tags, CPU to VideoCore */
    CHANNEL_BITS = 0xf
};
#define TIMEOUT_NS 1000000000ull /* as long as Linux waits */
#define DMA_LIMIT  (1ull << 32)  /* a word of the mailbox has the address */
#define BIT_MBOX   (1ull << 16)
#define BIT_TIME   (1ull << 17)

struct request {
    handle_t reply;
    struct msg m;
};

struct firmware {
    handle_t mbox, port, port_notify;
    struct dma dma;
    bool is_out[BUFFERS];            /* the firmware has it */
    struct request queue[QUEUE_LEN]; /* in order; the first may be with the firmware */
    unsigned queue_count;
    int buffer;           /* of the request that is with the firmware; -1: none is */
    uint64_t deadline_ns; /* for it */
    uint64_t asked_count, answered_count, timeout_count;
};

DEV_MATCH_TABLE struct dev_match firmware_match[] = {
    DEV_MATCH("raspberrypi,bcm2835-firmware", "firmware", "mboxes", 0),
};

static uint32_t *buffer_at(struct firmware *f, unsigned index)
{
    return (uint32_t *)f->dma.at + index * BUFFER_WORDS;
}

static unsigned buffers_out(const struct firmware *f)
{
    unsigned count = 0;

    for (unsigned i = 0; i < BUFFERS; i++) {
        count += f->is_out[i];
    }
    return count;
}

/* What a dead incarnation sent, and nobody knows the answer to. */
static void buffers_find_out(struct firmware *f)
{
    for (unsigned i = 0; i < BUFFERS; i++) {
        f->is_out[i] = f->dma.is_old && buffer_is_out(buffer_at(f, i));
    }
}

/* ---- the mailbox ---- */

static status_t firmware_attach(struct firmware *f)
{
    struct msg m = { msg_info(MBOX_OP_ATTACH, 1, 0), { BIT_MBOX, [7] = f->port_notify } };

    return msg_call(f->mbox, &m);
}

/* Once more, attached anew, if the mailbox's server is a new one. Not if it died on the way: the word may be out. */
static status_t firmware_send(struct firmware *f, uint32_t word)
{
    struct msg m = { msg_info(MBOX_OP_SEND, 0, 0), { word } };
    status_t err = msg_call(f->mbox, &m);

    if (err == E_NOTFOUND) {
        m = (struct msg){ msg_info(MBOX_OP_SEND, 0, 0), { word } };
        err = firmware_attach(f);
        err = err ? err : msg_call(f->mbox, &m);
    }
    return err == E_DEAD ? E_OK : err;
}

/* ---- requests ---- */

/* Answers the first of the queue. */
static void firmware_answer(struct firmware *f, status_t status)
{
    struct request *first = &f->queue[0];

    first->m.info = 0; /* no handles */
    event_answer(first->reply, status, &first->m);
    f->queue_count--;
    memmove(&f->queue[0], &f->queue[1], f->queue_count * sizeof(f->queue[0]));
    f->buffer = -1;
}

/* Gives the first of the queue to the firmware. E_TIMEOUT: no buffer, or the mailbox is full: it listens no more. */
static status_t firmware_begin(struct firmware *f)
{
    const struct msg *m = &f->queue[0].m;
    unsigned index = 0;

    while (index < BUFFERS && f->is_out[index]) {
        index++;
    }
    if (index == BUFFERS) {
        return E_TIMEOUT;
    }
    property_encode(buffer_at(f, index), &m->w[1], (unsigned)m->w[0]);
    mmio_wmb(); /* the question is there before the word that says so */
    uint64_t bus = f->dma.bus + index * BUFFER_WORDS * sizeof(uint32_t);
    status_t err = firmware_send(f, (uint32_t)bus | CHANNEL);
    if (err != E_OK) {
        buffer_take_back(buffer_at(f, index));
        return err == E_AGAIN ? E_TIMEOUT : err;
    }
    f->is_out[index] = true;
    f->buffer = (int)index;
    f->asked_count++;
    f->deadline_ns = time_now_ns() + TIMEOUT_NS;
    return sys_timer_set(f->port, time_deadline(TIMEOUT_NS), BIT_TIME);
}

static void firmware_next(struct firmware *f)
{
    while (f->buffer < 0 && f->queue_count != 0) {
        status_t err = firmware_begin(f);
        if (err != E_OK) {
            firmware_answer(f, err);
        }
    }
}

/* The buffer has something in it: an answer, or what cannot be one. */
static void firmware_finish(struct firmware *f)
{
    struct msg *m = &f->queue[0].m;
    uint32_t *buffer = buffer_at(f, (unsigned)f->buffer);
    status_t err = property_decode(buffer, &m->w[1], (unsigned)m->w[0]);

    f->is_out[f->buffer] = err == E_FORMAT; /* nobody knows what it will write next */
    if (err == E_FORMAT) {
        buffer_give_away(buffer);
        log_warn("the firmware's answer makes no sense; buffer %d is not used again", f->buffer);
    }
    f->answered_count += err != E_FORMAT;
    firmware_answer(f, err == E_FORMAT ? E_IO : err);
}

/* Whoever waits behind a question without an answer would wait in vain, a second each. */
static void firmware_give_up(struct firmware *f)
{
    log_warn("the firmware does not answer; %u of %u buffers wait for it", buffers_out(f),
             (unsigned)BUFFERS);
    f->timeout_count++;
    while (f->queue_count != 0) {
        firmware_answer(f, E_TIMEOUT);
    }
}

/* ---- events ---- */

/* Words that are none of ours are somebody's mistake, and no answer. */
static void firmware_word(struct firmware *f, uint32_t word)
{
    uint64_t at = (word & ~(uint32_t)CHANNEL_BITS) - f->dma.bus;
    uint64_t index = at / (BUFFER_WORDS * sizeof(uint32_t));

    if ((word & CHANNEL_BITS) != CHANNEL || index >= BUFFERS ||
        at % (BUFFER_WORDS * sizeof(uint32_t)) != 0 ||
        buffer_is_out(buffer_at(f, (unsigned)index))) {
        return;
    }
    if ((int)index == f->buffer) {
        firmware_finish(f);
    } else {
        f->is_out[index] = false; /* late, but here */
    }
}

static void firmware_words(struct firmware *f)
{
    struct msg m = { msg_info(MBOX_OP_RECEIVE, 0, 0), { 0 } };

    if (msg_call(f->mbox, &m) != E_OK) {
        return; /* a new incarnation: its rebind comes */
    }
    mmio_rmb(); /* what the firmware wrote before the word is seen after it */
    for (unsigned i = 0; i < m.w[0] && i < MBOX_WORDS; i++) {
        firmware_word(f, (uint32_t)m.w[1 + i]);
    }
}

/* Time is over. Its word may have got lost with the mailbox's server, the answer has not. */
static void firmware_late(struct firmware *f)
{
    if (f->buffer < 0 || time_now_ns() < f->deadline_ns) {
        return; /* of a question that was answered */
    }
    mmio_rmb();
    if (buffer_is_out(buffer_at(f, (unsigned)f->buffer))) {
        firmware_give_up(f);
    } else {
        firmware_finish(f);
    }
}

/* E_OK: it was kept, or answered already. */
static status_t firmware_queue(struct firmware *f, struct event *ev)
{
    struct request *last = &f->queue[f->queue_count];

    if (f->queue_count == QUEUE_LEN) {
        return E_BUSY;
    }
    status_t err = ev->msg.w[0] > FIRMWARE_MESSAGE_LEN
                       ? E_RANGE
                       : property_check(&ev->msg.w[1], (unsigned)ev->msg.w[0]);
    last->m = ev->msg;
    err = err ? err : event_keep(ev, &last->reply);
    f->queue_count += err == E_OK;
    return err;
}

/* Serves a call; true: it is kept. */
static bool firmware_serve(struct firmware *f, struct event *ev, status_t *out)
{
    struct msg *m = &ev->msg;

    if (info_handles(m->info) != 0) {
        *out = E_INVAL; /* the frame closes what came */
        return false;
    }
    switch (info_op(m->info)) {
    case FIRMWARE_OP_ASK:
        *out = firmware_queue(f, ev);
        return *out == E_OK;
    case FIRMWARE_OP_STAT:
        m->w[0] = f->asked_count, m->w[1] = f->answered_count, m->w[2] = f->timeout_count;
        m->w[3] = buffers_out(f) - (f->buffer >= 0), m->w[4] = BUFFERS;
        *out = E_OK;
        return false;
    default:
        *out = E_NOSYS;
        return false;
    }
}

/* True: a call, which is kept. */
static bool firmware_event(struct firmware *f, struct event *ev, status_t *out)
{
    bool is_kept = false;

    *out = E_OK;
    if (ev->kind == EV_CALL) {
        is_kept = firmware_serve(f, ev, out);
    } else if (ev->kind == EV_NOTIFY && (ev->bits & BIT_MBOX) != 0) {
        firmware_words(f);
    } else if (ev->kind == EV_COMMAND) {
        *out = info_op(ev->msg.info) == COMMAND_REBIND ? firmware_attach(f) : E_NOSYS;
    }
    if (ev->kind == EV_NOTIFY && (ev->bits & BIT_TIME) != 0) {
        firmware_late(f);
    }
    firmware_next(f);
    return is_kept;
}

int main(void)
{
    static struct firmware firmware = { .buffer = -1 };
    struct firmware *f = &firmware;

    f->mbox = start_handle("mboxes 0");
    f->port = start_handle("port");
    f->port_notify = start_handle("port notify");
    status_t err = node_dma(driver_node(), 0, BUFFERS * BUFFER_WORDS * sizeof(uint32_t), DMA_LIMIT,
                            INIT_DMA_KEEP, &f->dma);
    if (!err) {
        buffers_find_out(f);
        err = firmware_attach(f);
    }
    if (err) {
        return err; /* init reports it against the node's path */
    }
    event_accept(0);
    for (;;) {
        struct event ev = event_wait();
        if (!firmware_event(f, &ev, &err)) {
            event_done(&ev, err);
        }
    }
}
