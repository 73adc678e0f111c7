/* SPDX-License-Identifier: BSD-2-Clause
 * mux/serial towards its driver: fetches input, sends output, attaches again to a new incarnation.
 *
 * Output stands in the TX half of the memory shared with the driver, where out.c puts it; input in the RX half, from where
 * it goes into the ring `input`. Where that is full the rest stays ("stage"), then in the driver, then on the wire.
 */
#include "mux.h"
#include <cambium/start.h>
#include <stdio.h>
#include <string.h>
#include <tree.h>

/* A driver that dies more often within one request is lost until init says rebind. */
enum { ATTEMPTS = 8 };

status_t upstream_attach(struct mux *m)
{
    struct serial *s = &m->driver;
    status_t err = E_DEAD;

    for (int i = 0; i < ATTEMPTS && err == E_DEAD; i++) {
        if (s->buf != NULL) {
            err = loss_attach(m, &m->loss, s, m->node);
        } else {
            err = serial_attach(s, s->service, m->port, MUX_DRIVER_BASE);
            if (err == E_OK) {
                loss_begin(&m->loss, s);
            }
        }
    }
    m->driver_full = false;
    m->driver_has_more = true;
    if (m->driver_lost && err == E_OK) {
        klog_start(m); /* back to silence of the early console */
    }
    m->driver_lost = err != E_OK;
    return err;
}

void upstream_name(uint64_t node, char *out, size_t len)
{
    const void *tree = (const void *)start_info->tree_va;

    out[0] = '\0';
    if (node == SERIAL_FIRST) {
        (void)snprintf(out, len, "the port of the boot"); /* fits */
    } else if (tree != NULL && node < tree_len(tree)) {
        tree_path(tree, (int)node, out, len);
    }
}

status_t upstream_open(uint64_t node, handle_t *out)
{
    char path[TREE_PATH_LEN];

    upstream_name(node, path, sizeof(path));
    return path[0] != '\0' ? service_open(path, out) : E_NOTFOUND;
}

status_t upstream_use(struct mux *m, uint64_t node)
{
    struct serial next = m->driver;
    struct loss loss = m->loss;
    handle_t former = m->driver.service;
    status_t err = E_DEAD;

    next.service = m->first;
    if (node != SERIAL_FIRST) {
        status_t opened = upstream_open(node, &next.service);
        if (opened != E_OK) {
            return opened;
        }
    }
    loss_move(&loss, &next, node == SERIAL_FIRST);
    for (int i = 0; i < ATTEMPTS && err == E_DEAD; i++) {
        err = loss_attach(m, &loss, &next, node);
    }
    if (err != E_OK) {
        if (next.service != m->first) {
            (void)sys_handle_close(next.service); /* ours and open */
        }
        return err;
    }
    m->driver = next;
    m->loss = loss;
    if (former != m->first) {
        (void)sys_handle_close(former); /* so its driver forgets us */
    }
    m->node = node;
    m->driver_full = false;
    m->driver_has_more = true;
    if (m->driver_lost) {
        klog_start(m);
        m->driver_lost = false;
    }
    return E_OK;
}

/* Asks the driver; a new incarnation does not know us: attach, then ask again. */
static status_t request_port(struct mux *m, uint32_t op, uint32_t len, uint32_t offset,
                             uint32_t *out)
{
    status_t err = E_DEAD;

    for (int i = 0; i < ATTEMPTS && (err == E_DEAD || err == E_NOTFOUND); i++) {
        struct msg msg = { .info = msg_info(op, 0, 0), .w = { len, offset } };
        err = msg_call(m->driver.service, &msg); /* inline: the words never see memory */
        if (err == E_OK) {
            *out = msg.w[0] < len ? (uint32_t)msg.w[0] : len; /* never trust more */
            return E_OK;
        }
        if (err == E_NOTFOUND && upstream_attach(m) != E_OK) {
            break;
        }
    }
    return err;
}

/* One request to the driver: *out = what it moved. Of another port than the first: then to the first. */
static status_t request(struct mux *m, uint32_t op, uint32_t len, uint32_t offset, uint32_t *out)
{
    char path[TREE_PATH_LEN];
    status_t err = request_port(m, op, len, offset, out);

    if (err != E_OK && m->node != SERIAL_FIRST) {
        upstream_name(m->node, path, sizeof(path));
        if (upstream_use(m, SERIAL_FIRST) == E_OK) {
            log_warn("%s does not answer (%s): the console is where it was at first", path,
                     err_name(err));
            err = request_port(m, op, len, offset, out);
        }
    }
    if (err == E_OK) {
        return E_OK;
    }
    m->driver_lost = true;
    /* law 9: somebody must speak; if this fails there is nothing more to do */
    (void)sys_log_console(m->chosen, 1, &m->log_seq);
    log_error("the driver does not answer: %s", err_name(err));
    return err;
}

static void answer_writer(struct mux *m, int source)
{
    struct session *s = &m->sessions[source - 1];
    struct msg msg = { .info = 0, .w = { s->write_len } };

    m->writers &= ~(1u << source);
    event_answer(s->write_reply, E_OK, &msg);
    s->write_reply = 0;
}

static void answer_writers(struct mux *m)
{
    for (uint32_t done = m->writers & ~m->out.pending; done != 0; done &= done - 1) {
        answer_writer(m, __builtin_ctz(done));
    }
}

void upstream_flush(struct mux *m)
{
    for (;;) {
        out_fill(&m->out);
        uint32_t ready = out_ready(&m->out);
        if (ready == 0 || m->driver_full) {
            break;
        }
        uint32_t took = ready;
        if (!m->driver_lost && request(m, SERIAL_OP_WRITE, ready, m->out.sent, &took) == E_OK) {
            m->driver_full = took < ready;
            m->sent += took;
            m->loss.written += took;
        }
        second_write(m, m->driver.buf + SERIAL_TX_OFFSET + m->out.sent, took);
        out_took(&m->out, took);
    }
    if (m->writers != 0) {
        answer_writers(m);
    }
}

static void fetch_first(struct mux *m)
{
    const uint8_t *rx = m->driver.buf + SERIAL_RX_OFFSET;

    for (;;) {
        if (m->stage == m->stage_end) {
            uint32_t got = 0;
            if (!m->driver_has_more || m->driver_lost ||
                request(m, SERIAL_OP_READ, SERIAL_RX_LEN, 0, &got) != E_OK || got == 0) {
                m->driver_has_more = false;
                return;
            }
            m->driver_has_more = got == SERIAL_RX_LEN;
            m->received += got;
            m->loss.read += got;
            m->stage = input_interrupt(m, rx, got);
            m->stage_end = got;
        }
        m->stage += ring_write(&m->input, rx + m->stage, m->stage_end - m->stage);
        if (m->stage < m->stage_end) {
            return; /* no room: it stays there until somebody reads */
        }
    }
}

void upstream_fetch(struct mux *m)
{
    fetch_first(m);
    second_fetch(m);
}

/* Sessions whose last write was cut short may go on. */
static void offer_room(struct mux *m)
{
    for (struct session *s = m->sessions; s < m->sessions + SESSION_MAX; s++) {
        if (s->wants_write) {
            s->wants_write = false;
            session_notify(s, SERIAL_EV_WRITABLE);
        }
    }
}

void upstream_event(struct mux *m, uint64_t bits)
{
    if ((bits & MUX_DRIVER_BASE * SERIAL_EV_WRITABLE) != 0) {
        m->driver_full = false;
        upstream_flush(m);
        if (!m->driver_full) {
            offer_room(m);
        }
        input_serve(m); /* cooked mode stops where its echo does not get out */
    }
    if ((bits & MUX_DRIVER_BASE * SERIAL_EV_READABLE) != 0) {
        m->driver_has_more = true;
        upstream_fetch(m);
        input_serve(m);
    }
    if ((bits & MUX_SECOND_BASE * SERIAL_EV_READABLE) != 0) {
        m->second.has_more = true;
        second_fetch(m);
        input_serve(m);
    }
}
